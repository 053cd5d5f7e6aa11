//! Lets a few at a time do what takes much computing, a few more wait for it, and sends the rest away.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A gate before something costly.
pub(crate) struct Gate {
    state: Mutex<State>,
    left: Condvar,
    most_inside: usize,
}

struct State {
    inside: usize,
    waiting: usize,
}

/// Leaves the gate when dropped.
pub(crate) struct Inside<'a>(&'a Gate);

/// Too many are waiting.
#[derive(Debug)]
pub(crate) struct Crowded;

impl Gate {
    /// A gate for so many at a time.
    pub(crate) const fn new(most_inside: usize) -> Self {
        let state = Mutex::new(State { inside: 0, waiting: 0 });
        Self { state, left: Condvar::new(), most_inside }
    }

    /// Goes inside if there is room.
    pub(crate) fn try_enter(&self) -> Option<Inside<'_>> {
        let mut state = self.lock();
        if state.inside >= self.most_inside {
            return None;
        }
        state.inside += 1;
        Some(Inside(self))
    }

    /// Goes inside, after waiting for as long as there is no room, unless so many others wait already. Each of those is a
    /// connection that does nothing else meanwhile.
    pub(crate) fn enter(&self, most_waiting: usize) -> Result<Inside<'_>, Crowded> {
        let mut state = self.lock();
        if state.inside >= self.most_inside {
            if state.waiting >= most_waiting {
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

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
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

/// How many processors there are.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_are_inside_than_may_be_and_all_who_wait_get_in() {
        let gate = Gate::new(2);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _inside = gate.enter(100).unwrap();
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
        let gate = Gate::new(1);
        let first = gate.enter(1).unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| gate.enter(1).map(drop));
            while gate.waiting() == 0 {
                thread::yield_now();
            }
            assert!(gate.enter(1).is_err());
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
        assert!(gate.enter(1).is_ok());
    }
}
