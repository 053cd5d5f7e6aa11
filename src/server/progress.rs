//! What other threads can see of a connection while a worker has it. Pure: moments are arguments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::pace::Waiting;

/// How far a connection has got. Its worker writes it, other threads read it.
#[derive(Debug)]
pub(super) struct Progress {
    /// Whether a request is being answered.
    answering: AtomicBool,
    /// Since when its worker waits for the peer, in milliseconds of the clock; `NEVER` if it has not waited in this transfer,
    /// `NOT_NOW` while it does not wait.
    waiting_since: AtomicU64,
    /// How many milliseconds the peer had kept the transfer waiting before that, and how many bytes it moved in that time.
    waited: AtomicU64,
    moved: AtomicU64,
    /// Since when the response waits for content that is still to come, in milliseconds of the clock; `NEVER` if it does not.
    pending_since: AtomicU64,
    /// Whether the connection was cut off, which its worker may not have noticed yet.
    cut: AtomicBool,
}

const NEVER: u64 = u64::MAX;
const NOT_NOW: u64 = u64::MAX - 1;

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            answering: AtomicBool::new(false),
            waiting_since: AtomicU64::new(NEVER),
            waited: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            pending_since: AtomicU64::new(NEVER),
            cut: AtomicBool::new(false),
        }
    }

    pub(super) fn begin_exchange(&self) {
        self.answering.store(true, Ordering::SeqCst);
    }

    pub(super) fn end_exchange(&self) {
        self.answering.store(false, Ordering::SeqCst);
        self.pending_since.store(NEVER, Ordering::Relaxed);
        self.end_transfer();
    }

    /// Notes that the response waits for content that is still to come, from a handler or from the sender of its body.
    pub(super) fn note_pending(&self, now: u64) {
        let _ = self.pending_since.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Since when the response waits for content, if it does and the connection is not cut off.
    pub(super) fn pending_since(&self) -> Option<u64> {
        let since = self.pending_since.load(Ordering::Relaxed);
        (since != NEVER && !self.is_cut()).then_some(since)
    }

    /// Notes that a body was read, or a response written, to its end.
    pub(super) fn end_transfer(&self) {
        self.waiting_since.store(NEVER, Ordering::Release);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::SeqCst)
    }

    /// Notes that the connection is cut off. Returns whether it was before.
    pub(super) fn cut(&self) -> bool {
        self.cut.swap(true, Ordering::SeqCst)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Notes that the worker begins to wait for the peer, and how far the transfer has got.
    pub(super) fn begin_wait(&self, now: u64, so_far: Waiting) {
        self.waited.store(so_far.waited, Ordering::Relaxed);
        self.moved.store(so_far.moved, Ordering::Relaxed);
        self.waiting_since.store(now, Ordering::Release);
    }

    pub(super) fn end_wait(&self, so_far: Waiting) {
        self.waited.store(so_far.waited, Ordering::Relaxed);
        self.moved.store(so_far.moved, Ordering::Relaxed);
        self.waiting_since.store(NOT_NOW, Ordering::Release);
    }

    /// How the transfer fares; `None` if it has not waited for the peer, or the connection is cut off.
    pub(super) fn waiting(&self, now: u64) -> Option<Waiting> {
        let since = if self.is_cut() { NEVER } else { self.waiting_since.load(Ordering::Acquire) };
        let (waited, moved) = (self.waited.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed));
        match since {
            NEVER => None,
            NOT_NOW => Some(Waiting { waited, moved }),
            since => Some(Waiting { waited: waited.saturating_add(now.saturating_sub(since)), moved }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_peer_is_waited_for_adds_up() {
        let progress = Progress::new();
        assert_eq!(progress.waiting(5), None);
        progress.begin_wait(10, Waiting { waited: 100, moved: 7 });
        assert_eq!(progress.waiting(10), Some(Waiting { waited: 100, moved: 7 }));
        assert_eq!(progress.waiting(25), Some(Waiting { waited: 115, moved: 7 }));
        progress.end_wait(Waiting { waited: 120, moved: 9 });
        assert_eq!(progress.waiting(99), Some(Waiting { waited: 120, moved: 9 }));
        progress.end_transfer();
        assert_eq!(progress.waiting(99), None);
        progress.begin_wait(40, Waiting { waited: 0, moved: 0 });
        progress.note_pending(45);
        progress.note_pending(46);
        assert_eq!(progress.pending_since(), Some(45), "from the first time on");
        assert!(!progress.cut() && progress.cut());
        assert_eq!((progress.waiting(50), progress.pending_since()), (None, None));
    }
}
