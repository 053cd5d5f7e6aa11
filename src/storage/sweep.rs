//! Removes the temporary files that killed writers left behind.

use std::collections::HashSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::directory_id::DirectoryId;
use super::temp_file::is_temp_file_name;
use crate::lock::lock;

/// Sweeps each directory once.
pub(super) struct Sweeper {
    /// The root directory, for messages.
    root: PathBuf,
    swept: Mutex<HashSet<DirectoryId>>,
}

impl Sweeper {
    /// For the directory at this path and those below it.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.into(), swept: Mutex::default() }
    }

    /// Sweeps a directory at the first call for it. A failure is logged.
    pub(super) fn sweep_once(&self, directory: &OwnedFd) {
        let Ok(id) = DirectoryId::of(directory) else { return };
        let mut swept = lock(&self.swept);
        if !swept.insert(id) {
            return;
        }
        if let Err(error) = sweep(directory.as_fd()) {
            log::warn!("cannot remove what unfinished writes have left in {}: {error}", self.root.display());
        }
    }
}

/// Removes the temporary files in this directory that no process is writing.
fn sweep(directory: BorrowedFd<'_>) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_temp_file_name(name.to_bytes()) && remove_abandoned(directory, name)? {
            log::info!("removed {}, which an interrupted write had left", name.to_string_lossy());
        }
    }
    Ok(())
}

/// Removes a temporary file, unless a writer holds its lock. Returns whether it did.
fn remove_abandoned(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        // It has just been renamed, is a link, or belongs to another user.
        Err(Errno::NOENT | Errno::LOOP | Errno::ACCESS | Errno::NXIO) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode).is_file()
        || rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).is_err()
    {
        return Ok(false);
    }
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::storage::temp_file::create;

    #[test]
    fn only_temporary_files_without_a_writer_are_swept() {
        let directory = tempfile::tempdir().unwrap();
        let opened = File::open(directory.path()).unwrap();
        let (live, live_name) = create(opened.as_fd()).unwrap();
        let (dead, dead_name) = create(opened.as_fd()).unwrap();
        drop(dead);
        let others = ["file", ".hearken-", ".hearken-0123", ".hearken-0123456789ABCDEF", ".hearken-0123456789abcdefa"];
        for name in others {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let outside = tempfile::NamedTempFile::new().unwrap();
        let link = ".hearken-0000000000000000";
        std::os::unix::fs::symlink(outside.path(), directory.path().join(link)).unwrap();
        fs::create_dir(directory.path().join(".hearken-1111111111111111")).unwrap();
        sweep(opened.as_fd()).unwrap();
        assert!(!directory.path().join(&dead_name).exists());
        assert!(directory.path().join(&live_name).exists());
        assert!(others.iter().all(|name| directory.path().join(name).exists()));
        assert!(directory.path().join(link).is_symlink() && outside.path().exists());
        drop(live);
        sweep(opened.as_fd()).unwrap();
        assert!(!directory.path().join(&live_name).exists());
    }

    #[test]
    fn a_sweep_removes_no_file_that_is_being_written() {
        let directory = tempfile::tempdir().unwrap();
        let opened = File::open(directory.path()).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    sweep(opened.as_fd()).unwrap();
                }
            });
            for number in 0..500 {
                let (file, name) = create(opened.as_fd()).unwrap();
                let finished = directory.path().join(number.to_string());
                fs::rename(directory.path().join(name), finished).unwrap();
                drop(file);
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 500);
    }
}
