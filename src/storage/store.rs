//! The directory that files are written to and removed from.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::Stat;

use super::atomic_write::AtomicWrite;
#[cfg(test)]
use super::disk::Disk;
use super::durability::Durability;
use super::error::StoreError;
use super::free_space::{Claim, FreeSpace, MinFree};
use super::parent_dirs::{ParentDirs, retry_vanished};
use super::quota::{Quota, counted_size};
use super::root_dir::RootDir;
use super::shared::Shared;
use super::unsynced_dirs::UnsyncedMark;
use crate::http::path::RelativePath;

/// A directory, and what its writers share.
pub(crate) struct Store {
    root_dir: RootDir,
    shared: Shared,
}

/// The path that a file is to be written to, with what existed there when it was looked up.
pub(crate) struct Destination<'a> {
    shared: &'a Shared,
    root: Arc<OwnedFd>,
    path: RelativePath,
    existing: Option<Stat>,
}

/// How many bytes a further file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The number of bytes.
    pub bytes: u64,
    /// The limit that allows no more.
    pub limit: RoomLimit,
}

/// A limit on what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomLimit {
    /// [`WriteFile::max_total`](crate::WriteFile::max_total).
    MaxTotal,
    /// [`WriteFile::min_free`](crate::WriteFile::min_free) and what is free on the file system.
    MinFree,
}

