//! The watchdog thread: it ends connections that have waited for too long, and finds handlers that do not return, so that other
//! workers take the place of theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::context::Context;
use super::worker;

/// How often it checks the handlers while all workers are busy. A worker that is in the same handler at two checks is excluded.
const HANDLER_CHECK_INTERVAL: Duration = Duration::from_millis(5);
/// It stops checking when a worker was free at this many checks in a row.
const CALM_CHECKS: usize = 20;

/// Runs the watchdog.
pub(super) fn run(context: &Context) {
    let shared = &*context.shared;
    let watchdog = &shared.watchdog;
    let mut calm = 0;
    while !watchdog.has_ended() {
        for (phase, connection) in context.registry.take_expired(shared.clock.now()) {
            // The program's own logger may panic.
            if catch_unwind(AssertUnwindSafe(|| worker::expire(context, connection, phase))).is_err() {
                log::error!("a connection that was late was closed after a panic");
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
                // A worker that became busy in this moment has seen the watchdog watching, and did not wake it.
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
