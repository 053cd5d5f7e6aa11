//! Requests without a connection, to try a handler with.

use std::any::Any;
use std::io::{self, Read as _};

use serde_core::Serialize;

use super::request::{Request, RequestSource};
use crate::http::body::{BodyError, BodyLength, DEFAULT_MAX_BODY};
use crate::http::headers::{HeaderText, Headers};
use crate::http::method::Method;
use crate::http::multipart::FormData;
use crate::http::peer::Peer;
#[cfg(feature = "forms")]
use crate::http::query::FORM_URLENCODED;
use crate::http::target::Target;
use crate::http::version::Version;

impl Request {
    /// A `GET` request without a connection, to try a handler with.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn get(target: &str) -> Self {
        Self::new(Method::Get, target)
    }

    /// A `POST` request without a connection.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn post(target: &str) -> Self {
        Self::new(Method::Post, target)
    }

    /// A `PUT` request without a connection.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn put(target: &str) -> Self {
        Self::new(Method::Put, target)
    }

    /// A `PATCH` request without a connection.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn patch(target: &str) -> Self {
        Self::new(Method::Patch, target)
    }

    /// A `DELETE` request without a connection.
    ///
    /// # Panics
    ///
    /// As [`Request::new`].
    pub fn delete(target: &str) -> Self {
        Self::new(Method::Delete, target)
    }

    /// A request without a connection, to try a handler with. It is HTTP/1.1, and has no header fields and no body. A body may have
    /// 10 MiB, as in a server with default settings, unless [`Request::set_max_body`] sets another limit.
    ///
    /// # Panics
    ///
    /// If the target is not valid (RFC 9112 §3.2).
    pub fn new(method: Method, target: &str) -> Self {
        let parsed = Target::parse(&method, target).unwrap_or_else(|error| panic!("{target:?}: {}", error.explain()));
        let source = InMemory {
            target: target.into(),
            headers: Headers::new(),
            body: io::Cursor::new(Vec::new()),
            max_body: DEFAULT_MAX_BODY,
        };
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

    /// The request with one more cookie (RFC 6265 §4.2).
    ///
    /// # Panics
    ///
    /// As [`Request::with_header`].
    #[must_use]
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        let before = self.header("Cookie").map(|cookies| format!("{cookies}; ")).unwrap_or_default();
        let cookies = format!("{before}{name}={value}");
        let headers = &mut self.in_memory().headers;
        headers.set("Cookie".into(), cookies.into()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
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

    /// The request with this value as its body, as JSON.
    ///
    /// # Panics
    ///
    /// As [`Request::with_body`], or if the value cannot be JSON.
    #[must_use]
    pub fn with_json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("not JSON: {error}"));
        self.with_typed_body("application/json", body)
    }

    /// The request with this value as its body, as a form without files: a struct, a map, or pairs of names and values. Needs the
    /// feature `forms`.
    ///
    /// # Panics
    ///
    /// As [`Request::with_body`], or if the value cannot be a form.
    #[cfg(feature = "forms")]
    #[must_use]
    pub fn with_form(self, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_html_form::to_string(value).unwrap_or_else(|error| panic!("not a form: {error}"));
        self.with_typed_body(FORM_URLENCODED, body)
    }

    /// The request with this form with files as its body.
    ///
    /// # Panics
    ///
    /// As [`Request::with_body`].
    #[must_use]
    pub fn with_multipart(self, form: &FormData) -> Self {
        let (media_type, body) = form.encode();
        self.with_typed_body(&media_type, body)
    }

    /// The request as it comes from this peer.
    #[must_use]
    pub fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    /// The request of this user, as if a layer had recognized the user.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        self.set_user(user);
        self
    }

    /// The request with this parameter, as if a router had taken it from the path.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.add_parameters(vec![(name.into(), value.into())]);
        self
    }

    fn with_typed_body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = self.with_body(body);
        let headers = &mut request.in_memory().headers;
        headers.set("Content-Type".into(), media_type.to_owned().into()).expect("the media type is a valid value");
        request
    }

    fn in_memory(&mut self) -> &mut InMemory {
        let source: &mut dyn Any = self.source.as_mut();
        source.downcast_mut().expect("the request was made in memory, not received over a connection")
    }
}

