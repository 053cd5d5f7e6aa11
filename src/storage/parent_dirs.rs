//! The directories from the root to a file: opened without following links, and created if they are missing.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::StoreError;
use super::unsynced_dirs::{UnsyncedDirs, UnsyncedMark};
use crate::http::path::RelativePath;

/// The parent directories of a path, as far as they exist.
pub(super) struct ParentDirs<'a> {
    root: &'a OwnedFd,
    path: &'a RelativePath,
    /// The directories below the root, outermost first.
    opened: Vec<OwnedFd>,
}

impl<'a> ParentDirs<'a> {
    /// Opens the directories above the path up to the first one that is missing. Symbolic links are not followed.
    pub(super) fn open(root: &'a OwnedFd, path: &'a RelativePath) -> Result<Self, StoreError> {
        let mut dirs = Self { root, path, opened: Vec::new() };
        for segment in dirs.segments() {
            match open_directory(dirs.deepest(), segment) {
                Ok(directory) => dirs.opened.push(directory),
                Err(Errno::NOENT) => break,
                Err(error) => return Err(not_a_directory(error)),
            }
        }
        Ok(dirs)
    }

    /// The status of the file at the path, or of the link itself; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::DirectoryAtPath`] for a directory.
    pub(super) fn existing(&self) -> Result<Option<Stat>, StoreError> {
        if !self.are_complete() {
            return Ok(None);
        }
        match rustix::fs::statat(self.deepest(), self.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => Err(StoreError::DirectoryAtPath),
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Whether all directories above the path exist.
    pub(super) fn are_complete(&self) -> bool {
        self.opened.len() == self.segments().len()
    }

    /// Creates the missing directories, each after marking the one it is created in, where `unsynced` is given.
    pub(super) fn create_missing<'b>(
        &mut self,
        unsynced: Option<&'b UnsyncedDirs>,
    ) -> Result<Vec<UnsyncedMark<'b>>, StoreError> {
        let mut marks = Vec::new();
        while let Some(segment) = self.segments().get(self.opened.len()) {
            if let Some(unsynced) = unsynced {
                marks.push(unsynced.mark(&self.deepest())?);
            }
            match rustix::fs::mkdirat(self.deepest(), name(segment), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
            let created = open_directory(self.deepest(), segment).map_err(not_a_directory)?;
            self.opened.push(created);
        }
        Ok(marks)
    }

    /// Opens what is at the path, if it is a directory.
    pub(super) fn open_at_path(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(self.parent(), self.file_name(), DIRECTORY, Mode::empty())?)
    }

    /// The deepest directory that exists.
    pub(super) fn deepest(&self) -> BorrowedFd<'_> {
        self.parent().as_fd()
    }

    /// The directory of the file, once all directories exist.
    pub(super) fn parent(&self) -> &OwnedFd {
        self.opened.last().unwrap_or(self.root)
    }

    /// The last segment of the path.
    pub(super) fn file_name(&self) -> &'a Path {
        name(self.path.segments().last().map_or(&[], Vec::as_slice))
    }

    /// The directories to sync before the file is safe: its own, and those above it that are marked.
    pub(super) fn into_unsynced(mut self, unsynced: &UnsyncedDirs) -> io::Result<Vec<OwnedFd>> {
        let parent = match self.opened.pop() {
            Some(parent) => parent,
            None => self.root.try_clone()?,
        };
        let has_other_dirs = !self.segments().is_empty();
        let mut needed = vec![parent];
        if has_other_dirs && !unsynced.is_empty() {
            if unsynced.contains(self.root)? {
                needed.push(self.root.try_clone()?);
            }
            for directory in self.opened {
                if unsynced.contains(&directory)? {
                    needed.push(directory);
                }
            }
        }
        Ok(needed)
    }

    /// The segments of the path that name directories.
    fn segments(&self) -> &'a [Vec<u8>] {
        self.path.segments().split_last().map_or(&[], |(_, above)| above)
    }
}

/// Tries something that needs the directories above a path until none of them is removed at the same time.
///
/// # Errors
///
/// Those of the attempt, but for [`StoreError::NotFound`]: that a directory vanishes again and again is no 404 for the client.
pub(super) fn retry_vanished<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    const MAX_ATTEMPTS: usize = 32;
    for _ in 0..MAX_ATTEMPTS {
        match attempt() {
            Err(StoreError::NotFound) => {}
            result => return result,
        }
    }
    Err(StoreError::Io(io::Error::other("a directory above the path is removed again and again")))
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);

fn open_directory(parent: BorrowedFd<'_>, segment: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(parent, name(segment), DIRECTORY, Mode::empty())
}

fn name(segment: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(segment))
}

/// For a file or a link in place of a directory Linux reports NOTDIR; other systems report LOOP for the link.
fn not_a_directory(error: Errno) -> StoreError {
    match error {
        Errno::NOTDIR | Errno::LOOP => StoreError::FileAsDirectory,
        error => io::Error::from(error).into(),
    }
}
