//! The answer for one file: conditions, then the range, then the bytes (RFC 9110 §13 to §14).

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::http::conditional::{self, Preconditions, Validators, Verdict};
use crate::http::date;
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::range::{self, Selection};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

use super::part::FilePart;
use super::resolve::OpenFile;

/// Answers a `GET` or `HEAD` of this file.
pub(super) fn file(open: OpenFile, request: &Request, now: SystemTime) -> Result<Response, HttpError> {
    let OpenFile { file, metadata, name } = open;
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let length = metadata.len();
    let validators =
        Validators { etag: Some(conditional::file_etag(length, modified, metadata.ino())), modified: Some(modified) };

    let preconditions = Preconditions {
        if_match: request.header("If-Match"),
        if_none_match: request.header("If-None-Match"),
        if_modified_since: request.header("If-Modified-Since"),
        if_unmodified_since: request.header("If-Unmodified-Since"),
        if_range: request.header("If-Range"),
    };
    match conditional::evaluate(request.method(), &preconditions, Some(&validators)) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(described(Response::new(Status::NOT_MODIFIED), &validators)),
        Verdict::Failed => return Err(HttpError::PreconditionFailed),
    }

    let range = request.header("Range").filter(|_| {
        // RFC 9110 §14.2: ranges are defined for GET only.
        *request.method() == Method::Get && conditional::range_applies(preconditions.if_range, &validators, now)
    });
    let selection = range.map_or(Selection::Whole, |field| range::select(field, length));
    let response = match selection {
        Selection::Whole => bytes(file, 0, length)?,
        Selection::Part { first, last } => bytes(file, first, last - first + 1)?
            .with_status(Status::PARTIAL_CONTENT)
            .with_header("Content-Range", format!("bytes {first}-{last}/{length}")),
        Selection::Unsatisfiable => return Err(HttpError::RangeNotSatisfiable(length)),
    };
    Ok(described(response, &validators).with_header("Content-Type", media_type(&name)))
}

/// Files up to this many bytes are read at once, so that they leave in one write with their head.
const SMALL: u64 = 64 * 1024;

/// So many bytes of the file, from this position on.
fn bytes(file: File, position: u64, length: u64) -> Result<Response, HttpError> {
    if length > SMALL {
        return Ok(Response::stream(FilePart::new(file, position, length), Some(length)));
    }
    let length = usize::try_from(length).expect("a small length fits any usize");
    let mut bytes = vec![0; length];
    match file.read_exact_at(&mut bytes, position) {
        Ok(()) => Ok(Response::bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(HttpError::internal("the file became shorter while it was read"))
        }
        Err(error) => Err(error.into()),
    }
}

fn described(response: Response, validators: &Validators) -> Response {
    let response = response.with_header("Accept-Ranges", "bytes").with_header("Cache-Control", "no-cache");
    let response = match &validators.etag {
        Some(etag) => response.with_header("ETag", etag.clone()),
        None => response,
    };
    match validators.modified {
        Some(modified) => response.with_header("Last-Modified", date::format(modified)),
        None => response,
    }
}

/// The media type that the name's extension stands for. Text is said to be in UTF-8.
fn media_type(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let guess = mime_guess::from_path(name.as_ref()).first_raw().unwrap_or("application/octet-stream");
    let textual = guess.starts_with("text/") || matches!(guess, "application/javascript" | "image/svg+xml");
    if textual { format!("{guess}; charset=utf-8") } else { guess.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_follow_the_extension() {
        let table = [
            ("a.html", "text/html; charset=utf-8"),
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.png", "image/png"),
            ("a.tar.gz", "application/gzip"),
            ("a", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("html", "application/octet-stream"),
        ];
        for (name, expected) in table {
            assert_eq!(media_type(name.as_bytes()), expected, "{name}");
        }
    }
}
