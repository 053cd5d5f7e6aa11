//! The length that the head of a request announces for its body, and the errors of reading the body.

use std::error::Error;
use std::fmt;
use std::io;

use super::byte_size::ByteSize;

/// The most bytes that a request body may have, unless a setting says otherwise.
pub(crate) const DEFAULT_MAX_BODY: u64 = 10 * 1024 * 1024;

/// The length of a request body as its head announces it (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// No body: the head has neither `Content-Length` nor `Transfer-Encoding`.
    Absent,
    /// This many bytes, by `Content-Length`.
    Known(u64),
    /// Unknown until the last chunk: the body has the chunked transfer coding.
    Chunked,
}

/// Why reading a request body failed.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body is longer than the limit of this many bytes.
    TooLarge(u64),
    /// The client did not send the body in time.
    TimedOut,
    /// The connection ended before the body did.
    Truncated,
    /// The chunked coding, or a form in the body, is malformed, for this reason.
    Malformed(&'static str),
    /// A form in the body is beyond a limit, for this reason.
    FormTooLarge(String),
    /// The connection failed.
    Io(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the request body is longer than {}", ByteSize(*limit)),
            Self::TimedOut => f.write_str("the request body did not arrive in time"),
            Self::Truncated => f.write_str("the connection ended before the request body did"),
            Self::Malformed(reason) => f.write_str(reason),
            Self::FormTooLarge(reason) => f.write_str(reason),
            Self::Io(error) => write!(f, "cannot read the request body: {error}"),
        }
    }
}

impl Error for BodyError {}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        let kind = match &error {
            BodyError::TooLarge(_) | BodyError::FormTooLarge(_) => io::ErrorKind::FileTooLarge,
            BodyError::TimedOut => io::ErrorKind::TimedOut,
            BodyError::Truncated => io::ErrorKind::UnexpectedEof,
            BodyError::Malformed(_) => io::ErrorKind::InvalidData,
            BodyError::Io(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}
