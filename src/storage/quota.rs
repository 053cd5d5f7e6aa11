//! A limit on the bytes that all files in a directory have together.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::error::StoreError;
use super::temp_file::is_temp_file_name;
use crate::lock::lock;

/// The most bytes that the files in a directory and below it may have together.
pub(super) struct Quota {
    limit: u64,
    usage: Mutex<Usage>,
}

#[derive(Default)]
struct Usage {
    /// The bytes of the files that are in place.
    stored: u64,
    /// The bytes of the files being written.
    unfinished: u64,
    /// When the directory was last counted.
    counted: Option<Instant>,
}

/// Room taken by a file that is being written, freed when dropped.
pub(super) struct Reservation {
    quota: Arc<Quota>,
    bytes: u64,
    /// The bytes of the file that it will replace.
    replaces: u64,
}

impl Quota {
    /// A limit of this many bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, usage: Mutex::default() }
    }

    /// Begins a file of `announced` bytes, 0 if that is not known, to replace one of `replaces` bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`] if there is no room for it.
    pub(super) fn begin(
        self: &Arc<Self>,
        directory: &OwnedFd,
        announced: u64,
        replaces: u64,
    ) -> Result<Reservation, StoreError> {
        self.check(directory, announced, replaces)?;
        Ok(Reservation { quota: Arc::clone(self), bytes: 0, replaces })
    }

    /// Checks that there is room for this many bytes in place of `replaces` others.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxTotal`] if there is none.
    pub(super) fn check(&self, directory: &OwnedFd, bytes: u64, replaces: u64) -> Result<(), StoreError> {
        let mut usage = self.lock();
        if usage.counted.is_none_or(|counted| counted.elapsed() > FRESH) {
            usage.count(directory)?;
        }
        self.check_usage(&mut usage, directory, bytes, replaces)
    }

    /// How many bytes a further file may have.
    pub(super) fn room(&self, directory: &OwnedFd) -> io::Result<u64> {
        let mut usage = self.lock();
        // Writes count again what other processes change.
        if usage.counted.is_none() {
            usage.count(directory)?;
        }
        Ok(self.limit.saturating_sub(usage.stored).saturating_sub(usage.unfinished))
    }

    /// Frees the room of a removed file of this many bytes.
    pub(super) fn removed(&self, bytes: u64) {
        let mut usage = self.lock();
        usage.stored = usage.stored.saturating_sub(bytes);
    }

    fn check_usage(&self, usage: &mut Usage, directory: &OwnedFd, bytes: u64, replaces: u64) -> Result<(), StoreError> {
        if !self.has_room(usage, bytes, replaces) {
            usage.count_for_refusal(directory)?;
            if !self.has_room(usage, bytes, replaces) {
                return Err(StoreError::MaxTotal(self.limit));
            }
        }
        Ok(())
    }

    fn has_room(&self, usage: &Usage, bytes: u64, replaces: u64) -> bool {
        let needed = usage.stored.saturating_add(usage.unfinished).saturating_add(bytes);
        needed <= self.limit.saturating_add(replaces)
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }
}

impl Reservation {
    /// Takes room for this many more bytes.
    pub(super) fn grow(&mut self, directory: &OwnedFd, bytes: u64) -> Result<(), StoreError> {
        let mut usage = self.quota.lock();
        self.quota.check_usage(&mut usage, directory, bytes, self.replaces)?;
        usage.unfinished += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Puts the file in place by `rename`, and counts it in place of the replaced file of `replaced` bytes. If `rename` fails, the
    /// reservation is handed back.
    pub(super) fn settle<E>(
        mut self,
        replaced: u64,
        rename: impl FnOnce() -> Result<(), E>,
    ) -> (Option<Self>, Result<(), E>) {
        let quota = Arc::clone(&self.quota);
        // The usage stays locked: a count at the same time might or might not see the new file.
        let mut usage = quota.lock();
        if let Err(error) = rename() {
            return (Some(self), Err(error));
        }
        usage.unfinished = usage.unfinished.saturating_sub(self.bytes);
        usage.stored = usage.stored.saturating_sub(replaced).saturating_add(self.bytes);
        self.bytes = 0;
        (None, Ok(()))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            let mut usage = self.quota.lock();
            usage.unfinished = usage.unfinished.saturating_sub(self.bytes);
        }
    }
}

