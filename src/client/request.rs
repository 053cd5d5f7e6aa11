//! A request that is put together before it is sent.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use serde_core::Serialize;
use ureq::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue};

use super::error::ClientError;
use super::response::Response;
use super::sender::{Outgoing, Sender};
use crate::http::method::Method;

/// A request that has not been sent yet, from [`Client::request`](super::Client::request).
///
/// ```
/// use hearken::Method;
/// use hearken::client::Client;
/// # use hearken::testing::TestServer;
/// # use hearken::{Request, Router};
/// # let app = Router::new().patch("/notes/7", |request: &mut Request| request.read_body());
/// # let server = TestServer::new(app)?;
/// # let url = format!("{}notes/7", server.url());
///
/// let response = Client::new()
///     .request(Method::Patch, &url)
///     .with_header("If-Match", "\"a1b2\"")
///     .with_body("buy milk")
///     .send()?
///     .error_for_status()?;
/// assert_eq!(response.text()?, "buy milk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a request is sent by `send`"]
pub struct Request<'a> {
    sender: &'a Sender,
    method: Method,
    url: String,
    fields: HeaderMap,
    body: Outgoing<'a>,
    /// The first reason why it cannot be sent.
    fault: Option<String>,
}

impl<'a> Request<'a> {
    pub(super) fn new(sender: &'a Sender, method: Method, url: &str) -> Self {
        Self { sender, method, url: url.into(), fields: HeaderMap::new(), body: Outgoing::Nothing, fault: None }
    }

    /// The request with this header field, in place of others with the same name. If the name is not a token, or the value contains a
    /// control character, [`Request::send`] fails.
    ///
    /// `Content-Length` and `Transfer-Encoding` follow from the body and are refused. After a redirect to another place the field is
    /// sent there too, unless it is `Authorization` or `Cookie`.
    pub fn with_header(self, name: &str, value: &str) -> Self {
        self.with_field(name, value, |fields, name, value| {
            fields.insert(name, value);
        })
    }

    /// The request with one more header field, besides others with the same name.
    ///
    /// The rules are those of [`Request::with_header`].
    pub fn with_added_header(self, name: &str, value: &str) -> Self {
        self.with_field(name, value, |fields, name, value| {
            fields.append(name, value);
        })
    }

    /// The request with these bytes as its body.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Outgoing::Bytes(Cow::Owned(body.into()));
        self.fields.remove(CONTENT_LENGTH);
        self
    }

    /// The request with bytes of the caller's as its body, which are not copied.
    pub(super) fn with_borrowed_body(mut self, body: &'a [u8]) -> Self {
        self.body = Outgoing::Bytes(Cow::Borrowed(body));
        self
    }

    /// The request with this value as its body, as JSON. If the value cannot be JSON, [`Request::send`] fails.
    pub fn with_json(self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.with_header("Content-Type", "application/json").with_body(json),
            Err(error) => self.with_fault(format!("the body cannot be JSON: {error}")),
        }
    }

    /// The request with what the reader yields as its body: with `Content-Length` if the length in bytes is known, otherwise in
    /// chunks. What exceeds the length is not read; if the reader ends before it, [`Request::send`] fails.
    pub fn with_reader(mut self, reader: impl Read + 'a, length: Option<u64>) -> Self {
        // `Expect: 100-continue` would save sending a body that is refused. But ureq fails on an interim response that has
        // header fields, as some servers send it.
        self.body = Outgoing::Stream(match length {
            Some(length) => {
                self.fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
                Box::new(Measured { reader, left: length })
            }
            None => {
                self.fields.remove(CONTENT_LENGTH);
                Box::new(reader)
            }
        });
        self
    }

    /// Sends the request, and waits for the head of the response.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the request is not valid, or there is no response.
    pub fn send(self) -> Result<Response, ClientError> {
        let invalid = |reason: String| ClientError::Request { url: self.url.clone(), reason };
        if let Some(fault) = self.fault {
            return Err(invalid(fault));
        }
        let name = self.method.as_str();
        let method =
            http::Method::from_bytes(name.as_bytes()).map_err(|_| invalid(format!("{name:?} is no method")))?;
        if method == http::Method::CONNECT {
            return Err(invalid("CONNECT asks for a tunnel".into()));
        }
        self.sender.send(&method, &self.url, self.fields, self.body)
    }

    fn with_field(self, name: &str, value: &str, add: impl FnOnce(&mut HeaderMap, HeaderName, HeaderValue)) -> Self {
        let Ok(field) = HeaderName::from_bytes(name.as_bytes()) else {
            return self.with_fault(format!("{name:?} is not the name of a header field"));
        };
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&field) {
            return self.with_fault(format!("the header field {name} is the client's own to set"));
        }
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return self.with_fault(format!("the value of the header field {name} holds a control character"));
        };
        let mut request = self;
        add(&mut request.fields, field, value);
        request
    }

    fn with_fault(mut self, reason: String) -> Self {
        self.fault.get_or_insert(reason);
        self
    }
}

/// Without the header fields, which may hold secrets.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

/// As many bytes of the reader as were announced. ureq waits for a response even if there are fewer, while the server waits for the rest.
struct Measured<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match self.reader.read(&mut buffer[..room])? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the body ends {} bytes early", self.left))),
            length => {
                self.left -= length as u64;
                Ok(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_told_without_a_connection() {
        let client = Client::new();
        // Nobody listens there, and nobody is asked.
        let request = |method| client.request(method, "http://127.0.0.1:1/");
        let get = || request(Method::Get);
        let table = [
            (request(Method::from_name("G T")), "\"G T\" is no method"),
            (request(Method::from_name("")), "\"\" is no method"),
            (request(Method::Connect), "CONNECT asks for a tunnel"),
            (get().with_header("X A", "b"), "\"X A\" is not the name of a header field"),
            (get().with_added_header("", "b"), "\"\" is not the name of a header field"),
            (get().with_header("X-A", "b\r\nX-B: c"), "the value of the header field X-A holds a control character"),
            (get().with_header("content-length", "1"), "the header field content-length is the client's own to set"),
            (
                get().with_header("Transfer-Encoding", "chunked"),
                "the header field Transfer-Encoding is the client's own",
            ),
            (get().with_json(&std::collections::HashMap::from([((), 1)])), "the body cannot be JSON: "),
            (get().with_header("X A", "b").with_header("\n", "c"), "\"X A\" is not"),
        ];
        for (request, reason) in table {
            let shown = format!("{request:?}");
            let error = request.send().unwrap_err();
            assert!(matches!(error, ClientError::Request { .. }), "{shown}: {error}");
            let expected = format!("cannot send the request to http://127.0.0.1:1/: {reason}");
            assert!(error.to_string().starts_with(&expected), "{shown}: {error}");
        }
        assert!(!format!("{:?}", get().with_header("X-Key", "secret")).contains("secret"));
    }
}
