//! Whether a server is stopping, and until when its exchanges may run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Tells the threads of a server that it stops. It exists before the server does, and may outlive it: it holds no descriptor.
#[derive(Default)]
pub(super) struct StopSignal {
    /// When running exchanges are cut off; `None` before the server begins to stop.
    deadline: Mutex<Option<Instant>>,
    stopping: AtomicBool,
    changed: Condvar,
    /// Wakes the threads of the server that do not wait for `changed`; `None` before the server starts.
    wake: Mutex<Option<Wake>>,
}

type Wake = Arc<dyn Fn() + Send + Sync>;

/// Stands for a grace that is too long for an `Instant`.
const FAR_FUTURE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl StopSignal {
    /// Begins the stop. A later call can only shorten the grace.
    pub(super) fn begin(&self, grace: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(grace).unwrap_or(now + FAR_FUTURE);
        let mut current = lock(&self.deadline);
        *current = Some(current.map_or(deadline, |earlier| earlier.min(deadline)));
        self.stopping.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        drop(current);
        let wake = lock(&self.wake).clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Sets what the beginning of the stop calls, before the threads of the server start. If the stop has already begun, they see
    /// that before they wait.
    pub(super) fn wake_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        *lock(&self.wake) = Some(Arc::new(wake));
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
}
