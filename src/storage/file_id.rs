//! The identity and state of a file: tells it from every other file, and from itself before and after a change.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// Device and inode say which file it is. Size, modification time and status change time say in which state it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds since 1970, and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileId {
    /// How long a file must have been unchanged before its id is trusted. A change within the same tick of the file system's
    /// clock could otherwise leave the id unchanged.
    pub(crate) const SETTLED: Duration = Duration::from_secs(2);

    /// Reads the id from a file's status.
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_fallible_conversions,
        reason = "the types differ between systems"
    )]
    pub(crate) fn of(status: &Stat) -> Self {
        let nanoseconds = |number| i64::try_from(number).unwrap_or(0);
        Self {
            device: u64::try_from(status.st_dev).unwrap_or(0),
            inode: status.st_ino,
            size: u64::try_from(status.st_size).unwrap_or(0),
            modified: (status.st_mtime, nanoseconds(status.st_mtime_nsec)),
            changed: (status.st_ctime, nanoseconds(status.st_ctime_nsec)),
        }
    }

    /// The id of an open file as it is now.
    pub(crate) fn of_open(file: &impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(file)?))
    }

    /// Whether both are the same file, even if it has changed in between.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// The file's size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The inode number.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// When the content was last changed. A time that the system's clock cannot express becomes 1970.
    pub(crate) fn modified(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.modified;
        let since = Duration::from_secs(seconds.unsigned_abs());
        let whole = if seconds < 0 { UNIX_EPOCH.checked_sub(since) } else { UNIX_EPOCH.checked_add(since) };
        let nanoseconds = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
        whole.and_then(|whole| whole.checked_add(nanoseconds)).unwrap_or(UNIX_EPOCH)
    }

    /// Whether the file system keeps modification times to the second only, as far as this one shows.
    pub(crate) fn has_whole_seconds(&self) -> bool {
        self.modified.1 == 0
    }

    /// Whether the file was last changed at least [`FileId::SETTLED`] before `now`, so that any later change shows in the id.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let settled = now.checked_sub(Self::SETTLED).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let settled = settled.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0);
        self.modified.0 < settled && self.changed.0 < settled
    }

    /// Whether this file was modified before the other one. Some programs copy the time of another file to the second only, so
    /// a time without nanoseconds is compared by its seconds.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        if self.has_whole_seconds() { self.modified.0 < other.modified.0 } else { self.modified < other.modified }
    }

    /// A file that was last changed at this time.
    #[cfg(test)]
    pub(crate) fn with_time(seconds: i64, nanoseconds: i64) -> Self {
        let modified = (seconds, nanoseconds);
        Self { device: 0, inode: 0, size: 0, modified, changed: modified }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn an_id_changes_with_the_file_and_stays_with_the_inode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "1").unwrap();
        let id = || FileId::of(&rustix::fs::stat(&path).unwrap());
        let first = id();
        assert_eq!(id(), first, "nothing was changed");
        assert_eq!(FileId::of_open(&File::open(&path).unwrap()).unwrap(), first, "by descriptor as by path");
        assert_eq!((first.size(), first.modified()), (1, fs::metadata(&path).unwrap().modified().unwrap()));

        fs::write(&path, "22").unwrap();
        assert!(id() != first && id().is_same_file(&first), "written in place");
        File::open(&path).unwrap().set_modified(UNIX_EPOCH - Duration::new(5, 500_000_000)).unwrap();
        assert_eq!(id().modified(), UNIX_EPOCH - Duration::new(5, 500_000_000), "before 1970");
        fs::write(directory.path().join("new"), "1").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert!(!id().is_same_file(&first), "replaced");
    }

    #[test]
    fn a_file_is_settled_once_its_second_is_over() {
        let id = FileId::with_time(100, 5);
        let table = [(100, false), (102, false), (103, true), (1000, true), (0, false)];
        for (now, expected) in table {
            assert_eq!(id.is_settled(UNIX_EPOCH + Duration::from_secs(now)), expected, "at {now}");
        }
        let (modified, changed) = (FileId { changed: (0, 0), ..id }, FileId { modified: (0, 0), ..id });
        for (id, what) in [(modified, "content"), (changed, "status")] {
            assert!(!id.is_settled(UNIX_EPOCH + Duration::from_secs(102)), "the {what} has just changed");
        }
        assert!(FileId::with_time(-5, 0).is_settled(UNIX_EPOCH + Duration::from_secs(100)), "before 1970");
    }

    #[test]
    fn ages_compare_to_the_second_where_nanoseconds_are_missing() {
        let table = [
            ((5, 1), (5, 2), true, "a nanosecond older"),
            ((5, 2), (5, 1), false, "newer"),
            ((5, 1), (5, 1), false, "of the same age"),
            ((5, 0), (5, 9), false, "copied to the second"),
            ((4, 0), (5, 9), true, "a second older"),
        ];
        for (one, other, expected, why) in table {
            let [one, other] = [one, other].map(|(seconds, nanoseconds)| FileId::with_time(seconds, nanoseconds));
            assert_eq!(one.is_older_than(&other), expected, "{why}");
        }
    }
}
