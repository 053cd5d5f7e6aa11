//! The part of a file system that writes leave free, and what running writes may still take of the rest.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::disk::{Disk, Space};
use super::error::StoreError;
use crate::lock::lock;

/// How many bytes of a file system stay free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MinFree {
    /// The lesser of 1 GiB and 5 % of the file system.
    #[default]
    Share,
    /// This many.
    Bytes(u64),
}

/// The free space of one store. A claim is granted only if it fits beside all others.
pub(super) struct FreeSpace {
    min_free: MinFree,
    /// What all claims together may still write.
    claimed: Mutex<u64>,
}

/// Room that the files of one request may take. What they have not taken is free for others again when the last copy of the claim
/// is dropped.
///
/// The claims of a store add up, whichever file systems they are for: only where other file systems are mounted below the directory
/// may there be more room than they are granted.
#[derive(Clone)]
pub(crate) struct Claim(Arc<Claimed>);

struct Claimed {
    space: Arc<FreeSpace>,
    /// What may still be written.
    left: AtomicU64,
    written: AtomicU64,
}

impl MinFree {
    /// How many bytes stay free on a file system of this size.
    pub(super) fn of(self, size: u64) -> u64 {
        match self {
            Self::Share => (size / 20).min(1 << 30),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Whether any number of bytes may be written, as far as the disk takes them.
    fn is_off(self) -> bool {
        self == Self::Bytes(0)
    }

    /// Checks that this many bytes more on the file system of an open file or directory leave enough free.
    ///
    /// # Errors
    ///
    /// [`StoreError::MinFree`] if they do not.
    pub(crate) fn check(self, disk: &dyn Disk, on: impl AsFd, bytes: u64) -> Result<(), StoreError> {
        if self.is_off() {
            return Ok(());
        }
        let Some(space) = disk.space(on.as_fd()) else { return Ok(()) };
        let kept = self.of(space.size);
        if bytes > room(space, kept, 0) { Err(StoreError::MinFree(kept)) } else { Ok(()) }
    }
}

impl FreeSpace {
    /// Keeps this much free.
    pub(super) fn new(min_free: MinFree) -> Self {
        Self { min_free, claimed: Mutex::default() }
    }

    /// How much stays free.
    pub(super) fn min_free(&self) -> MinFree {
        self.min_free
    }

    /// Claims room for files of this many bytes together, on the file system of this directory. If their size is not known, the
    /// claim grows with them.
    ///
    /// # Errors
    ///
    /// [`StoreError::MinFree`] if there is not so much room; for files of unknown size, if there is none.
    pub(super) fn claim(
        self: &Arc<Self>,
        disk: &dyn Disk,
        on: BorrowedFd<'_>,
        bytes: Option<u64>,
    ) -> Result<Claim, StoreError> {
        let claimed = Claimed { space: Arc::clone(self), left: AtomicU64::new(0), written: AtomicU64::new(0) };
        match bytes {
            Some(bytes) => claimed.extend(disk, on, bytes, bytes)?,
            None => claimed.extend(disk, on, 1, FIRST_STEP)?,
        }
        Ok(Claim(Arc::new(claimed)))
    }

    /// How many bytes a further file on the file system of this directory may have; `None` if that is not known.
    pub(super) fn room(&self, disk: &dyn Disk, on: BorrowedFd<'_>) -> Option<u64> {
        let space = disk.space(on)?;
        Some(room(space, self.min_free.of(space.size), *lock(&self.claimed)))
    }

    /// Grants `needed` bytes, and up to `wished` if there is room for them. Returns how many.
    fn grant(&self, disk: &dyn Disk, on: BorrowedFd<'_>, needed: u64, wished: u64) -> Result<u64, StoreError> {
        // Locked before the space is read: what others write meanwhile is then counted twice rather than not at all.
        let mut claimed = lock(&self.claimed);
        let (room, kept) = match disk.space(on) {
            Some(space) => {
                let kept = self.min_free.of(space.size);
                (room(space, kept, *claimed), kept)
            }
            None => (u64::MAX - *claimed, 0),
        };
        if needed > room {
            return Err(StoreError::MinFree(kept));
        }
        let granted = wished.min(room);
        *claimed += granted;
        Ok(granted)
    }

    fn give_back(&self, bytes: u64) {
        let mut claimed = lock(&self.claimed);
        *claimed = claimed.saturating_sub(bytes);
    }
}

impl Claim {
    /// Makes sure that a file on the file system of this open file may take this many bytes more.
    ///
    /// # Errors
    ///
    /// [`StoreError::MinFree`] if it may not.
    pub(super) fn prepare(&self, disk: &dyn Disk, on: impl AsFd, bytes: u64) -> Result<(), StoreError> {
        if self.0.space.min_free.is_off() {
            return Ok(());
        }
        match bytes.saturating_sub(self.0.left.load(Ordering::Relaxed)) {
            0 => Ok(()),
            missing => {
                let step = self.0.written.load(Ordering::Relaxed).clamp(FIRST_STEP, LAST_STEP);
                self.0.extend(disk, on.as_fd(), missing, missing.max(step))
            }
        }
    }

    /// Notes that this many bytes were written.
    pub(super) fn wrote(&self, bytes: u64) {
        if self.0.space.min_free.is_off() {
            return;
        }
        self.0.space.give_back(bytes);
        self.0.left.fetch_sub(bytes, Ordering::Relaxed);
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Checks that what is left of the claim also fits on the file system of another directory.
    pub(super) fn check(&self, disk: &dyn Disk, on: impl AsFd) -> Result<(), StoreError> {
        self.0.space.min_free.check(disk, on, self.0.left.load(Ordering::Relaxed))
    }
}

impl Claimed {
    fn extend(&self, disk: &dyn Disk, on: BorrowedFd<'_>, needed: u64, wished: u64) -> Result<(), StoreError> {
        if !self.space.min_free.is_off() {
            let granted = self.space.grant(disk, on, needed, wished)?;
            self.left.fetch_add(granted, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.space.give_back(*self.left.get_mut());
    }
}

/// How many bytes may still be written where this many are kept free and others have claimed these.
fn room(space: Space, kept: u64, claimed: u64) -> u64 {
    space.free.saturating_sub(kept).saturating_sub(claimed)
}

/// How much a file of unknown size claims first.
const FIRST_STEP: u64 = 64 * 1024;

/// How much it claims at a time when it has become large.
const LAST_STEP: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::thread;

    use super::*;
    use crate::storage::disk::SystemDisk;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    const GIB: u64 = 1024 * MIB;

    #[test]
    fn how_much_stays_free() {
        let table = [
            (MinFree::Share, 0, 0, "nothing of nothing"),
            (MinFree::Share, 100, 5, "5 %"),
            (MinFree::Share, 64 * MIB, 64 * MIB / 20, "5 % of a small disk"),
            (MinFree::Share, 20 * GIB, GIB, "both are the same"),
            (MinFree::Share, 20 * GIB - 20, GIB - 1, "5 % are less"),
            (MinFree::Share, u64::MAX, GIB, "1 GiB of a large disk"),
            (MinFree::Bytes(7), 100, 7, "as set"),
            (MinFree::Bytes(700), 100, 700, "more than there is"),
            (MinFree::Bytes(0), u64::MAX, 0, "nothing"),
        ];
        for (min_free, size, kept, why) in table {
            assert_eq!(min_free.of(size), kept, "{why}");
        }
    }

    #[test]
    fn how_much_may_be_written() {
        let table = [
            (100, 0, 0, 100, "all that is free"),
            (100, 10, 0, 90, "less what is kept"),
            (100, 10, 30, 60, "less what others have claimed"),
            (100, 10, 90, 0, "all is claimed"),
            (100, 10, 91, 0, "more is claimed than is free, because other programs write too"),
            (100, 101, 0, 0, "less is free than is kept"),
            (u64::MAX, 1, u64::MAX, 0, "a lying client has claimed everything"),
        ];
        for (free, kept, claimed, expected, why) in table {
            assert_eq!(room(Space { size: u64::MAX, free }, kept, claimed), expected, "{why}");
        }
    }

    /// A disk with this much free space, if it says so.
    struct Fake(Option<u64>, AtomicU64);

    impl Fake {
        fn with(free: u64) -> Self {
            Self(Some(free), AtomicU64::new(0))
        }
    }

    impl Disk for Fake {
        fn space(&self, _: BorrowedFd<'_>) -> Option<Space> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.map(|free| Space { size: u64::MAX, free })
        }
    }

    fn here() -> File {
        File::open(".").unwrap()
    }

    fn keeping(bytes: u64) -> Arc<FreeSpace> {
        Arc::new(FreeSpace::new(MinFree::Bytes(bytes)))
    }

    #[test]
    fn room_is_granted_once() {
        let (disk, on, space) = (Fake::with(1000), here(), keeping(100));
        let first = space.claim(&disk, on.as_fd(), Some(600)).unwrap();
        assert!(matches!(space.claim(&disk, on.as_fd(), Some(301)), Err(StoreError::MinFree(100))));
        let second = space.claim(&disk, on.as_fd(), Some(300)).unwrap();
        assert!(matches!(space.claim(&disk, on.as_fd(), Some(1)), Err(StoreError::MinFree(100))));
        assert!(space.claim(&disk, on.as_fd(), None).is_err(), "not even a byte is left");
        assert!(space.claim(&disk, on.as_fd(), Some(0)).is_ok());
        assert_eq!(space.room(&disk, on.as_fd()), Some(0));
        // Written bytes are not free any more, and so are not counted again as claimed.
        first.prepare(&disk, &on, 600).unwrap();
        first.wrote(600);
        let disk = Fake::with(400);
        assert_eq!(space.room(&disk, on.as_fd()), Some(0));
        assert!(first.prepare(&disk, &on, 1).is_err(), "it may not have more than it announced");
        drop((first, second));
        assert_eq!((space.room(&disk, on.as_fd()), *lock(&space.claimed)), (Some(300), 0));
    }

    #[test]
    fn the_files_of_a_request_share_their_claim() {
        let (disk, on, space) = (Fake::with(1000), here(), keeping(1));
        let claim = space.claim(&disk, on.as_fd(), Some(900)).unwrap();
        let copy = claim.clone();
        copy.prepare(&disk, &on, 500).unwrap();
        copy.wrote(500);
        drop(copy);
        assert_eq!(*lock(&space.claimed), 400);
        assert_eq!(disk.1.load(Ordering::Relaxed), 1, "what was announced is looked up once");
        claim.prepare(&disk, &on, 400).unwrap();
    }

    #[test]
    fn a_file_of_unknown_size_claims_ever_larger_steps() {
        let (disk, on, space) = (Fake::with(GIB), here(), keeping(GIB / 2));
        let claim = space.claim(&disk, on.as_fd(), None).unwrap();
        assert_eq!(*lock(&space.claimed), FIRST_STEP);
        for _ in 0..512 * MIB / (64 * KIB) {
            claim.prepare(&disk, &on, 64 * KIB).unwrap();
            claim.wrote(64 * KIB);
            assert!(*lock(&space.claimed) <= LAST_STEP);
        }
        let lookups = disk.1.load(Ordering::Relaxed);
        assert!((128..140).contains(&lookups), "{lookups} lookups for 512 MiB");
    }

    #[test]
    fn near_the_end_only_what_is_needed_is_claimed() {
        let (disk, on, space) = (Fake::with(100), here(), keeping(10));
        let claim = space.claim(&disk, on.as_fd(), None).unwrap();
        assert_eq!(*lock(&space.claimed), 90);
        claim.prepare(&disk, &on, 90).unwrap();
        assert!(matches!(claim.prepare(&disk, &on, 91), Err(StoreError::MinFree(10))));
    }

    #[test]
    fn without_a_limit_or_knowledge_nothing_is_refused() {
        let on = here();
        let (disk, off) = (Fake::with(0), keeping(0));
        let claim = off.claim(&disk, on.as_fd(), Some(u64::MAX)).unwrap();
        claim.prepare(&disk, &on, u64::MAX).unwrap();
        claim.wrote(u64::MAX);
        assert_eq!(disk.1.load(Ordering::Relaxed), 0, "nobody asks the disk");

        let (disk, space) = (Fake(None, AtomicU64::new(0)), keeping(10));
        let claim = space.claim(&disk, on.as_fd(), Some(u64::MAX)).unwrap();
        assert_eq!(space.room(&disk, on.as_fd()), None);
        drop(claim);
        assert_eq!(*lock(&space.claimed), 0);
        assert!(MinFree::Share.check(&disk, &on, u64::MAX).is_ok());
    }

    #[test]
    fn claims_of_many_threads_never_exceed_the_room() {
        let (disk, on, space) = (Fake::with(1000), here(), keeping(1));
        let granted: usize = thread::scope(|scope| {
            let claims: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..50).filter_map(|_| space.claim(&disk, on.as_fd(), Some(7)).ok()).collect()))
                .collect();
            let claims: Vec<Vec<Claim>> = claims.into_iter().map(|thread| thread.join().unwrap()).collect();
            claims.iter().map(Vec::len).sum()
        });
        assert_eq!(granted, 999 / 7);
        assert_eq!(*lock(&space.claimed), 0);
    }

    #[test]
    fn the_system_says_what_is_free() {
        let space = SystemDisk.space(here().as_fd()).unwrap();
        assert!(space.free <= space.size && space.size > 0, "{space:?}");
        let proc = File::open("/proc").map(|proc| SystemDisk.space(proc.as_fd()));
        assert!(proc.map_or(true, |space| space.is_none()), "a file system without blocks does not say");
    }
}
