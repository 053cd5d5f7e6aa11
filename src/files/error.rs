//! The status for a file that cannot be read.

use std::io;

use crate::http::error::HttpError;

/// 404 when there is no file by this name, or none any more; 403 when the server may not read it; else 500.
pub(super) fn unreadable(error: io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => HttpError::NotFound,
        io::ErrorKind::PermissionDenied => HttpError::Forbidden,
        _ => HttpError::Internal(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_the_clients_mistake() {
        let table = [
            (io::ErrorKind::NotFound, 404),
            (io::ErrorKind::NotADirectory, 404),
            (io::ErrorKind::InvalidFilename, 404),
            (io::ErrorKind::PermissionDenied, 403),
            (io::ErrorKind::Other, 500),
            (io::ErrorKind::UnexpectedEof, 500),
        ];
        for (kind, status) in table {
            assert_eq!(unreadable(kind.into()).status().code(), status, "{kind}");
        }
    }
}
