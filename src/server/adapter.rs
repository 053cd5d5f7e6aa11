//! From a request of tiny_http to a request of hearken, judged strictly; and its body, with an end that can be trusted.

use std::io;
use std::sync::Arc;

use tiny_http::{HTTPVersion, Header};

use super::Context;
use super::connections::{Connection, Phase};
use super::fields;
use crate::config::Settings;
use crate::http::body::{BodyError, BodyLength};
use crate::http::error::HttpError;
use crate::http::framing::{self, FramingFields};
use crate::http::method::{Method, Version};
use crate::http::request::{Request, Source};
use crate::http::target::Target;

/// A request as it came over a connection.
pub(super) struct Wire {
    request: tiny_http::Request,
    connection: Arc<Connection>,
    context: Arc<Context>,
    length: BodyLength,
    received: u64,
    state: BodyState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// None of it was asked for yet.
    Unread,
    /// Bytes of it may still be on the connection.
    Open,
    /// It was read to its end, or there is none.
    Done,
    /// Reading it failed; what follows on the connection is not known.
    Failed,
}

/// A request whose head was understood, or the refusal of one whose head was not. After a refusal the connection is to be
/// closed: what follows on it cannot be trusted.
pub(super) struct Adapted {
    pub(super) request: Request,
    pub(super) verdict: Result<Persistent, HttpError>,
}

/// Whether the client wants to send another request.
pub(super) type Persistent = bool;

/// Adapts a request of tiny_http.
pub(super) fn adapt(request: tiny_http::Request, connection: &Arc<Connection>, context: &Arc<Context>) -> Adapted {
    let method = Method::from_name(request.method().as_str());
    let version = if *request.http_version() == HTTPVersion(1, 1) { Version::Http11 } else { Version::Http10 };
    let secure = request.secure();
    let judged = judge(&request, &method, version, &context.settings);
    let (target, length, verdict) = match judged {
        Ok((target, framing)) => (target, framing.body, Ok(framing.persistent)),
        Err(error) => (Target::opaque(request.url()), BodyLength::Absent, Err(error)),
    };
    let state = match length {
        BodyLength::Absent | BodyLength::Known(0) if verdict.is_ok() => BodyState::Done,
        _ => BodyState::Unread,
    };
    let (connection, context) = (Arc::clone(connection), Arc::clone(context));
    let peer = connection.peer();
    let wire = Wire { request, connection, context, length, received: 0, state };
    let mut request = Request::assemble(method, version, target, length, Box::new(wire));
    request.set_connection(peer, secure);
    Adapted { request, verdict }
}

fn judge(
    request: &tiny_http::Request,
    method: &Method,
    version: Version,
    settings: &Settings,
) -> Result<(Target, framing::Framing), HttpError> {
    // HTTP/0.9 is not HTTP/1.0 without a header; nobody speaks it.
    if *request.http_version() < HTTPVersion(1, 0) {
        return Err(HttpError::bad_request("the HTTP version is neither 1.0 nor 1.1"));
    }
    if matches!(method, Method::Trace | Method::Connect) {
        return Err(HttpError::MethodNotAllowed(
            (&[Method::Get, Method::Head, Method::Post, Method::Put, Method::Options]).into(),
        ));
    }
    if request.url().len() > settings.max_target {
        return Err(HttpError::UriTooLong(settings.max_target));
    }
    let fields = fields::fields(request.headers());
    if fields.len() > settings.max_headers || head_size(request.url(), fields) > settings.max_head {
        return Err(HttpError::HeadTooLarge);
    }
    let target = Target::parse(request.url()).map_err(|error| HttpError::bad_request(error.explain()))?;
    let framing = framing::read(method, version, &target, &framing_fields(fields))?;
    Ok((target, framing))
}

/// How many bytes the head of a request had, near enough: the request line's target and the fields with what stands around
/// each name and value.
fn head_size(target: &str, fields: &[Header]) -> usize {
    let field_size = |field| {
        let (name, value) = fields::text(field);
        name.len() + value.len() + ": \r\n".len()
    };
    target.len() + fields.iter().map(field_size).sum::<usize>()
}

fn framing_fields(fields: &[Header]) -> FramingFields<'_> {
    let mut framing = FramingFields::default();
    for (name, value) in fields.iter().map(fields::text) {
        let values = match name {
            _ if name.eq_ignore_ascii_case("Host") => &mut framing.host,
            _ if name.eq_ignore_ascii_case("Content-Length") => &mut framing.content_length,
            _ if name.eq_ignore_ascii_case("Transfer-Encoding") => &mut framing.transfer_encoding,
            _ if name.eq_ignore_ascii_case("Connection") => &mut framing.connection,
            _ => continue,
        };
        values.push(value);
    }
    framing
}

