//! The body of a request by the framing that its head announced: what of the bytes that arrive is the body, and where it ends. It
//! touches no socket.

use super::pace::Pace;
use crate::config::Settings;
use crate::http::body::{BodyError, BodyLength};
use crate::http::chunked::ChunkedDecoder;
use crate::http::request::Trailers;

/// How far the body of a request has been read.
pub(super) struct RequestBody {
    framing: Framing,
    state: BodyState,
    /// Whether the client waits to be told to go on (RFC 9110 §10.1.1).
    expects_continue: bool,
    /// Bytes of it that were given to a handler, and those that were dropped.
    given: u64,
    dropped: u64,
    /// What the client is to keep up while the body is read.
    pub(super) pace: Option<Pace>,
    trailers: Trailers,
}

enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
}

/// How far a body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
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
pub(super) const DISCARD_LIMIT: u64 = 64 * 1024;

impl RequestBody {
    /// No body.
    pub(super) fn none() -> Self {
        Self {
            framing: Framing::Length(0),
            state: BodyState::Done,
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
        Self { framing, state: BodyState::Unread, expects_continue, ..Self::none() }
    }

    /// Whether nothing of it is left to be read.
    pub(super) fn is_done(&self) -> bool {
        self.state == BodyState::Done
    }

    /// What is to become of what no handler has read.
    pub(super) fn unread(&self, max_body: u64) -> UnreadBody {
        match (self.state, &self.framing) {
            (BodyState::Done, _) => UnreadBody::None,
            (BodyState::Failed, _) => UnreadBody::Close,
            // A client that waits to be told to go on is not told so for nothing.
            (BodyState::Unread, _) if self.expects_continue => UnreadBody::Close,
            (_, Framing::Length(left)) if *left > DISCARD_LIMIT || self.given + left > max_body => UnreadBody::Close,
            _ => UnreadBody::Discard,
        }
    }

    pub(super) fn state(&self) -> BodyState {
        self.state
    }

    /// Notes that some of it is read from now on.
    pub(super) fn open(&mut self) {
        self.state = BodyState::Open;
    }

    /// Notes that reading it has failed.
    pub(super) fn fail(&mut self) {
        self.state = BodyState::Failed;
    }

    /// Whether its head announces that it is longer than this.
    pub(super) fn is_announced_longer_than(&self, max_body: u64) -> bool {
        matches!(self.framing, Framing::Length(length) if length > max_body)
    }

    /// Whether the client waits to be told to go on.
    pub(super) fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Notes that the client was told to go on.
    pub(super) fn end_expectation(&mut self) {
        self.expects_continue = false;
    }

    /// How many bytes of it a handler was given.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Notes that a handler was given so many bytes of it; whether these are more than it may have.
    pub(super) fn give(&mut self, bytes: usize, max_body: u64) -> bool {
        self.given += bytes as u64;
        self.given > max_body
    }

    /// Notes that so many bytes of it were dropped; whether that is more than is worth it, or the body is longer than it may be.
    pub(super) fn drop_bytes(&mut self, bytes: usize, max_body: u64) -> bool {
        self.dropped += bytes as u64;
        self.given + self.dropped > max_body || self.dropped > DISCARD_LIMIT
    }

    /// The trailer fields. There are none before the body was read to its end.
    pub(super) fn trailers(&self) -> &[(String, Vec<u8>)] {
        &self.trailers
    }

    /// How many of the next `most` bytes on the connection are the body's own, and no framing, if any.
    pub(super) fn plain_ahead(&self, most: usize) -> Option<usize> {
        let left = match &self.framing {
            Framing::Length(left) => *left,
            Framing::Chunked(decoder) => decoder.left_in_chunk(),
        };
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        (room > 0).then_some(room)
    }

    /// Notes that so many bytes of what is not framed itself were read.
    pub(super) fn took(&mut self, bytes: usize) {
        match &mut self.framing {
            Framing::Length(left) => {
                *left -= bytes as u64;
                if *left == 0 {
                    self.state = BodyState::Done;
                }
            }
            Framing::Chunked(decoder) => decoder.skip(bytes as u64),
        }
    }

    /// Takes the body's own bytes out of what has arrived, into the buffer: how many of the input were used, and how many of the
    /// buffer, which may be none.
    ///
    /// # Errors
    ///
    /// When the chunks are not well formed.
    pub(super) fn decode(&mut self, input: &[u8], buffer: &mut [u8]) -> Result<(usize, usize), BodyError> {
        match &mut self.framing {
            Framing::Length(left) => {
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                let length = input.len().min(left).min(buffer.len());
                buffer[..length].copy_from_slice(&input[..length]);
                self.took(length);
                Ok((length, length))
            }
            Framing::Chunked(decoder) => {
                let decoded = decoder.decode(input, buffer).map_err(|error| BodyError::Malformed(error.explain()))?;
                if decoded.done {
                    self.trailers = decoder.take_trailers();
                    self.state = BodyState::Done;
                }
                Ok((decoded.consumed, decoded.produced))
            }
        }
    }
}
