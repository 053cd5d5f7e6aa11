//! Bringing directories to the disk, those who wait for the same directory together.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::disk::{DirectoryId, Disk, id};

/// The group_fsync of directories that are being made or waited for.
///
/// A sync holds what was changed before it began. So whoever comes while one is running waits for the next, and all who wait
/// share that one: under load a sync brings home as many changes as came while the one before it ran.
#[derive(Default)]
pub(super) struct GroupFsync {
    groups: Mutex<HashMap<DirectoryId, Arc<Group>>>,
}

#[derive(Default)]
struct Group {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many group_fsync have begun, and how many have ended.
    begun: u64,
    ended: u64,
    /// The system's number of the error of the last group_fsync that failed, by their number, while somebody waits for it.
    failures: Vec<(u64, Option<i32>, io::ErrorKind)>,
    waiting: usize,
}

impl GroupFsync {
    /// Returns when all that was changed in the directory before the call is on the disk.
    pub(super) fn sync(&self, disk: &dyn Disk, directory: &impl AsFd) -> io::Result<()> {
        let id = id(directory)?;
        let group = Arc::clone(lock(&self.groups).entry(id).or_default());
        let result = group.sync(|| disk.sync_directory(directory.as_fd()));
        let mut groups = lock(&self.groups);
        // Nobody else can come to it while the map is locked: the map's and ours are the only ones.
        if Arc::strong_count(&group) == 2 {
            groups.remove(&id);
        }
        result
    }
}

impl Group {
    fn sync(&self, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = lock(&self.state);
        let needed = state.begun + 1;
        state.waiting += 1;
        while state.begun != state.ended && state.ended < needed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let result = if state.ended >= needed {
            state.outcome(needed)
        } else {
            // None is running, and the one that is needed has not been: this thread makes it, for all who wait.
            state.begun = needed;
            drop(state);
            let result = run();
            state = lock(&self.state);
            state.ended = needed;
            if let Err(error) = &result {
                state.failures.push((needed, error.raw_os_error(), error.kind()));
            }
            self.changed.notify_all();
            result
        };
        state.waiting -= 1;
        if state.waiting == 0 {
            state.failures.clear();
        }
        result
    }
}

impl State {
    /// How the sync of this number went, or a later one, which holds what it held.
    fn outcome(&self, number: u64) -> io::Result<()> {
        match self.failures.iter().rev().find(|(failed, ..)| *failed == number) {
            None => Ok(()),
            Some((_, Some(code), _)) => Err(io::Error::from_raw_os_error(*code)),
            Some((_, None, kind)) => Err((*kind).into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A disk whose group_fsync wait until they are let go on, one after the other, and fail or not as they are told.
    struct SlowDisk {
        begun: AtomicUsize,
        go_on: Mutex<mpsc::Receiver<io::Result<()>>>,
    }

    impl Disk for SlowDisk {
        fn sync_directory(&self, _: BorrowedFd<'_>) -> io::Result<()> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            lock(&self.go_on).recv().unwrap()
        }
    }

    #[test]
    fn those_who_wait_share_the_next_sync_and_its_outcome() {
        let directory = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(directory.path()).unwrap();
        let (let_go, go_on) = mpsc::channel();
        let disk = SlowDisk { begun: AtomicUsize::new(0), go_on: Mutex::new(go_on) };
        let group_fsync = GroupFsync::default();
        let id = id(&opened).unwrap();
        let waiting = || lock(&group_fsync.groups).get(&id).map_or(0, |group| lock(&group.state).waiting);
        thread::scope(|scope| {
            let first = scope.spawn(|| group_fsync.sync(&disk, &opened));
            while disk.begun.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let others: Vec<_> = (0..8).map(|_| scope.spawn(|| group_fsync.sync(&disk, &opened))).collect();
            while waiting() < 9 {
                thread::yield_now();
            }
            assert_eq!(disk.begun.load(Ordering::SeqCst), 1, "what came later is not in the first");
            let_go.send(Ok(())).unwrap();
            let_go.send(Err(io::Error::from_raw_os_error(5))).unwrap();
            assert!(first.join().unwrap().is_ok());
            for other in others {
                assert_eq!(other.join().unwrap().unwrap_err().raw_os_error(), Some(5));
            }
        });
        assert_eq!(disk.begun.load(Ordering::SeqCst), 2);
        let_go.send(Ok(())).unwrap();
        assert!(group_fsync.sync(&disk, &opened).is_ok(), "a failure is not remembered");
        assert!(lock(&group_fsync.groups).is_empty());
    }
}
