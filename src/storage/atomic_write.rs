//! One atomic, durable write: temporary file, fsync, rename, fsync of the directory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT};

use super::error::StoreError;
use super::file_id::FileId;
use super::free_space::Claim;
use super::parent_dirs::{ParentDirs, retry_vanished};
use super::quota::{Reservation, counted_size};
use super::shared::Shared;
use super::temp_file::TempFile;
use super::unsynced_dirs::UnsyncedMark;
use crate::http::path::RelativePath;

/// A file being written under a temporary name. Dropped before it is persisted, it leaves nothing behind.
///
/// It is written in the root directory, wherever its path leads: no directory is created before the file is complete, and what
/// a killed process leaves behind is all in one place.
pub(crate) struct AtomicWrite<'a> {
    shared: &'a Shared,
    root: Arc<OwnedFd>,
    path: RelativePath,
    temp_file: TempFile,
    reservation: Option<Reservation>,
    claim: Claim,
}

/// A file that is visible at its path, and safe once [`Persisted::sync`] has returned.
pub(crate) struct Persisted<'a> {
    shared: &'a Shared,
    /// Whether it replaced a file.
    pub(crate) replaced: bool,
    /// The new file.
    pub(crate) file_id: FileId,
    directories: Vec<OwnedFd>,
    marks: Vec<UnsyncedMark<'a>>,
}

/// Whether a rename may replace a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replace {
    Allowed,
    Refused,
}

impl<'a> AtomicWrite<'a> {
    /// Begins a file for this path in place of the `existing` one. `announced` is its size in bytes, 0 if that is not known. The
    /// bytes of the existing file do not count as free: readers, and this write until its end, find it there.
    pub(super) fn begin(
        shared: &'a Shared,
        root: Arc<OwnedFd>,
        path: RelativePath,
        existing: Option<&Stat>,
        announced: u64,
        claim: Claim,
    ) -> Result<Self, StoreError> {
        let reservation = match &shared.quota {
            Some(quota) => Some(quota.begin(&root, announced, existing.map_or(0, counted_size))?),
            None => None,
        };
        let temp_file = match shared.create_temp_file(Arc::clone(&root)) {
            Err(error) if is_read_only(&error) => {
                // Perhaps only a directory below is writable.
                let deepest = ParentDirs::open(&root, &path)?.deepest().try_clone_to_owned()?;
                claim.check(shared.disk.as_ref(), &deepest)?;
                shared.create_temp_file(Arc::new(deepest))?
            }
            result => result?,
        };
        Ok(Self { shared, root, path, temp_file, reservation, claim })
    }

