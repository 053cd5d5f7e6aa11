//! What is known of a request body before it is read, and how reading it fails.

use std::error::Error;
use std::fmt;
use std::io;

/// How long a request body is, by its head (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// There is no body: neither `Content-Length` nor `Transfer-Encoding` was sent.
    Absent,
    /// `Content-Length` says so.
    Known(u64),
    /// The body comes in chunks; its end shows its length.
    Chunked,
}

/// Why a request body could not be read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than this many bytes, the most that is accepted.
    TooLarge(u64),
    /// The client was silent for too long.
    TimedOut,
    /// The connection ended before the body did.
    Truncated,
    /// The chunks are not well formed, for this reason.
    Malformed(&'static str),
    /// The connection failed.
    Io(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the request body is longer than {limit} bytes"),
            Self::TimedOut => f.write_str("the request body did not arrive in time"),
            Self::Truncated => f.write_str("the connection ended before the request body did"),
            Self::Malformed(reason) => f.write_str(reason),
            Self::Io(error) => write!(f, "cannot read the request body: {error}"),
        }
    }
}

impl Error for BodyError {}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        let kind = match &error {
            BodyError::TooLarge(_) => io::ErrorKind::FileTooLarge,
            BodyError::TimedOut => io::ErrorKind::TimedOut,
            BodyError::Truncated => io::ErrorKind::UnexpectedEof,
            BodyError::Malformed(_) => io::ErrorKind::InvalidData,
            BodyError::Io(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}
