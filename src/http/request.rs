//! Requests, as a handler sees them: received over a connection, or made in memory to try a handler with.

use core::net::IpAddr;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use super::body::{BodyError, BodyLength};
use super::connection::Connection;
use super::error::HttpError;
use super::forwarded::{Forwarded, ForwardedError};
use super::headers::{HeaderText, Headers};
use super::media_type;
use super::method::Method;
use super::path;
use super::peer::{ClientId, Peer};
use super::query::Query;
use super::target::Target;
use super::trusted_proxies::TrustedProxies;
use super::version::Version;

/// Where the parts of a request are: in a connection, for the server's requests, or [in memory](InMemory). A request
/// borrows its parts from here instead of copying them.
pub(crate) trait RequestSource: Any + Send {
    /// The request target, as it was sent.
    fn target(&self) -> &str;
    /// The name and the value of the header field at this index. Invalid UTF-8 in a value is replaced by U+FFFD.
    fn field(&self, index: usize) -> Option<(&str, &str)>;
    /// The value of the header field at this index, as it was sent.
    fn field_bytes(&self, index: usize) -> Option<&[u8]>;
    /// The trailer fields. There are none until the body has been read to its end.
    fn trailers(&self) -> &[(String, Vec<u8>)];
    /// The connection that the request came over.
    fn connection(&self) -> Connection;
    /// Reads from the body. `Ok(0)` means that the body has ended properly, and nothing else.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError>;
}

/// Trailer fields, by name and value.
pub(crate) type Trailers = Vec<(String, Vec<u8>)>;

/// A request: method, target, header fields and a body to read (RFC 9110 §3.4).
///
/// ```
/// use hearken::{Method, Request};
///
/// let request = Request::new(Method::Post, "/notes?page=2").with_header("Content-Type", "text/plain").with_body("hello");
/// assert_eq!(request.path(), "/notes");
/// assert_eq!(request.query().value("page").as_deref(), Some("2"));
/// ```
pub struct Request {
    method: Method,
    version: Version,
    target: Target,
    /// The decoded path, if decoding changes it.
    decoded_path: Option<String>,
    body_length: BodyLength,
    peer: Option<Peer>,
    secure: bool,
    /// What the proxy says about the client, if the request came from a trusted proxy.
    forwarded: Option<Box<Forwarded>>,
    parameters: Vec<(String, String)>,
    user: Option<String>,
    source: Box<dyn RequestSource>,
}