    /// Appends these bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`], [`StoreError::MinFree`] or [`StoreError::DiskFull`] if there is no room for them, and any failure
    /// of the disk.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let (disk, length) = (self.shared.disk.as_ref(), bytes.len() as u64);
        if let Some(reservation) = &mut self.reservation {
            reservation.grow(&self.root, length)?;
        }
        self.claim.prepare(disk, self.temp_file.file(), length)?;
        disk.write(self.temp_file.file(), bytes)?;
        self.claim.wrote(length);
        Ok(())
    }

    /// Moves the file to its path if `check` accepts the file that exists there at that moment. Readers see the old file or the
    /// new one, complete. Missing parent directories are created.
    pub(crate) fn persist<E: From<StoreError>>(
        mut self,
        check: impl Fn(Option<&Stat>) -> Result<(), E>,
    ) -> Result<Persisted<'a>, E> {
        self.sync_file().map_err(StoreError::from)?;
        let (shared, root, path) = (self.shared, Arc::clone(&self.root), self.path.clone());
        let lock = shared.locks.hold(&path);
        let mut marks = Vec::new();
        let (dirs, replaced) = retry_vanished(|| {
            let mut dirs = ParentDirs::open(&root, &path)?;
            let existing = dirs.existing()?;
            if let Err(refusal) = check(existing.as_ref()) {
                return Ok(Err(refusal));
            }
            marks.append(&mut dirs.create_missing(shared.unsynced())?);
            self.rename(&dirs, existing.as_ref(), Replace::Allowed)?;
            Ok(Ok((dirs, existing.is_some())))
        })??;
        drop(lock);
        Ok(self.finish(replaced, dirs, marks)?)
    }

    /// Moves the file to the first of these paths at which no file exists, and returns that path. All candidates are in one
    /// directory.
    ///
    /// # Errors
    ///
    /// [`StoreError::NamesTaken`] if all of them exist.
    pub(crate) fn persist_with_free_name(
        mut self,
        candidates: impl Iterator<Item = RelativePath>,
    ) -> Result<(Persisted<'a>, RelativePath), StoreError> {
        self.sync_file()?;
        let (shared, root) = (self.shared, Arc::clone(&self.root));
        let mut marks = Vec::new();
        for candidate in candidates {
            let lock = shared.locks.hold(&candidate);
            let placed = retry_vanished(|| {
                let mut dirs = ParentDirs::open(&root, &candidate)?;
                marks.append(&mut dirs.create_missing(shared.unsynced())?);
                self.rename(&dirs, None, Replace::Refused).map(|()| dirs)
            });
            let dirs = match placed {
                Err(StoreError::AlreadyThere) => continue,
                result => result?,
            };
            drop(lock);
            let persisted = self.finish(false, dirs, marks)?;
            return Ok((persisted, candidate));
        }
        Err(StoreError::NamesTaken)
    }

    fn sync_file(&self) -> io::Result<()> {
        set_modified_now(self.temp_file.file())?;
        self.shared.sync_file(self.temp_file.file())
    }

    /// Renames the file and settles its reservation.
    fn rename(&mut self, dirs: &ParentDirs<'_>, existing: Option<&Stat>, replace: Replace) -> Result<(), StoreError> {
        let Some(reservation) = self.reservation.take() else { return self.rename_or_copy(dirs, replace) };
        let replaced = existing.map_or(0, counted_size);
        let (kept, result) = reservation.settle(replaced, || self.rename_or_copy(dirs, replace));
        self.reservation = kept;
        result
    }

    fn rename_or_copy(&mut self, dirs: &ParentDirs<'_>, replace: Replace) -> Result<(), StoreError> {
        match self.rename_once(dirs, replace) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                // Another file system is mounted there, and a rename cannot leave its file system.
                let length = self.temp_file.file().metadata()?.len();
                self.shared.free_space.min_free().check(self.shared.disk.as_ref(), dirs.parent(), length)?;
                self.copy_to(dirs.parent())?;
                Ok(self.rename_once(dirs, replace)?)
            }
            result => Ok(result?),
        }
    }

    fn rename_once(&mut self, dirs: &ParentDirs<'_>, replace: Replace) -> io::Result<()> {
        let to = (dirs.parent().as_fd(), dirs.file_name());
        self.temp_file.rename(self.shared.disk.as_ref(), to, replace == Replace::Allowed)
    }

    /// Copies the file to a temporary file in this directory, and goes on with that one.
    fn copy_to(&mut self, directory: &OwnedFd) -> io::Result<()> {
        let copy = self.shared.create_temp_file(Arc::new(directory.try_clone()?))?;
        let mut source = self.temp_file.file();
        source.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer)? {
                0 => break,
                read => self.shared.disk.write(copy.file(), &buffer[..read])?,
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
        let shared = self.shared;
        let file_id = FileId::of_open(self.temp_file.file())?;
        let directories = match shared.unsynced() {
            Some(unsynced) => dirs.into_unsynced(unsynced)?,
            None => Vec::new(),
        };
        Ok(Persisted { shared, replaced, file_id, directories, marks })
    }
}

impl Persisted<'_> {
    /// Returns once the file's name is on the disk, if the durability asks for that.
    pub(crate) fn sync(self) -> Result<(), StoreError> {
        self.directories.iter().try_for_each(|directory| self.shared.sync_directory(directory))?;
        self.marks.into_iter().for_each(UnsyncedMark::clear);
        Ok(())
    }
}

/// Sets the modification time to now, to the nanosecond. The kernel's own timestamps are coarser: two files written one after
/// the other could get the same one, and with it the same entity tag.
fn set_modified_now(file: &File) -> io::Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unchanged = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let now =
        Timespec { tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), tv_nsec: since.subsec_nanos().into() };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access: unchanged, last_modification: now })?)
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
