//! A file that is being written, until it gets its place or is given up.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT};

use super::error::StoreError;
use super::parent_dirs::{Mark, Way};
use super::quota::Reservation;
use super::{Durability, Place, Store, size, temp_file};
use crate::http::path::RelativePath;

/// A file being written under a temporary name. Dropped without having been placed, it leaves nothing behind.
///
/// It is written in the root of the directory, where that may be, so that nothing is made below before it is whole, and what a
/// killed process leaves is found in one place.
pub(crate) struct Pending<'a> {
    place: Place<'a>,
    temp_file: Temporary,
    reservation: Option<Reservation>,
}

/// A file that has got its place. It is safe when [`Placed::sync`] has returned.
pub(crate) struct Placed<'a> {
    store: &'a Store,
    /// Whether something stood there before.
    pub(crate) replaced: bool,
    /// The new file's status.
    pub(crate) stat: Stat,
    directories: Vec<OwnedFd>,
    marks: Vec<Mark<'a>>,
}

/// A file under a temporary name, which is removed with it.
struct Temporary {
    directory: Arc<OwnedFd>,
    name: String,
    file: File,
    placed: bool,
}

impl<'a> Pending<'a> {
    pub(super) fn begin(place: Place<'a>, announced: u64) -> Result<Self, StoreError> {
        let replaces = place.standing.as_ref().map_or(0, size);
        let reservation = match &place.store.quota {
            Some(quota) => Some(quota.begin(&place.root, announced, replaces)?),
            None => None,
        };
        let temp_file = match place.store.temp_file(Arc::clone(&place.root)) {
            Err(error) if is_closed(&error) => {
                // Only what is below may be written to.
                let deepest = Way::walk(&place.root, &place.path)?.deepest()?;
                place.store.temp_file(Arc::new(deepest))?
            }
            result => result?,
        };
        Ok(Self { place, temp_file, reservation })
    }

    /// Writes on.
    ///
    /// # Errors
    ///
    /// [`StoreError::QuotaExceeded`] or [`StoreError::DiskFull`] when there is no room for it, and what else the disk fails with.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(reservation) = &mut self.reservation {
            reservation.grow(&self.place.root, bytes.len() as u64)?;
        }
        Ok(self.place.store.disk.write(&self.temp_file.file, bytes)?)
    }

    /// Gives the file its place if `judge` allows it for what stands there then; readers see the old file or the new one, whole.
    /// Directories above it that are missing are made.
    pub(crate) fn place<E: From<StoreError>>(
        mut self,
        judge: impl FnOnce(Option<&Stat>) -> Result<(), E>,
    ) -> Result<Placed<'a>, E> {
        self.sync_file().map_err(StoreError::from)?;
        let store = self.place.store;
        let (root, path) = (Arc::clone(&self.place.root), self.place.path.clone());
        let lock = store.locks.hold(&path);
        let mut way = Way::walk(&root, &path)?;
        let standing = way.standing()?;
        judge(standing.as_ref())?;
        let marks = way.make(store.unsynced())?;
        self.rename(&way, standing.as_ref(), false).map_err(StoreError::from)?;
        drop(lock);
        Ok(self.placed(standing.is_some(), way, marks)?)
    }

    /// Gives the file the first of these places where nothing stands, and says which. They are all in one directory.
    pub(crate) fn place_beside(
        mut self,
        candidates: impl Iterator<Item = RelativePath>,
    ) -> Result<(Placed<'a>, RelativePath), StoreError> {
        self.sync_file()?;
        let store = self.place.store;
        let root = Arc::clone(&self.place.root);
        let mut marks = Vec::new();
        for candidate in candidates {
            let lock = store.locks.hold(&candidate);
            let mut way = Way::walk(&root, &candidate)?;
            marks.append(&mut way.make(store.unsynced())?);
            match self.rename(&way, None, true) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result?,
            }
            drop(lock);
            let placed = self.placed(false, way, marks)?;
            return Ok((placed, candidate));
        }
        Err(StoreError::NamesTaken)
    }

    fn sync_file(&self) -> io::Result<()> {
        stamp(&self.temp_file.file)?;
        match self.place.store.durability {
            Durability::Full => self.place.store.disk.sync_file(&self.temp_file.file),
            Durability::Rename => Ok(()),
        }
    }

    fn rename(&mut self, way: &Way<'_>, standing: Option<&Stat>, only_to_free: bool) -> io::Result<()> {
        let Some(reservation) = self.reservation.take() else { return self.rename_anywhere(way, only_to_free) };
        let (kept, result) = reservation.settle(standing.map_or(0, size), || self.rename_anywhere(way, only_to_free));
        self.reservation = kept;
        result
    }

    fn rename_anywhere(&mut self, way: &Way<'_>, only_to_free: bool) -> io::Result<()> {
        match self.rename_once(way, only_to_free) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                // Another file system is mounted there, and renaming must stay within one.
                self.move_to(way.parent())?;
                self.rename_once(way, only_to_free)
            }
            result => result,
        }
        // That a directory has vanished meanwhile is not what "not found" is to mean to the client.
        .map_err(|error| if error.kind() == io::ErrorKind::NotFound { io::Error::other(error) } else { error })
    }

    fn rename_once(&mut self, way: &Way<'_>, only_to_free: bool) -> io::Result<()> {
        let disk = &self.place.store.disk;
        let from = (self.temp_file.directory.as_fd(), Path::new(&self.temp_file.name));
        let to = (way.parent().as_fd(), way.name());
        if only_to_free { disk.rename_to_free(from, to) } else { disk.rename(from, to) }?;
        self.temp_file.placed = true;
        Ok(())
    }

    /// Writes the file once more, in this directory.
    fn move_to(&mut self, directory: &OwnedFd) -> io::Result<()> {
        let disk = self.place.store.disk.as_ref();
        let copy = self.place.store.temp_file(Arc::new(directory.try_clone()?))?;
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

    fn placed(self, replaced: bool, way: Way<'_>, marks: Vec<Mark<'a>>) -> Result<Placed<'a>, StoreError> {
        let store = self.place.store;
        let stat = rustix::fs::fstat(&self.temp_file.file).map_err(io::Error::from)?;
        let directories = match store.unsynced() {
            Some(unsynced) => way.into_unsynced(unsynced)?,
            None => Vec::new(),
        };
        Ok(Placed { store, replaced, stat, directories, marks })
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

impl Placed<'_> {
    /// Returns when the file's name is on the disk, as far as the store's durability asks for that.
    pub(crate) fn sync(self) -> Result<(), StoreError> {
        let store = self.store;
        self.directories.iter().try_for_each(|directory| store.syncs.sync(store.disk.as_ref(), directory))?;
        self.marks.into_iter().for_each(Mark::clear);
        Ok(())
    }
}

impl Store {
    fn temp_file(&self, directory: Arc<OwnedFd>) -> io::Result<Temporary> {
        self.sweep_once(&directory);
        let (file, name) = temp_file::create(directory.as_fd())?;
        Ok(Temporary { directory, name, file, placed: false })
    }
}

/// Whether a directory may be read only.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = rustix::fs::unlinkat(&self.directory, self.name.as_str(), rustix::fs::AtFlags::empty())
        {
            log::error!("cannot remove the unfinished file {}: {error}", self.name);
        }
    }
}
