//! Whether a server is stopping, and until when its exchanges may run.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::notifier::Notifier;
use crate::lock::lock;

/// Tells the threads of a server that it stops.
pub(super) struct StopSignal {
    /// When running exchanges are cut off; `None` before the server begins to stop.
    deadline: Mutex<Option<Instant>>,
    stopping: AtomicBool,
    changed: Condvar,
    /// Readable from when the server begins to stop, for threads that wait for descriptors.
    notifier: Notifier,
}

/// Stands for a grace that is too long for an `Instant`.
const FAR_FUTURE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl StopSignal {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            deadline: Mutex::new(None),
            stopping: AtomicBool::new(false),
            changed: Condvar::new(),
            notifier: Notifier::new()?,
        })
    }

    /// Begins the stop. A later call can only shorten the grace.
    pub(super) fn begin(&self, grace: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(grace).unwrap_or(now + FAR_FUTURE);
        let mut current = lock(&self.deadline);
        *current = Some(current.map_or(deadline, |earlier| earlier.min(deadline)));
        self.stopping.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        drop(current);
        self.notifier.notify();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// When running exchanges are cut off.
    pub(super) fn deadline(&self) -> Instant {
        lock(&self.deadline).unwrap_or_else(Instant::now)
    }

    /// Waits until the server begins to stop.
    pub(super) fn wait(&self) {
        let deadline = lock(&self.deadline);
        drop(self.changed.wait_while(deadline, |deadline| deadline.is_none()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for this long, or until the server begins to stop.
    pub(super) fn wait_for(&self, time: Duration) {
        let deadline = lock(&self.deadline);
        let wait = self.changed.wait_timeout_while(deadline, time, |deadline| deadline.is_none());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// Becomes readable when the server begins to stop.
    pub(super) fn notifier(&self) -> &Notifier {
        &self.notifier
    }
}
