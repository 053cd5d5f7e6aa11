//! A temporary file: without a name where the system has such files, and removed unless it is persisted.

use std::ffi::c_int;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::ignored_signals::is_ignored;

/// A new file in the directory that it will be persisted in.
pub(crate) struct TempFile {
    file: File,
    directory: PathBuf,
    /// Its name, if it has one.
    path: Option<PathBuf>,
}

impl TempFile {
    /// Creates a file with these permissions, less those that the umask takes away.
    pub(crate) fn create_in(directory: &Path, mode: u32) -> io::Result<Self> {
        match Self::create_unnamed(directory, mode) {
            Some(file) => Ok(Self { file, directory: directory.into(), path: None }),
            None => Self::create_named(directory, mode),
        }
    }

    /// A file without a name is gone when its process ends, however it ends. `None` where it cannot be made, or not be named later.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn create_unnamed(directory: &Path, mode: u32) -> Option<File> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file: File = rustix::fs::open(directory, flags, Mode::from_raw_mode(mode)).ok()?.into();
        descriptor_path(&file).exists().then_some(file)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn create_unnamed(_directory: &Path, _mode: u32) -> Option<File> {
        None
    }

    fn create_named(directory: &Path, mode: u32) -> io::Result<Self> {
        let (file, path) =
            under_a_new_name(directory, |path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path))?;
        remove_when_stopped(path.clone())?;
        Ok(Self { file, directory: directory.into(), path: Some(path) })
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it this path in its directory, in place of a file that has it.
    pub(crate) fn persist(mut self, target: &Path) -> io::Result<()> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => self.give_name()?,
        };
        fs::rename(path, target)?;
        self.path = None;
        Ok(())
    }

    /// Gives an unnamed file a temporary name: no call gives it a name that is taken.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn give_name(&mut self) -> io::Result<PathBuf> {
        use rustix::fs::{AtFlags, CWD, linkat};
        let from = descriptor_path(&self.file);
        let link = |path: &Path| Ok(linkat(CWD, &from, CWD, path, AtFlags::SYMLINK_FOLLOW)?);
        let ((), path) = under_a_new_name(&self.directory, link)?;
        self.path = Some(path.clone());
        Ok(path)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn give_name(&mut self) -> io::Result<PathBuf> {
        unreachable!("each file has a name")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What failed before is the failure to report.
            let _ = fs::remove_file(path);
        }
    }
}

/// The path by which `linkat` finds an open file (open(2), O_TMPFILE).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn descriptor_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Calls `make` with random paths in a directory until it finds one that nothing has.
fn under_a_new_name<T>(directory: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    loop {
        let path = directory.join(format!(".hearken-client-{:016x}", rand::random::<u64>()));
        match make(&path) {
            Ok(made) => return Ok((made, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes a file when a signal stops the program, as with ^C.
fn remove_when_stopped(path: PathBuf) -> io::Result<()> {
    let stopping: Vec<c_int> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)).collect();
    let mut signals = Signals::new(stopping)?;
    let wait = move || {
        for signal in signals.forever() {
            let _ = fs::remove_file(&path);
            let _ = emulate_default_handler(signal);
        }
    };
    thread::Builder::new().name("hearken-signals".into()).spawn(wait).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_there_when_it_is_persisted_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let target = directory.join("target");
        for (create, temporary) in [(TempFile::create_in as fn(_, _) -> _, 0), (TempFile::create_named, 1)] {
            fs::write(&target, "old").unwrap();
            let file: TempFile = create(directory, 0o640).unwrap();
            file.file().write_all(b"new").unwrap();
            assert_eq!(names(directory).len(), 1 + temporary);
            drop(file);
            assert_eq!(names(directory), ["target"], "an abandoned file is removed");
            assert_eq!(fs::read(&target).unwrap(), b"old");

            let file = create(directory, 0o640).unwrap();
            file.file().write_all(b"new").unwrap();
            file.persist(&target).unwrap();
            assert_eq!(names(directory), ["target"]);
            assert_eq!(fs::read(&target).unwrap(), b"new");

            let file = create(directory, 0o640).unwrap();
            assert!(file.persist(&directory.join("no/such/directory")).is_err());
            assert_eq!(names(directory), ["target"], "what cannot be persisted is removed");
        }
    }

    #[test]
    fn a_signal_removes_a_file_with_a_name() {
        for (signal, number) in [("INT", SIGINT), ("TERM", SIGTERM), ("HUP", SIGHUP)] {
            // A test in the background of a shell ignores SIGINT, and so does what it starts.
            if is_ignored(number) {
                continue;
            }
            let directory = tempfile::tempdir().unwrap();
            let mut program = Command::new(std::env::current_exe().unwrap());
            program.args(["--exact", "temp_file::tests::a_named_file_until_a_signal", "--ignored", "--nocapture"]);
            program.env(DIRECTORY, directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = program.spawn().unwrap();
            // It prints a line once it has a file and waits.
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")), "it ends without a file");
            assert_eq!(names(directory.path()).len(), 1);
            let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
            assert!(kill.success());
            assert_eq!(child.wait().unwrap().signal(), Some(number), "it ends as other programs do");
            assert_eq!(names(directory.path()), Vec::<String>::new(), "{signal}");
        }
    }

    /// What [`a_signal_removes_a_file_with_a_name`] runs as a program of its own.
    #[test]
    #[ignore = "it waits for a signal"]
    fn a_named_file_until_a_signal() {
        let Some(directory) = std::env::var_os(DIRECTORY) else { return };
        let _file = TempFile::create_named(Path::new(&directory), 0o600).unwrap();
        println!("ready");
        // Should no signal come, this ends with the program that runs it.
        let _ = io::stdin().read_line(&mut String::new());
    }

    const DIRECTORY: &str = "HEARKEN_CLIENT_TEST_DIRECTORY";

    #[test]
    fn a_taken_name_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let taken = std::cell::Cell::new(2);
        let make = |path: &Path| match taken.replace(taken.get() - 1) {
            0 => Ok(path.to_owned()),
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        };
        let (made, path) = under_a_new_name(directory.path(), make).unwrap();
        assert_eq!(made, path);
        assert_eq!(taken.get(), -1);
        let refuse = |_: &Path| Err::<(), _>(io::ErrorKind::StorageFull.into());
        assert_eq!(under_a_new_name(directory.path(), refuse).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
