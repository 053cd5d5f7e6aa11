//! Reading a request's body piece by piece.

use std::io::Read as _;

use crate::http::error::HttpError;
use crate::http::request::Request;

/// Hands the body to `take` as it arrives. Errors of reading are the client's, errors of `take` the disk's.
pub(super) fn receive(
    request: &mut Request,
    mut take: impl FnMut(&[u8]) -> Result<(), HttpError>,
) -> Result<(), HttpError> {
    let mut buffer = buffer_for(request);
    let mut body = request.body();
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(()),
            read => take(&buffer[..read])?,
        }
    }
}

/// A buffer to read the body with: as long as the body, and 64 KiB at most.
pub(super) fn buffer_for(request: &Request) -> Vec<u8> {
    const PIECE: u64 = 64 * 1024;
    let piece = request.content_length().unwrap_or(PIECE).clamp(1, PIECE);
    vec![0; usize::try_from(piece).unwrap_or(1)]
}
