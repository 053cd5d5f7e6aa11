//! Responses, as handlers return them: values, which only the server writes to a connection.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::body_channel::{BodyReceiver, BodySender, body_channel};
use super::body_writer::{BodyWriter, WriteBody, Written, write_body};
use super::channel_body::ChannelBody;
use super::connection::Connection;
#[cfg(feature = "cookies")]
use super::cookie::Cookie;
use super::events::Events;
use super::headers::{self, FieldError, HeaderText, Headers};
use super::redirect;
use super::status::Status;

/// A response: status, header fields and a body (RFC 9110 §3.4).
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection`; a handler must not set these.
///
/// ```
/// use hearken::{Response, Status};
///
/// let mut response = Response::text("no tea here").with_status(Status::NOT_FOUND).with_header("X-Brew", "coffee");
/// assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
/// assert_eq!(response.read_text().unwrap(), "no tea here");
/// ```
pub struct Response {
    status: Status,
    headers: Headers,
    body: ResponseBody,
    /// Why the first invalid header field was refused. A response with a fault is not sent.
    fault: Option<String>,
}

/// The body of a response.
pub(crate) enum ResponseBody {
    Bytes(Cow<'static, [u8]>),
    Shared(Arc<[u8]>, Range<usize>),
    Stream { reader: Box<dyn BodyStream>, length: Option<u64> },
    Channel(BodyReceiver),
    Writer(WriteBody),
}

/// What the body of a response is read from while it is sent.
pub(crate) trait BodyStream: Read + Send {
    /// Whether the connection must close after this body, once the body has been read. Defaults to false.
    fn ends_connection(&self) -> bool {
        false
    }

    /// Whether it may be long until there is something to read, so that what was read is sent at once. Defaults to false.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Any reader of the program's as a body.
struct Plain<R>(R);

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read + Send> BodyStream for Plain<R> {
    fn is_slow(&self) -> bool {
        true
    }
}

/// A reader that does not wait for events, as a body: the head leaves with its first bytes.
pub(crate) struct Prompt<R>(pub(crate) R);

impl<R: Read> Read for Prompt<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read + Send> BodyStream for Prompt<R> {}

impl ResponseBody {
    const EMPTY: Self = Self::Bytes(Cow::Borrowed(&[]));

    /// What a writer writes, if it is no more than this many bytes. Nothing for another body.
    pub(crate) fn write_to_memory(self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let Self::Writer(write) = self else { return Ok(bytes) };
        let written = write_body(write, Connection::default(), &mut |piece| {
            if piece.len() > most - bytes.len() {
                return Err(io::Error::other(format!("the body is longer than {most} bytes")));
            }
            bytes.extend_from_slice(piece);
            Ok(())
        });
        match written {
            Written::Whole(_) => Ok(bytes),
            Written::Broken(error) | Written::Unsent(error) => Err(error),
        }
    }
}

impl Response {
    /// A response with this status and an empty body.
    pub fn new(status: Status) -> Self {
        Self { status, headers: Headers::new(), body: ResponseBody::EMPTY, fault: None }
    }

    /// 200 with these bytes. No media type is set.
    pub fn bytes(body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { body: ResponseBody::Bytes(body.into()), ..Self::new(Status::OK) }
    }

    /// 200 with a range of shared bytes. No media type is set.
    ///
    /// # Panics
    ///
    /// If the range is not within the bytes.
    pub(crate) fn shared(bytes: Arc<[u8]>, range: Range<usize>) -> Self {
        assert!(bytes.get(range.clone()).is_some(), "{range:?} is within {} bytes", bytes.len());
        Self { body: ResponseBody::Shared(bytes, range), ..Self::new(Status::OK) }
    }

    /// 200 with plain text in UTF-8.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::bytes(into_bytes(text.into())).with_header("Content-Type", "text/plain; charset=utf-8")
    }

    /// 200 with an HTML page in UTF-8.
    pub fn html(page: impl Into<Cow<'static, str>>) -> Self {
        Self::bytes(into_bytes(page.into())).with_header("Content-Type", "text/html; charset=utf-8")
    }

