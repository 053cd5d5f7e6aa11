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
        self.read_at_most(u64::MAX)
    }

    /// Reads the whole body, which may have at most this many bytes. The limits that hold for [`Request::body`] hold as well.
    ///
    /// # Errors
    ///
    /// [`HttpError::ContentTooLarge`] with this limit if the body is longer, and those of [`Request::read_body`].
    pub fn read_body_at_most(&mut self, limit: u64) -> Result<Vec<u8>, HttpError> {
        if !self.has_body() {
            return Err(HttpError::LengthRequired);
        }
        // The client that waits for `100 Continue` does not send it.
        if self.content_length().is_some_and(|length| length > limit) {
            return Err(HttpError::ContentTooLarge(limit));
        }
        let body = self.read_at_most(limit.saturating_add(1))?;
        if body.len() as u64 > limit { Err(HttpError::ContentTooLarge(limit)) } else { Ok(body) }
    }

    /// Sets the most bytes that the body may have, and refuses one that is announced to be longer, before anything else is done for
    /// it.
    pub(crate) fn limit_body(&mut self, bytes: u64) -> Result<(), HttpError> {
        self.set_max_body(bytes);
        if self.content_length().is_some_and(|length| length > bytes) {
            return Err(HttpError::ContentTooLarge(bytes));
        }
        Ok(())
    }

    /// Reads what is left of the body, at most this many bytes.
    fn read_at_most(&mut self, bytes: u64) -> Result<Vec<u8>, HttpError> {
        // The announced length is only a promise: memory is allocated as the bytes arrive.
        let announced = usize::try_from(self.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(announced.min(64 * 1024));
        self.body().take(bytes).read_to_end(&mut body)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_be_as_long_as_the_program_says() {
        let table = [
            ("1234", 4, u64::MAX, Ok("1234"), "as long as the limit"),
            ("1234", 5, 4, Ok("1234"), "shorter than the limit"),
            ("1234", u64::MAX, 4, Ok("1234"), "no limit"),
            ("1234", 3, u64::MAX, Err(3), "longer"),
            ("1234", 3, 2, Err(3), "longer than both limits"),
            ("1234", 9, 3, Err(3), "longer than the limit of bodies"),
            ("", 0, 0, Ok(""), "empty"),
        ];
        for (body, limit, max_body, expected, why) in table {
            let mut request = Request::post("/").with_body(body);
            request.set_max_body(max_body);
            let seen = match request.read_body_at_most(limit) {
                Ok(body) => Ok(String::from_utf8(body).unwrap()),
                Err(HttpError::ContentTooLarge(limit)) => Err(limit),
                Err(error) => panic!("{why}: {error}"),
            };
            assert_eq!(seen, expected.map(str::to_owned), "{why}");
        }
        assert!(matches!(Request::post("/").read_body_at_most(1), Err(HttpError::LengthRequired)));
    }

    #[test]
    fn a_body_of_unknown_length_is_read_to_the_limit_and_no_further() {
        let chunked = || {
            let mut request = Request::post("/").with_body("1234");
            request.body_length = crate::http::body::BodyLength::Chunked;
            request
        };
        assert_eq!(chunked().read_body_at_most(4).unwrap(), b"1234");
        let mut longer = chunked();
        assert!(matches!(longer.read_body_at_most(2), Err(HttpError::ContentTooLarge(2))));
        assert_eq!(longer.read_body().unwrap(), b"4");
    }
}
