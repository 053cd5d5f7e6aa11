//! Answers the requests of a tiny_http server, for programs that have one already and want hearken's handlers in it.
//!
//! The program keeps its `tiny_http::Server`, over HTTP or HTTPS, and its threads. It passes each request that it receives to
//! [`answer`], together with a handler. The crate is re-exported as `bridge::tiny_http`, because the version must be the same: the
//! package `tiny_http_fork`, `=0.12.17`. The program chooses its features. `examples/on_tiny_http.rs` is such a program, with a
//! pool of threads.
//!
//! HTTPS is tiny_http's feature `ssl-rustls`, which hearken's feature `tiny_http` turns on. rustls must know which cryptography
//! provider to use. It does if it is built with aws-lc-rs alone; otherwise `Tls::development` and `Tls::from_files` install that
//! provider for the process, unless another one is installed.
//!
//! Handlers get the same requests as from a [`Server`](crate::Server), parsed as strictly: what tiny_http accepts and a `Server`
//! does not is refused before a handler sees it, with the same status and reason.
//!
//! # What such a server cannot do
//!
//! The connections belong to tiny_http, which hides them, so no handler and no setting can change this:
//!
//! - There are no deadlines and no limit on connections. A client that sends or reads slowly, or not at all, occupies a
//!   thread of tiny_http for as long as it likes, and during the response a thread of the program too. A head, or the size of a
//!   chunk, is read into memory without a limit.
//! - Pipelined requests (RFC 9112 §9.3.2) each occupy a thread of the program, which waits for its turn.
//! - A connection cannot be closed. What follows a request that was refused as ambiguous is parsed as another request, even after
//!   `Connection: close`. A refused upload is read to its end and discarded.
//! - Chunked bodies are refused with 411 (RFC 9110 §15.5.12), because tiny_http passes on a body that the client has left
//!   unfinished as if it were complete. So there are no trailer fields either.
//! - Streamed bodies have a `Content-Length` up to 32 KiB and are chunked beyond that, so that a body that fails or falls short
//!   cannot look complete: invalid chunks follow it. An HTTP/1.0 client knows no chunks and only has `Content-Length` and the end of
//!   the connection. If it keeps its connection alive, a body of unknown length is sent once it is complete: it may have 1 MiB at
//!   most and is a 500 beyond that. A body that falls short of its length leaves the client waiting.
//! - Whether the client is still there is not known: [`Connection::is_open`](crate::Connection::is_open) and
//!   [`Connection::wait`](crate::Connection::wait) are always true. The writer of a body and the sender of a channel learn only when
//!   something cannot be written. A stream that waits for events is not told that the program ends either.
//! - tiny_http answers some requests itself, and misreads others. Folded header lines become fields of their own. Values with a
//!   tab or bytes beyond ASCII, and names with anything but letters, digits, `-` and `_`, get 400. Text after the version in a
//!   request line is ignored. `HTTP/2.0` over HTTPS, or behind another request, blocks a thread for ever. `100 Continue` is sent
//!   with header fields, which some clients do not expect, and to HTTP/1.0 clients too.
//! - Its accept loop ends at the first error, for example when no descriptor is left.
//! - There is no access log, and stopping waits for nothing.
//!
//! So it belongs behind a reverse proxy that has deadlines and limits, forwards only well-formed requests, and gives bodies a
//! length, as nginx does by default. For everything else use a [`Server`](crate::Server).