impl Store {
    /// The directory at this path. It must exist by the first write.
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        let root_dir = RootDir::new(directory);
        let shared = Shared::new(root_dir.path());
        Self { root_dir, shared }
    }

    /// When a write counts as done. Defaults to [`Durability::Full`].
    pub(crate) fn durability(mut self, durability: Durability) -> Self {
        self.shared.durability = durability;
        self
    }

    /// The most bytes that all files together may have. Defaults to no limit.
    pub(crate) fn max_total(mut self, bytes: u64) -> Self {
        self.shared.quota = Some(Arc::new(Quota::new(bytes)));
        self
    }

    /// How much of the file system stays free. Defaults to the lesser of 1 GiB and 5 % of it.
    pub(crate) fn min_free(mut self, min_free: MinFree) -> Self {
        self.shared.free_space = Arc::new(FreeSpace::new(min_free));
        self
    }

    /// The calls to the file system. Defaults to the system's own.
    #[cfg(test)]
    pub(super) fn disk(mut self, disk: impl Disk) -> Self {
        self.shared.disk = Box::new(disk);
        self
    }

    /// Removes the temporary files that killed writers left behind. Files that any process is still writing stay.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        let root = self.root_dir.current()?;
        self.shared.sweeper.sweep_once(&root);
        Ok(())
    }

    /// Looks up what exists at a path. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::FileAsDirectory`] if a file or a link takes the place of a directory above the path;
    /// [`StoreError::DirectoryAtPath`] if the path is a directory.
    pub(crate) fn destination(&self, path: &RelativePath) -> Result<Destination<'_>, StoreError> {
        let root = self.root()?;
        let existing = ParentDirs::open(&root, path)?.existing()?;
        Ok(Destination { shared: &self.shared, root, path: path.clone(), existing })
    }

    /// Claims room for files of this many bytes together; `None` if that is not known.
    ///
    /// # Errors
    ///
    /// [`StoreError::MinFree`] if there is no room.
    pub(crate) fn claim(&self, bytes: Option<u64>) -> Result<Claim, StoreError> {
        self.shared.free_space.claim(self.shared.disk.as_ref(), self.root()?.as_fd(), bytes)
    }

    /// Checks that the quota has room for this many bytes more.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`] if it has not.
    pub(crate) fn check_total(&self, bytes: u64) -> Result<(), StoreError> {
        let Some(quota) = &self.shared.quota else { return Ok(()) };
        quota.check(&*self.root()?, bytes, 0)
    }

    /// How many bytes a further file may have, and which limit allows no more; `None` if there is no limit that is known.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub(crate) fn room(&self) -> Result<Option<Room>, StoreError> {
        let root = self.root()?;
        let free = self.shared.free_space.room(self.shared.disk.as_ref(), root.as_fd());
        let free = free.map(|bytes| Room { bytes, limit: RoomLimit::MinFree });
        let total = match &self.shared.quota {
            Some(quota) => Some(Room { bytes: quota.room(&root)?, limit: RoomLimit::MaxTotal }),
            None => None,
        };
        Ok(free.into_iter().chain(total).min_by_key(|room| room.bytes))
    }

    /// Begins a file for this path or, if a file exists there when it is complete, for another name in the same directory.
    ///
    /// # Errors
    ///
    /// As [`Store::destination`] for the directories above the path, and as [`Destination::begin_within`].
    pub(crate) fn begin_with_free_name(
        &self,
        path: &RelativePath,
        claim: &Claim,
    ) -> Result<AtomicWrite<'_>, StoreError> {
        let root = self.root()?;
        ParentDirs::open(&root, path)?;
        AtomicWrite::begin(&self.shared, root, path.clone(), None, 0, claim.clone())
    }

    /// Removes the file at a path if `check` accepts it. A symbolic link is removed itself, not its target.
    ///
    /// # Errors
    ///
    /// As [`Store::destination`]; [`StoreError::NotFound`] if nothing exists.
    pub(crate) fn remove<E: From<StoreError>>(
        &self,
        path: &RelativePath,
        check: impl FnOnce(Option<&Stat>) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = self.root()?;
        let lock = self.shared.locks.hold(path);
        let dirs = ParentDirs::open(&root, path)?;
        let existing = dirs.existing()?;
        check(existing.as_ref())?;
        let stat = existing.ok_or(StoreError::NotFound)?;
        self.shared.disk.unlink(dirs.parent().as_fd(), dirs.file_name()).map_err(StoreError::from)?;
        if let Some(quota) = &self.shared.quota {
            quota.removed(counted_size(&stat));
        }
        drop(lock);
        Ok(self.shared.sync_directory(dirs.parent()).map_err(StoreError::from)?)
    }

    /// Creates an empty directory at a path, and those above it that are missing. Returns once its name is on the disk, if the
    /// durability asks for that.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyThere`] if anything is at the path, and as [`Store::destination`] for the directories above it.
    pub(crate) fn create_directory(&self, path: &RelativePath) -> Result<(), StoreError> {
        let Self { shared, .. } = self;
        let root = self.root()?;
        let lock = shared.locks.hold(path);
        let mut marks = Vec::new();
        let dirs = retry_vanished(|| {
            let mut dirs = ParentDirs::open(&root, path)?;
            marks.append(&mut dirs.create_missing(shared.unsynced())?);
            // A file may be written into the new directory before the name of the directory is on the disk.
            if let Some(unsynced) = shared.unsynced() {
                marks.push(unsynced.mark(dirs.parent())?);
            }
            shared.disk.create_directory(dirs.parent().as_fd(), dirs.file_name())?;
            Ok(dirs)
        })?;
        drop(lock);
        if let Some(unsynced) = shared.unsynced() {
            for directory in dirs.into_unsynced(unsynced)? {
                shared.sync_directory(&directory)?;
            }
        }
        marks.into_iter().for_each(UnsyncedMark::clear);
        Ok(())
    }

    /// Removes the directory at a path if nothing is in it but files that killed writers have left. Returns once its name is gone from
    /// the disk, if the durability asks for that.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotEmpty`]; [`StoreError::NotFound`] if no directory is there; and as [`Store::destination`] for the directories
    /// above the path.
    pub(crate) fn remove_directory(&self, path: &RelativePath) -> Result<(), StoreError> {
        let Self { shared, .. } = self;
        let root = self.root()?;
        let lock = shared.locks.hold(path);
        let dirs = ParentDirs::open(&root, path)?;
        if !dirs.are_complete() {
            return Err(StoreError::NotFound);
        }
        let remove = || shared.disk.remove_directory(dirs.parent().as_fd(), dirs.file_name());
        match remove() {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                shared.sweeper.sweep_once(&dirs.open_at_path()?);
                remove()?;
            }
            result => result?,
        }
        drop(lock);
        Ok(shared.sync_directory(dirs.parent())?)
    }

    fn root(&self) -> Result<Arc<OwnedFd>, StoreError> {
        self.root_dir.current().map_err(|error| StoreError::RootUnavailable(self.root_dir.path().into(), error))
    }
}

impl<'a> Destination<'a> {
    /// The status of the existing file; `None` if there is none.
    pub(crate) fn existing(&self) -> Option<&Stat> {
        self.existing.as_ref()
    }

    /// Begins a file for this path. `announced` is its size in bytes, if that is known.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`] or [`StoreError::MinFree`] if there is no room for it.
    pub(crate) fn begin(self, announced: Option<u64>) -> Result<AtomicWrite<'a>, StoreError> {
        let claim = self.shared.free_space.claim(self.shared.disk.as_ref(), self.root.as_fd(), announced)?;
        self.begin_file(announced.unwrap_or(0), claim)
    }

    /// Begins a file of unknown size for this path, which takes its room from this claim.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`] if there is no room for it.
    pub(crate) fn begin_within(self, claim: &Claim) -> Result<AtomicWrite<'a>, StoreError> {
        self.begin_file(0, claim.clone())
    }

    fn begin_file(self, announced: u64, claim: Claim) -> Result<AtomicWrite<'a>, StoreError> {
        AtomicWrite::begin(self.shared, self.root, self.path, self.existing.as_ref(), announced, claim)
    }
}
