//! A response, and its body as it arrives.

use std::borrow::Cow;
use std::io::{self, Read};

use ureq::http;
use ureq::{Body, BodyReader};

use super::error::ClientError;

/// A response: status, header fields, and a body that has not been read yet.
#[derive(Debug)]
pub struct Response(http::Response<Body>);

impl Response {
    pub(super) fn new(response: http::Response<Body>) -> Self {
        Self(response)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The status line, such as `404 Not Found`.
    pub fn status_line(&self) -> String {
        self.0.status().to_string()
    }

    /// Whether the status code is in the 200s.
    pub fn is_success(&self) -> bool {
        self.0.status().is_success()
    }

    /// The value of the first header field of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// All header fields as (name, value). Invalid UTF-8 is replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
    }

    /// The length of the body in bytes, if the server sent it.
    pub fn content_length(&self) -> Option<u64> {
        self.0.body().content_length()
    }

    /// The body, read as it arrives. If it breaks off, reading fails with an error that holds a [`ClientError`].
    pub fn into_reader(self) -> impl Read {
        ResponseReader(self.0.into_body().into_reader())
    }

    /// The whole body as text. Invalid UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// [`ClientError::Body`] when the body is incomplete.
    pub fn text(self) -> Result<String, ClientError> {
        let mut body = Vec::new();
        self.into_reader().read_to_end(&mut body).map_err(|error| ClientError::Body(error.to_string()))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// The body of a response. Its errors hold a [`ClientError`], which tells them from those of the writer it is copied to.
struct ResponseReader(BodyReader<'static>);

impl Read for ResponseReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, ClientError::Body(error.to_string())),
        })
    }
}