use std::any::Any;
use std::io::{self, Cursor, IoSlice, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use tiny_http;

use crate::config::Settings;
use crate::handler::{Handler, IntoResponse as _, panic_text, respond};
use crate::http::body::{BodyError, BodyLength};
use crate::http::channel_body::ChannelBody;
use crate::http::connection::Connection;
use crate::http::error::HttpError;
use crate::http::framing::{self, Framing};
use crate::http::method::Method;
use crate::http::peer::Peer;
use crate::http::persistence::Persistence;
use crate::http::request::{Request, RequestSource};
use crate::http::request_head::{HeadParser, RequestHead};
use crate::http::response::{BodyStream, Prompt, Response, ResponseBody};
use crate::http::status::Status;
use crate::http::version::Version;
use crate::server::writer::{Outgoing, SendError, Sink, send_to};

/// Answers a request that a tiny_http server has received: passes it to `app` and sends the response.
///
/// Of the settings, [`max_body`](Settings::max_body), [`max_head`](Settings::max_head),
/// [`max_headers`](Settings::max_headers), [`max_target`](Settings::max_target) and
/// [`trusted_proxies`](Settings::trusted_proxies) apply; the others concern connections, which tiny_http owns here. If the handler
/// panics, or a body fails before any of it was sent, the response is a 500; the head of a body that is written or sent through a
/// channel leaves before the body, which can only be cut short then. The call returns once the response is sent and the
/// request's body has been read, by the handler or to discard it. The [module](self) says what does not work.
///
/// ```
/// use hearken::bridge::{self, tiny_http};
/// use hearken::{Router, Settings};
///
/// let app = Router::new().get("/hello", |_| "Hello, world!");
/// let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
/// # let address = server.server_addr().to_string();
/// # let client = std::thread::spawn(move || {
/// #     use std::io::{Read as _, Write as _};
/// #     let mut stream = std::net::TcpStream::connect(address).unwrap();
/// #     stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
/// #     let mut answer = String::new();
/// #     stream.read_to_string(&mut answer).unwrap();
/// #     answer
/// # });
/// // `None` ends the server; an `Err` is a client that tiny_http has refused.
/// for request in server.incoming_requests() {
///     let Ok(request) = request else { continue };
///     if let Err(error) = bridge::answer(request, &app, &Settings::default()) {
///         eprintln!("an answer was cut short: {error}");
///     }
/// #   break;
/// }
/// # assert!(client.join().unwrap().ends_with("Hello, world!"));
/// ```
///
/// # Errors
///
/// When the response was not sent completely: the client is gone, the body failed or fell short, or the handler has swapped its
/// request for another one, which tiny_http then answers with 500. The caller can only log it.
pub fn answer(request: tiny_http::Request, app: &dyn Handler, settings: &Settings) -> io::Result<()> {
    let info = RequestInfo::of(&request);
    let (head, framing) = match read(&request, settings) {
        Ok(read) => read,
        Err(error) => return refuse(request, &info, error.into_response(&Request::get("/"))),
    };
    let length = match framing.body {
        BodyLength::Absent => 0,
        BodyLength::Known(length) => length,
        BodyLength::Chunked => {
            let reason = "The request needs a Content-Length: chunked bodies are not accepted here.";
            return refuse(request, &info, Response::text(reason).with_status(Status::LENGTH_REQUIRED));
        }
    };
    let (method, version, target) = (head.method().clone(), head.version(), head.target_parts().clone());
    let peer = request.remote_addr().map_or(Peer::Unix, |address| Peer::Tcp(*address));
    let secure = request.secure();
    let mark = Arc::new(());
    let received = Received {
        mark: Arc::clone(&mark),
        head,
        request,
        length,
        left: length,
        max_body: settings.max_body,
        state: BodyProgress::Unread,
    };

    let mut bridged = Request::from_source(method, version, target, framing.body, Box::new(received));
    bridged.set_connection(peer, secure);
    if let Err(error) = bridged.apply_forwarded(&settings.trusted_proxies) {
        log::debug!("{peer}: fields of a trusted proxy are ignored: {}", error.explain());
    }
    let response = respond(app, &mut bridged);
    let source: Box<dyn Any> = bridged.into_source();
    // A handler may have swapped the request for another client's, which must not get this response.
    let Some(received) = source.downcast::<Received>().ok().filter(|received| Arc::ptr_eq(&received.mark, &mark))
    else {
        return Err(io::Error::other("a handler has kept its request, which is not answered"));
    };

    let Received { request, left, state, .. } = *received;
    let is_last = framing.persistence == Persistence::Close || state == BodyProgress::Failed;
    let waits = framing.expects_continue && state != BodyProgress::Open;
    if state != BodyProgress::Failed && left > 0 && (waits || left > WORTH_READING_FIRST) {
        return match to_tiny(response) {
            Ok(response) => request.respond(response),
            Err(response) => send(request, &info, response, left, is_last),
        };
    }
    send(request, &info, response, left, is_last)
}

/// If more of the request's body than this is left, it is read after the response, so that the client need not send it all to
/// learn that it was refused.
const WORTH_READING_FIRST: u64 = 64 * 1024;
/// Streams up to this many bytes are read before they are sent: then they have a `Content-Length` and can still fail.
const SHORT_STREAM: u64 = 32 * 1024;
/// The most bytes of a body of unknown length for a client that knows no chunks and keeps its connection.
const MAX_HELD: usize = 1024 * 1024;
/// How many bytes of longer bodies are buffered before they are written.
const AT_ONCE: usize = 64 * 1024;

/// The parts of a request that the framing of its response and the log need.
struct RequestInfo {
    method: Method,
    version: Version,
    /// How the log names the request.
    line: String,
    /// Whether tiny_http accepts no further request on the connection.
    is_last: bool,
    /// Whether tiny_http treats everything until the end of the connection as the body.
    is_upgrade: bool,
}

impl RequestInfo {
    fn of(request: &tiny_http::Request) -> Self {
        let version = if *request.http_version() <= (1, 0) { Version::Http10 } else { Version::Http11 };
        // As tiny_http reads the field. It is meant to be a list (RFC 9110 §7.6.1).
        let connection = request.headers().get("Connection").map_or("", |value| value.as_str()).to_ascii_lowercase();
        let is_upgrade = connection.contains("upgrade");
        let is_old = version == Version::Http10 && !connection.contains("keep-alive");
        Self {
            method: Method::from_name(request.method().as_str()),
            version,
            line: format!("{} {}", request.method(), request.url()),
            is_last: is_upgrade || is_old || connection.contains("close"),
            is_upgrade,
        }
    }
}

/// Parses the head again as a `Server` does, from what tiny_http has made of it.
fn read(request: &tiny_http::Request, settings: &Settings) -> Result<(RequestHead, Framing), HttpError> {
    let limits = settings.head_limits();
    let line = format!("{} {} HTTP/{}\r\n", request.method(), request.url(), request.http_version());
    let bytes = (line + &field_lines(request.headers(), limits.max_fields)? + "\r\n").into_bytes();
    let mut parser = HeadParser::default();
    match parser.advance(&bytes, &limits)? {
        Some(length) if length == bytes.len() => {}
        // A line end within a part would change what follows it.
        _ => return Err(HttpError::bad_request("a part of the request holds the end of a line")),
    }
    let head = parser.finish(bytes);
    let framing = framing::read(&head)?;
    Ok((head, framing))
}

/// The header fields as lines, in order.
///
/// tiny_http gives the fields of a name, but lists all fields only of a response. It leaves some out of that list and adds others,
/// so the special ones are renamed while the list is made.
fn field_lines(headers: &tiny_http::Headers, max_fields: usize) -> Result<String, HttpError> {
    let mut headers = headers.clone();
    let mut renamed = 0;
    for (name, other) in RENAMED {
        if headers.get(other).is_some() {
            return Err(HttpError::bad_request("the name of a header field is reserved"));
        }
        while let Some(header) = headers.get_header_mut(name) {
            // Each search starts from the first field, so their number is bounded here.
            renamed += 1;
            if renamed > max_fields {
                return Err(HttpError::HeadTooLarge);
            }
            header.field = other.parse().map_err(|_| HttpError::internal("a header field cannot be renamed"))?;
        }
    }
    let mut printed = Vec::new();
    tiny_http::Response::new(200.into(), headers, io::empty(), Some(0), None)
        .raw_print(&mut printed, (1, 1).into(), None, true, None)
        .map_err(HttpError::internal)?;
    let mut lines = String::with_capacity(printed.len());
    for line in String::from_utf8_lossy(&printed).split("\r\n").skip(1) {
        // The empty line has no colon.
        let Some((name, value)) = line.split_once(':') else { continue };
        if RENAMED.iter().any(|(added, _)| name == *added) {
            continue;
        }
        let sent = RENAMED.iter().find(|(_, other)| name == *other).map_or(name, |(sent, _)| sent);
        lines.extend([sent, ":", value, "\r\n"]);
    }
    Ok(lines)
}

/// The fields that tiny_http treats specially in a response, and their temporary names.
const RENAMED: [(&str, &str); 8] = [
    ("Connection", "hearken-bridge-connection"),
    ("Content-Length", "hearken-bridge-content-length"),
    ("Content-Type", "hearken-bridge-content-type"),
    ("Date", "hearken-bridge-date"),
    ("Server", "hearken-bridge-server"),
    ("Trailer", "hearken-bridge-trailer"),
    ("Transfer-Encoding", "hearken-bridge-transfer-encoding"),
    ("Upgrade", "hearken-bridge-upgrade"),
];

/// Answers a request that no handler sees.
fn refuse(request: tiny_http::Request, info: &RequestInfo, response: Response) -> io::Result<()> {
    log::debug!("{:?}: {}", info.line, response.status());
    send(request, info, response, u64::MAX, true)
}

/// Sends a response after the rest of the request's body was read: consuming the request for its writer would read it, or leave
/// the end of a chunked body for tiny_http to parse as another request.
fn send(
    mut request: tiny_http::Request,
    info: &RequestInfo,
    response: Response,
    left: u64,
    is_last: bool,
) -> io::Result<()> {
    if left > 0 && !info.is_upgrade {
        // Whether it fails makes no difference: nothing can be done about it.
        let _ = io::copy(request.as_reader(), &mut io::sink());
    }
    let mut writer = Client { writer: request.into_writer(), has_begun: false, holds: false, held: Vec::new() };
    let persistence = if is_last || info.is_last { Persistence::Close } else { Persistence::KeepAlive };
    let failure = match write(&mut writer, info, response, persistence) {
        Ok(()) => return Ok(()),
        Err(SendError::Connection(error)) => return Err(error),
        Err(SendError::Body(error)) => error,
    };
    log::error!("{}: cut short: {failure}", info.line);
    if !writer.has_begun {
        writer.held.clear();
        let response = HttpError::internal(failure).into_response(&Request::get("/"));
        return write(&mut writer, info, response, persistence).map_err(|failure| match failure {
            SendError::Connection(error) | SendError::Body(error) => error,
        });
    }
    if info.version == Version::Http11 {
        // The response was chunked. This is no chunk, so the client need not wait to learn that no more will come.
        writer.write(&mut [IoSlice::new(b"!\r\n")])?;
        writer.write_held()?;
    }
    Err(failure)
}

/// Writes a response. A streamed body is the program's own code and may panic.
fn write(
    client: &mut Client,
    info: &RequestInfo,
    response: Response,
    persistence: Persistence,
) -> Result<(), SendError> {
    let RequestInfo { method, version, .. } = info;
    client.holds = response.content_length().is_some();
    let sent = catch_unwind(AssertUnwindSafe(|| {
        let has_body = *method != Method::Head && !response.status().forbids_body();
        let response = if has_body {
            response.map_body(|body| frame(body, *version, info.is_last)).map_err(SendError::Body)?
        } else {
            response
        };
        let outgoing = Outgoing { response, method, version: *version, persistence };
        send_to(client, &mut Vec::new(), outgoing)?;
        client.write_held().map_err(SendError::Connection)
    }));
    sent.unwrap_or_else(|panic| {
        Err(SendError::Body(io::Error::other(format!("the stream panicked: {}", panic_text(panic.as_ref())))))
    })
}

/// The body in a form that can be sent where the connection cannot be closed to signal a failure.
fn frame(body: ResponseBody, version: Version, is_last: bool) -> io::Result<ResponseBody> {
    let in_memory = |bytes: Vec<u8>| Ok(ResponseBody::Bytes(bytes.into()));
    match body {
        ResponseBody::Stream { reader, length: Some(length) } if length <= SHORT_STREAM => {
            let mut bytes = Vec::new();
            Whole { reader, left: length }.read_to_end(&mut bytes)?;
            in_memory(bytes)
        }
        ResponseBody::Stream { reader, length: Some(length) } if version == Version::Http11 => {
            Ok(ResponseBody::Stream { reader: Box::new(Whole { reader, left: length }), length: None })
        }
        ResponseBody::Stream { reader, length: None } if version == Version::Http10 && !is_last => {
            in_memory(read_into_memory(reader)?)
        }
        ResponseBody::Channel(receiver) if version == Version::Http10 && !is_last => {
            in_memory(read_into_memory(ChannelBody::new(&receiver, Connection::default()))?)
        }
        body @ ResponseBody::Writer(_) if version == Version::Http10 && !is_last => {
            in_memory(body.write_to_memory(MAX_HELD)?)
        }
        // A stream that fails before it yields anything is a 500.
        ResponseBody::Stream { reader, length } => {
            Ok(ResponseBody::Stream { reader: Box::new(Prompt(reader)), length })
        }
        body => Ok(body),
    }
}

/// The whole body in memory, if it is not too long.
fn read_into_memory(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if reader.take(MAX_HELD as u64 + 1).read_to_end(&mut bytes)? > MAX_HELD {
        return Err(io::Error::other("the body is too long for an HTTP/1.0 client that keeps its connection"));
    }
    Ok(bytes)
}

/// The response for tiny_http to send, if it is in memory and tiny_http accepts its header fields; else unchanged.
fn to_tiny(mut response: Response) -> Result<tiny_http::Response<Cursor<Vec<u8>>>, Response> {
    if response.is_stream() {
        return Err(response);
    }
    let fields = response.headers().iter().map(|(name, value)| tiny_http::Header::from_bytes(name, value));
    let (Ok(fields), Ok(body)) = (fields.collect::<Result<Vec<_>, _>>(), response.read_bytes()) else {
        return Err(response);
    };
    let tiny = tiny_http::Response::from_data(body).with_status_code(response.status().code());
    let tiny = tiny.with_chunked_threshold(usize::MAX);
    Ok(fields.into_iter().fold(tiny, tiny_http::Response::with_header))
}

/// A request that tiny_http has received, and how far its body has been read.
struct Received {
    /// Distinguishes it from every other one.
    mark: Arc<()>,
    head: RequestHead,
    request: tiny_http::Request,
    length: u64,
    left: u64,
    max_body: u64,
    state: BodyProgress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyProgress {
    /// Nothing was read yet; or reading was refused because the body is too long.
    Unread,
    /// Some of it was read.
    Open,
    /// Reading it failed.
    Failed,
}

impl RequestSource for Received {
    fn target(&self) -> &str {
        self.head.target()
    }

    fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.head.field(index)
    }

    fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        self.head.field_bytes(index)
    }

    fn max_body(&self) -> u64 {
        self.max_body
    }

    fn set_max_body(&mut self, bytes: u64) {
        self.max_body = bytes;
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        if self.state == BodyProgress::Failed {
            return Err(BodyError::Truncated);
        }
        if self.length > self.max_body {
            return Err(BodyError::TooLarge(self.max_body));
        }
        if self.left == 0 {
            return Ok(0);
        }
        self.state = BodyProgress::Open;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = loop {
            match self.request.as_reader().read(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => break Err(BodyError::Truncated),
                Ok(read) => break Ok(read),
                Err(error) => break Err(BodyError::Io(error)),
            }
        };
        match &read {
            Ok(read) => self.left -= *read as u64,
            Err(_) => self.state = BodyProgress::Failed,
        }
        read
    }
}

