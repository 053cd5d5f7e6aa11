//! Lets a few at a time do what takes much computing, a few more wait for it, and sends the rest away.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A gate before something costly.
pub(super) struct Gate {
    state: Mutex<State>,
    left: Condvar,
    most_inside: usize,
    most_waiting: usize,
}

#[derive(Default)]
struct State {
    inside: usize,
    waiting: usize,
}

/// Leaves the gate when dropped.
pub(super) struct Inside<'a>(&'a Gate);

/// Too many are waiting.
#[derive(Debug)]
pub(super) struct Crowded;

/// The most that wait. Each is a connection that does nothing else meanwhile.
const MOST_WAITING: usize = 64;

impl Gate {
    /// A gate that leaves half of the processors, and at least all but one, to others.
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::with_limits((processors / 2).max(1), MOST_WAITING)
    }

    fn with_limits(most_inside: usize, most_waiting: usize) -> Self {
        Self { state: Mutex::default(), left: Condvar::new(), most_inside, most_waiting }
    }

    /// Goes inside, after waiting for as long as there is no room.
    pub(super) fn enter(&self) -> Result<Inside<'_>, Crowded> {
        let mut state = self.lock();
        if state.inside >= self.most_inside {
            if state.waiting >= self.most_waiting {
                return Err(Crowded);
            }
            state.waiting += 1;
            while state.inside >= self.most_inside {
                state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.waiting -= 1;
        }
        state.inside += 1;
        Ok(Inside(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.lock().inside -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_are_inside_than_may_be_and_all_who_wait_get_in() {
        let gate = Gate::with_limits(2, 100);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _inside = gate.enter().unwrap();
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        let state = gate.lock();
        assert_eq!((state.inside, state.waiting), (0, 0));
    }

    #[test]
    fn whoever_finds_too_many_waiting_is_sent_away() {
        let gate = Gate::with_limits(1, 1);
        let first = gate.enter().unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| gate.enter().map(drop));
            while gate.lock().waiting == 0 {
                thread::yield_now();
            }
            assert!(gate.enter().is_err());
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
        assert!(gate.enter().is_ok());
    }
}
