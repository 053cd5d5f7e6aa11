//! A file that is being written, until it gets its place or is given up.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT};

use super::error::StoreError;
use super::parent_dirs::{ParentDirs, UnsyncedMark};
use super::quota::Reservation;
use super::{Destination, Durability, Store, size, temp_file};
use crate::http::path::RelativePath;

/// A file being written under a temporary name. Dropped without having been placed, it leaves nothing behind.
///
/// It is written in the root of the directory, where that may be, so that nothing is made below before it is whole, and what a
/// killed process leaves is found in one place.
pub(crate) struct AtomicWrite<'a> {
    destination: Destination<'a>,
    temp_file: TempFile,
    reservation: Option<Reservation>,
}

/// A file that has got its place. It is safe when [`Persisted::sync`] has returned.
pub(crate) struct Persisted<'a> {
    store: &'a Store,
    /// Whether something stood there before.
    pub(crate) replaced: bool,
    /// The new file's status.
    pub(crate) stat: Stat,
    directories: Vec<OwnedFd>,
    marks: Vec<UnsyncedMark<'a>>,
}

/// A file under a temporary name, which is removed with it.
struct TempFile {
    directory: Arc<OwnedFd>,
    name: String,
    file: File,
    persisted: bool,
}

impl<'a> AtomicWrite<'a> {
    pub(super) fn begin(destination: Destination<'a>, announced: u64) -> Result<Self, StoreError> {
        let replaces = destination.existing.as_ref().map_or(0, size);
        let reservation = match &destination.store.quota {
            Some(quota) => Some(quota.begin(&destination.root, announced, replaces)?),
            None => None,
        };
        let temp_file = match destination.store.temp_file(Arc::clone(&destination.root)) {
            Err(error) if is_closed(&error) => {
                // Only what is below may be written to.
                let deepest = ParentDirs::walk(&destination.root, &destination.path)?.deepest()?;
                destination.store.temp_file(Arc::new(deepest))?
            }
            result => result?,
        };
        Ok(Self { destination, temp_file, reservation })
    }

