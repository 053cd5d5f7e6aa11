//! A directory that is written to: a file gets its place there whole, in one step and once it is on the disk, or not at all.

mod atomic_write;
mod disk;
mod error;
mod file_id;
mod group_fsync;
pub(crate) mod once_per_second;
mod parent_dirs;
mod path_locks;
mod quota;
mod root_dir;
mod temp_file;

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, Stat};

use crate::http::path::RelativePath;
pub(crate) use root_dir::RootDir;

pub(crate) use atomic_write::{AtomicWrite, Persisted};
use disk::{DirectoryId, Disk, SystemDisk};
pub(crate) use error::StoreError;
pub(crate) use file_id::FileId;
use group_fsync::GroupFsync;
use parent_dirs::{ParentDirs, UnsyncedDirs};
use path_locks::PathLocks;
use quota::Quota;
pub(crate) use temp_file::is_unfinished;

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk, name and content: it outlives a loss of power. Concurrent writes share what they wait for.
    #[default]
    Full,
    /// When the file has its name: it outlives the end of the process. After a loss of power the old file, the new one or, on
    /// some file systems, an empty one may be there.
    Rename,
}

/// The directory, and what its writers share.
pub(crate) struct Store {
    root_dir: RootDir,
    disk: Arc<dyn Disk>,
    durability: Durability,
    quota: Option<Arc<Quota>>,
    locks: PathLocks,
    group_fsync: GroupFsync,
    unsynced: UnsyncedDirs,
    swept: Mutex<HashSet<DirectoryId>>,
}

/// A path in the directory, with what stood there when it was looked at.
pub(crate) struct Destination<'a> {
    store: &'a Store,
    root: Arc<OwnedFd>,
    path: RelativePath,
    existing: Option<Stat>,
}

impl Store {
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            root_dir: RootDir::new(directory),
            disk: Arc::new(SystemDisk),
            durability: Durability::default(),
            quota: None,
            locks: PathLocks::default(),
            group_fsync: GroupFsync::default(),
            unsynced: UnsyncedDirs::default(),
            swept: Mutex::default(),
        }
    }

    pub(crate) fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    pub(crate) fn set_max_total(&mut self, bytes: u64) {
        self.quota = Some(Arc::new(Quota::new(bytes)));
    }

    #[cfg(test)]
    pub(crate) fn set_disk(&mut self, disk: impl Disk) {
        self.disk = Arc::new(disk);
    }

    /// Removes what writers that were killed have left unfinished. Files that are being written, by whatever process, stay.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        let root = self.root_dir.current()?;
        self.sweep_once(&root);
        Ok(())
    }

    /// Looks at what is at a path. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::FileAsDirectory`] where something else, be it a link, stands in the place of a directory above the path,
    /// [`StoreError::DirectoryAtPath`] where a directory stands in the path's own.
    pub(crate) fn destination(&self, path: &RelativePath) -> Result<Destination<'_>, StoreError> {
        let root = self.root()?;
        let existing = ParentDirs::walk(&root, path)?.existing()?;
        Ok(Destination { store: self, root, path: path.clone(), existing })
    }

    /// Begins a file that is to stand at this path, or beside what stands there.
    ///
    /// # Errors
    ///
    /// As [`Store::look`] for the directories above it, and as [`Destination::begin`].
    pub(crate) fn begin_with_free_name(&self, path: &RelativePath) -> Result<AtomicWrite<'_>, StoreError> {
        let root = self.root()?;
        ParentDirs::walk(&root, path)?;
        AtomicWrite::begin(Destination { store: self, root, path: path.clone(), existing: None }, 0)
    }

    /// Removes the file at a path, if `check` allows it for what stands there. A link is removed itself, not what it leads to.
    ///
    /// # Errors
    ///
    /// As [`Store::look`]; [`StoreError::NotFound`] where nothing is.
    pub(crate) fn remove<E: From<StoreError>>(
        &self,
        path: &RelativePath,
        check: impl FnOnce(Option<&Stat>) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = self.root()?;
        let lock = self.locks.hold(path);
        let dirs = ParentDirs::walk(&root, path)?;
        let existing = dirs.existing()?;
        check(existing.as_ref())?;
        let stat = existing.ok_or(StoreError::NotFound)?;
        self.disk.unlink(dirs.parent().as_fd(), dirs.name()).map_err(StoreError::from)?;
        if let Some(quota) = &self.quota {
            quota.removed(size(&stat));
        }
        drop(lock);
        if self.durability == Durability::Full {
            self.group_fsync.sync(self.disk.as_ref(), dirs.parent()).map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// Where writers note the directories that they make, as far as the disk matters.
    fn unsynced(&self) -> Option<&UnsyncedDirs> {
        (self.durability == Durability::Full).then_some(&self.unsynced)
    }

    fn root(&self) -> Result<Arc<OwnedFd>, StoreError> {
        self.root_dir.current().map_err(|error| StoreError::RootUnavailable(self.root_dir.path().into(), error))
    }

    /// Sweeps a directory when it is first used for temporary files.
    fn sweep_once(&self, directory: &OwnedFd) {
        let Ok(id) = disk::id(directory) else { return };
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if !swept.insert(id) {
            return;
        }
        if let Err(error) = temp_file::sweep(directory.as_fd()) {
            log::warn!("cannot remove what unfinished writes have left in {}: {error}", self.root_dir.path().display());
        }
    }
}

impl<'a> Destination<'a> {
    /// What stands at the path; `None` where nothing does.
    pub(crate) fn existing(&self) -> Option<&Stat> {
        self.existing.as_ref()
    }

    /// Begins a file of so many bytes, as far as that is known, that is to take this place.
    ///
    /// # Errors
    ///
    /// [`StoreError::QuotaExceeded`] when there is no room for it.
    pub(crate) fn begin(self, announced: Option<u64>) -> Result<AtomicWrite<'a>, StoreError> {
        AtomicWrite::begin(self, announced.unwrap_or(0))
    }
}

/// The bytes of a regular file, as they count against a quota.
fn size(stat: &Stat) -> u64 {
    if FileType::from_raw_mode(stat.st_mode).is_file() { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests;