/// A body with this many bytes still to come. It is an error if they do not.
struct Whole<R> {
    reader: R,
    left: u64,
}

impl<R: Read + Send> BodyStream for Whole<R> {}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.reader.read(&mut buffer[..most])? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body is shorter than its declared length")),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

/// The client of a tiny_http server.
struct Client {
    writer: Box<dyn Write + Send>,
    /// Whether anything was written.
    has_begun: bool,
    /// Whether small writes are buffered: where the client waits for no single piece.
    holds: bool,
    held: Vec<u8>,
}

impl Client {
    /// In one write: with several, the kernel would hold a short one back until the client has acknowledged the one before.
    fn write_held(&mut self) -> io::Result<()> {
        self.has_begun = true;
        self.writer.write_all(&self.held)?;
        self.held.clear();
        self.writer.flush()
    }
}

impl Sink for Client {
    fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
        if self.holds && self.held.len() < AT_ONCE { Ok(()) } else { self.write_held() }
    }

    fn read_at_once(&self, length: u64) -> usize {
        usize::try_from(length).unwrap_or(usize::MAX).min(AT_ONCE)
    }

    fn handle(&self) -> Connection {
        Connection::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_listed_in_their_order() {
        let table: [(&[(&str, &str)], Result<&str, u16>, &str); 7] = [
            (&[], Ok(""), "none"),
            (&[("Host", "h"), ("A", ""), ("a", "b: c")], Ok("Host: h\r\nA: \r\na: b: c\r\n"), "as they are"),
            (
                &[("content-length", "1"), ("B", "2"), ("Content-Length", "3")],
                Ok("Content-Length: 1\r\nB: 2\r\nContent-Length: 3\r\n"),
                "all of a name",
            ),
            (
                &[("Server", "a"), ("Date", "b"), ("Upgrade", "c"), ("Trailer", "d")],
                Ok("Server: a\r\nDate: b\r\nUpgrade: c\r\nTrailer: d\r\n"),
                "what a response has or cannot have",
            ),
            (&[("", "a")], Ok(": a\r\n"), "no name, which is refused later"),
            (&[("HEARKEN-bridge-date", "a")], Err(400), "a name that stands for another"),
            (&[("Connection", "a"); 5], Err(431), "more than are taken"),
        ];
        for (fields, expected, why) in table {
            let headers = tiny_http::Headers::try_from(fields.to_vec()).unwrap();
            let lines = field_lines(&headers, 4).map_err(|error| error.status().code());
            assert_eq!(lines.as_deref().map_err(|code| *code), expected, "{why}");
        }
    }

    #[test]
    fn bodies_are_framed_so_that_they_can_fail() {
        use Version::{Http10, Http11};
        let body = |length: u64, declared| Response::reader(io::repeat(b'x').take(length), declared).into_body();
        // The outcome: held in memory, or a stream and the length that is announced.
        let table = [
            (body(5, Some(5)), Http11, false, Ok(None), "a short one"),
            (body(4, Some(5)), Http11, false, Err(()), "one that falls short"),
            (body(6, Some(5)), Http11, false, Ok(None), "one that is cut"),
            (body(SHORT_STREAM + 1, Some(SHORT_STREAM + 1)), Http11, false, Ok(Some(None)), "a long one in chunks"),
            (
                body(SHORT_STREAM + 1, Some(SHORT_STREAM + 1)),
                Http10,
                false,
                Ok(Some(Some(SHORT_STREAM + 1))),
                "no chunks",
            ),
            (body(5, None), Http11, false, Ok(Some(None)), "in chunks"),
            (body(5, None), Http10, true, Ok(Some(None)), "until the connection closes"),
            (body(MAX_HELD as u64, None), Http10, false, Ok(None), "as much as is held"),
            (body(MAX_HELD as u64 + 1, None), Http10, false, Err(()), "more than that"),
        ];
        for (body, version, is_last, expected, why) in table {
            let framed = frame(body, version, is_last).map_err(|_| ()).map(|body| match body {
                ResponseBody::Stream { length, .. } => Some(length),
                _ => None,
            });
            assert_eq!(framed, expected, "{why}");
        }
    }

    #[test]
    fn a_body_is_whole_or_an_error() {
        for (length, declared, expected) in
            [(5, 5, Ok(5)), (9, 5, Ok(5)), (0, 0, Ok(0)), (4, 5, Err(())), (0, 5, Err(()))]
        {
            let reader = io::repeat(b'x').take(length);
            let mut bytes = Vec::new();
            let read = Whole { reader, left: declared }.read_to_end(&mut bytes).map_err(|_| ());
            assert_eq!(read, expected, "{length} of {declared}");
        }
    }
}