impl Usage {
    fn count(&mut self, directory: &OwnedFd) -> io::Result<()> {
        self.stored = count(directory.as_fd(), 0)?;
        self.counted = Some(Instant::now());
        Ok(())
    }

    fn count_for_refusal(&mut self, directory: &OwnedFd) -> io::Result<()> {
        if self.counted.is_some_and(|counted| counted.elapsed() < FRESH_FOR_REFUSAL) {
            return Ok(());
        }
        self.count(directory)
    }
}

/// How long a count is trusted when a write begins: other processes may change the directory too.
const FRESH: Duration = Duration::from_secs(60);

/// How long a count is trusted when it would refuse a write.
const FRESH_FOR_REFUSAL: Duration = Duration::from_secs(1);

/// The bytes of a file as they count against a quota: only regular files do.
pub(super) fn counted_size(stat: &Stat) -> u64 {
    if FileType::from_raw_mode(stat.st_mode).is_file() { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}

/// The bytes of all files below a directory. Files that vanish during the count, and directories that cannot be read, count as 0.
fn count(directory: BorrowedFd<'_>, depth: usize) -> io::Result<u64> {
    // Deeper than any path that is written; each level keeps a descriptor open.
    const DEEPEST: usize = 128;
    let mut bytes = 0_u64;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") || is_temp_file_name(name.to_bytes()) {
            continue;
        }
        let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        bytes = bytes.saturating_add(counted_size(&stat));
        if FileType::from_raw_mode(stat.st_mode).is_dir() && depth < DEEPEST {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            if let Ok(below) = rustix::fs::openat(directory, name, flags, Mode::empty()) {
                bytes = bytes.saturating_add(count(below.as_fd(), depth + 1)?);
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn stored_and_unfinished_files_count_together() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(directory.path().join("sub/a"), [0; 40]).unwrap();
        fs::write(directory.path().join(".hearken-0123456789abcdef"), [0; 900]).unwrap();
        std::os::unix::fs::symlink("sub/a", directory.path().join("link")).unwrap();
        let opened: OwnedFd = fs::File::open(directory.path()).unwrap().into();
        let quota = Arc::new(Quota::new(100));

        assert!(quota.begin(&opened, 61, 0).is_err());
        let mut first = quota.begin(&opened, 60, 0).unwrap();
        first.grow(&opened, 30).unwrap();
        let mut second = quota.begin(&opened, 0, 0).unwrap();
        second.grow(&opened, 30).unwrap();
        assert!(matches!(second.grow(&opened, 1), Err(StoreError::MaxTotal(100))));
        assert_eq!(quota.room(&opened).unwrap(), 0);
        drop(first);
        second.grow(&opened, 30).unwrap();
        second.settle(0, || Ok::<_, StoreError>(())).1.unwrap();
        assert!(quota.begin(&opened, 1, 0).is_err());

        let mut replacing = quota.begin(&opened, 40, 40).unwrap();
        replacing.grow(&opened, 40).unwrap();
        assert!(replacing.grow(&opened, 1).is_err());
        let (kept, result) = replacing.settle(40, || Err(io::Error::other("failed")));
        assert!(kept.is_some() && result.is_err());
        drop(kept);
        quota.removed(60);
        quota.begin(&opened, 60, 0).unwrap();
    }

    #[test]
    fn a_file_removed_by_another_process_makes_room() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), [0; 100]).unwrap();
        let opened: OwnedFd = fs::File::open(directory.path()).unwrap().into();
        let quota = Arc::new(Quota::new(100));
        assert!(quota.begin(&opened, 1, 0).is_err());
        fs::remove_file(directory.path().join("a")).unwrap();
        quota.lock().counted = Instant::now().checked_sub(FRESH_FOR_REFUSAL);
        assert!(quota.begin(&opened, 100, 0).is_ok());
    }
}
