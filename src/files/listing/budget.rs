//! How much memory all listings together may use for their entries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// The bytes that the listings which share this may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    limits: Limits,
}

/// The limits of a budget. Early listings get much, and leave enough for later ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What every listing may hold, whatever the others do.
    pub(crate) least: usize,
    /// What a listing may hold while all listings together hold no more than `all`.
    pub(crate) window: usize,
    pub(crate) all: usize,
    /// A listing may hold half of what the others leave of this.
    pub(crate) ample: usize,
}

/// The bytes that one listing holds, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

/// One listing may hold about 300,000 entries. Whatever it holds, 64 others may have windows of about 5,000 entries each, and any
/// number beyond them windows of some hundreds.
const LIMITS: Limits = Limits { least: 32 << 10, window: 256 << 10, all: 48 << 20, ample: 32 << 20 };

impl Budget {
    /// The budget that all listings of this process share.
    pub(crate) fn of_process() -> Arc<Self> {
        static BUDGET: LazyLock<Arc<Budget>> = LazyLock::new(|| Budget::new(LIMITS));
        Arc::clone(&BUDGET)
    }

    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), limits })
    }

    /// A share of zero bytes.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Resizes the share to this many bytes; false if the budget does not allow it. Shrinking always succeeds.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let Limits { least, window, all, ample } = self.budget.limits;
        let allowed = |held: usize| {
            let others = held - self.bytes;
            let is_allowed = match bytes {
                bytes if bytes <= least.max(self.bytes) => true,
                bytes if bytes <= window => others + bytes <= all,
                bytes => bytes <= ample.saturating_sub(others) / 2,
            };
            is_allowed.then_some(others + bytes)
        };
        let is_done = self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, allowed).is_ok();
        if is_done {
            self.bytes = bytes;
        }
        is_done
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_bounded_by_what_others_hold() {
        let budget = Budget::new(Limits { least: 10, window: 100, all: 1000, ample: 600 });
        let mut first = budget.share();
        assert!(first.resize(300) && !first.resize(301), "half of what there is");
        let mut second = budget.share();
        assert!(second.resize(150) && !second.resize(151), "half of what is left");
        let mut others: Vec<_> = (0..8).map(|_| budget.share()).collect();
        for (share, expected) in others.iter_mut().zip([true, true, true, true, true, false, false, false]) {
            assert_eq!(share.resize(100), expected, "windows are for as many as fit");
        }
        assert!(!others[0].resize(101), "nothing is left of what is for large ones");
        assert!(others[5].resize(50));
        for share in &mut others[6..] {
            assert!(!share.resize(11) && share.resize(10), "every one gets the least");
        }
        assert_eq!(budget.held(), 1020);
        assert!(
            first.resize(120) && !first.resize(121),
            "shrinking always succeeds, and growing does only within the limits"
        );
        assert!(others[6].resize(100));
        drop((second, others));
        assert_eq!(budget.held(), 120);
        drop(first);
        assert_eq!(budget.held(), 0);
    }
}
