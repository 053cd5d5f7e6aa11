//! One connection on one worker: requests are read, answered and logged, one after the other, until it ends.

use std::any::Any;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use socket2::SockRef;

use super::Context;
use super::adapter::{self, Adapted, Wire};
use super::connections::{Connection, Phase};
use super::guard::last_words;
use super::writer::{self, Failure, Sink};
use crate::access_log::Record;
use crate::handlers;
use crate::http::error::HttpError;
use crate::http::head::Persistence;
use crate::http::request::Request;
use crate::http::response::Response;

/// What tiny_http gives for an accepted connection: an iterator over its requests. It has no name that could be used.
pub(super) type Requests = Box<dyn Iterator<Item = RequestResult> + Send>;
type RequestResult = Result<tiny_http::Request, Box<dyn std::fmt::Display + Send>>;

/// Serves a connection to its end.
pub(super) fn run(requests: &mut Requests, connection: &Arc<Connection>, context: &Arc<Context>) {
    let mut buffer = Vec::new();
    for request in requests {
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                // tiny_http has answered 400 itself, if there was anyone to answer.
                log::debug!("{}: no request: {error}", connection.peer());
                return;
            }
        };
        if !context.connections.enter(connection, Phase::Handling) {
            return;
        }
        let next = serve(request, connection, context, &mut buffer);
        // A client that was told to go on may have sent its next request, so a stop is not looked at here: it ends idle
        // connections itself.
        if next == Next::Close || !context.connections.enter(connection, Phase::Idle) {
            return;
        }
    }
}

/// Refuses a connection that begins in HTTP/2 or HTTP/3, as a client with prior knowledge of another server does (RFC 9113
/// §3.3): tiny_http would be caught in its own answer to that, and not come back. It can be seen on plain connections only,
/// and only in what has arrived when the first byte has; the guard finds out about the rest.
pub(super) fn refuse_other_protocol(connection: &Connection) -> bool {
    let mut buffer = [0; 512];
    let seen = connection.peek(&mut buffer);
    let line = seen.split(|byte| *byte == b'\r').next().unwrap_or(seen);
    if !line.ends_with(b" HTTP/2.0") && !line.ends_with(b" HTTP/3.0") {
        return false;
    }
    connection.say(last_words!("505 HTTP Version Not Supported"));
    linger(connection);
    true
}

/// What becomes of the connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
}

/// Answers one request.
fn serve(
    request: tiny_http::Request,
    connection: &Arc<Connection>,
    context: &Arc<Context>,
    buffer: &mut Vec<u8>,
) -> Next {
    let started = Instant::now();
    let Adapted { mut request, verdict } = adapter::adapt(request, connection, context);
    let (response, persistent) = match verdict {
        Ok(persistent) => (answer(context, &mut request), persistent),
        Err(refusal) => (handlers::fail(refusal, &request), false),
    };
    let (method, version) = (request.method().clone(), request.version());
    let status = response.status();
    let record = context.access_log.as_ref().map(|_| Record::begin(&request, SystemTime::now()));

    // To be named in the log, should the body fail on its way.
    let target = response.is_stream().then(|| request.target().to_owned());

    let mut wire = into_wire(request);
    let settled = wire.settle();
    let persistent = persistent && settled && !context.is_stopping() && !context.is_pressed();
    let persistence = if persistent { Persistence::KeepAlive } else { Persistence::Close };

    context.connections.enter(connection, Phase::Writing);
    let plain = !wire.is_secure();
    let result = into_writer(wire, connection, settled).map_err(Failure::from).and_then(|mut out| {
        let socket = if plain { connection.socket().for_worker() } else { None };
        let mut sink = Sink { out: &mut out, socket };
        writer::send(&mut sink, buffer, response, &method, version, persistence)
    });
    if let (Some(log), Some(record)) = (&context.access_log, record) {
        let sent = result.as_ref().map_or(0, |sent| sent.body);
        log.write(&record.end(status, sent, started.elapsed()));
    }
    match result {
        Ok(sent) if sent.persistence == Persistence::KeepAlive => Next::Request,
        Ok(_) => {
            if !settled {
                linger(connection);
            }
            Next::Close
        }
        Err(failure) => {
            match failure {
                Failure::Connection(error) => log::debug!("{}: an answer was cut short: {error}", connection.peer()),
                Failure::Body(error) => log::error!("{method} {}: cut short: {error}", target.unwrap_or_default()),
            }
            connection.cut();
            Next::Close
        }
    }
}

/// The application's response; 500 if a handler panics.
fn answer(context: &Context, request: &mut Request) -> Response {
    // The request is not used by anyone else, and what a handler shares with others is its own to keep whole.
    catch_unwind(AssertUnwindSafe(|| handlers::answer(context.app.as_ref(), request))).unwrap_or_else(|panic| {
        handlers::fail(HttpError::internal(format!("the handler panicked: {}", panic_text(panic.as_ref()))), request)
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn into_wire(request: Request) -> Wire {
    let source: Box<dyn Any> = request.into_source();
    *source.downcast::<Wire>().expect("the request was adapted from the wire")
}

/// tiny_http's writer for the answer.
///
/// tiny_http gives it only after it has dropped the reader, and the reader then reads the body to its end, be it gigabytes.
/// Where the body is not settled this must not be: on a socket that does not wait, the reader gives up as soon as nothing
/// more has arrived.
fn into_writer(wire: Wire, connection: &Connection, settled: bool) -> io::Result<Box<dyn io::Write + Send>> {
    if settled {
        return Ok(wire.into_request().into_writer());
    }
    connection.set_nonblocking(true)?;
    let out = wire.into_request().into_writer();
    connection.set_nonblocking(false)?;
    Ok(out)
}

/// How much of a refused body is read, and for how long, so that the client gets to read the refusal: closing a socket
/// with unread bytes resets the connection, and a reset may overtake the answer (RFC 9112 §9.6).
const LINGER_BYTES: usize = 32 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(1);

fn linger(connection: &Connection) {
    let Some(socket) = connection.socket().for_worker() else { return };
    let socket = SockRef::from(&socket);
    let _ = socket.shutdown(Shutdown::Write);
    let deadline = Instant::now() + LINGER_TIME;
    let mut scratch = vec![0; 64 * 1024];
    let mut read = 0;
    while read < LINGER_BYTES {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match (&*socket).read(&mut scratch) {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
}
