//! A counting semaphore: bounds how many threads do expensive work at the same time, and how many wait for their turn.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::lock::lock;

/// A counting semaphore with a bounded number of waiting threads.
pub(crate) struct Semaphore {
    counts: Mutex<Counts>,
    released: Condvar,
    permits: usize,
}

struct Counts {
    held: usize,
    waiting: usize,
}

/// A permit, released when dropped.
pub(crate) struct Permit<'a>(&'a Semaphore);

/// Too many threads already wait for a permit.
#[derive(Debug)]
pub(crate) struct Crowded;

impl Semaphore {
    /// Makes a semaphore with this many permits.
    pub(crate) const fn new(permits: usize) -> Self {
        let counts = Mutex::new(Counts { held: 0, waiting: 0 });
        Self { counts, released: Condvar::new(), permits }
    }

    /// How many permits are held.
    pub(crate) fn held(&self) -> usize {
        self.lock().held
    }

    /// Takes a permit if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut counts = self.lock();
        if counts.held >= self.permits {
            return None;
        }
        counts.held += 1;
        Some(Permit(self))
    }

    /// Takes a permit; waits for a free one unless `most_waiting` threads already wait. A waiting thread is a worker that
    /// holds a connection and can do nothing else.
    pub(crate) fn acquire(&self, most_waiting: usize) -> Result<Permit<'_>, Crowded> {
        let mut counts = self.lock();
        if counts.held >= self.permits {
            if counts.waiting >= most_waiting {
                return Err(Crowded);
            }
            counts.waiting += 1;
            while counts.held >= self.permits {
                counts = self.released.wait(counts).unwrap_or_else(PoisonError::into_inner);
            }
            counts.waiting -= 1;
        }
        counts.held += 1;
        Ok(Permit(self))
    }

    /// Takes a permit after all threads that already wait for one, however many these are: for a thread that gives its permit back
    /// and soon wants it again. `acquire` would give it the permit before a waiting thread wakes up.
    pub(crate) fn queue(&self) -> Permit<'_> {
        let mut counts = self.lock();
        // One of those that wait has been woken already, or will be by a thread that holds a permit, and its own permit wakes another.
        let mut must_wait = counts.waiting > 0;
        counts.waiting += 1;
        while must_wait || counts.held >= self.permits {
            counts = self.released.wait(counts).unwrap_or_else(PoisonError::into_inner);
            must_wait = false;
        }
        counts.waiting -= 1;
        counts.held += 1;
        Permit(self)
    }

    /// The number of waiting threads.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
        self.0.released.notify_one();
    }
}

/// The number of processors that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn at_most_as_many_permits_are_held_as_there_are() {
        let semaphore = Semaphore::new(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _permit = semaphore.acquire(100).unwrap();
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        let counts = semaphore.lock();
        assert_eq!((counts.held, counts.waiting), (0, 0));
    }

    #[test]
    fn no_thread_waits_when_too_many_already_do() {
        let semaphore = Semaphore::new(1);
        let first = semaphore.acquire(1).unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| semaphore.acquire(1).map(drop));
            while semaphore.waiting() == 0 {
                thread::yield_now();
            }
            assert!(semaphore.acquire(1).is_err());
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
        assert!(semaphore.acquire(1).is_ok());
    }

    #[test]
    fn a_thread_that_queues_comes_after_those_that_wait() {
        let semaphore = Semaphore::new(1);
        for _ in 0..100 {
            let turns = AtomicUsize::new(0);
            let first = semaphore.queue();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let _permit = semaphore.acquire(1).unwrap();
                    turns.fetch_add(1, Ordering::SeqCst);
                });
                while semaphore.waiting() == 0 {
                    thread::yield_now();
                }
                drop(first);
                let _permit = semaphore.queue();
                assert_eq!(turns.load(Ordering::SeqCst), 1);
            });
        }
        let counts = semaphore.lock();
        assert_eq!((counts.held, counts.waiting), (0, 0));
    }
}