    /// 200 with a value as JSON. The fields of a struct keep their order. Those of a map have the order of the map: a
    /// `serde_json::Value` sorts them, unless the program turns on the feature `preserve_order` of serde_json.
    ///
    /// If the value cannot be JSON, because it has a map with keys that are no strings or its own `Serialize` fails, the server sends
    /// a 500 instead of the response, and logs why.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Self::bytes(json).with_header("Content-Type", "application/json"),
            Err(error) => Self { fault: Some(format!("the content cannot be JSON: {error}")), ..Self::new(Status::OK) },
        }
    }

    /// 200 with a body from this reader, such as an open file. The head is sent at once, and each read as it returns. No media type is
    /// set.
    ///
    /// If `length`, in bytes, is given, the reader must return exactly as many: the server aborts the connection if there are fewer,
    /// and never sends more. Without a length the body is chunked (for HTTP/1.0 clients, closing the connection ends it), and the
    /// response counts as one of [`Settings::max_streams`](crate::Settings::max_streams).
    ///
    /// ```
    /// use std::fs::File;
    /// use hearken::{HttpError, Request, Response};
    ///
    /// fn page(_: &mut Request) -> Result<Response, HttpError> {
    ///     let file = File::open("index.html").map_err(|_| HttpError::NotFound)?;
    ///     Ok(Response::reader(file, None).with_header("Content-Type", "text/html; charset=utf-8"))
    /// }
    /// # assert!(page(&mut Request::get("/")).is_err());
    /// ```
    pub fn reader(reader: impl Read + Send + 'static, length: Option<u64>) -> Self {
        Self::body_stream(Plain(reader), length)
    }

    /// As [`Response::reader`], for a body that also decides whether its connection closes.
    pub(crate) fn body_stream(reader: impl BodyStream + 'static, length: Option<u64>) -> Self {
        Self { body: ResponseBody::Stream { reader: Box::new(reader), length }, ..Self::new(Status::OK) }
    }

    /// 200 with a body of unknown length that the library generates itself, such as an archive. It does not count among the streams
    /// of the program, whose number [`Settings::max_streams`](crate::Settings::max_streams) limits.
    pub(crate) fn generated(reader: impl Read + Send + 'static) -> Self {
        Self::body_stream(Prompt(reader), None)
    }

    /// 200 with a body that this function writes while it is sent. It runs on the worker after the handler has returned: the head is
    /// sent before, and a response to HEAD does not run it. The body is chunked (for HTTP/1.0 clients, closing the connection ends
    /// it). No media type is set.
    ///
    /// If the function fails or panics, the client sees that the body was cut short, and the log says why. When the client leaves,
    /// writing fails and [`BodyWriter::wait`] returns false; when the server shuts down, `wait` returns false, and after the grace
    /// period writing fails.
    ///
    /// A stream occupies a thread for as long as it runs, and another one takes the worker's place.
    /// [`Settings::max_streams`](crate::Settings::max_streams) bounds how many there are at a time; a response beyond that is a 503.
    ///
    /// ```
    /// use std::io::Write as _;
    /// use hearken::{Request, Response};
    ///
    /// fn numbers(_: &mut Request) -> Response {
    ///     let csv = Response::writer(|out| {
    ///         writeln!(out, "number,square")?;
    ///         (1..=1_000_000_u64).try_for_each(|number| writeln!(out, "{number},{}", number * number))
    ///     });
    ///     csv.with_header("Content-Type", "text/csv; charset=utf-8")
    /// }
    /// # assert!(numbers(&mut Request::get("/")).read_text()?.ends_with("\n1000000,1000000000000\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn writer(write: impl FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + Send + 'static) -> Self {
        Self::written(move |mut out| (write(&mut out), out))
    }

    /// 200 with server-sent events (WHATWG HTML §9.2), which this function sends while it runs, as that of [`Response::writer`] does.
    /// A page receives them with `new EventSource("/clock")`, and reconnects when they end.
    ///
    /// `Content-Type` is `text/event-stream`, `Cache-Control` is `no-cache`, and `X-Accel-Buffering: no` has nginx pass each event on
    /// at once. A client that reconnects says in `Last-Event-ID` which event it saw last.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hearken::{Event, Request, Response};
    ///
    /// fn clock(_: &mut Request) -> Response {
    ///     Response::events(|events| {
    ///         let mut seconds = 0;
    ///         while events.wait(Duration::from_secs(1)) {
    ///             seconds += 1;
    ///             events.send(&Event::data(seconds.to_string()).name("tick"))?;
    ///         }
    ///         Ok(()) // the client has left, or the server is shutting down
    ///     })
    /// }
    /// # assert_eq!(clock(&mut Request::get("/")).header("Content-Type"), Some("text/event-stream"));
    /// ```
    pub fn events(send: impl FnOnce(&mut Events<'_>) -> io::Result<()> + Send + 'static) -> Self {
        let response = Self::written(move |out| {
            let mut events = Events::new(out);
            (send(&mut events), events.into_writer())
        });
        response
            .with_header("Content-Type", "text/event-stream")
            .with_header("Cache-Control", "no-cache")
            .with_header("X-Accel-Buffering", "no")
    }

    fn written(
        write: impl for<'a> FnOnce(BodyWriter<'a>) -> (io::Result<()>, BodyWriter<'a>) + Send + 'static,
    ) -> Self {
        Self { body: ResponseBody::Writer(Box::new(write)), ..Self::new(Status::OK) }
    }

    /// 200 with a body that any thread can send through the [`BodySender`]. The head is sent at once, and each piece as soon as it
    /// comes. The body is chunked (for HTTP/1.0 clients, closing the connection ends it). At most `capacity` pieces wait to be
    /// written; with a capacity of 0, each send waits until the server takes the piece. No media type is set.
    ///
    /// A worker waits for the pieces, while another one takes its place: [`Settings::max_streams`](crate::Settings::max_streams)
    /// bounds how many such responses there are at a time. The body is cut short if the server stops and its grace period is over,
    /// or if the client leaves, which the server notices within 250 ms; after that, sending fails. The request's
    /// [`Connection`] tells the sender both.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use hearken::{Request, Response};
    ///
    /// fn clock(request: &mut Request) -> Response {
    ///     let connection = request.connection();
    ///     let (sender, response) = Response::channel(4);
    ///     thread::spawn(move || {
    ///         let mut seconds = 0;
    ///         while connection.wait(Duration::from_secs(1)) && sender.send(format!("{seconds}\n")).is_ok() {
    ///             seconds += 1;
    ///         }
    ///     });
    ///     response.with_header("Content-Type", "text/plain")
    /// }
    /// # let _ = clock(&mut Request::get("/"));
    /// ```
    pub fn channel(capacity: usize) -> (BodySender, Self) {
        let (sender, receiver) = body_channel(capacity);
        (sender, Self { body: ResponseBody::Channel(receiver), ..Self::new(Status::OK) })
    }

    /// A redirect with this status to a URL, or to a path of the same server (RFC 9110 §15.4).
    ///
    /// The status is 300 to 303, 307 or 308. The location is a URI reference in visible ASCII, so what a client has sent must be
    /// percent-encoded first. If the status or the location breaks these rules, the server sends a 500 instead, and logs why.
    ///
    /// A path that comes from a client must not begin with `//`, which leads to another host. Only the program can check that.
    pub fn redirect(status: Status, location: impl Into<String>) -> Self {
        let location = location.into();
        match redirect::fault(status, &location) {
            None => Self::new(status).with_header("Location", location),
            Some(fault) => Self { fault: Some(fault), ..Self::new(status) },
        }
    }

    /// A 303 to this location, which the client gets by `GET`: what follows a form that was posted, so that reloading the page does not
    /// post it again. The rules are those of [`Response::redirect`].
    pub fn see_other(location: impl Into<String>) -> Self {
        Self::redirect(Status::SEE_OTHER, location)
    }

    /// The response with another status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The response with this header field, in place of others with the same name.
    ///
    /// The name must be a token and the value must not contain control characters, or the field could split the
    /// response. `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are for the server to set. If a field
    /// breaks these rules, the server sends a 500 instead of the response, and logs why.
    #[must_use]
    pub fn with_header(self, name: impl Into<HeaderText>, value: impl Into<HeaderText>) -> Self {
        self.with_field(name.into(), value.into(), Headers::set)
    }

    /// The response with one more header field, besides others with the same name.
    ///
    /// The rules are those of [`Response::with_header`].
    #[must_use]
    pub fn with_added_header(self, name: impl Into<HeaderText>, value: impl Into<HeaderText>) -> Self {
        self.with_field(name.into(), value.into(), Headers::push)
    }

    /// The response that also sets this cookie. Of two with the same name, path and domain, browsers take the last one.
    ///
    /// If a part of the cookie cannot be sent, or browsers would drop it (because of `SameSite=None` without `Secure`, or of the
    /// prefixes `__Host-` and `__Secure-`), the server sends a 500 instead of the response, and logs why. Needs the feature
    /// `cookies`.
    #[cfg(feature = "cookies")]
    #[must_use]
    pub fn with_cookie(mut self, cookie: Cookie) -> Self {
        match cookie.fault() {
            None => self.with_added_header("Set-Cookie", cookie.to_string()),
            Some(fault) => {
                self.fault.get_or_insert(fault);
                self
            }
        }
    }

    /// The response that also removes this cookie. It needs the path and the domain that it was set with: a name alone stands for a
    /// cookie with the path `/` and no domain. The rules are those of [`Response::with_cookie`]. Needs the feature `cookies`.
    #[cfg(feature = "cookies")]
    #[must_use]
    pub fn without_cookie(self, cookie: impl Into<Cookie>) -> Self {
        self.with_cookie(cookie.into().removal())
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The value of the first header field with this name, which is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// All header fields that have been set.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The length of the body in bytes; `None` for a stream of unknown length.
    pub fn content_length(&self) -> Option<u64> {
        match &self.body {
            ResponseBody::Bytes(bytes) => Some(bytes.len() as u64),
            ResponseBody::Shared(_, range) => Some(range.len() as u64),
            ResponseBody::Stream { length, .. } => *length,
            ResponseBody::Channel(_) | ResponseBody::Writer(_) => None,
        }
    }

    /// Reads the whole body. A stream is read to its end, so a second call returns nothing. Outside a server, nobody ends a stream
    /// that waits for its client to leave.
    ///
    /// # Errors
    ///
    /// The errors of reading or writing the stream.
    pub fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        match &mut self.body {
            ResponseBody::Bytes(bytes) => return Ok(bytes.to_vec()),
            ResponseBody::Shared(bytes, range) => return Ok(bytes[range.clone()].to_vec()),
            ResponseBody::Stream { reader, .. } => reader.read_to_end(&mut read)?,
            ResponseBody::Channel(receiver) => {
                ChannelBody::new(receiver, Connection::default()).read_to_end(&mut read)?
            }
            body @ ResponseBody::Writer(_) => {
                return std::mem::replace(body, ResponseBody::EMPTY).write_to_memory(usize::MAX);
            }
        };
        Ok(read)
    }

    /// Reads the whole body as text. Invalid UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`Response::read_bytes`].
    pub fn read_text(&mut self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read_bytes()?).into_owned())
    }

    /// Reads the whole body as JSON.
    ///
    /// ```
    /// use hearken::Response;
    ///
    /// let numbers: Vec<u32> = Response::json(&[1, 2]).read_json()?;
    /// assert_eq!(numbers, [1, 2]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Response::read_bytes`], and [`io::ErrorKind::InvalidData`], with line and column, if the body is not such a value.
    pub fn read_json<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        serde_json::from_slice(&self.read_bytes()?).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the body is not the expected JSON: {error}"))
        })
    }

    /// The response with the body of another one.
    pub(crate) fn with_body_of(mut self, other: Self) -> Self {
        self.body = other.body;
        self
    }

    /// A response that a client has received, with all its fields and its whole body.
    ///
    /// It cannot be sent: its fields frame the message that it came in.
    pub(crate) fn received(status: Status, headers: Headers, body: Vec<u8>) -> Self {
        let fault = "a client has received the response, and its header fields frame another message";
        Self { status, headers, body: ResponseBody::Bytes(body.into()), fault: Some(fault.into()) }
    }

    /// Why the response cannot be sent, for the log.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Whether the body is made while it is sent.
    pub(crate) fn is_stream(&self) -> bool {
        match self.body {
            ResponseBody::Bytes(_) | ResponseBody::Shared(..) => false,
            ResponseBody::Stream { .. } | ResponseBody::Channel(_) | ResponseBody::Writer(_) => true,
        }
    }

    /// Whether the program makes the body while it is sent, and may take any time for it.
    pub(crate) fn is_open_ended(&self) -> bool {
        match &self.body {
            ResponseBody::Bytes(_) | ResponseBody::Shared(..) => false,
            ResponseBody::Stream { reader, length } => length.is_none() && reader.is_slow(),
            ResponseBody::Channel(_) | ResponseBody::Writer(_) => true,
        }
    }

    pub(crate) fn into_body(self) -> ResponseBody {
        self.body
    }

    /// The response with another body.
    #[cfg(feature = "tiny_http")]
    pub(crate) fn map_body<E>(mut self, map: impl FnOnce(ResponseBody) -> Result<ResponseBody, E>) -> Result<Self, E> {
        self.body = map(std::mem::replace(&mut self.body, ResponseBody::EMPTY))?;
        Ok(self)
    }

    fn with_field(
        mut self,
        name: HeaderText,
        value: HeaderText,
        add: fn(&mut Headers, HeaderText, HeaderText) -> Result<(), FieldError>,
    ) -> Self {
        let fault = if headers::is_reserved(&name) {
            format!("the header field {name:?} is the server's own to set")
        } else {
            match add(&mut self.headers, name.clone(), value) {
                Ok(()) => return self,
                Err(FieldError::Name) => format!("the name of the header field {name:?} cannot be sent"),
                Err(FieldError::Value) => format!("the value of the header field {name:?} cannot be sent"),
            }
        };
        self.fault.get_or_insert(fault);
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("content_length", &self.content_length())
            .finish_non_exhaustive()
    }
}

