//! The watchdog's thread: it ends connections that wait for too long, and finds handlers that do not return, so that other
//! workers take the place of theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::context::Context;
use super::lock::lock;
use super::worker;

/// Wakes the watchdog.
#[derive(Default)]
pub(super) struct Watchdog {
    /// Whether something has changed since the watchdog looked.
    changed: Mutex<bool>,
    wake: Condvar,
    /// Whether it looks at the handlers now and again: all workers were busy lately.
    watching: AtomicBool,
    ended: AtomicBool,
}

/// How often it looks at the handlers while all workers are busy. One that is in the same handler at two looks is counted out.
const LOOK: Duration = Duration::from_millis(5);
/// It stops looking when a worker was free at so many looks in a row.
const CALM: usize = 20;

impl Watchdog {
    /// Has the watchdog look at the handlers, for as long as all workers are busy.
    pub(super) fn watch_handlers(&self) {
        if !self.watching.load(Ordering::SeqCst) && !self.watching.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Tells the watchdog that a deadline is earlier than those it knows.
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

    /// Waits for this long at most, or until something has changed.
    fn wait(&self, limit: Option<Duration>) {
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

    /// The watchdog's thread.
    pub(super) fn run(context: &Arc<Context>) {
        let watchdog = &context.watchdog;
        let mut calm = 0;
        while !watchdog.ended.load(Ordering::SeqCst) {
            for (phase, connection) in context.registry.take_expired(context.registry.now()) {
                // What may panic here is a program's own logger.
                if catch_unwind(AssertUnwindSafe(|| worker::expire(connection, phase))).is_err() {
                    log::error!("a connection that was late was given up after a panic");
                }
            }
            let watching = watchdog.watching.load(Ordering::SeqCst);
            if watching {
                calm = if context.workers.are_all_busy() { 0 } else { calm + 1 };
                if context.workers.exclude_stuck() && context.poller.has_ready() {
                    context.add_worker();
                }
                if calm > CALM {
                    calm = 0;
                    watchdog.watching.store(false, Ordering::SeqCst);
                    // Whoever became busy in this moment has seen that somebody was watching.
                    if context.workers.are_all_busy() {
                        watchdog.watching.store(true, Ordering::SeqCst);
                    }
                }
            }
            let alarm = context.registry.next_alarm();
            let until_alarm = alarm.map(|at| Duration::from_millis(at.saturating_sub(context.registry.now())));
            watchdog.wait(match (watching, until_alarm) {
                (true, Some(alarm)) => Some(alarm.min(LOOK)),
                (true, None) => Some(LOOK),
                (false, alarm) => alarm,
            });
        }
    }
}
