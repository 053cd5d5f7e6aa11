//! The directories from the root to a file's place: followed without links, and made where they are missing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::disk::{DirectoryId, id};
use super::error::StoreError;
use crate::http::path::RelativePath;

/// The way to a path, as far as its directories are there.
pub(super) struct ParentDirs<'a> {
    root: &'a OwnedFd,
    path: &'a RelativePath,
    /// The directories below the root, outermost first.
    opened: Vec<OwnedFd>,
}

/// The directories in which others were made whose names may not be on the disk yet.
///
/// Who finds a directory there that another writer has just made must bring its name to the disk too, before he says that
/// what he put below it is safe.
#[derive(Default)]
pub(super) struct UnsyncedDirs(Mutex<HashMap<DirectoryId, usize>>);

/// Says of a directory that it is unsynced, until cleared. One that is not cleared, because something failed, stays: then
/// every later writer brings the directory to the disk once more, which costs time only.
pub(super) struct UnsyncedMark<'a> {
    unsynced: &'a UnsyncedDirs,
    id: DirectoryId,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);

impl<'a> ParentDirs<'a> {
    /// Follows the way as far as it goes. No link is followed.
    pub(super) fn walk(root: &'a OwnedFd, path: &'a RelativePath) -> Result<Self, StoreError> {
        let mut dirs = Self { root, path, opened: Vec::new() };
        for segment in dirs.above() {
            match open_directory(dirs.last(), segment) {
                Ok(directory) => dirs.opened.push(directory),
                Err(Errno::NOENT) => break,
                Err(error) => return Err(in_the_way(error)),
            }
        }
        Ok(dirs)
    }

    /// What stands in the place; a directory there is a conflict.
    pub(super) fn existing(&self) -> Result<Option<Stat>, StoreError> {
        if self.opened.len() < self.above().len() {
            return Ok(None);
        }
        match rustix::fs::statat(self.last(), self.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => Err(StoreError::DirectoryAtPath),
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Makes the directories that are missing, and notes where, if that is of interest.
    pub(super) fn make<'b>(&mut self, unsynced: Option<&'b UnsyncedDirs>) -> Result<Vec<UnsyncedMark<'b>>, StoreError> {
        let mut marks = Vec::new();
        while let Some(segment) = self.above().get(self.opened.len()) {
            if let Some(unsynced) = unsynced {
                marks.push(unsynced.mark(self.last())?);
            }
            match rustix::fs::mkdirat(self.last(), name(segment), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
            let made = open_directory(self.last(), segment).map_err(in_the_way)?;
            self.opened.push(made);
        }
        Ok(marks)
    }

    /// The last directory of the way that is there.
    pub(super) fn deepest(&self) -> io::Result<OwnedFd> {
        self.last().try_clone_to_owned()
    }

    /// The directory that the place is in, once all are there.
    pub(super) fn parent(&self) -> &OwnedFd {
        self.opened.last().unwrap_or(self.root)
    }

    pub(super) fn name(&self) -> &'a Path {
        name(self.path.segments().last().map_or(&[], Vec::as_slice))
    }

    /// The directories that must be on the disk for the file to be found: the one that it is in, and those in which one of the
    /// others was made just now.
    pub(super) fn into_unsynced(mut self, unsynced: &UnsyncedDirs) -> io::Result<Vec<OwnedFd>> {
        let parent = match self.opened.pop() {
            Some(parent) => parent,
            None => self.root.try_clone()?,
        };
        let mut needed = vec![parent];
        let marked = unsynced.lock();
        if !marked.is_empty() && !self.path.segments()[1..].is_empty() {
            if marked.contains_key(&id(self.root)?) {
                needed.push(self.root.try_clone()?);
            }
            for directory in self.opened {
                if marked.contains_key(&id(&directory)?) {
                    needed.push(directory);
                }
            }
        }
        Ok(needed)
    }

    fn above(&self) -> &'a [Vec<u8>] {
        self.path.segments().split_last().map_or(&[], |(_, above)| above)
    }

    fn last(&self) -> BorrowedFd<'_> {
        self.opened.last().unwrap_or(self.root).as_fd()
    }
}

impl UnsyncedDirs {
    fn mark(&self, directory: BorrowedFd<'_>) -> io::Result<UnsyncedMark<'_>> {
        let id = id(&directory)?;
        *self.lock().entry(id).or_default() += 1;
        Ok(UnsyncedMark { unsynced: self, id })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DirectoryId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnsyncedMark<'_> {
    /// The directory is on the disk.
    pub(super) fn clear(self) {
        let mut marked = self.unsynced.lock();
        if let Some(count) = marked.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                marked.remove(&self.id);
            }
        }
    }
}

fn open_directory(parent: BorrowedFd<'_>, segment: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(parent, name(segment), DIRECTORY, Mode::empty())
}

fn name(segment: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(segment))
}

/// A file or a link where a directory is needed: Linux says NOTDIR of both, others LOOP of the link.
fn in_the_way(error: Errno) -> StoreError {
    match error {
        Errno::NOTDIR | Errno::LOOP => StoreError::FileAsDirectory,
        error => io::Error::from(error).into(),
    }
}
