//! The calls to the file system that decide whether a write is kept, behind a seam where a test lets them fail.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::AtFlags;
use rustix::io::Errno;

/// The file system. What a type does not override is the system's own call.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Writes all of these bytes.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Brings a file's content to the disk.
    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Brings the names in a directory to the disk.
    fn sync_directory(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        match rustix::fs::fsync(directory) {
            // A file system that does not bring directories to the disk on their own: there is nothing to wait for.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Gives a file another name, in place of what has it.
    fn rename(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?)
    }

    /// Gives a file another name, unless something has it: [`io::ErrorKind::AlreadyExists`].
    fn rename_to_free(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        match rename_exclusively(from, to) {
            // A file system that cannot do it in one step. No other writer of this process is between these two.
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

    /// Removes a file, or a link itself.
    fn unlink(&self, directory: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(directory, name, AtFlags::empty())?)
    }
}

/// The system's calls and nothing else.
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

/// Which directory a descriptor is of: device and inode.
pub(super) type DirectoryId = (u64, u64);

#[allow(
    clippy::useless_conversion,
    clippy::cast_sign_loss,
    trivial_numeric_casts,
    reason = "the types differ between systems"
)]
pub(super) fn id(directory: &impl std::os::fd::AsFd) -> io::Result<DirectoryId> {
    let stat = rustix::fs::fstat(directory.as_fd())?;
    Ok((stat.st_dev as u64, stat.st_ino as u64))
}
