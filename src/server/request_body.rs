//! The body of a request, by the framing that its head announced (RFC 9112 §6): which of the input is the body, and where it
//! ends. It touches no socket.

use super::pace::Pace;
use crate::config::Settings;
use crate::http::body::{BodyError, BodyLength};
use crate::http::chunked::ChunkedDecoder;
use crate::http::request::Trailers;

/// The body of a request, and how far it has been read.
pub(super) struct RequestBody {
    framing: Framing,
    state: BodyState,
    /// Whether the client waits for `100 Continue` (RFC 9110 §10.1.1).
    expects_continue: bool,
    /// How many bytes were given to a handler, and how many were dropped.
    given: u64,
    dropped: u64,
    /// The rate that the client must keep up while the body is read.
    pub(super) pace: Option<Pace>,
    /// The most bytes it may have.
    max_body: u64,
    trailers: Trailers,
}

enum Framing {
    /// This many bytes are left.
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
}

/// How far a body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    /// Nothing was read yet.
    Unread,
    /// Some bytes were read, or asked for.
    Open,
    /// It was read to its end, or there is no body.
    Done,
    /// Reading it failed. Where the next request starts is not known.
    Failed,
}

/// What to do about a body that no handler has read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnreadBody {
    /// Nothing: it was read to its end.
    None,
    /// Read and drop the rest, which is short.
    Discard,
    /// End the connection instead of reading the rest.
    Close,
}

/// The most bytes of an unread body that are read and dropped to keep a connection. Reading more costs more than a new
/// connection.
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
            max_body: 0,
            trailers: Vec::new(),
        }
    }

    /// A body of the announced length. Its trailer section is limited as a head is.
    pub(super) fn new(length: BodyLength, expects_continue: bool, settings: &Settings) -> Self {
        let framing = match length {
            BodyLength::Absent | BodyLength::Known(0) => return Self::none(),
            BodyLength::Known(length) => Framing::Length(length),
            BodyLength::Chunked => {
                Framing::Chunked(Box::new(ChunkedDecoder::new(settings.max_head, settings.max_headers)))
            }
        };
        let max_body = settings.max_body;
        Self { framing, state: BodyState::Unread, expects_continue, max_body, ..Self::none() }
    }

    /// Whether it was read to its end.
    pub(super) fn is_done(&self) -> bool {
        self.state == BodyState::Done
    }

    /// What to do about the part that no handler has read.
    pub(super) fn unread(&self) -> UnreadBody {
        match (self.state, &self.framing) {
            (BodyState::Done, _) => UnreadBody::None,
            (BodyState::Failed, _) => UnreadBody::Close,
            // A client that waits for `100 Continue` is not told to send a body that will not be read.
            (BodyState::Unread, _) if self.expects_continue => UnreadBody::Close,
            (_, Framing::Length(left)) if *left > DISCARD_LIMIT || self.given + left > self.max_body => {
                UnreadBody::Close
            }
            _ => UnreadBody::Discard,
        }
    }

    pub(super) fn state(&self) -> BodyState {
        self.state
    }

    /// Notes that reading has begun.
    pub(super) fn open(&mut self) {
        self.state = BodyState::Open;
    }

    /// Notes that reading it has failed.
    pub(super) fn fail(&mut self) {
        self.state = BodyState::Failed;
    }

    /// The most bytes it may have.
    pub(super) fn max_body(&self) -> u64 {
        self.max_body
    }

    /// Sets the most bytes it may have.
    pub(super) fn set_max_body(&mut self, bytes: u64) {
        self.max_body = bytes;
    }

    /// Whether its head announces more bytes than it may have.
    pub(super) fn is_announced_too_long(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if length > self.max_body)
    }

    /// Whether the client waits for `100 Continue`.
    pub(super) fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Notes that `100 Continue` was sent.
    pub(super) fn end_expectation(&mut self) {
        self.expects_continue = false;
    }

    /// How many bytes a handler was given.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Notes that a handler was given this many more bytes. Returns whether the body is longer than it may be.
    pub(super) fn give(&mut self, bytes: usize) -> bool {
        self.given += bytes as u64;
        self.given > self.max_body
    }

    /// Notes that this many more bytes were dropped. Returns whether these are too many to go on, or the body is longer than it may
    /// be.
    pub(super) fn drop_bytes(&mut self, bytes: usize) -> bool {
        self.dropped += bytes as u64;
        self.given + self.dropped > self.max_body || self.dropped > DISCARD_LIMIT
    }

    /// The trailer fields. There are none before the body was read to its end.
    pub(super) fn trailers(&self) -> &[(String, Vec<u8>)] {
        &self.trailers
    }

    /// How many of the next `most` bytes on the connection are content and not framing; `None` if the next one is framing.
    pub(super) fn plain_ahead(&self, most: usize) -> Option<usize> {
        let left = match &self.framing {
            Framing::Length(left) => *left,
            Framing::Chunked(decoder) => decoder.left_in_chunk(),
        };
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        (room > 0).then_some(room)
    }

    /// Notes that this many bytes of content were read from the connection.
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

    /// Copies content from the input to the buffer. Returns how many bytes of the input were used, and how many of the buffer,
    /// which may be none.
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
