//! `POST` of `application/json`: the body is checked as it arrives and stored byte for byte.

use std::io::Read as _;

use super::body::buffer_for;
use super::preconditions::Preconditions;
use super::writable_dir::{WritableDir, last_segment};
use crate::http::error::HttpError;
use crate::http::json;
use crate::http::request::Request;
use crate::http::response::Response;

/// Stores the JSON under the path of the request.
pub(super) fn post(dir: &WritableDir, request: &mut Request) -> Result<Response, HttpError> {
    let path = dir.path_to_write(request)?;
    if !request.has_body() {
        return Err(HttpError::LengthRequired);
    }
    let preconditions = Preconditions::of(request);
    let mut file = dir.destination(&path, &preconditions)?.begin(request.content_length())?;
    let buffer = buffer_for(request);
    let mut body = request.body();
    let name = json::check("name", buffer, |buffer| {
        let read = body.read(buffer)?;
        if read > 0 {
            file.write(&buffer[..read])?;
        }
        Ok::<_, HttpError>(read)
    })?;
    let name = name.unwrap_or_else(|| last_segment(&path));
    file.persist(|existing| preconditions.check(existing))?.sync()?;
    Ok(Response::text(format!("Wrote data for {name}.")))
}
