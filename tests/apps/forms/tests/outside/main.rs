//! The program, as curl and a browser see it.

mod browser;
mod by_curl;
#[path = "../../../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::Program;
use tempfile::TempDir;

/// The program on a free port, with a directory for uploads.
struct Site {
    program: Program,
    uploads: TempDir,
}

impl Site {
    fn start() -> Self {
        let uploads = tempfile::tempdir().unwrap();
        let program = Program::start(Command::new(env!("CARGO_BIN_EXE_forms")).arg(uploads.path()).arg("0"), 1);
        Self { program, uploads }
    }

    /// The URL of a path, which is given without its first slash.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.program.url())
    }

    /// The names and the contents of what has been stored, sorted.
    fn stored(&self) -> Vec<(String, String)> {
        files_in(self.uploads.path())
    }
}

fn files_in(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let file =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
    let mut files: Vec<_> = entries.map(file).collect();
    files.sort_unstable();
    files
}
