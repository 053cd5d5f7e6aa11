//! A response, and its body as it arrives.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use serde_core::de::DeserializeOwned;
use ureq::http;
use ureq::{Body, BodyReader};

use super::error::ClientError;
use crate::http::media_type::essence;

/// A response: status, header fields, and a body that has not been read yet.
pub struct Response {
    /// The requested URL, for error messages.
    url: String,
    response: http::Response<Body>,
}

impl Response {
    pub(super) fn new(url: &str, response: http::Response<Body>) -> Self {
        Self { url: url.into(), response }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The status line, such as `404 Not Found`.
    pub fn status_line(&self) -> String {
        self.response.status().to_string()
    }

    /// Whether the status code is in the 200s.
    pub fn is_success(&self) -> bool {
        self.response.status().is_success()
    }

    /// This response if its status code is in the 200s, and otherwise an error that says which URL, which status, and how the body
    /// begins if that is plain text or JSON.
    ///
    /// # Errors
    ///
    /// [`ClientError::Status`] for every other status code.
    pub fn error_for_status(self) -> Result<Self, ClientError> {
        if self.is_success() {
            return Ok(self);
        }
        let (url, status, status_line) = (self.url.clone(), self.status(), self.status_line());
        let is_readable = self.header("Content-Type").is_some_and(|media_type| {
            ["text/plain", "application/json"].iter().any(|readable| essence(media_type).eq_ignore_ascii_case(readable))
        });
        let text = if is_readable { self.beginning() } else { String::new() };
        Err(ClientError::Status { url, status, status_line, text })
    }

    /// The value of the first header field of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// All header fields as (name, value). Invalid UTF-8 is replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.response.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
    }

    /// The length of the body in bytes, if the server sent it.
    pub fn content_length(&self) -> Option<u64> {
        self.response.body().content_length()
    }

    /// The body, read as it arrives. If it breaks off, reading fails with an error that holds a [`ClientError`].
    pub fn into_reader(self) -> impl Read {
        ResponseReader(self.response.into_body().into_reader())
    }

    /// The whole body as text. Invalid UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// [`ClientError::Body`] when the body is incomplete.
    pub fn text(self) -> Result<String, ClientError> {
        Ok(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    /// The whole body as a value of this type, from JSON.
    ///
    /// # Errors
    ///
    /// [`ClientError::Body`] when the body is incomplete, and [`ClientError::Json`] when it is not JSON or not of this type.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let url = self.url.clone();
        let body = self.bytes()?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Json { url, reason: error.to_string() })
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`ClientError::Body`] when the body is incomplete.
    pub fn bytes(self) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        match self.into_reader().read_to_end(&mut body) {
            Ok(_) => Ok(body),
            // The reader's own error says that the response broke off.
            Err(error) => Err(error.downcast().unwrap_or_else(|error| ClientError::Body(error.to_string()))),
        }
    }

    /// What arrives of the beginning of the body, in one line.
    fn beginning(self) -> String {
        let mut beginning = Vec::new();
        // The status is the error to tell: one of the body would hide it.
        let _ = self.into_reader().take(MAX_ERROR_TEXT).read_to_end(&mut beginning);
        let text = String::from_utf8_lossy(&beginning);
        let words: Vec<_> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }
}

/// Without the header fields, which may hold secrets.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("url", &self.url).field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The body of a response. Its errors hold a [`ClientError`], which tells them from those of the writer it is copied to.
struct ResponseReader(BodyReader<'static>);

impl Read for ResponseReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, ClientError::of_body(error)),
        })
    }
}

/// How much of the body of an error response becomes part of a message, in bytes.
const MAX_ERROR_TEXT: u64 = 512;
