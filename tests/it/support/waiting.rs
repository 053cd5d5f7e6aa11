//! Waiting for a condition, which fails where it would hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
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

/// The result of a call that may block for ever, made on a thread of its own. Fails when it does not return in time.
#[track_caller]
pub(crate) fn returns<T: Send + 'static>(what: &str, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(call()));
    match result.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what}: the call panicked"),
    }
}

/// A place where handlers stop until the test lets them go on.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(AtomicUsize, AtomicBool)>);

impl Gate {
    /// Called by a handler: waits until the gate is open.
    pub(crate) fn pass(&self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        until("the test to open the gate", || self.0.1.load(Ordering::SeqCst).then_some(()));
    }

    /// Waits until this many handlers have come to the gate.
    #[track_caller]
    pub(crate) fn wait_for(&self, handlers: usize) {
        until("the handlers to be called", || (self.0.0.load(Ordering::SeqCst) >= handlers).then_some(()));
    }

    pub(crate) fn open(&self) {
        self.0.1.store(true, Ordering::SeqCst);
    }
}

/// Sets a flag when it is dropped, so that threads which run until then also end when the test fails.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
