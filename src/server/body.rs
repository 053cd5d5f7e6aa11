//! The body of the request that is being answered: read as a handler asks for it, by the framing that the head announced.

use std::io::{self, IoSlice};

use super::connection::{Arrival, Connection};
use super::pace::Pace;
use crate::config::Settings;
use crate::http::body::{BodyError, BodyLength};
use crate::http::chunked::ChunkedDecoder;
use crate::http::connection::Connection as Handle;
use crate::http::request::{Source, Trailers};

/// How far the body of a request has been read.
pub(super) struct Incoming {
    framing: Framing,
    state: State,
    /// Whether the client waits to be told to go on (RFC 9110 §10.1.1).
    expects_continue: bool,
    /// Bytes of it that were given to a handler, and those that were dropped.
    given: u64,
    dropped: u64,
    /// What the client is to keep up while the body is read.
    pace: Option<Pace>,
    trailers: Trailers,
}

enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None of it was asked for yet.
    Unread,
    /// Some of it was read.
    Open,
    /// It was read to its end, or there is none.
    Done,
    /// Reading it failed; what follows on the connection is not known.
    Failed,
}

/// What is to become of a body that no handler has read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnreadBody {
    /// There is none.
    None,
    /// It is little, and is read and dropped.
    Discard,
    /// The connection ends rather than that it is read.
    Close,
}

/// The most bytes of an unread body that are read and dropped to keep a connection. More would cost more than a new one.
const WORTH_DISCARDING: u64 = 64 * 1024;

impl Incoming {
    /// No body.
    pub(super) fn none() -> Self {
        Self {
            framing: Framing::Length(0),
            state: State::Done,
            expects_continue: false,
            given: 0,
            dropped: 0,
            pace: None,
            trailers: Vec::new(),
        }
    }

    /// A body that is announced so. Its trailers are bounded as a head is.
    pub(super) fn new(length: BodyLength, expects_continue: bool, settings: &Settings) -> Self {
        let framing = match length {
            BodyLength::Absent | BodyLength::Known(0) => return Self::none(),
            BodyLength::Known(length) => Framing::Length(length),
            BodyLength::Chunked => {
                Framing::Chunked(Box::new(ChunkedDecoder::new(settings.max_head, settings.max_headers)))
            }
        };
        Self { framing, state: State::Unread, expects_continue, ..Self::none() }
    }

    /// Whether nothing of it is left to be read.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What is to become of what no handler has read.
    pub(super) fn unread(&self, max_body: u64) -> UnreadBody {
        match (self.state, &self.framing) {
            (State::Done, _) => UnreadBody::None,
            (State::Failed, _) => UnreadBody::Close,
            // A client that waits to be told to go on is not told so for nothing.
            (State::Unread, _) if self.expects_continue => UnreadBody::Close,
            (_, Framing::Length(left)) if *left > WORTH_DISCARDING || self.given + left > max_body => UnreadBody::Close,
            _ => UnreadBody::Discard,
        }
    }
}

impl Connection {
    /// Reads and drops what is left of a body, as far as it has arrived; whether that was all of it.
    ///
    /// # Errors
    ///
    /// When it is not well formed, or more than is worth it.
    pub(super) fn discard_body(&mut self) -> Result<bool, BodyError> {
        let mut scratch = [0; 4096];
        while self.body.state != State::Done {
            self.body.state = State::Open;
            let Some(read) = self.decode(&mut scratch)? else { return Ok(false) };
            self.body.dropped += read as u64;
            let all = self.body.given + self.body.dropped;
            if all > self.context.settings.max_body || self.body.dropped > WORTH_DISCARDING {
                return Err(BodyError::TooLarge(WORTH_DISCARDING));
            }
        }
        Ok(true)
    }

    fn read_body(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        let max_body = self.context.settings.max_body;
        if self.body.state == State::Unread {
            if matches!(self.body.framing, Framing::Length(length) if length > max_body) {
                return Err(BodyError::TooLarge(max_body));
            }
            self.body.state = State::Open;
            // RFC 9110 §10.1.1: not to one that has begun to send it anyway.
            if self.body.expects_continue && self.input().is_empty() {
                self.say_continue()?;
            }
        }
        loop {
            match self.decode(buffer)? {
                Some(0) if self.body.state != State::Done => {}
                Some(read) => {
                    self.body.given += read as u64;
                    if self.body.given > max_body {
                        return Err(BodyError::TooLarge(max_body));
                    }
                    return Ok(read);
                }
                None => self.wait_for_body()?,
            }
        }
    }

