//! One exchange: a request is checked and answered, and the response is written and logged.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::connection::Connection;
use super::context::Context;
use super::registry::Parkable as _;
use super::request_body::{RequestBody, UnreadBody};
use super::shared::Shared;
use super::worker_pool::WorkerPool;
use super::writer::{self, Outgoing, SendError};
use crate::access_log::Record;
use crate::handler::{self, IntoResponse as _};
use crate::http::body::BodyLength;
use crate::http::error::HttpError;
use crate::http::framing;
use crate::http::method::Method;
use crate::http::persistence::Persistence;
use crate::http::request::Request;
use crate::http::request_head::RequestHead;
use crate::http::response::Response;
use crate::http::version::Version;
use crate::semaphore::Permit;

/// What becomes of a connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterExchange {
    /// It accepts another request.
    KeepAlive,
    /// It is closed. The client knows this and sends nothing more.
    Close,
    /// It is closed when the client has read the response, because the client may still be sending (RFC 9112 §9.6).
    Linger,
    /// It is closed at once, so that the client notices that the response was cut short.
    Abort,
}

/// Answers a request. `None` if a handler has kept the request, and the connection with it.
pub(super) fn serve(
    context: &Context,
    mut connection: Box<Connection>,
    head: RequestHead,
) -> Option<(Box<Connection>, AfterExchange)> {
    let shared = &*context.shared;
    let settings = &shared.settings;
    let started = context.access_log.is_some().then(|| (Instant::now(), SystemTime::now()));
    let framing = framing::read(&head);
    let (method, version, target) = (head.method().clone(), head.version(), head.target_parts().clone());
    let (length, expects_continue, asked, refusal) = match framing {
        Ok(framing) => (framing.body, framing.expects_continue, framing.persistence, None),
        Err(error) => (BodyLength::Absent, false, Persistence::Close, Some(error)),
    };
    connection.head = Some(head);
    connection.body = RequestBody::new(length, expects_continue, settings);
    connection.socket().progress.begin_exchange();
    let (token, peer, secure) = (connection.token(), connection.peer(), connection.is_secure());

    let mut request = Request::from_source(method.clone(), version, target, length, connection);
    request.set_connection(peer, secure);
    if let Err(error) = request.apply_forwarded(&settings.trusted_proxies) {
        log::debug!("{peer}: fields of a trusted proxy are ignored: {}", error.explain());
    }
    let client = request.client();
    WorkerPool::note_request(method.as_str(), request.target());
    WorkerPool::enter_handler();
    let refused = refusal.is_some();
    let response = match refusal {
        None => handler::respond(context.app.as_ref(), &mut request),
        Some(error) => error.into_response(&request),
    };
    let (response, _stream) = begin_stream(shared, &request, response);
    catch_drop("a value that a layer has inserted", || request.drop_extensions());
    let record = started.map(|(started, time)| (started, Record::begin(&request, time)));
    // `Request` does not know the server's own `Connection`, so its boxed source is downcast to what it was made from. Sharing
    // the connection with the request instead would take one more allocation a request.
    let left: Box<dyn Any> = request.into_source();
    // A handler may have put another request in its place, even that of another client, which must not get this response.
    let Some(mut connection) = left.downcast::<Connection>().ok().filter(|left| left.token() == token) else {
        shared.workers.leave_handler();
        log::error!("a handler has kept its request, which is not answered");
        return None;
    };
    let unread = if refused { UnreadBody::Close } else { connection.body.unread() };
    let stays =
        asked == Persistence::KeepAlive && unread != UnreadBody::Close && !context.is_stopping() && !context.is_full();
    let persistence = if stays { Persistence::KeepAlive } else { Persistence::Close };
    let status = response.status();
    let streams = response.is_stream();
    let out = Outgoing { response, method: &method, version, persistence };
    // A stream is the program's own code and may panic.
    let sent = catch_unwind(AssertUnwindSafe(|| writer::send(connection.as_mut(), out)));
    shared.workers.leave_handler();
    let was_cut = connection.socket().progress.is_cut();
    connection.socket().progress.end_exchange();
    let result = sent.unwrap_or_else(|panic| {
        Err(SendError::Body(io::Error::other(format!("the stream panicked: {}", handler::panic_text(panic.as_ref())))))
    });
    if let (Some(log), Some((started, record))) = (&context.access_log, record) {
        let sent = result.as_ref().map_or(0, |sent| sent.body);
        log.write(&record.end(status, sent, started.elapsed()));
    }
    connection.responses = connection.responses.saturating_add(1);
    // The deadline for the rest of the body, or for the next request, counts from here.
    connection.since = shared.clock.now();
    let outcome = match result {
        Ok(sent) if sent.persistence == Persistence::KeepAlive => AfterExchange::KeepAlive,
        Ok(_) if asked == Persistence::Close && unread == UnreadBody::None => AfterExchange::Close,
        Ok(_) => AfterExchange::Linger,
        Err(failure) => {
            if was_cut && context.is_stopping() {
                context.cut_responses.fetch_add(1, Ordering::SeqCst);
            }
            match failure {
                SendError::Connection(error) => log::debug!("{client}: a response was cut short: {error}"),
                SendError::Body(error) => {
                    let target = connection.head.as_ref().filter(|_| streams).map_or("", |head| head.target());
                    log::error!("{method} {target}: cut short: {error}");
                }
            }
            AfterExchange::Abort
        }
    };
    if let Some(head) = connection.head.take() {
        connection.reuse(head);
    }
    Some((connection, outcome))
}

