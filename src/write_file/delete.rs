//! `DELETE`: removes a file or an empty directory (RFC 9110 §9.3.5).

use rustix::fs::FileType;

use super::error::unwritable;
use super::preconditions::Preconditions;
use super::writable_dir::WritableDir;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::storage::StoreError;

/// Removes what is at the path of the request: a directory if it ends with a slash, else a file. With `hidden` its names may start
/// with a dot.
pub(super) fn delete(dir: &WritableDir, hidden: bool, request: &Request) -> Result<Response, HttpError> {
    let path = RelativePath::parse(request.encoded_path()).map_err(unwritable)?;
    let path = dir.check_removable(path, hidden, unwritable)?;
    let preconditions = Preconditions::of(request);
    if path.is_directory() {
        remove_directory(dir, &path, &preconditions)?;
    } else {
        remove_file(dir, &path, &preconditions).map_err(Unremoved::of_file)?;
    }
    Ok(Response::new(Status::NO_CONTENT))
}

/// Removes an empty directory.
pub(super) fn remove_directory(
    dir: &WritableDir,
    path: &RelativePath,
    preconditions: &Preconditions,
) -> Result<(), HttpError> {
    preconditions.check_directory()?;
    Ok(dir.store.remove_directory(path)?)
}

/// Removes a file; of a symbolic link the link itself.
pub(super) fn remove_file(
    dir: &WritableDir,
    path: &RelativePath,
    preconditions: &Preconditions,
) -> Result<(), Unremoved> {
    dir.store.remove(path, |existing| {
        preconditions.check(existing).map_err(Unremoved::Refused)?;
        let kind = existing.map(|stat| FileType::from_raw_mode(stat.st_mode));
        // No client put sockets, devices and the like there.
        if kind.is_some_and(|kind| !kind.is_file() && !kind.is_symlink()) {
            return Err(Unremoved::Refused(HttpError::forbidden("only files and folders can be deleted")));
        }
        Ok(())
    })
}

/// Why a file was not removed.
pub(super) enum Unremoved {
    /// It is a directory.
    Directory,
    /// Any other reason.
    Refused(HttpError),
}

impl Unremoved {
    /// The error for a request whose path has no slash at its end.
    fn of_file(self) -> HttpError {
        match self {
            Self::Directory => HttpError::conflict("a directory stands there, whose path ends with a slash"),
            Self::Refused(error) => error,
        }
    }
}

impl From<StoreError> for Unremoved {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DirectoryAtPath => Self::Directory,
            error => Self::Refused(error.into()),
        }
    }
}