/// The parts of a request without a connection.
struct InMemory {
    target: String,
    headers: Headers,
    body: io::Cursor<Vec<u8>>,
    max_body: u64,
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

    fn max_body(&self) -> u64 {
        self.max_body
    }

    fn set_max_body(&mut self, bytes: u64) {
        self.max_body = bytes;
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        if self.body.get_ref().len() as u64 > self.max_body {
            return Err(BodyError::TooLarge(self.max_body));
        }
        self.body.read(buffer).map_err(BodyError::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::HttpError;

    #[test]
    fn a_body_is_limited_as_in_a_server() {
        let long = vec![b'a'; usize::try_from(DEFAULT_MAX_BODY).unwrap() + 1];
        let mut request = Request::post("/").with_body(long);
        assert!(matches!(request.read_body(), Err(HttpError::ContentTooLarge(DEFAULT_MAX_BODY))));
        request.set_max_body(DEFAULT_MAX_BODY + 1);
        assert!(request.read_body().is_ok());
        let mut request = Request::post("/").with_body("1234");
        request.set_max_body(3);
        assert!(matches!(request.read_body(), Err(HttpError::ContentTooLarge(3))));
        assert!(matches!(Request::post("/").read_body(), Err(HttpError::LengthRequired)));
    }

    #[test]
    fn json_is_the_only_media_type_of_a_request_with_json() {
        let request = Request::post("/").with_header("content-type", "text/plain").with_json(&[1]);
        assert_eq!(request.headers().collect::<Vec<_>>(), [("Content-Type", "application/json")]);
        assert_eq!(request.content_length(), Some(3));
    }

    #[cfg(feature = "forms")]
    #[test]
    fn a_form_is_read_as_it_was_made() {
        let pairs = [("a", "1 & 2"), ("b", "größer"), ("a", "=+%")];
        let mut request = Request::post("/").with_header("content-type", "text/plain").with_form(&pairs);
        assert_eq!(request.headers().collect::<Vec<_>>(), [("Content-Type", "application/x-www-form-urlencoded")]);
        let read: Vec<(String, String)> = request.form().unwrap();
        assert_eq!(read, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(
            Request::post("/").with_form(&pairs).read_body().unwrap(),
            b"a=1+%26+2&b=gr%C3%B6%C3%9Fer&a=%3D%2B%25"
        );
    }

    #[test]
    fn a_form_replaces_the_media_type_and_the_body() {
        let form = FormData::new().text("a", "b");
        let (media_type, body) = form.encode();
        let request = Request::post("/").with_header("content-type", "text/plain").with_body("c");
        let mut request = request.with_multipart(&form);
        assert_eq!(request.headers().collect::<Vec<_>>(), [("Content-Type", media_type.as_str())]);
        assert_eq!(request.content_length(), Some(body.len() as u64));
        assert_eq!(request.read_body().unwrap(), body);
    }

    #[test]
    fn cookies_are_one_field() {
        let request = Request::get("/").with_cookie("a", "1").with_cookie("b", "2");
        assert_eq!(request.headers().collect::<Vec<_>>(), [("Cookie", "a=1; b=2")]);
    }

    #[test]
    fn fields_that_were_set_replace_those_that_were_sent() {
        let mut request = Request::get("/").with_header("A", "1").with_header("B", "2").with_header("a", "3");
        request.set_header("a", "4").unwrap();
        request.set_header("C", "5").unwrap();
        request.set_header("c", "6").unwrap();
        assert_eq!(request.headers().collect::<Vec<_>>(), [("B", "2"), ("a", "4"), ("c", "6")]);
        assert_eq!((request.header("A"), request.header_bytes("A")), (Some("4"), Some(&b"4"[..])));
        assert_eq!((request.header_bytes("B"), request.header_bytes("D")), (Some(&b"2"[..]), None));
        for (name, value) in
            [("", "a"), ("a b", "a"), ("a", "\r\n"), ("content-length", "1"), ("Transfer-Encoding", "x")]
        {
            assert!(matches!(request.set_header(name, value), Err(HttpError::Internal(_))), "{name:?} {value:?}");
        }
    }
}
