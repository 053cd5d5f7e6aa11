//! What the connections of a server share with its threads.

use std::sync::Arc;

use super::clock::Clock;
use super::notifier::Notifier;
use super::poller::Poller;
use super::stop_signal::StopSignal;
use super::throttled_log::ThrottledLog;
use super::watchdog_signal::WatchdogSignal;
use super::worker_pool::WorkerPool;
use crate::config::Settings;
use crate::http::request_head::HeadLimits;
use crate::reason::reason;
use crate::semaphore::{Permit, Semaphore};

/// The bottom of what the threads of a server share: everything that a connection needs.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) head_limits: HeadLimits,
    pub(super) clock: Clock,
    pub(super) poller: Poller,
    /// Wakes a worker when a connection was accepted, or when the workers must end.
    pub(super) notifier: Arc<Notifier>,
    pub(super) workers: WorkerPool,
    /// One permit for each response whose body the program makes while it is sent.
    pub(super) streams: Semaphore,
    pub(super) watchdog: WatchdogSignal,
    pub(super) stop: Arc<StopSignal>,
    /// Readable from when the server begins to stop, for threads that wait for descriptors.
    pub(super) stop_notifier: Notifier,
    pub(super) throttled_log: ThrottledLog,
}

impl Shared {
    /// Runs `wait`, which may take long because of a peer, while another worker takes the place of this one.
    pub(super) fn blocking<T>(&self, wait: impl FnOnce() -> T) -> T {
        if !WorkerPool::is_worker() {
            return wait();
        }
        let inside = self.workers.leave_handler();
        if self.workers.block() {
            self.add_worker();
        }
        let result = wait();
        self.workers.unblock();
        if inside {
            WorkerPool::enter_handler();
        }
        result
    }

    /// A permit for a response whose body the program makes while it is sent. `None` if there are as many as may be, or if no worker
    /// would be left for other requests, because the system starts no more threads.
    pub(super) fn begin_stream(&self) -> Option<Permit<'_>> {
        let permit = self.streams.try_acquire()?;
        match self.workers.ensure_more_than(self.streams.held()) {
            Ok(()) => Some(permit),
            Err(error) => {
                self.throttled_log.error(&format!("cannot start a thread: {}", reason(&error)));
                None
            }
        }
    }

    /// Adds a worker if fewer are active than are wanted.
    pub(super) fn add_worker(&self) {
        if let Err(error) = self.workers.add() {
            // The watchdog tries again.
            self.watchdog.watch_handlers();
            self.throttled_log.error(&format!("cannot start a thread: {}", reason(&error)));
        }
    }
}
