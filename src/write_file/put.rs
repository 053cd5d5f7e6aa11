//! `PUT`: any bytes, stored under the path of the request (RFC 9110 §9.3.4).

use super::preconditions::{Preconditions, validators_of_new};
use super::store::{Stored, store};
use super::writable_dir::WritableDir;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Creates or replaces the file.
pub(super) fn put(dir: &WritableDir, request: &mut Request) -> Result<Response, HttpError> {
    // RFC 9110 §14.5: a part must not be stored as the whole.
    if request.header("Content-Range").is_some() {
        return Err(HttpError::bad_request("a PUT of a part is not supported"));
    }
    let path = dir.path_to_write(request)?;
    if !request.has_body() {
        return Err(HttpError::LengthRequired);
    }
    let preconditions = Preconditions::of(request);
    let length = request.content_length();
    let (stored, file) = store(dir, &path, &preconditions, length, request.body())?;
    let response = match stored {
        Stored::Replaced => Response::new(Status::NO_CONTENT),
        Stored::Created => Response::new(Status::CREATED)
            .with_header("Location", format!("{}{}", request.mount(), request.encoded_path())),
    };
    // RFC 9110 §9.3.4: a validator may be sent because the content was stored unchanged.
    Ok(match validators_of_new(&file).etag {
        Some(etag) => response.with_header("ETag", etag),
        None => response,
    })
}
