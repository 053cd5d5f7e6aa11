//! What a connection lets others know of it while a worker has it. Moments are arguments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a connection has got. Its worker notes it, others look.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether a request is being answered.
    answering: AtomicBool,
    /// From when on its worker waits for the peer, in milliseconds of the registry; `NEVER` while it does not.
    waiting_since: AtomicU64,
    /// How long the peer had kept this transfer waiting before, in milliseconds, and how many bytes it moved meanwhile.
    waited: AtomicU64,
    moved: AtomicU64,
}

/// A transfer that waits for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// How long the peer has kept it waiting, in milliseconds.
    pub(super) waited: u64,
    /// How many bytes it has moved in that time.
    pub(super) moved: u64,
}

const NEVER: u64 = u64::MAX;

impl Progress {
    pub(super) fn new() -> Self {
        let progress = Self::default();
        progress.waiting_since.store(NEVER, Ordering::Relaxed);
        progress
    }

    pub(super) fn begin_answer(&self) {
        self.answering.store(true, Ordering::SeqCst);
    }

    pub(super) fn end_answer(&self) {
        self.answering.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::SeqCst)
    }

    /// Notes that the worker waits for the peer from now on, and how far the transfer has got.
    pub(super) fn begin_wait(&self, now: u64, so_far: Waiting) {
        self.waited.store(so_far.waited, Ordering::Relaxed);
        self.moved.store(so_far.moved, Ordering::Relaxed);
        self.waiting_since.store(now, Ordering::Release);
    }

    pub(super) fn end_wait(&self) {
        self.waiting_since.store(NEVER, Ordering::Release);
    }

    /// How far the transfer that waits for the peer has got; `None` where none does.
    pub(super) fn waiting(&self, now: u64) -> Option<Waiting> {
        let since = self.waiting_since.load(Ordering::Acquire);
        let (waited, moved) = (self.waited.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed));
        (since != NEVER).then(|| Waiting { waited: waited + now.saturating_sub(since), moved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_adds_up_while_it_lasts() {
        let progress = Progress::new();
        assert_eq!(progress.waiting(5), None);
        progress.begin_wait(10, Waiting { waited: 100, moved: 7 });
        assert_eq!(progress.waiting(10), Some(Waiting { waited: 100, moved: 7 }));
        assert_eq!(progress.waiting(25), Some(Waiting { waited: 115, moved: 7 }));
        progress.end_wait();
        assert_eq!(progress.waiting(30), None);
    }
}