    /// What has arrived of the body, into this buffer; `None` when nothing more has. It may be nothing of what has arrived.
    fn decode(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, BodyError> {
        if self.input().is_empty()
            && let Some(room) = self.body.framing.plain_ahead(buffer.len())
            && let Some(arrival) = self.read_into(&mut buffer[..room])
        {
            return match arrived(arrival)? {
                Some(read) => {
                    self.body.took(read);
                    Ok(Some(read))
                }
                None => Ok(None),
            };
        }
        if self.input().is_empty() && arrived(self.read_on())?.is_none() {
            return Ok(None);
        }
        match &mut self.body.framing {
            Framing::Length(left) => {
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                let input = self.input();
                let length = input.len().min(left).min(buffer.len());
                buffer[..length].copy_from_slice(&input[..length]);
                self.use_up(length);
                self.body.took(length);
                Ok(Some(length))
            }
            Framing::Chunked(_) => self.decode_chunks(buffer),
        }
    }

    fn decode_chunks(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, BodyError> {
        // Apart for the while, because the decoder reads the connection's input.
        let Framing::Chunked(mut decoder) = std::mem::replace(&mut self.body.framing, Framing::Length(0)) else {
            return Ok(Some(0));
        };
        let decoded = decoder.decode(self.input(), buffer).map_err(|error| BodyError::Malformed(error.explain()));
        let decoded = decoded.inspect(|decoded| {
            self.use_up(decoded.consumed);
            if decoded.done {
                self.body.trailers = decoder.take_trailers();
                self.body.state = State::Done;
            }
        });
        self.body.framing = Framing::Chunked(decoder);
        Ok(Some(decoded?.produced))
    }

    fn wait_for_body(&mut self) -> Result<(), BodyError> {
        let settings = &self.context.settings;
        let mut pace = self
            .body
            .pace
            .take()
            .unwrap_or_else(|| Pace::new(settings.min_rate, settings.rate_grace, 0, self.body.given));
        // What counts is the body itself: its framing, or TLS records that say nothing, can be sent for ever.
        let waited = self.wait_to_read(&mut pace, self.body.given);
        self.body.pace = Some(pace);
        waited.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => BodyError::TimedOut,
            _ => BodyError::Io(error),
        })
    }

    /// Tells the client to send the body (RFC 9110 §15.2.1).
    fn say_continue(&mut self) -> Result<(), BodyError> {
        self.body.expects_continue = false;
        self.write_all(&mut [IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")], &mut None).map_err(BodyError::Io)
    }
}

impl Incoming {
    /// Notes that so many bytes of what is not framed itself were read.
    fn took(&mut self, bytes: usize) {
        match &mut self.framing {
            Framing::Length(left) => {
                *left -= bytes as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
            }
            Framing::Chunked(decoder) => decoder.skip(bytes as u64),
        }
    }
}

impl Framing {
    /// How many of the next `most` bytes on the connection are the body's own, and no framing, if any.
    fn plain_ahead(&self, most: usize) -> Option<usize> {
        let left = match self {
            Self::Length(left) => *left,
            Self::Chunked(decoder) => decoder.left_in_chunk(),
        };
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        (room > 0).then_some(room)
    }
}

/// How many bytes have arrived, if any have; the end is too early.
fn arrived(arrival: Arrival) -> Result<Option<usize>, BodyError> {
    match arrival {
        Arrival::Read(read) => Ok(Some(read)),
        Arrival::Nothing(_) => Ok(None),
        Arrival::End | Arrival::PlainHttp => Err(BodyError::Truncated),
        Arrival::Failed(error) => match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Err(BodyError::Truncated),
            _ => Err(BodyError::Io(error)),
        },
    }
}

impl Source for Connection {
    fn target(&self) -> &str {
        self.head.as_ref().map_or("", |head| head.target())
    }

    fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.head.as_ref()?.field(index)
    }

    fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        self.head.as_ref()?.field_bytes(index)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
        match self.body.state {
            State::Done => Ok(0),
            State::Failed => Err(BodyError::Truncated),
            State::Unread | State::Open => {
                let read = self.read_body(buffer).inspect_err(|_| self.body.state = State::Failed);
                if self.body.is_done() {
                    self.socket().progress.end_transfer();
                }
                read
            }
        }
    }

    fn trailers(&self) -> &[(String, Vec<u8>)] {
        &self.body.trailers
    }

    fn connection(&self) -> Handle {
        self.handle()
    }
}
