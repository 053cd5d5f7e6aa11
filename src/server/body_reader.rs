//! Reading the body of a request from its connection, as a handler asks for it.

use std::io::{self, IoSlice};

use super::connection::{Connection, ReadOutcome};
use super::pace::Pace;
use super::registry::Parkable as _;
use super::request_body::{BodyState, DISCARD_LIMIT};
use crate::http::body::BodyError;
use crate::http::connection::Connection as Handle;
use crate::http::request::RequestSource;

impl Connection {
    /// Reads and drops what has arrived of the rest of a body. Returns whether that was all of it.
    ///
    /// # Errors
    ///
    /// When it is malformed, or too long to be worth reading.
    pub(super) fn discard_body(&mut self) -> Result<bool, BodyError> {
        let mut scratch = [0; 4096];
        while !self.body.is_done() {
            self.body.open();
            let Some(read) = self.decode(&mut scratch)? else { return Ok(false) };
            if self.body.drop_bytes(read) {
                return Err(BodyError::TooLarge(DISCARD_LIMIT));
            }
        }
        Ok(true)
    }

    fn read_body(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        if self.body.state() == BodyState::Unread {
            if self.body.is_announced_too_long() {
                return Err(BodyError::TooLarge(self.body.max_body()));
            }
            self.body.open();
            // RFC 9110 §10.1.1: not if the client has begun to send the body anyway.
            if self.body.expects_continue() && self.input().is_empty() {
                self.say_continue()?;
            }
        }
        loop {
            match self.decode(buffer)? {
                Some(0) if !self.body.is_done() => {}
                Some(read) => {
                    if self.body.give(read) {
                        return Err(BodyError::TooLarge(self.body.max_body()));
                    }
                    return Ok(read);
                }
                None => self.wait_for_body()?,
            }
        }
    }

    /// Reads what has arrived of the body into this buffer; `None` if nothing has arrived. What has arrived may be framing only,
    /// which gives no bytes.
    fn decode(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, BodyError> {
        if self.input().is_empty()
            && let Some(room) = self.body.plain_ahead(buffer.len())
            && let Some(outcome) = self.read_into(&mut buffer[..room])
        {
            return match bytes_read(outcome)? {
                Some(read) => {
                    self.body.took(read);
                    Ok(Some(read))
                }
                None => Ok(None),
            };
        }
        if self.input().is_empty() && bytes_read(self.read_on())?.is_none() {
            return Ok(None);
        }
        let (input, body) = self.input_and_body();
        let (used, read) = body.decode(input, buffer)?;
        self.consume(used);
        Ok(Some(read))
    }

    fn wait_for_body(&mut self) -> Result<(), BodyError> {
        let settings = &self.shared.settings;
        let mut pace = self
            .body
            .pace
            .take()
            .unwrap_or_else(|| Pace::new(settings.min_rate, settings.rate_grace, 0, self.body.given()));
        // Only the body itself counts: framing, or empty TLS records, can be sent for ever.
        let waited = self.wait_to_read(&mut pace, self.body.given());
        self.body.pace = Some(pace);
        waited.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => BodyError::TimedOut,
            _ => BodyError::Io(error),
        })
    }

    /// Tells the client to send the body (RFC 9110 §15.2.1).
    fn say_continue(&mut self) -> Result<(), BodyError> {
        self.body.end_expectation();
        self.write_all(&mut [IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")], &mut None).map_err(BodyError::Io)
    }
}

/// How many bytes were read, if any have arrived. The end of the input is an error here.
fn bytes_read(outcome: ReadOutcome) -> Result<Option<usize>, BodyError> {
    match outcome {
        ReadOutcome::Read(read) => Ok(Some(read)),
        ReadOutcome::Nothing(_) => Ok(None),
        ReadOutcome::End | ReadOutcome::PlainHttp => Err(BodyError::Truncated),
        ReadOutcome::Failed(error) => match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Err(BodyError::Truncated),
            _ => Err(BodyError::Io(error)),
        },
    }
}

impl RequestSource for Connection {
    fn target(&self) -> &str {
        self.head.as_ref().map_or("", |head| head.target())
    }

    fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.head.as_ref()?.field(index)
    }

    fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        self.head.as_ref()?.field_bytes(index)
    }

    fn max_body(&self) -> u64 {
        self.body.max_body()
    }

    fn set_max_body(&mut self, bytes: u64) {
        self.body.set_max_body(bytes);
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        match self.body.state() {
            BodyState::Done => Ok(0),
            BodyState::Failed => Err(BodyError::Truncated),
            BodyState::Unread | BodyState::Open => {
                let read = self.read_body(buffer).inspect_err(|_| self.body.fail());
                if self.body.is_done() {
                    self.socket().progress.end_transfer();
                }
                read
            }
        }
    }

    fn trailers(&self) -> &[(String, Vec<u8>)] {
        self.body.trailers()
    }

    fn connection(&self) -> Handle {
        self.handle()
    }
}
