//! The worker threads: each waits for a ready connection, does all that can be done for it, and parks it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::connection::{Connection, ReadOutcome};
use super::context::Context;
use super::exchange::{self, AfterExchange};
use super::lingering;
use super::pace::{Pace, TooSlow};
use super::phase::Phase;
use super::poller::Readiness;
use super::registry::Parkable as _;
use super::socket::Interest;
use super::worker_pool::{Next, WorkerPool, WorkerStatus};
use crate::http::error::HttpError;
use crate::http::request_head::RequestHead;

/// How long a worker waits for an event before it ends, if another one waits too.
pub(super) const IDLE_WORKER_TIME: Duration = Duration::from_secs(5);

/// How many requests of one connection are answered before other connections have their turn.
const REQUESTS_PER_TURN: usize = 64;

/// How long an idle connection is kept when three quarters of the allowed connections are open.
const IDLE_UNDER_PRESSURE: Duration = Duration::from_secs(2);

/// What the thread of a worker does, for as long as the server exists.
pub(super) fn runner(context: &Weak<Context>) -> impl Fn(&Arc<WorkerStatus>) + Send + Sync + 'static {
    let context = Weak::clone(context);
    move |status| {
        if let Some(context) = context.upgrade() {
            work(&context, status);
        }
    }
}

/// Runs a worker.
fn work(context: &Context, status: &Arc<WorkerStatus>) {
    let shared = &*context.shared;
    WorkerPool::enlist(status);
    while shared.workers.before_wait(status) == Next::Wait {
        let readiness = shared.poller.wait(Some(IDLE_WORKER_TIME));
        shared.workers.after_wait();
        let connection = match readiness {
            Readiness::Connection { token, ended } => {
                let mut taken = context.registry.take_ready(&shared.poller, token);
                if let Some(connection) = &mut taken {
                    connection.expect_more(ended);
                }
                taken
            }
            Readiness::Notified => next_accepted(context),
            Readiness::TimedOut if shared.workers.may_end(status) => return,
            Readiness::TimedOut => None,
        };
        let Some(connection) = connection else { continue };
        // Another worker should wait for the next event while this one is busy.
        if shared.workers.is_short() {
            shared.add_worker();
        }
        if shared.workers.are_all_busy() {
            shared.watchdog.watch_handlers();
        }
        // Panics of handlers are caught further in. Dropping the connection closes it.
        if catch_unwind(AssertUnwindSafe(|| run(context, connection))).is_err() {
            shared.workers.leave_handler();
            log::error!("a connection was closed after a panic");
        }
    }
    if shared.workers.is_closing() {
        // One notification wakes one worker, so each wakes the next.
        shared.notifier.notify();
    }
}

/// What to do next for a connection.
enum Step {
    Serve(RequestHead),
    Refuse(HttpError),
    Park(Interest),
    /// The client has ended its side, or the connection has failed.
    Close,
    /// Where the next request would start is not known.
    Linger,
}

/// Does all that can be done for a connection without waiting for its client.
fn run(context: &Context, mut connection: Box<Connection>) {
    connection.may_block = true;
    connection.backlog = None;
    for _ in 0..REQUESTS_PER_TURN {
        let outcome = match next_step(&mut connection) {
            Step::Serve(head) => match exchange::serve(context, connection, head) {
                Some((returned, outcome)) => {
                    connection = returned;
                    outcome
                }
                None => return,
            },
            Step::Refuse(error) => exchange::refuse(context, &mut connection, error),
            Step::Linger => AfterExchange::Linger,
            Step::Park(interest) => {
                let phase = connection.waiting_phase();
                return park(context, connection, phase, interest);
            }
            Step::Close => return connection.finish(),
        };
        match outcome {
            // Everything that has arrived was read and answered: another read would usually find nothing.
            AfterExchange::KeepAlive if connection.is_at_rest() => {
                return park(context, connection, Phase::Idle, Interest::Read);
            }
            AfterExchange::KeepAlive => {}
            outcome => return end(context, connection, outcome),
        }
    }
    if connection.input().is_empty() {
        let phase = connection.waiting_phase();
        return park(context, connection, phase, Interest::Read);
    }
    // It goes to the end of the queue: it waits to be writable, which it usually is at once. A client that
    // does not read its responses waits.
    let settings = &context.shared.settings;
    connection.backlog = Some(Pace::new(settings.min_rate, settings.rate_grace, 0, connection.acknowledged()));
    park(context, connection, Phase::Turn, Interest::Write);
}

