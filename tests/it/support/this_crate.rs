//! The programs of this crate, and the process that runs its tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Program, output_within};

/// How long a test may take that runs in a process of its own.
const PATIENCE_ALONE: Duration = Duration::from_secs(300);

impl Program {
    /// The `hearken` program with these arguments, on a free port.
    pub(crate) fn hearken(arguments: &[&str]) -> Self {
        Self::start(hearken().args(["--port", "0", "--access-log", "off"]).args(arguments), 1)
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
    command.args([name, "--exact"]).env(MARK, "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output_within(PATIENCE_ALONE, command.spawn().unwrap());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// How many threads (`task`) or open files (`fd`) this process has.
pub(crate) fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).map_or(0, Iterator::count)
}
