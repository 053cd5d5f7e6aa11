//! Files under temporary names: made and locked by whoever writes them, removed once nobody does.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// What the names of unfinished files start with. The dot keeps them from being served, and from being written by name.
pub(super) const PREFIX: &str = ".hearken-";

/// Makes a file under a name that nobody has, locked for as long as it is open.
///
/// The lock tells those who sweep that the file is being written, be it by another process.
pub(super) fn create(directory: BorrowedFd<'_>) -> io::Result<(File, String)> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    loop {
        let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
        let file: File = match rustix::fs::openat(directory, &name, flags, Mode::from_raw_mode(0o644)) {
            Ok(file) => file.into(),
            Err(Errno::EXIST) => continue,
            Err(error) => return Err(error.into()),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // Somebody swept it away in the moment between its making and its lock.
            Err(Errno::WOULDBLOCK) => continue,
            Ok(()) if rustix::fs::fstat(&file)?.st_nlink == 0 => continue,
            // Where the file system has no locks, those who sweep do not get any either, and leave it alone.
            _ => return Ok((file, name)),
        }
    }
}

/// Removes the unfinished files of this directory that nobody writes any more: their process was killed.
pub(super) fn sweep(directory: BorrowedFd<'_>) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_temporary(name.to_bytes()) && remove_abandoned(directory, name)? {
            log::info!("removed {}, which a write that was cut off had left", name.to_string_lossy());
        }
    }
    Ok(())
}

/// Whether a name is that of an unfinished file, which nobody is to see.
pub(crate) fn is_unfinished(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

/// Whether a name is one that [`create`] gives.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.len() == 16 && rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn remove_abandoned(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        // Finished meanwhile, or a link, or somebody else's.
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
    use std::fs;

    use super::*;

    #[test]
    fn what_nobody_writes_is_swept_and_nothing_else() {
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
    fn sweeping_takes_no_file_from_those_who_write() {
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
