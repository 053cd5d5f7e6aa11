//! Reading content piece by piece.

use std::io::{self, Read};

use crate::http::error::HttpError;
use crate::http::request::Request;

/// Hands the content to `take` as it arrives. Errors of reading a request's body are the client's, errors of `take` the disk's.
pub(super) fn receive(
    mut content: impl Read,
    mut buffer: Vec<u8>,
    mut take: impl FnMut(&[u8]) -> Result<(), HttpError>,
) -> Result<(), HttpError> {
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A buffer to read the body with: as long as the body, and [`PIECE`] at most.
pub(super) fn buffer_for(request: &Request) -> Vec<u8> {
    buffer(request.content_length())
}

/// A buffer for content of this length in bytes, if that is known: as long as the content, and [`PIECE`] at most.
pub(super) fn buffer(length: Option<u64>) -> Vec<u8> {
    let piece = length.unwrap_or(PIECE).clamp(1, PIECE);
    vec![0; usize::try_from(piece).unwrap_or(1)]
}

/// The most bytes that are read at once.
const PIECE: u64 = 64 * 1024;
