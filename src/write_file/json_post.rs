//! `POST` of `application/json`: the body is checked as it arrives and stored byte for byte.

use std::hash::RandomState;

use super::body::receive;
use super::preconditions::Preconditions;
use super::writable_dir::{WritableDir, last_segment};
use crate::http::error::HttpError;
use crate::http::json;
use crate::http::request::Request;
use crate::http::response::Response;

/// Stores the JSON under the path of the request. `random` seeds the check for names that appear twice in one object.
pub(super) fn post(dir: &WritableDir, random: &RandomState, request: &mut Request) -> Result<Response, HttpError> {
    let path = dir.path_to_write(request)?;
    if !request.has_body() {
        return Err(HttpError::LengthRequired);
    }
    let preconditions = Preconditions::of(request);
    let mut file = dir.destination(&path, &preconditions)?.begin(request.content_length())?;
    let mut checker = json::Checker::new("name", random);
    receive(request, |bytes| {
        checker.push(bytes)?;
        Ok(file.write(bytes)?)
    })?;
    let name = match checker.finish()? {
        Some(name) => name,
        None => last_segment(&path),
    };
    file.persist(|existing| preconditions.check(existing))?.sync()?;
    Ok(Response::text(format!("Wrote data for {name}.")))
}
