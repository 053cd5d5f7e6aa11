//! The system calls that decide whether a write is durable, behind a trait so that tests can make them fail.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, StatVfsMountFlags};
use rustix::io::Errno;

/// The size of a file system and what is free on it for this process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) size: u64,
    pub(crate) free: u64,
}

/// The file system. The default of each method is the system's own call.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Writes all of these bytes.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Syncs a file's content.
    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Syncs the names in a directory.
    fn sync_directory(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        match rustix::fs::fsync(directory) {
            // The file system has no fsync of directories: there is nothing to wait for.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Renames a file, replacing one that has the new name.
    fn rename(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?)
    }

    /// Renames a file, unless the new name is taken: [`io::ErrorKind::AlreadyExists`].
    fn rename_to_free(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        match rename_exclusively(from, to) {
            // The file system cannot do it in one step. The lock of the path keeps out this process's other writers.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match rustix::fs::statat(to.0, to.1, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                    Err(Errno::NOENT) => self.rename(from, to),
                    Err(error) => Err(error.into()),
                }
            }
            result => Ok(result?),
        }
    }

    /// Creates a directory, unless the name is taken: [`io::ErrorKind::AlreadyExists`].
    fn create_directory(&self, parent: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?)
    }

    /// Removes a directory, unless it holds anything: [`io::ErrorKind::DirectoryNotEmpty`].
    fn remove_directory(&self, parent: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
            // Some systems report this one.
            Err(Errno::EXIST) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            result => Ok(result?),
        }
    }

    /// Removes a file; of a symbolic link the link itself.
    fn unlink(&self, directory: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(directory, name, AtFlags::empty())?)
    }

    /// The space on the file system of an open file or directory; `None` if it does not say, or is mounted read-only, so that the
    /// space does not matter.
    fn space(&self, on: BorrowedFd<'_>) -> Option<Space> {
        let status = rustix::fs::fstatvfs(on).ok()?;
        if status.f_blocks == 0 || status.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return None;
        }
        let bytes = |blocks: u64| blocks.saturating_mul(status.f_frsize);
        Some(Space { size: bytes(status.f_blocks), free: bytes(status.f_bavail) })
    }
}

/// The system's own calls.
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_exclusively(from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> Result<(), Errno> {
    rustix::fs::renameat_with(from.0, from.1, to.0, to.1, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_exclusively(_: (BorrowedFd<'_>, &Path), _: (BorrowedFd<'_>, &Path)) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
