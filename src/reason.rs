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
        _ => match error.raw_os_error() {
            Some(number) => without_number(&error.to_string(), number),
            None => error.to_string(),
        },
    }
}

/// The system's message as part of a sentence. An abbreviation at its beginning stays as it is.
fn without_number(message: &str, number: i32) -> String {
    let message = message.strip_suffix(&format!(" (os error {number})")).unwrap_or(message);
    let mut characters = message.chars();
    match characters.next() {
        Some(first) if characters.as_str().starts_with(char::is_lowercase) => {
            format!("{}{}", first.to_lowercase(), characters.as_str())
        }
        _ => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        let table = [
            (io::Error::from_raw_os_error(13), "permission denied"),
            (io::Error::from_raw_os_error(21), "is a directory"),
            (io::Error::from_raw_os_error(36), "file name too long"),
            (io::Error::from_raw_os_error(104), "connection reset by peer"),
            (io::Error::other("It is broken"), "It is broken"),
        ];
        for (error, expected) in table {
            assert_eq!(reason(&error), expected, "{error:?}");
        }
        assert_eq!(without_number("RPC struct is bad (os error 72)", 72), "RPC struct is bad");
    }
}
