//! A check that is due once a second, shared by threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers in which second something was last checked.
pub(crate) struct OncePerSecond {
    checked: AtomicU64,
}

impl OncePerSecond {
    /// Counts the check as made in this second. Any clock of whole seconds will do, but always the same one.
    pub(crate) fn new(second: u64) -> Self {
        Self { checked: AtomicU64::new(second) }
    }

    /// Whether the check is due in this second. Only one of the threads that ask gets `true`.
    pub(crate) fn is_due(&self, second: u64) -> bool {
        // Writing on every call would take the cache line from the other processors.
        self.checked.load(Ordering::Relaxed) != second && self.checked.swap(second, Ordering::Relaxed) != second
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_check_is_due_once_in_each_second() {
        let check = OncePerSecond::new(5);
        let table = [(5, false), (6, true), (6, false), (9, true), (9, false), (8, true)];
        for (second, due) in table {
            assert_eq!(check.is_due(second), due, "in second {second}");
        }
    }

    #[test]
    fn one_of_several_threads_makes_the_check() {
        let check = OncePerSecond::new(0);
        for second in 1..100 {
            let due: usize = thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| usize::from(check.is_due(second)))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(due, 1);
        }
    }
}
