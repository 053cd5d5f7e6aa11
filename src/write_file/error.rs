//! The status for each failure that writing can end in.

use crate::http::error::{HttpError, NoRoom};
use crate::http::json::JsonError;
use crate::http::path::PathError;
use crate::storage::StoreError;

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound | StoreError::InvalidName => Self::NotFound,
            StoreError::DirectoryAtPath
            | StoreError::AlreadyThere
            | StoreError::NotEmpty
            | StoreError::FileAsDirectory
            | StoreError::NamesTaken => Self::Conflict(error.to_string().into()),
            StoreError::PermissionDenied => Self::forbidden("the server has no permission to change this"),
            StoreError::ReadOnlyFileSystem => Self::forbidden("the server's file system is read-only"),
            StoreError::MaxTotal(bytes) => Self::InsufficientStorage(NoRoom::MaxTotal(bytes)),
            StoreError::MinFree(bytes) => Self::InsufficientStorage(NoRoom::MinFree(bytes)),
            StoreError::DiskQuota => Self::InsufficientStorage(NoRoom::DiskQuota),
            StoreError::DiskFull => Self::InsufficientStorage(NoRoom::DiskFull),
            // A missing root directory is not the client's mistake.
            StoreError::RootUnavailable(..) | StoreError::Io(_) => Self::internal(error),
        }
    }
}

/// The failure for a path that nothing may be written to.
pub(super) fn unwritable(error: PathError) -> HttpError {
    match error {
        PathError::Directory => HttpError::Conflict(error.explain().into()),
        error => HttpError::bad_request(error.explain()),
    }
}

/// The failure for a name in a form that is no name of a file or directory.
pub(super) fn unusable_name(error: PathError) -> HttpError {
    HttpError::unprocessable(match error {
        PathError::EmptySegment => "the name is empty",
        PathError::DotSegment | PathError::Hidden => "the name starts with a dot",
        PathError::ForbiddenByte => "the name holds a slash or a NUL byte",
        PathError::TooLong => "the name is too long, or lies too deep",
        PathError::Unwritable => "the name holds a control character, a backslash or invalid UTF-8",
        error => error.explain(),
    })
}

impl From<JsonError> for HttpError {
    fn from(error: JsonError) -> Self {
        Self::bad_request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::handler::IntoResponse as _;
    use crate::http::method::Method;
    use crate::http::request::Request;

    #[test]
    fn each_failure_of_the_store_has_its_status() {
        let table = [
            (StoreError::NotFound, 404, "Not found: PUT, /f"),
            (StoreError::InvalidName, 404, "Not found: PUT, /f"),
            (StoreError::DirectoryAtPath, 409, "Conflict: a directory stands there."),
            (StoreError::AlreadyThere, 409, "Conflict: something of this name is there already."),
            (StoreError::NotEmpty, 409, "Conflict: the folder is not empty."),
            (StoreError::FileAsDirectory, 409, "Conflict: a file stands where a directory is needed."),
            (StoreError::NamesTaken, 409, "Conflict: every name for it is taken."),
            (StoreError::PermissionDenied, 403, "Forbidden: the server has no permission to change this."),
            (StoreError::ReadOnlyFileSystem, 403, "Forbidden: the server's file system is read-only."),
            (StoreError::MaxTotal(2 << 30), 507, "There is not enough room: all files together may have 2 GiB."),
            (StoreError::MinFree(1 << 29), 507, "There is not enough room: the server keeps 512 MiB free."),
            (StoreError::DiskQuota, 507, "There is not enough room: the disk quota of the server is used up."),
            (StoreError::DiskFull, 507, "There is not enough room: the disk is full."),
            (
                StoreError::RootUnavailable("/secret".into(), io::ErrorKind::NotFound.into()),
                500,
                "Something went wrong here.",
            ),
            (StoreError::Io(io::Error::other("a secret")), 500, "Something went wrong here."),
        ];
        let request = Request::new(Method::Put, "/f");
        for (error, status, text) in table {
            let shown = format!("{error:?}");
            let mut response = HttpError::from(error).into_response(&request);
            assert_eq!(response.status().code(), status, "{shown}");
            assert_eq!(response.read_text().unwrap(), text, "{shown}");
        }
    }

    #[test]
    fn each_failure_of_the_file_system_has_its_status() {
        let table = [
            (io::ErrorKind::NotFound, 404),
            (io::ErrorKind::NotADirectory, 404),
            (io::ErrorKind::InvalidFilename, 404),
            (io::ErrorKind::PermissionDenied, 403),
            (io::ErrorKind::ReadOnlyFilesystem, 403),
            (io::ErrorKind::ResourceBusy, 403),
            (io::ErrorKind::AlreadyExists, 409),
            (io::ErrorKind::DirectoryNotEmpty, 409),
            (io::ErrorKind::StorageFull, 507),
            (io::ErrorKind::QuotaExceeded, 507),
            (io::ErrorKind::Interrupted, 500),
            (io::ErrorKind::Other, 500),
        ];
        for (kind, status) in table {
            assert_eq!(HttpError::from(StoreError::from(io::Error::from(kind))).status().code(), status, "{kind}");
        }
    }
}