/// If the program makes the body while it is sent, a permit for that; without one the response is a 503.
fn begin_stream<'a>(shared: &'a Shared, request: &Request, response: Response) -> (Response, Option<Permit<'a>>) {
    let is_stream = response.is_open_ended() && *request.method() != Method::Head && !response.status().forbids_body();
    if !is_stream {
        return (response, None);
    }
    match shared.begin_stream() {
        Some(permit) => (response, Some(permit)),
        None => {
            shared.throttled_log.error(&format!(
                "{} {}: refused: too many streams",
                request.method(),
                request.target()
            ));
            catch_drop("a stream that was refused", || drop(response));
            (HttpError::Unavailable(RETRY_STREAM).into_response(request), None)
        }
    }
}

/// Runs `drop`, which drops values of the program's own: a panic of theirs must not cost the client its response.
fn catch_drop(what: &str, drop: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(drop)) {
        log::error!("dropping {what}: a panic: {}", handler::panic_text(panic.as_ref()));
    }
}

/// After how many seconds a client may ask again for a stream that was refused.
const RETRY_STREAM: u64 = 5;

/// Answers a head that is no valid request with this error, as the last response of the connection.
pub(super) fn refuse(context: &Context, connection: &mut Connection, error: HttpError) -> AfterExchange {
    let line = connection.partial_head().request_line(connection.input());
    // A response to HEAD has no body even if it is an error: the client would take a body for the next response.
    let method = if line.starts_with(b"HEAD ") { Method::Head } else { Method::Get };
    let line = String::from_utf8_lossy(line).into_owned();
    log::debug!("{}: {}: {line:?}", connection.peer(), error.status());
    let response = error.into_response(&Request::get("/"));
    let status = response.status();
    let out = Outgoing { response, method: &method, version: Version::Http11, persistence: Persistence::Close };
    let result = writer::send(connection, out);
    if let Some(log) = &context.access_log {
        let sent = result.as_ref().map_or(0, |sent| sent.body);
        let record = Record::of_no_request(connection.peer(), line, SystemTime::now());
        log.write(&record.end(status, sent, Duration::ZERO));
    }
    if result.is_ok() { AfterExchange::Linger } else { AfterExchange::Abort }
}
