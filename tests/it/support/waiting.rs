//! Waiting for a condition, which fails where it would hang.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a slow machine; a test that waits for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Calls `check` until it returns something. Fails when it does not for too long.
#[track_caller]
pub(crate) fn until<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, check)
}

/// As [`until`], for what may take longer than usual.
#[track_caller]
pub(crate) fn until_within<T>(patience: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
