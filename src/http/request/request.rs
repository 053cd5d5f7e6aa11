//! The request: its parts, wherever they are kept.

use core::net::IpAddr;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use super::added_fields::AddedFields;
use super::extensions::Extensions;
use super::mount::{self, Mount};
use crate::http::body::{BodyError, BodyLength};
use crate::http::connection::Connection;
use crate::http::error::HttpError;
use crate::http::forwarded::{Forwarded, ForwardedError};
use crate::http::media_type;
use crate::http::method::Method;
use crate::http::path::{self, DecodedPath};
use crate::http::peer::{ClientId, Peer};
use crate::http::query::Query;
use crate::http::target::Target;
use crate::http::trusted_proxies::TrustedProxies;
use crate::http::version::Version;

/// Where the parts of a request are: in a connection, for the server's requests, or in memory. A request borrows its parts from
/// here instead of copying them.
pub(crate) trait RequestSource: Any + Send {
    /// The request target, as it was sent.
    fn target(&self) -> &str;
    /// The name and the value of the header field at this index. Invalid UTF-8 in a value is replaced by U+FFFD.
    fn field(&self, index: usize) -> Option<(&str, &str)>;
    /// The value of the header field at this index, as it was sent.
    fn field_bytes(&self, index: usize) -> Option<&[u8]>;
    /// The trailer fields. There are none until the body has been read to its end. Defaults to none at all.
    fn trailers(&self) -> &[(String, Vec<u8>)] {
        &[]
    }
    /// The connection that the request came over. Defaults to one of which nothing is known.
    fn connection(&self) -> Connection {
        Connection::default()
    }
    /// The most bytes that the body may have.
    fn max_body(&self) -> u64;
    /// Sets the most bytes that the body may have.
    fn set_max_body(&mut self, bytes: u64);
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
    /// The decoded path, if some of it is encoded.
    decoded_path: Option<DecodedPath>,
    /// The part of the path that routers have used up.
    mount: Mount,
    pub(super) body_length: BodyLength,
    pub(super) peer: Option<Peer>,
    secure: bool,
    /// What the proxy says about the client, if the request came from a trusted proxy.
    forwarded: Option<Box<Forwarded>>,
    pub(super) parameters: Vec<(String, String)>,
    user: Option<String>,
    added_fields: AddedFields,
    extensions: Extensions,
    pub(super) source: Box<dyn RequestSource>,
}

impl Request {
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

    /// The path, percent-decoded once. An encoded slash stays `%2F`, and a byte that is not UTF-8 stays encoded, such as `%FF`; in a
    /// path that has one of these, a percent sign stays `%25`. In a handler that is [nested](crate::Router::nest) in a router, the
    /// path without the router's prefix. It is `*` for `OPTIONS *`.
    ///
    /// A decoded path is for comparison and display. To name a file, use [`RelativePath`](path::RelativePath), which checks it.
    pub fn path(&self) -> &str {
        match &self.decoded_path {
            Some(path) => or_root(&path.text[self.mount.decoded..]),
            None => self.encoded_path(),
        }
    }

    /// The path as the client sent it, without the prefix of the routers that the handler is nested in. It is `/` for a URL without
    /// one.
    pub fn encoded_path(&self) -> &str {
        or_root(self.path_below_mount())
    }

    /// The prefix of the routers that the handler is [nested](crate::Router::nest) in, such as `/assets`, percent-encoded: what
    /// stands before [`Request::encoded_path`] in the target. Empty in a handler that is not nested.
    ///
    /// A path that the client is told, such as a link or a redirect, starts with it. It is encoded anew, so that a browser does not
    /// take it for the name of another host.
    pub fn mount(&self) -> String {
        path::encode_again(&self.whole_encoded_path()[..self.mount.encoded])
    }

    /// Whether the path is that of a nested router itself, without a slash at its end: relative links would lead elsewhere.
    pub(crate) fn is_mount_without_slash(&self) -> bool {
        self.mount.encoded > 0 && self.path_below_mount().is_empty()
    }

    /// Whether nothing in [`Request::path`] is encoded any more.
    pub(super) fn is_path_decoded(&self) -> bool {
        self.decoded_path.as_ref().is_none_or(|path| path.is_complete)
    }

    /// The whole path for a message, decoded as [`Request::path`] is, but in one line: replacement characters stand for control
    /// characters.
    pub(crate) fn shown_path(&self) -> String {
        let whole = self.decoded_path.as_ref().map_or_else(|| or_root(self.whole_encoded_path()), |path| &path.text);
        whole.replace(char::is_control, "\u{fffd}")
    }

    fn whole_encoded_path(&self) -> &str {
        &self.target()[self.target.path.clone()]
    }

    fn path_below_mount(&self) -> &str {
        &self.whole_encoded_path()[self.mount.encoded..]
    }

    /// Passes the request to a handler that is mounted at the first segments of the path, so many of them.
    pub(crate) fn with_mount<T>(&mut self, segments: usize, handle: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.mount;
        let inner = Mount {
            encoded: outer.encoded + mount::prefix_length(self.path_below_mount(), segments),
            decoded: self
                .decoded_path
                .as_ref()
                .map_or(0, |path| outer.decoded + mount::prefix_length(&path.text[outer.decoded..], segments)),
        };
        self.mount = inner;
        let result = handle(self);
        // If the handler has put another request in the place of this one, its path has no such prefix.
        self.mount = if self.mount == inner { outer } else { Mount::default() };
        result
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
        if let Some(value) = self.added_fields.get(name) {
            return Some(value.as_bytes());
        }
        let index =
            (0..).map_while(|index| self.source.field(index)).position(|(sent, _)| sent.eq_ignore_ascii_case(name))?;
        self.source.field_bytes(index)
    }

