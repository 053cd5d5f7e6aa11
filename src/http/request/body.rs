//! Reading the body of a request.

use std::fmt;
use std::io::{self, Read};

use super::request::{Request, RequestSource};
use crate::http::error::HttpError;

impl Request {
    /// A reader for the body, which reads it while it arrives. Reading fails if the body is longer than
    /// [`Settings::max_body`](crate::Settings::max_body) or [`Request::set_max_body`] allows, too slow, truncated or malformed; `?`
    /// converts the error to its status.
    pub fn body(&mut self) -> Body<'_> {
        Body(self.source.as_mut())
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// [`HttpError::LengthRequired`] if the head announces no body, and the errors of reading it: [`HttpError::ContentTooLarge`],
    /// [`HttpError::RequestTimeout`], or [`HttpError::BadRequest`] if it is truncated or malformed.
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
