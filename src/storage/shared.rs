//! What the writes to one directory share: the settings, the locks, the quota, the free space, the fsyncs.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, SystemDisk};
use super::durability::Durability;
use super::free_space::{FreeSpace, MinFree};
use super::group_fsync::GroupFsync;
use super::path_locks::PathLocks;
use super::quota::Quota;
use super::sweep::Sweeper;
use super::temp_file::TempFile;
use super::unsynced_dirs::UnsyncedDirs;

/// Shared by all writes to one directory.
pub(super) struct Shared {
    pub(super) disk: Box<dyn Disk>,
    pub(super) durability: Durability,
    pub(super) quota: Option<Arc<Quota>>,
    pub(super) free_space: Arc<FreeSpace>,
    pub(super) locks: PathLocks,
    pub(super) sweeper: Sweeper,
    group_fsync: GroupFsync,
    unsynced: UnsyncedDirs,
}

impl Shared {
    /// For the directory at this path.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            disk: Box::new(SystemDisk),
            durability: Durability::default(),
            quota: None,
            free_space: Arc::new(FreeSpace::new(MinFree::default())),
            locks: PathLocks::default(),
            sweeper: Sweeper::new(path),
            group_fsync: GroupFsync::default(),
            unsynced: UnsyncedDirs::default(),
        }
    }

    /// Creates a temporary file in this directory. The first call for a directory sweeps it.
    pub(super) fn create_temp_file(&self, directory: Arc<OwnedFd>) -> io::Result<TempFile> {
        self.sweeper.sweep_once(&directory);
        TempFile::create(directory)
    }

    /// Syncs a file's content, if the durability asks for that.
    pub(super) fn sync_file(&self, file: &File) -> io::Result<()> {
        match self.durability {
            Durability::Full => self.disk.sync_file(file),
            Durability::Rename => Ok(()),
        }
    }

    /// Syncs the names in a directory, if the durability asks for that.
    pub(super) fn sync_directory(&self, directory: &OwnedFd) -> io::Result<()> {
        match self.durability {
            Durability::Full => self.group_fsync.sync(self.disk.as_ref(), directory),
            Durability::Rename => Ok(()),
        }
    }

    /// The marks of unsynced directories; `None` if the durability asks for no sync.
    pub(super) fn unsynced(&self) -> Option<&UnsyncedDirs> {
        (self.durability == Durability::Full).then_some(&self.unsynced)
    }
}
