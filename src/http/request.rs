//! A request as a handler sees it, whether it came over a connection or was made up by a test.

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

/// Where a request's parts come from. The connection's side of it is the server's adapter; a request that was made up
/// has a [`InMemory`] one. A request lends its parts rather than copies them.
pub(crate) trait RequestSource: Any + Send {
    /// The request target, as sent.
    fn target(&self) -> &str;
    /// The name and the value of a header field, by its place among them. What is not UTF-8 is replaced.
    fn field(&self, index: usize) -> Option<(&str, &str)>;
    /// The value of a header field as it was sent, by its place among them.
    fn field_bytes(&self, index: usize) -> Option<&[u8]>;
    /// The trailer fields. There are none before the body was read to its end.
    fn trailers(&self) -> &[(String, Vec<u8>)];
    /// The connection that it comes over.
    fn connection(&self) -> Connection;
    /// Reads on in the body. `Ok(0)` is its proper end, and only that.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError>;
}

/// Fields that came behind a body, by name and value.
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
    /// The decoded path, where decoding changes it.
    decoded_path: Option<String>,
    body_length: BodyLength,
    peer: Option<Peer>,
    secure: bool,
    /// What the proxy says, where the request came from one that is trusted.
    forwarded: Option<Box<Forwarded>>,
    parameters: Vec<(String, String)>,
    user: Option<String>,
    source: Box<dyn RequestSource>,
}