/// Ends a connection that accepts no further request.
fn end(context: &Context, mut connection: Box<Connection>, outcome: AfterExchange) {
    if outcome == AfterExchange::Abort {
        return connection.socket().reset_when_closed();
    }
    connection.finish();
    // If the client has sent more, closing would reset the connection. Over TLS it has, or will: its close_notify.
    let is_quiet = !connection.is_secure() && connection.input().is_empty() && connection.socket().unread() == 0;
    if outcome == AfterExchange::Close && is_quiet {
        return;
    }
    connection.linger();
    // What has already arrived is read now; what comes later is an event.
    if let ReadOutcome::Nothing(interest) = connection.discard_input() {
        park(context, connection, Phase::Linger, interest);
    }
}

fn next_step(connection: &mut Connection) -> Step {
    if connection.lingering.is_some() {
        return match connection.discard_input() {
            ReadOutcome::Nothing(interest) => Step::Park(interest),
            _ => Step::Close,
        };
    }
    match connection.discard_body() {
        Ok(true) => {}
        Ok(false) => return Step::Park(Interest::Read),
        Err(_) => return Step::Linger,
    }
    loop {
        match connection.parse_head() {
            Ok(Some(head)) => return Step::Serve(head),
            Ok(None) => {}
            Err(error) => return Step::Refuse(error.into()),
        }
        match connection.read_on() {
            ReadOutcome::Read(_) => {}
            ReadOutcome::Nothing(interest) => return Step::Park(interest),
            ReadOutcome::End if connection.partial_head().has_begun() => {
                return Step::Refuse(HttpError::bad_request("the connection ended in the middle of the head"));
            }
            ReadOutcome::End => return Step::Close,
            ReadOutcome::PlainHttp => {
                return Step::Refuse(HttpError::bad_request("this port speaks HTTPS, and the request is plain HTTP"));
            }
            ReadOutcome::Failed(error) => {
                log::debug!("{}: {error}", connection.peer());
                return Step::Close;
            }
        }
    }
}

/// Parks a connection until it is ready or its deadline has passed.
fn park(context: &Context, mut connection: Box<Connection>, phase: Phase, interest: Interest) {
    let shared = &*context.shared;
    let deadline = deadline(context, phase, connection.since);
    connection.release_buffers();
    match context.registry.park(&shared.poller, connection, phase, interest, deadline) {
        Ok(false) => {}
        Ok(true) => shared.watchdog.look_earlier(),
        Err((error, _)) => shared.throttled_log.error(&format!("cannot wait for a connection: {error}")),
    }
}

/// Until when a connection may wait in this phase, in milliseconds of the clock; `since` is when the phase began.
fn deadline(context: &Context, phase: Phase, since: u64) -> Option<u64> {
    let settings = &context.shared.settings;
    let limit = match phase {
        Phase::Handshake => settings.handshake_timeout,
        Phase::Fresh | Phase::Head | Phase::Discard => settings.head_timeout,
        Phase::Idle if context.is_pressed() && !settings.idle_timeout.is_zero() => {
            settings.idle_timeout.min(IDLE_UNDER_PRESSURE)
        }
        Phase::Idle => settings.idle_timeout,
        Phase::Turn if settings.min_rate == 0 => Duration::ZERO,
        Phase::Turn => settings.rate_grace,
        Phase::Linger => lingering::CHECK_INTERVAL,
    };
    let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    (limit > 0).then(|| since.saturating_add(limit))
}

/// Ends a connection whose deadline has passed, or parks it again if it may wait for longer.
pub(super) fn expire(context: &Context, mut connection: Box<Connection>, phase: Phase) {
    match phase {
        Phase::Linger if connection.lingers_on() => park(context, connection, phase, Interest::Read),
        Phase::Linger => {}
        Phase::Turn => {
            let (grace, position) = (context.shared.settings.rate_grace, connection.acknowledged());
            let kept_up = connection.backlog.as_mut().map(|pace| pace.waited(grace, position));
            if kept_up == Some(Err(TooSlow)) {
                log::debug!("{}: reads its responses too slowly", connection.peer());
                return end(context, connection, AfterExchange::Abort);
            }
            connection.since = context.shared.clock.now();
            park(context, connection, phase, Interest::Write);
        }
        Phase::Head => {
            let outcome = exchange::refuse(context, &mut connection, HttpError::RequestTimeout);
            end(context, connection, outcome);
        }
        Phase::Handshake | Phase::Fresh | Phase::Idle | Phase::Discard => {
            log::debug!("{}: {phase:?} took too long", connection.peer());
            connection.finish();
        }
    }
}

/// Takes a connection that was just accepted.
fn next_accepted(context: &Context) -> Option<Box<Connection>> {
    let connection = context.accepted.1.try_recv().ok()?;
    if !context.accepted.1.is_empty() {
        context.shared.notifier.notify();
    }
    Some(connection)
}
