//! Programs that run beside the tests, and what is known of them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::waiting::{PATIENCE, until, until_within};

/// A server program that runs until the test ends.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// What it printed before it listened.
    pub(crate) preamble: Vec<String>,
    pub(crate) urls: Vec<String>,
}

impl Program {
    /// Starts a program and waits until it says where it listens, as often as `addresses`.
    pub(crate) fn start(command: &mut Command, addresses: usize) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let mut program = Self { child, lines, preamble: Vec::new(), urls: Vec::new() };
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

    /// The next line that the program prints, without its end; empty when there will be none.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => String::new(),
            Err(RecvTimeoutError::Timeout) => panic!("waited in vain for the program to print a line"),
        }
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

    /// The most memory that it has had at a time, in KiB. Linux only.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|peak| peak.parse().ok()).expect("the kernel tells the peak in kB")
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

/// The lines that a program prints, without their ends, until it closes its output.
pub(crate) fn lines_of(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        lines.map(|line| line.trim_end().to_owned()).try_for_each(|line| sender.send(line))
    });
    lines
}

/// Runs programs to their end.
pub(crate) trait Run {
    /// Runs a program without input, as [`Command::output`] does. One that does not end is killed, and the test fails.
    fn run(&mut self) -> Output;
}

impl Run for Command {
    #[track_caller]
    fn run(&mut self) -> Output {
        let child = self.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        output_of(child.unwrap_or_else(|error| panic!("{self:?}: {error}")))
    }
}

/// Waits until a program has ended. One that does not is killed, and the test fails.
#[track_caller]
pub(crate) fn output_of(child: Child) -> Output {
    output_within(PATIENCE, child)
}

/// As [`output_of`], for what may take longer than usual.
#[track_caller]
pub(crate) fn output_within(patience: Duration, mut child: Child) -> Output {
    let (stdout, stderr) = (contents_of(child.stdout.take()), contents_of(child.stderr.take()));
    let mut child = KilledOnDrop(child);
    let status = until_within(patience, "a program to end", || child.0.try_wait().unwrap());
    let all = |contents: Receiver<Vec<u8>>| contents.recv_timeout(PATIENCE).expect("the output ends with the program");
    Output { status, stdout: all(stdout), stderr: all(stderr) }
}

/// What is written to a pipe until it is closed.
fn contents_of(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, contents) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        let _ = sender.send(bytes);
    });
    contents
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