impl Request {
    /// A `GET` request that came over no connection, to try a handler with.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn get(target: &str) -> Self {
        Self::new(Method::Get, target)
    }

    /// A request that came over no connection, to try a handler with. It is HTTP/1.1, without header fields and body.
    ///
    /// # Panics
    ///
    /// When the target is not one that a server would take (RFC 9112 §3.2).
    pub fn new(method: Method, target: &str) -> Self {
        let parsed = Target::parse(&method, target).unwrap_or_else(|error| panic!("{target:?}: {}", error.explain()));
        let source = InMemory { target: target.into(), headers: Headers::new(), body: io::Cursor::new(Vec::new()) };
        Self::from_source(method, Version::Http11, parsed, BodyLength::Absent, Box::new(source))
    }

    /// The request with one more header field.
    ///
    /// # Panics
    ///
    /// When the request came over a connection, or the name or the value is not one that can be sent (RFC 9110 §5).
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let field = (HeaderText::Owned(name.into()), HeaderText::Owned(value.into()));
        self.in_memory().headers.push(field.0, field.1).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        self
    }

    /// The request with this body, its length known.
    ///
    /// # Panics
    ///
    /// When the request came over a connection.
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

    /// The path, percent-decoded where that gives valid UTF-8 without new slashes. For `OPTIONS *` it is `*`.
    ///
    /// A decoded path is for comparing and showing. To name a file, go through [`RelativePath`](path::RelativePath).
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

    /// The query; empty when there is none.
    pub fn query(&self) -> Query<'_> {
        Query::new(self.encoded_query().unwrap_or(""))
    }

    /// The query as the client sent it, without its `?`.
    pub fn encoded_query(&self) -> Option<&str> {
        self.target.query.clone().map(|query| &self.target()[query])
    }

    /// The host that the client addressed: what a [trusted proxy](crate::Settings::trusted_proxies) says of it, else that of
    /// the target if it is an absolute URL, else that of the `Host` field.
    pub fn host(&self) -> Option<&str> {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.host.as_deref()).or_else(|| self.received_host())
    }

    /// The host of the request as it was received, whatever a proxy says.
    pub(crate) fn received_host(&self) -> Option<&str> {
        match self.target.authority.clone() {
            Some(authority) => Some(&self.target()[authority]),
            None => self.header("Host"),
        }
    }

    /// The value of the first header field of this name, compared without regard to case. A value may hold bytes that are not
    /// UTF-8 (RFC 9110 §5.5): those are replaced by U+FFFD; [`Request::header_bytes`] gives them as they are.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first header field of this name, as it was sent.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let index = self.headers().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        self.source.field_bytes(index)
    }

    /// The values of all header fields of this name, joined by commas into one list (RFC 9110 §5.3). Not for `Set-Cookie`.
    pub fn header_list(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.headers().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next()?;
        Some(values.fold(Cow::Borrowed(first), |list, value| Cow::Owned(format!("{list}, {value}"))))
    }

    /// All header fields as (name, value), in the order in which they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..).map_while(|index| self.source.field(index))
    }

    /// What a `{name}` in the route's pattern stands for in this request's path.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The other end of the connection, be it a proxy's; `None` for a request that came over none.
    pub fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// The connection, to ask whether anybody still waits for the answer.
    pub fn connection(&self) -> Connection {
        self.source.connection()
    }

    /// The IP address of the client: that of the connection's other end or, where this is a
    /// [trusted proxy](crate::Settings::trusted_proxies), the one that it names in `Forwarded` (RFC 7239 §5.2) or in
    /// `X-Forwarded-For`; where they contradict each other, neither counts. Such a list is read from its right end, where proxies add to it, and only for as long as
    /// they are trusted: what a client puts there itself is never believed. An IPv4 address is one, however it was written.
    ///
    /// `None` for a client over a Unix socket that no proxy names, and for a request that came over no connection.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.client).or_else(|| self.peer?.ip())
    }

    /// The scheme that the client uses, where it is known: it came over our own TLS, or a trusted proxy says it.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        let secure = match &self.forwarded {
            Some(forwarded) => forwarded.secure?,
            // Plain HTTP may come from a proxy that nobody told us of.
            None => self.secure.then_some(true)?,
        };
        Some(if secure { "https" } else { "http" })
    }

    /// Whether a trusted proxy passes the request on for somebody. At a loopback address there may also be a browser, so that from
    /// there it has to say so.
    pub(crate) fn is_proxied(&self) -> bool {
        let is_loopback = self.peer.and_then(Peer::ip).is_some_and(|address| address.is_loopback());
        self.forwarded.as_ref().is_some_and(|forwarded| !is_loopback || **forwarded != Forwarded::default())
    }

    /// Whom the request comes from.
    pub(crate) fn client(&self) -> ClientId {
        match (self.client_address(), self.peer) {
            (Some(address), _) => ClientId::Address(address),
            (None, Some(_)) => ClientId::Unix,
            (None, None) => ClientId::NoConnection,
        }
    }

    /// The user whose password came with the request, where one was asked for.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether the client uses HTTPS: as a [trusted proxy](crate::Settings::trusted_proxies) says, else whether the request came
    /// over TLS.
    pub fn is_secure(&self) -> bool {
        self.forwarded.as_ref().and_then(|forwarded| forwarded.secure).unwrap_or(self.secure)
    }

    /// Whether a body was announced, be it an empty one.
    pub fn has_body(&self) -> bool {
        self.body_length != BodyLength::Absent
    }

    /// The announced length of the body in bytes; `None` when there is no body or it comes in chunks.
    pub fn content_length(&self) -> Option<u64> {
        match self.body_length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Absent | BodyLength::Chunked => None,
        }
    }

    /// Whether the body's media type is this one, whatever its parameters (RFC 9110 §8.3.1).
    pub fn has_media_type(&self, media_type: &str) -> bool {
        let sent = self.header("Content-Type").unwrap_or("");
        media_type::essence(sent).eq_ignore_ascii_case(media_type)
    }

    /// The body, to be read as it arrives. Reading fails when it is longer than the server accepts
    /// ([`Settings::max_body`](crate::Settings::max_body)), late, cut short or badly framed; `?` turns each into its status.
    pub fn body(&mut self) -> Body<'_> {
        Body(self.source.as_mut())
    }

    /// The trailer fields as (name, value), in the order in which they were sent: what follows a chunked body (RFC 9112 §7.1.2).
    /// There are none before the body was read to its end. Those that may not come so late, because they frame, route or
    /// authorize the request (RFC 9110 §6.5.1), are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.source.trailers().iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`HttpError::LengthRequired`] when none was announced, and what reading it fails with.
    pub fn read_body(&mut self) -> Result<Vec<u8>, HttpError> {
        if !self.has_body() {
            return Err(HttpError::LengthRequired);
        }
        // What is announced is not yet there: a client must send what it makes us hold.
        let announced = usize::try_from(self.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(announced.min(64 * 1024));
        self.body().read_to_end(&mut body)?;
        Ok(body)
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    ///
    /// As [`Request::read_body`], and [`HttpError::BadRequest`] with line and column when it is not valid UTF-8 JSON.
    pub fn read_json(&mut self) -> Result<serde_json::Value, HttpError> {
        let body = self.read_body()?;
        serde_json::from_slice(&body).map_err(|error| HttpError::bad_request(format!("not valid JSON: {error}")))
    }

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

    /// Has the request follow what its fields say of the client, if it came from one of these proxies.
    ///
    /// # Errors
    ///
    /// Why some of it is ignored.
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
        source.downcast_mut().expect("the request was made up, it came over no connection")
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

/// Reads the body of a request.
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

/// The parts of a request that came over no connection.
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
    fn paths_are_decoded_for_showing() {
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
    fn the_host_of_an_absolute_target_wins() {
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
        // For each peer: client, host and whether it is secure, where the proxies are trusted.
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
            assert_eq!((request.host(), request.is_secure()), (Some("inner"), false), "{peer:?}, and none is trusted");
            assert_eq!(request.client_address(), peer.and_then(Peer::ip), "{peer:?}, and none is trusted");
            request.apply_forwarded(&proxies).unwrap();
            assert_eq!(request.client().to_string(), client, "{peer:?}");
            assert_eq!((request.host(), request.is_secure()), (Some(host), secure), "{peer:?}");
            assert_eq!((request.peer(), request.received_host()), (peer, Some("inner")), "{peer:?}");
        }
    }

    #[test]
    fn what_a_proxy_does_not_say_is_as_it_came() {
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
    fn media_types_compare_without_case_and_parameters() {
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
    fn json_errors_say_where() {
        let error = Request::new(Method::Post, "/").with_body("{\n  \"a\": nope}").read_json().unwrap_err();
        let HttpError::BadRequest(reason) = error else { panic!("{error:?}") };
        assert!(reason.contains("line 2 column"), "{reason}");
        assert!(matches!(Request::new(Method::Post, "/").read_json(), Err(HttpError::LengthRequired)));
    }
}
