//! A file under a temporary name, locked by its writer and removed unless it is renamed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::disk::Disk;

/// A file under a temporary name. Dropped before it is renamed, it is removed.
pub(super) struct TempFile {
    directory: Arc<OwnedFd>,
    name: String,
    file: File,
    renamed: bool,
}

impl TempFile {
    /// Creates an empty file in this directory.
    pub(super) fn create(directory: Arc<OwnedFd>) -> io::Result<Self> {
        let (file, name) = create(directory.as_fd())?;
        Ok(Self { directory, name, file, renamed: false })
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Renames the file to this name in this directory. Unless it may `replace` a file there, that is an error:
    /// [`io::ErrorKind::AlreadyExists`].
    pub(super) fn rename(&mut self, disk: &dyn Disk, to: (BorrowedFd<'_>, &Path), replace: bool) -> io::Result<()> {
        let from = (self.directory.as_fd(), Path::new(&self.name));
        if replace { disk.rename(from, to) } else { disk.rename_to_free(from, to) }?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.renamed
            && let Err(error) = rustix::fs::unlinkat(&self.directory, self.name.as_str(), AtFlags::empty())
        {
            log::error!("cannot remove the temporary file {}: {error}", self.name);
        }
    }
}

/// Creates a file under a new name, locked (`flock`) for as long as it is open.
///
/// The lock tells a sweep, even one of another process, that the file is being written.
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
            // A sweep removed it between its creation and its lock.
            Err(Errno::WOULDBLOCK) => continue,
            Ok(()) if rustix::fs::fstat(&file)?.st_nlink == 0 => continue,
            // If the file system has no locks, a sweep gets none either, and leaves the file alone.
            _ => return Ok((file, name)),
        }
    }
}

/// What temporary names start with. The dot keeps the files from being served, and from being written by name.
const PREFIX: &str = ".hearken-";

/// Whether a name is reserved for unfinished files, which no client may see.
pub(crate) fn is_unfinished(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

/// Whether a name is one that [`create`] makes.
pub(super) fn is_temp_file_name(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.len() == 16 && rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}
