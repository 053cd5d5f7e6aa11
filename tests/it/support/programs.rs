//! Programs that run beside the tests, and what is known of them.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use super::waiting::until;

/// A server program that runs until the test ends.
pub(crate) struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it printed before it listened.
    pub(crate) preamble: Vec<String>,
    pub(crate) urls: Vec<String>,
}

impl Program {
    /// Starts a program and waits until it says where it listens, as often as `addresses`.
    pub(crate) fn start(command: &mut Command, addresses: usize) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, out, preamble: Vec::new(), urls: Vec::new() };
        while program.urls.len() < addresses {
            let line = program.line();
            assert!(!line.is_empty(), "{command:?} ended without listening: {:?}", program.preamble);
            match line.strip_prefix("Listening on ") {
                Some(url) => program.urls.push(url.to_owned()),
                None => program.preamble.push(line),
            }
        }
        program
    }

    /// The `hearken` program with these arguments, on a free port.
    pub(crate) fn hearken(arguments: &[&str]) -> Self {
        Self::start(hearken().args(["--port", "0", "--access-log", "off"]).args(arguments), 1)
    }

    /// The next line that the program prints, without its end; empty when there will be none.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self.url().split_once("://").unwrap();
        rest.trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the program has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the program to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `hearken` program, with nothing of the environment that could change it.
pub(crate) fn hearken() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hearken")))
}

/// The `hearken-client` program, likewise.
pub(crate) fn client() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hearken-client")))
}

fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEARKEN_") || name.to_string_lossy().to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// An example program. Cargo builds the examples with the tests, beside them.
pub(crate) fn example(name: &str) -> Command {
    let path = target_directory().join("examples").join(name);
    assert!(path.exists(), "{} was not built", path.display());
    clean(Command::new(path))
}

fn target_directory() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hearken")).parent().unwrap().to_owned()
}

/// Runs a test of this name in a process of its own, where it may change what the whole process has. True in that process.
pub(crate) fn alone(name: &str) -> bool {
    const MARK: &str = "HEARKEN_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([name, "--exact"]).env(MARK, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// How many threads (`task`) or open files (`fd`) this process has.
pub(crate) fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).map_or(0, Iterator::count)
}

/// Where this program is, if it is installed.
pub(crate) fn on_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program.as_ref())).find(|file| file.is_file())
}

/// Says that a test was skipped, past the test harness, which would keep it to itself.
pub(crate) fn skip(test: &str, missing: &str) {
    let _ = writeln!(io::stderr(), "skipped: {test}: {missing} is not installed");
}
