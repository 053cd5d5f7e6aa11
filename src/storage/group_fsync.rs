//! Group fsync: threads that wait for the same directory share one fsync.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::directory_id::DirectoryId;
use super::disk::Disk;
use crate::lock::lock;

/// The fsyncs of directories that are running or waited for.
///
/// An fsync covers the changes made before it began. A thread that arrives while one is running waits for the next, which all
/// waiting threads share: under load one fsync covers all changes that arrived while the one before it ran.
#[derive(Default)]
pub(super) struct GroupFsync {
    groups: Mutex<HashMap<DirectoryId, Arc<Group>>>,
}

#[derive(Default)]
struct Group {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// How many fsyncs have begun, and how many have ended.
    begun: u64,
    ended: u64,
    /// The latest failures while threads wait for them: number of the fsync, error number, kind.
    failures: Vec<(u64, Option<i32>, io::ErrorKind)>,
    waiting: usize,
}

impl GroupFsync {
    /// Returns once every change made in the directory before the call is on the disk.
    pub(super) fn sync(&self, disk: &dyn Disk, directory: &impl AsFd) -> io::Result<()> {
        let id = DirectoryId::of(directory)?;
        let group = Arc::clone(lock(&self.groups).entry(id).or_default());
        let result = group.sync(|| disk.sync_directory(directory.as_fd()));
        let mut groups = lock(&self.groups);
        // Only the map and this thread hold it, and while the map is locked no other thread can take it.
        if Arc::strong_count(&group) == 2 {
            groups.remove(&id);
        }
        result
    }
}

impl Group {
    fn sync(&self, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut progress = lock(&self.progress);
        let needed = progress.begun + 1;
        progress.waiting += 1;
        while progress.begun != progress.ended && progress.ended < needed {
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        let result = if progress.ended >= needed {
            progress.outcome(needed)
        } else {
            // No fsync is running, and the one that covers our change has not begun: this thread runs it for all that wait.
            progress.begun = needed;
            drop(progress);
            let result = run();
            progress = lock(&self.progress);
            progress.ended = needed;
            if let Err(error) = &result {
                progress.failures.push((needed, error.raw_os_error(), error.kind()));
            }
            self.changed.notify_all();
            result
        };
        progress.waiting -= 1;
        if progress.waiting == 0 {
            progress.failures.clear();
        }
        result
    }
}

impl Progress {
    /// The outcome of the fsync of this number.
    fn outcome(&self, number: u64) -> io::Result<()> {
        match self.failures.iter().rev().find(|(failed, ..)| *failed == number) {
            None => Ok(()),
            Some((_, Some(code), _)) => Err(io::Error::from_raw_os_error(*code)),
            Some((_, None, kind)) => Err((*kind).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A disk on which each fsync waits for the test to give its result.
    struct SlowDisk {
        begun: AtomicUsize,
        results: Mutex<mpsc::Receiver<io::Result<()>>>,
    }

    impl Disk for SlowDisk {
        fn sync_directory(&self, _: BorrowedFd<'_>) -> io::Result<()> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            lock(&self.results).recv().unwrap()
        }
    }

    #[test]
    fn waiting_threads_share_the_next_fsync_and_its_outcome() {
        let directory = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(directory.path()).unwrap();
        let (finish, results) = mpsc::channel();
        let disk = SlowDisk { begun: AtomicUsize::new(0), results: Mutex::new(results) };
        let group_fsync = GroupFsync::default();
        let id = DirectoryId::of(&opened).unwrap();
        let waiting = || lock(&group_fsync.groups).get(&id).map_or(0, |group| lock(&group.progress).waiting);
        thread::scope(|scope| {
            let first = scope.spawn(|| group_fsync.sync(&disk, &opened));
            while disk.begun.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let others: Vec<_> = (0..8).map(|_| scope.spawn(|| group_fsync.sync(&disk, &opened))).collect();
            while waiting() < 9 {
                thread::yield_now();
            }
            assert_eq!(disk.begun.load(Ordering::SeqCst), 1, "a later change is not covered by the first");
            finish.send(Ok(())).unwrap();
            finish.send(Err(io::Error::from_raw_os_error(5))).unwrap();
            assert!(first.join().unwrap().is_ok());
            for other in others {
                assert_eq!(other.join().unwrap().unwrap_err().raw_os_error(), Some(5));
            }
        });
        assert_eq!(disk.begun.load(Ordering::SeqCst), 2);
        finish.send(Ok(())).unwrap();
        assert!(group_fsync.sync(&disk, &opened).is_ok(), "a failure is not remembered");
        assert!(lock(&group_fsync.groups).is_empty());
    }
}
