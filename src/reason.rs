//! Error messages of the operating system.

use std::io;

/// The message of an operating system error, without its number: `permission denied`, not `Permission denied (os error 13)`.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".into(),
        io::ErrorKind::AddrInUse => "address already in use".into(),
        kind @ (io::ErrorKind::PermissionDenied
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StorageFull) => kind.to_string(),
        _ => error.to_string(),
    }
}
