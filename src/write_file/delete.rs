//! `DELETE`: removes a file (RFC 9110 §9.3.5).

use rustix::fs::FileType;

use super::preconditions::Preconditions;
use super::writable_dir::WritableDir;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Removes the file at the path of the request. With `hidden` its names may start with a dot.
pub(super) fn delete(dir: &WritableDir, hidden: bool, request: &Request) -> Result<Response, HttpError> {
    let path = dir.path_to_remove(request, hidden)?;
    let preconditions = Preconditions::of(request);
    dir.store.remove(&path, |existing| {
        preconditions.check(existing)?;
        let kind = existing.map(|stat| FileType::from_raw_mode(stat.st_mode));
        // No client put sockets, devices and the like there.
        if kind.is_some_and(|kind| !kind.is_file() && !kind.is_symlink()) {
            return Err(HttpError::Forbidden);
        }
        Ok(())
    })?;
    Ok(Response::new(Status::NO_CONTENT))
}