impl Request {
    /// A `GET` request without a connection, to try a handler with.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn get(target: &str) -> Self {
        Self::new(Method::Get, target)
    }

    /// A request without a connection, to try a handler with. It is HTTP/1.1, and has no header fields and no body.
    ///
    /// # Panics
    ///
    /// If the target is not valid (RFC 9112 §3.2).
    pub fn new(method: Method, target: &str) -> Self {
        let parsed = Target::parse(&method, target).unwrap_or_else(|error| panic!("{target:?}: {}", error.explain()));
        let source = InMemory { target: target.into(), headers: Headers::new(), body: io::Cursor::new(Vec::new()) };
        Self::from_source(method, Version::Http11, parsed, BodyLength::Absent, Box::new(source))
    }

    /// The request with one more header field.
    ///
    /// # Panics
    ///
    /// If the request came over a connection, or the name or the value is not valid (RFC 9110 §5).
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let field = (HeaderText::Owned(name.into()), HeaderText::Owned(value.into()));
        self.in_memory().headers.push(field.0, field.1).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        self
    }

    /// The request with this body, and its length as the announced one.
    ///
    /// # Panics
    ///
    /// If the request came over a connection.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.body_length = BodyLength::Known(body.len() as u64);
        self.in_memory().body = io::Cursor::new(body);
        self
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The HTTP version that the client speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The target as the client sent it.
    pub fn target(&self) -> &str {
        self.source.target()
    }

    /// The path, percent-decoded unless that gives invalid UTF-8 or new slashes. It is `*` for `OPTIONS *`.
    ///
    /// A decoded path is for comparison and display. To name a file, use [`RelativePath`](path::RelativePath).
    pub fn path(&self) -> &str {
        match &self.decoded_path {
            Some(path) => path,
            None => self.encoded_path(),
        }
    }

    /// The path as the client sent it. It is `/` for a URL without one.
    pub fn encoded_path(&self) -> &str {
        match &self.target()[self.target.path.clone()] {
            "" => "/",
            path => path,
        }
    }

    /// The query, which is empty if the target has none.
    pub fn query(&self) -> Query<'_> {
        Query::new(self.encoded_query().unwrap_or(""))
    }

    /// The query as the client sent it, without its `?`.
    pub fn encoded_query(&self) -> Option<&str> {
        self.target.query.clone().map(|query| &self.target()[query])
    }

    /// The host that the client sent its request to, with its port if it has one: the one that a [trusted
    /// proxy](crate::Settings::trusted_proxies) names, else the one of a target in absolute form, else the `Host`
    /// field.
    pub fn host(&self) -> Option<&str> {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.host.as_deref()).or_else(|| self.received_host())
    }

    /// The host of the request as the server received it, whatever a proxy says.
    pub(crate) fn received_host(&self) -> Option<&str> {
        match self.target.authority.clone() {
            Some(authority) => Some(&self.target()[authority]),
            None => self.header("Host"),
        }
    }

    /// The value of the first header field with this name, which is case-insensitive. A value may contain invalid UTF-8
    /// (RFC 9110 §5.5), which is replaced by U+FFFD here; [`Request::header_bytes`] returns the value as it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first header field with this name, as it was sent.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let index = self.headers().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        self.source.field_bytes(index)
    }

    /// The values of all header fields with this name, joined by commas into one list (RFC 9110 §5.3). Not for
    /// `Set-Cookie`.
    pub fn header_list(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.headers().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next()?;
        Some(values.fold(Cow::Borrowed(first), |list, value| Cow::Owned(format!("{list}, {value}"))))
    }

    /// All header fields as (name, value), in the order in which they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..).map_while(|index| self.source.field(index))
    }

    /// The part of the path that `{name}` in the pattern of the route stands for.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The other end of the connection, which may be a proxy; `None` for a request without a connection.
    pub fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// The connection, which tells whether the client still waits for the response.
    pub fn connection(&self) -> Connection {
        self.source.connection()
    }

    /// The IP address of the client: the peer's, or the one that the peer names if it is a [trusted
    /// proxy](crate::Settings::trusted_proxies), in `Forwarded` (RFC 7239 §5.2) or in `X-Forwarded-For`. If these two
    /// contradict each other, both are ignored. The lists are read from the right end, where proxies append to them,
    /// and only as far as the proxies are trusted: addresses that the client itself sent are never believed. An IPv4
    /// address written as IPv6 is returned as an IPv4 address.
    ///
    /// `None` for a client over a Unix socket that no proxy names, and for a request without a connection.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.client).or_else(|| self.peer?.ip())
    }

    /// The scheme that the client uses, if it is known: from the server's own TLS, or from a trusted proxy.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        let secure = match &self.forwarded {
            Some(forwarded) => forwarded.secure?,
            // Plain HTTP may come from an unknown proxy that terminates TLS.
            None => self.secure.then_some(true)?,
        };
        Some(if secure { "https" } else { "http" })
    }

    /// Whether a trusted proxy forwards the request. From a loopback address, where a browser may run too, that needs a
    /// field of a proxy.
    pub(crate) fn is_proxied(&self) -> bool {
        let is_loopback = self.peer.and_then(Peer::ip).is_some_and(|address| address.is_loopback());
        self.forwarded.as_ref().is_some_and(|forwarded| !is_loopback || **forwarded != Forwarded::default())
    }

    /// The client of the request, for logs and for counting failed logins.
    pub(crate) fn client(&self) -> ClientId {
        match (self.client_address(), self.peer) {
            (Some(address), _) => ClientId::Address(address),
            (None, Some(_)) => ClientId::Unix,
            (None, None) => ClientId::NoConnection,
        }
    }

    /// The authenticated user, if the route asks for a password.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether the client uses HTTPS: what a [trusted proxy](crate::Settings::trusted_proxies) says, else whether the
    /// connection uses TLS.
    pub fn is_secure(&self) -> bool {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.secure).unwrap_or(self.secure)
    }

    /// Whether the head announces a body, possibly an empty one.
    pub fn has_body(&self) -> bool {
        self.body_length != BodyLength::Absent
    }

    /// The announced length of the body in bytes; `None` if there is no body or it is chunked.
    pub fn content_length(&self) -> Option<u64> {
        match self.body_length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Absent | BodyLength::Chunked => None,
        }
    }

    /// Whether the body has this media type, whatever its parameters (RFC 9110 §8.3.1).
    pub fn has_media_type(&self, media_type: &str) -> bool {
        let sent = self.header("Content-Type").unwrap_or("");
        media_type::essence(sent).eq_ignore_ascii_case(media_type)
    }

    /// A reader for the body, which reads it while it arrives. Reading fails if the body is longer than
    /// [`Settings::max_body`](crate::Settings::max_body), too slow, truncated or malformed; `?` converts the error to
    /// its status.
    pub fn body(&mut self) -> Body<'_> {
        Body(self.source.as_mut())
    }

    /// The trailer fields after a chunked body (RFC 9112 §7.1.2) as (name, value), in the order in which they were
    /// sent. There are none until the body has been read to its end. Fields that are not allowed as trailers, because
    /// they frame, route or authenticate the request (RFC 9110 §6.5.1), are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.source.trailers().iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// [`HttpError::LengthRequired`] if the head announces no body, and the errors of reading it.
    pub fn read_body(&mut self) -> Result<Vec<u8>, HttpError> {
        if !self.has_body() {
            return Err(HttpError::LengthRequired);
        }
        // The announced length is only a promise: memory is allocated as the bytes arrive.
        let announced = usize::try_from(self.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(announced.min(64 * 1024));
        self.body().read_to_end(&mut body)?;
        Ok(body)
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    ///
    /// As [`Request::read_body`], and [`HttpError::BadRequest`] with line and column if it is not valid UTF-8 JSON.
    pub fn read_json(&mut self) -> Result<serde_json::Value, HttpError> {
        let body = self.read_body()?;
        serde_json::from_slice(&body).map_err(|error| HttpError::bad_request(format!("not valid JSON: {error}")))
    }

    /// The request with these parts.
    pub(crate) fn from_source(
        method: Method,
        version: Version,
        target: Target,
        body_length: BodyLength,
        source: Box<dyn RequestSource>,
    ) -> Self {
        let decoded_path = match path::decode_for_display(&source.target()[target.path.clone()]) {
            Cow::Owned(decoded) => Some(decoded),
            Cow::Borrowed(_) => None,
        };
        Self {
            method,
            version,
            target,
            decoded_path,
            body_length,
            peer: None,
            secure: false,
            forwarded: None,
            parameters: Vec::new(),
            user: None,
            source,
        }
    }

    pub(crate) fn set_connection(&mut self, peer: Peer, secure: bool) {
        self.peer = Some(peer);
        self.secure = secure;
    }

    /// If the request came from one of these proxies, takes client, host and scheme from its `Forwarded` or
    /// `X-Forwarded-` fields.
    ///
    /// # Errors
    ///
    /// If part of the fields is ignored. The rest applies nevertheless.
    pub(crate) fn apply_forwarded(&mut self, proxies: &TrustedProxies) -> Result<(), ForwardedError> {
        if !self.peer.is_some_and(|peer| proxies.contains(peer)) {
            return Ok(());
        }
        let (forwarded, error) = Forwarded::from_fields(self.headers(), proxies);
        self.forwarded = Some(Box::new(forwarded));
        error.map_or(Ok(()), Err)
    }

    pub(crate) fn set_parameters(&mut self, parameters: Vec<(String, String)>) {
        self.parameters = parameters;
    }

    #[cfg(feature = "auth")]
    pub(crate) fn set_user(&mut self, user: &str) {
        self.user = Some(user.to_owned());
    }

    pub(crate) fn into_source(self) -> Box<dyn RequestSource> {
        self.source
    }

    fn in_memory(&mut self) -> &mut InMemory {
        let source: &mut dyn Any = self.source.as_mut();
        source.downcast_mut().expect("the request was made in memory, not received over a connection")
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A reader for the body of a request.
pub struct Body<'a>(&'a mut dyn RequestSource);

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.0.read(buffer).map_err(io::Error::from)
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// The parts of a request without a connection.
struct InMemory {
    target: String,
    headers: Headers,
    body: io::Cursor<Vec<u8>>,
}

impl RequestSource for InMemory {
    fn target(&self) -> &str {
        &self.target
    }

    fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.headers.iter().nth(index)
    }

    fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        self.headers.iter().nth(index).map(|(_, value)| value.as_bytes())
    }

    fn trailers(&self) -> &[(String, Vec<u8>)] {
        &[]
    }

    fn connection(&self) -> Connection {
        Connection::default()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        self.body.read(buffer).map_err(BodyError::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_for_display() {
        let table = [
            ("/a%20b?q", "/a b"),
            ("/%ff", "/%ff"),
            ("/a%2fb", "/a%2fb"),
            ("http://h", "/"),
            ("http://h/p?q", "/p"),
            ("*", "*"),
            ("/größe".replace("ö", "%C3%B6").replace("ß", "%C3%9F").leak(), "/größe"),
        ];
        for (target, expected) in table {
            assert_eq!(Request::new(Method::Options, target).path(), expected, "{target}");
        }
    }

    #[test]
    fn the_host_of_an_absolute_target_takes_precedence_over_the_field() {
        assert_eq!(Request::get("http://a:1/").with_header("Host", "b").host(), Some("a:1"));
        assert_eq!(Request::get("/").with_header("host", "b").host(), Some("b"));
        assert_eq!(Request::get("/").host(), None);
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxies = TrustedProxies::none().trust("10.0.0.0/8").unwrap().trust("unix").unwrap();
        let proxy = Peer::Tcp("10.0.0.1:1".parse().unwrap());
        let other = Peer::Tcp("[::ffff:192.0.2.9]:1".parse().unwrap());
        let told = Request::get("/")
            .with_header("Host", "inner")
            .with_header("Forwarded", "for=203.0.113.9;host=outer;proto=https");
        // For each peer: client, host and whether the request is secure, with these proxies trusted.
        let table = [
            (Some(proxy), "203.0.113.9", "outer", true),
            (Some(Peer::Unix), "203.0.113.9", "outer", true),
            (Some(other), "192.0.2.9", "inner", false),
            (None, "-", "inner", false),
        ];
        let mut request = told;
        for (peer, client, host, secure) in table {
            (request.peer, request.forwarded) = (peer, None);
            request.apply_forwarded(&TrustedProxies::none()).unwrap();
            assert_eq!((request.host(), request.is_secure()), (Some("inner"), false), "{peer:?}, no proxy is trusted");
            assert_eq!(request.client_address(), peer.and_then(Peer::ip), "{peer:?}, no proxy is trusted");
            request.apply_forwarded(&proxies).unwrap();
            assert_eq!(request.client().to_string(), client, "{peer:?}");
            assert_eq!((request.host(), request.is_secure()), (Some(host), secure), "{peer:?}");
            assert_eq!((request.peer(), request.received_host()), (peer, Some("inner")), "{peer:?}");
        }
    }

    #[test]
    fn what_a_proxy_does_not_say_is_taken_from_the_connection() {
        let proxies = TrustedProxies::none().trust("10.0.0.1").unwrap().trust("unix").unwrap();
        let proxy = Peer::Tcp("10.0.0.1:1".parse().unwrap());
        let table = [
            (proxy, None, "10.0.0.1", Ok(())),
            (Peer::Unix, None, "unix", Ok(())),
            (proxy, Some("for=_hidden"), "10.0.0.1", Ok(())),
            (Peer::Unix, Some("for=unknown"), "unix", Ok(())),
            (proxy, Some("for=nonsense"), "10.0.0.1", Err(ForwardedError::Node)),
        ];
        for (peer, value, client, result) in table {
            let request = Request::get("/").with_header("Host", "h");
            let mut request = value.into_iter().fold(request, |request, value| request.with_header("Forwarded", value));
            request.set_connection(peer, true);
            assert_eq!(request.apply_forwarded(&proxies), result, "{peer} {value:?}");
            assert_eq!(request.client().to_string(), client, "{peer} {value:?}");
            assert_eq!((request.host(), request.is_secure()), (Some("h"), true), "{peer} {value:?}");
        }
    }

    #[test]
    fn repeated_fields_are_one_list() {
        let request = Request::get("/").with_header("Accept", "a").with_header("X", "").with_header("accept", "b, c");
        assert_eq!(request.header("ACCEPT"), Some("a"));
        assert_eq!(request.header_list("Accept").as_deref(), Some("a, b, c"));
        assert_eq!(request.header_list("x").as_deref(), Some(""));
        assert_eq!((request.header_list("y"), request.header("y")), (None, None));
        assert_eq!(request.headers().collect::<Vec<_>>(), [("Accept", "a"), ("X", ""), ("accept", "b, c")]);
    }

    #[test]
    fn media_types_compare_without_regard_to_case_and_parameters() {
        let table = [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json ;a=b", true),
            ("application/json5", false),
            ("text/json", false),
            ("", false),
        ];
        for (sent, expected) in table {
            let request = Request::get("/").with_header("Content-Type", sent);
            assert_eq!(request.has_media_type("application/json"), expected, "{sent}");
        }
    }

    #[test]
    fn json_errors_name_line_and_column() {
        let error = Request::new(Method::Post, "/").with_body("{\n  \"a\": nope}").read_json().unwrap_err();
        let HttpError::BadRequest(reason) = error else { panic!("{error:?}") };
        assert!(reason.contains("line 2 column"), "{reason}");
        assert!(matches!(Request::new(Method::Post, "/").read_json(), Err(HttpError::LengthRequired)));
    }
}