    /// The values of all header fields with this name, joined by commas into one list (RFC 9110 §5.3). Not for
    /// `Set-Cookie`.
    pub fn header_list(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.headers().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next()?;
        Some(values.fold(Cow::Borrowed(first), |list, value| Cow::Owned(format!("{list}, {value}"))))
    }

    /// The token in `Authorization: Bearer TOKEN` (RFC 6750 §2.1), whatever the case of the scheme. Compare a secret one so that
    /// the time does not depend on how much of it is right, or look it up by its hash.
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("Authorization")?.split_once(' ')?;
        let token = token.trim_matches(' ');
        (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
    }

    /// All header fields as (name, value): those that were sent, in this order, then those that were
    /// [set](Request::set_header).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let sent = (0..).map_while(|index| self.source.field(index));
        sent.filter(|(name, _)| !self.added_fields.replaces(name)).chain(self.added_fields.iter())
    }

    /// Sets a header field, in place of those of this name: for a layer that tells the handler something. A value that is meant for
    /// the handler alone is better [inserted](Request::insert), because a client can send any field.
    ///
    /// # Errors
    ///
    /// [`HttpError::Internal`] if the name is not a token, or the value contains a control character (RFC 9110 §5), and for
    /// `Content-Length` and `Transfer-Encoding`, because the body has been framed already.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        self.added_fields.set(name, value)
    }

    /// Hands a value on to what is further in: a layer hands the handler the user whom it has recognized. Returns the value of this
    /// type that was there.
    pub fn insert<T: Send + 'static>(&mut self, value: T) -> Option<T> {
        self.extensions.insert(value)
    }

    /// The value of this type that a layer has [inserted](Request::insert).
    pub fn extension<T: Send + 'static>(&self) -> Option<&T> {
        self.extensions.find()
    }

    /// Takes out the value of this type that a layer has [inserted](Request::insert).
    pub fn remove<T: Send + 'static>(&mut self) -> Option<T> {
        self.extensions.remove()
    }

    /// The part of the path that `{name}` in the pattern of the route stands for, decoded as [`Request::path`] is.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
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

    /// The user whom a layer has recognized, such as the one who has given a password. The access log names this user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Sets the user whom a layer has recognized.
    pub fn set_user(&mut self, user: impl Into<String>) {
        self.user = Some(user.into());
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

    /// Sets the most bytes that the body may have, more or fewer than [`Settings::max_body`](crate::Settings::max_body), as
    /// [`BodyLimit`](crate::BodyLimit) does; `u64::MAX` means no limit. Has no effect on what has been read.
    pub fn set_max_body(&mut self, bytes: u64) {
        self.source.set_max_body(bytes);
    }

    /// The most bytes that the body may have.
    pub(crate) fn max_body(&self) -> u64 {
        self.source.max_body()
    }

    /// The trailer fields after a chunked body (RFC 9112 §7.1.2) as (name, value), in the order in which they were
    /// sent. There are none until the body has been read to its end. Fields that are not allowed as trailers, because
    /// they frame, route or authenticate the request (RFC 9110 §6.5.1), are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.source.trailers().iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The request with these parts.
    pub(crate) fn from_source(
        method: Method,
        version: Version,
        target: Target,
        body_length: BodyLength,
        source: Box<dyn RequestSource>,
    ) -> Self {
        let decoded_path = DecodedPath::of(&source.target()[target.path.clone()]);
        Self {
            method,
            version,
            target,
            decoded_path,
            mount: Mount::default(),
            body_length,
            peer: None,
            secure: false,
            forwarded: None,
            parameters: Vec::new(),
            user: None,
            added_fields: AddedFields::default(),
            extensions: Extensions::default(),
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

    /// Adds parameters to those of the routers further out.
    pub(crate) fn add_parameters(&mut self, mut parameters: Vec<(String, String)>) {
        if self.parameters.is_empty() {
            self.parameters = parameters;
        } else {
            self.parameters.append(&mut parameters);
        }
    }

    /// How many parameters there are, to go back to.
    pub(crate) fn parameter_count(&self) -> usize {
        self.parameters.len()
    }

    /// Drops all parameters but the first `count`.
    pub(crate) fn truncate_parameters(&mut self, count: usize) {
        self.parameters.truncate(count);
    }

    /// Drops what layers have inserted: values of the program, whose `Drop` may panic.
    pub(crate) fn drop_extensions(&mut self) {
        self.extensions = Extensions::default();
    }

    pub(crate) fn into_source(self) -> Box<dyn RequestSource> {
        self.source
    }
}

/// The path, which is `/` if it is empty.
fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_for_display() {
        let table = [
            ("/a%20b?q", "/a b"),
            ("/%ff", "/%FF"),
            ("/%61%2fb", "/a%2Fb"),
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
    fn a_request_that_takes_the_place_of_a_mounted_one_keeps_its_path() {
        let mut request = Request::get("/a/b/c");
        let seen = request.with_mount(1, |request| {
            request.with_mount(1, |request| {
                assert_eq!((request.path(), request.mount().as_str()), ("/c", "/a/b"));
                *request = Request::get("/");
            });
            (request.path().to_owned(), request.mount())
        });
        assert_eq!((seen.0.as_str(), seen.1.as_str()), ("/", ""));
        assert_eq!((request.path(), request.mount().as_str()), ("/", ""));
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
    fn bearer_tokens_are_told_from_other_credentials() {
        let table = [
            ("Bearer abc.-_~+/=", Some("abc.-_~+/=")),
            ("bEARER  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic abc", None),
            ("Bearers abc", None),
            ("", None),
        ];
        for (field, token) in table {
            assert_eq!(Request::get("/").with_header("Authorization", field).bearer_token(), token, "{field:?}");
        }
        assert_eq!(Request::get("/").bearer_token(), None);
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
}