fn into_bytes(text: Cow<'static, str>) -> Cow<'static, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_would_split_the_response_is_a_fault() {
        let response = Response::text("a").with_header("X-Echo", "b\r\nSet-Cookie: c");
        assert_eq!(response.header("X-Echo"), None);
        assert_eq!(response.header("Set-Cookie"), None);
        assert!(response.fault().unwrap().contains("X-Echo"));
        assert!(Response::text("a").with_header("content-length", "9").fault().unwrap().contains("own"));
        assert!(Response::text("a").with_header("X-Echo", "b").fault().is_none());
    }

    #[test]
    fn a_redirect_that_leads_nowhere_is_a_fault() {
        let table = [
            (
                Response::redirect(Status::FOUND, "/a b"),
                Some("\"/a b\" is no URI reference: it may have to be percent-encoded"),
            ),
            (Response::redirect(Status::OK, "/"), Some("200 is no status of a redirect")),
            (Response::see_other("/a?b"), None),
        ];
        for (response, fault) in table {
            assert_eq!(response.fault(), fault);
            assert_eq!(response.header("Location").is_some(), fault.is_none());
        }
    }

    #[cfg(feature = "cookies")]
    #[test]
    fn each_cookie_is_a_field() {
        let response = Response::new(Status::OK).with_cookie(Cookie::new("a", "1")).with_cookie(Cookie::new("b", "2"));
        let response = response.without_cookie("c").without_cookie(Cookie::new("d", "").path("/d"));
        let cookies: Vec<_> =
            response.headers().all("Set-Cookie").map(|field| field.split_once(';').unwrap().0).collect();
        assert_eq!((cookies, response.fault()), (vec!["a=1", "b=2", "c=", "d="], None));
        let response = response.with_cookie(Cookie::new("e", "1 2"));
        assert_eq!(response.headers().all("Set-Cookie").count(), 4);
        assert!(response.fault().unwrap().contains("encode it"));
    }

    #[test]
    fn json_is_read_as_a_type_or_the_error_says_where_it_is_not() {
        assert_eq!(Response::text(" [1, 2]\n").read_json::<Vec<u8>>().unwrap(), [1, 2]);
        for (body, place) in [("[1, 256]", "line 1 column 7"), ("[1]\n x", "line 2 column 2"), ("", "line 1 column 0")]
        {
            let error = Response::text(body).read_json::<Vec<u8>>().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{body:?}");
            assert!(error.to_string().ends_with(place), "{body:?}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_json_is_a_fault() {
        let with_keys_that_are_no_strings = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(Response::json(&with_keys_that_are_no_strings).fault().unwrap().contains("key must be a string"));
        assert!(Response::json(&[1]).fault().is_none());
    }
}