/// The most bytes of an unread body that are read away to keep a connection. More would hold the worker for longer than a
/// new connection costs the client.
const WORTH_DRAINING: u64 = 64 * 1024;

impl Wire {
    /// Makes the connection ready for its next request by reading what a handler left of the body, if that is little;
    /// whether it is ready.
    pub(super) fn settle(&mut self) -> bool {
        if self.state != BodyState::Done && self.is_worth_draining() {
            self.drain();
        }
        self.state == BodyState::Done
    }

    // Not part of its caller, whose stack every idle connection holds: the scratch space is a page.
    #[inline(never)]
    fn drain(&mut self) {
        let mut scratch = [0; 4096];
        let mut drained = 0;
        while matches!(self.state, BodyState::Unread | BodyState::Open) && drained < WORTH_DRAINING {
            drained += self.read(&mut scratch).unwrap_or(0) as u64;
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        self.request.secure()
    }

    pub(super) fn into_request(self) -> tiny_http::Request {
        self.request
    }

    fn is_worth_draining(&self) -> bool {
        match self.length {
            // A client that waits for the interim answer is not to be told to go on.
            _ if self.state == BodyState::Unread && self.request.headers().get("Expect").is_some() => false,
            BodyLength::Absent => false,
            BodyLength::Known(length) => length - self.received <= WORTH_DRAINING && length <= self.max_body(),
            BodyLength::Chunked => true,
        }
    }

    fn max_body(&self) -> u64 {
        self.context.settings.max_body
    }

    fn read_on(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        let room = match self.length {
            BodyLength::Absent => 0,
            BodyLength::Known(length) if length > self.max_body() => {
                return Err(BodyError::TooLarge(self.max_body()));
            }
            BodyLength::Known(length) => usize::try_from(length - self.received).unwrap_or(usize::MAX),
            BodyLength::Chunked => usize::MAX,
        };
        let room = room.min(buffer.len());
        if room == 0 {
            self.finish();
            return Ok(0);
        }
        if self.state == BodyState::Unread {
            self.state = BodyState::Open;
            self.context.connections.enter(&self.connection, Phase::Reading);
        }
        let read = self.request.as_reader().read(&mut buffer[..room]).map_err(|error| self.failure(error))?;
        if read == 0 {
            return self.end();
        }
        self.received += read as u64;
        if self.received > self.max_body() {
            return Err(BodyError::TooLarge(self.max_body()));
        }
        if self.length == BodyLength::Known(self.received) {
            self.finish();
        }
        Ok(read)
    }

    fn failure(&self, error: io::Error) -> BodyError {
        if self.connection.is_late() {
            return BodyError::TimedOut;
        }
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => BodyError::TimedOut,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                BodyError::Truncated
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => BodyError::Malformed,
            _ => BodyError::Io(error),
        }
    }

    /// The reader has no more to give. For a chunked body tiny_http reports the last chunk and a connection that ended in the
    /// middle of a chunk alike, so the connection itself is asked. (A client that sends its last chunk and then ends its
    /// side without waiting for the answer is refused with the ones that were cut short.)
    fn end(&mut self) -> Result<usize, BodyError> {
        if self.connection.is_late() {
            return Err(BodyError::TimedOut);
        }
        if self.length != BodyLength::Chunked || self.connection.is_at_end() {
            return Err(BodyError::Truncated);
        }
        self.finish();
        Ok(0)
    }

    /// Notes that the body was read to its end. From here on the client is not the one who takes time.
    fn finish(&mut self) {
        self.state = BodyState::Done;
        self.context.connections.enter(&self.connection, Phase::Handling);
    }
}

impl Source for Wire {
    fn target(&self) -> &str {
        self.request.url()
    }

    fn field(&self, index: usize) -> Option<(&str, &str)> {
        fields::fields(self.request.headers()).get(index).map(fields::text)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        match self.state {
            BodyState::Done => Ok(0),
            // tiny_http would go on to read what it takes for the next chunk.
            BodyState::Failed => Err(BodyError::Truncated),
            BodyState::Unread | BodyState::Open => self.read_on(buffer).inspect_err(|_| self.state = BodyState::Failed),
        }
    }
}