    /// Writes on.
    ///
    /// # Errors
    ///
    /// [`StoreError::QuotaExceeded`] or [`StoreError::DiskFull`] when there is no room for it, and what else the disk fails with.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(reservation) = &mut self.reservation {
            reservation.grow(&self.destination.root, bytes.len() as u64)?;
        }
        Ok(self.destination.store.disk.write(&self.temp_file.file, bytes)?)
    }

    /// Gives the file its place if `check` allows it for what stands there then; readers see the old file or the new one, whole.
    /// Directories above it that are missing are made.
    pub(crate) fn persist<E: From<StoreError>>(
        mut self,
        check: impl FnOnce(Option<&Stat>) -> Result<(), E>,
    ) -> Result<Persisted<'a>, E> {
        self.sync_file().map_err(StoreError::from)?;
        let store = self.destination.store;
        let (root, path) = (Arc::clone(&self.destination.root), self.destination.path.clone());
        let lock = store.locks.hold(&path);
        let mut dirs = ParentDirs::walk(&root, &path)?;
        let existing = dirs.existing()?;
        check(existing.as_ref())?;
        let marks = dirs.make(store.unsynced())?;
        self.rename(&dirs, existing.as_ref(), false).map_err(StoreError::from)?;
        drop(lock);
        Ok(self.finish(existing.is_some(), dirs, marks)?)
    }

    /// Gives the file the first of these places where nothing stands, and says which. They are all in one directory.
    pub(crate) fn persist_with_free_name(
        mut self,
        candidates: impl Iterator<Item = RelativePath>,
    ) -> Result<(Persisted<'a>, RelativePath), StoreError> {
        self.sync_file()?;
        let store = self.destination.store;
        let root = Arc::clone(&self.destination.root);
        let mut marks = Vec::new();
        for candidate in candidates {
            let lock = store.locks.hold(&candidate);
            let mut dirs = ParentDirs::walk(&root, &candidate)?;
            marks.append(&mut dirs.make(store.unsynced())?);
            match self.rename(&dirs, None, true) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result?,
            }
            drop(lock);
            let persisted = self.finish(false, dirs, marks)?;
            return Ok((persisted, candidate));
        }
        Err(StoreError::NamesTaken)
    }

    fn sync_file(&self) -> io::Result<()> {
        stamp(&self.temp_file.file)?;
        match self.destination.store.durability {
            Durability::Full => self.destination.store.disk.sync_file(&self.temp_file.file),
            Durability::Rename => Ok(()),
        }
    }

    fn rename(&mut self, dirs: &ParentDirs<'_>, existing: Option<&Stat>, only_to_free: bool) -> io::Result<()> {
        let Some(reservation) = self.reservation.take() else { return self.rename_anywhere(dirs, only_to_free) };
        let (kept, result) = reservation.settle(existing.map_or(0, size), || self.rename_anywhere(dirs, only_to_free));
        self.reservation = kept;
        result
    }

    fn rename_anywhere(&mut self, dirs: &ParentDirs<'_>, only_to_free: bool) -> io::Result<()> {
        match self.rename_once(dirs, only_to_free) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                // Another file system is mounted there, and renaming must stay within one.
                self.move_to(dirs.parent())?;
                self.rename_once(dirs, only_to_free)
            }
            result => result,
        }
        // That a directory has vanished meanwhile is not what "not found" is to mean to the client.
        .map_err(|error| if error.kind() == io::ErrorKind::NotFound { io::Error::other(error) } else { error })
    }

    fn rename_once(&mut self, dirs: &ParentDirs<'_>, only_to_free: bool) -> io::Result<()> {
        let disk = &self.destination.store.disk;
        let from = (self.temp_file.directory.as_fd(), Path::new(&self.temp_file.name));
        let to = (dirs.parent().as_fd(), dirs.name());
        if only_to_free { disk.rename_to_free(from, to) } else { disk.rename(from, to) }?;
        self.temp_file.persisted = true;
        Ok(())
    }

    /// Writes the file once more, in this directory.
    fn move_to(&mut self, directory: &OwnedFd) -> io::Result<()> {
        let disk = self.destination.store.disk.as_ref();
        let copy = self.destination.store.temp_file(Arc::new(directory.try_clone()?))?;
        let mut source = &self.temp_file.file;
        source.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer)? {
                0 => break,
                read => disk.write(&copy.file, &buffer[..read])?,
            }
        }
        self.temp_file = copy;
        self.sync_file()
    }

    fn finish(
        self,
        replaced: bool,
        dirs: ParentDirs<'_>,
        marks: Vec<UnsyncedMark<'a>>,
    ) -> Result<Persisted<'a>, StoreError> {
        let store = self.destination.store;
        let stat = rustix::fs::fstat(&self.temp_file.file).map_err(io::Error::from)?;
        let directories = match store.unsynced() {
            Some(unsynced) => dirs.into_unsynced(unsynced)?,
            None => Vec::new(),
        };
        Ok(Persisted { store, replaced, stat, directories, marks })
    }
}

/// Gives the file the time of now to the nanosecond. The system's own stamps are coarser: two files that are written one
/// after the other could have the same one, and with it the same entity tag.
fn stamp(file: &File) -> io::Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unchanged = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let now =
        Timespec { tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), tv_nsec: since.subsec_nanos().into() };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access: unchanged, last_modification: now })?)
}

impl Persisted<'_> {
    /// Returns when the file's name is on the disk, as far as the store's durability asks for that.
    pub(crate) fn sync(self) -> Result<(), StoreError> {
        let store = self.store;
        self.directories.iter().try_for_each(|directory| store.group_fsync.sync(store.disk.as_ref(), directory))?;
        self.marks.into_iter().for_each(UnsyncedMark::clear);
        Ok(())
    }
}

impl Store {
    fn temp_file(&self, directory: Arc<OwnedFd>) -> io::Result<TempFile> {
        self.sweep_once(&directory);
        let (file, name) = temp_file::create(directory.as_fd())?;
        Ok(TempFile { directory, name, file, persisted: false })
    }
}

/// Whether a directory may be read only.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.persisted
            && let Err(error) = rustix::fs::unlinkat(&self.directory, self.name.as_str(), rustix::fs::AtFlags::empty())
        {
            log::error!("cannot remove the unfinished file {}: {error}", self.name);
        }
    }
}
