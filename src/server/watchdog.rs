//! The watchdog's thread: it ends connections that wait for too long, and finds handlers that do not return, so that other
//! workers take the place of theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::context::Context;
use super::worker;

/// How often it looks at the handlers while all workers are busy. One that is in the same handler at two looks is counted out.
const HANDLER_CHECK_INTERVAL: Duration = Duration::from_millis(5);
/// It stops looking when a worker was free at so many looks in a row.
const CALM_CHECKS: usize = 20;

/// The watchdog's thread.
pub(super) fn run(context: &Context) {
    let shared = &*context.shared;
    let watchdog = &shared.watchdog;
    let mut calm = 0;
    while !watchdog.has_ended() {
        for (phase, connection) in context.registry.take_expired(shared.clock.now()) {
            // What may panic here is a program's own logger.
            if catch_unwind(AssertUnwindSafe(|| worker::expire(context, connection, phase))).is_err() {
                log::error!("a connection that was late was given up after a panic");
            }
        }
        let watching = watchdog.is_watching();
        if watching {
            calm = if shared.workers.are_all_busy() { 0 } else { calm + 1 };
            if shared.workers.exclude_stuck() && shared.poller.has_ready() {
                shared.add_worker();
            }
            if calm > CALM_CHECKS {
                calm = 0;
                watchdog.set_watching(false);
                // Whoever became busy in this moment has seen that somebody was watching.
                if shared.workers.are_all_busy() {
                    watchdog.set_watching(true);
                }
            }
        }
        let alarm = context.registry.next_alarm();
        let until_alarm = alarm.map(|at| Duration::from_millis(at.saturating_sub(shared.clock.now())));
        watchdog.wait(match (watching, until_alarm) {
            (true, Some(alarm)) => Some(alarm.min(HANDLER_CHECK_INTERVAL)),
            (true, None) => Some(HANDLER_CHECK_INTERVAL),
            (false, alarm) => alarm,
        });
    }
}
