//! How other threads reach the watchdog.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock::lock;

/// Wakes the watchdog.
#[derive(Default)]
pub(super) struct WatchdogSignal {
    /// Whether something has changed since the watchdog last checked.
    changed: Mutex<bool>,
    wake: Condvar,
    /// Whether it checks the handlers from time to time, because all workers were busy recently.
    watching: AtomicBool,
    ended: AtomicBool,
}

impl WatchdogSignal {
    /// Has the watchdog check the handlers for as long as all workers are busy.
    pub(super) fn watch_handlers(&self) {
        if !self.watching.load(Ordering::SeqCst) && !self.watching.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Tells the watchdog that there is a deadline earlier than those it knows.
    pub(super) fn look_earlier(&self) {
        self.wake();
    }

    /// Ends the watchdog.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        *lock(&self.changed) = true;
        self.wake.notify_all();
    }

    /// Waits until something has changed, or for this long at most.
    pub(super) fn wait(&self, limit: Option<Duration>) {
        let changed = lock(&self.changed);
        let mut changed = match limit {
            None => self.wake.wait_while(changed, |changed| !*changed).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let result = self.wake.wait_timeout_while(changed, limit, |changed| !*changed);
                result.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *changed = false;
    }

    /// Whether the watchdog checks the handlers.
    pub(super) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::SeqCst)
    }

    /// Sets whether the watchdog checks the handlers, without waking it.
    pub(super) fn set_watching(&self, watching: bool) {
        self.watching.store(watching, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}
