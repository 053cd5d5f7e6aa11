//! Running code of the program that may panic, or make a response that cannot be sent.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::http::response::Response;

/// The response that `make` makes.
///
/// # Errors
///
/// If it panics, or the response has an invalid header field: why, for the log.
pub(super) fn attempt(make: impl FnOnce() -> Response) -> Result<Response, String> {
    // Unwind safety: what the code shares with other threads it keeps consistent itself.
    let response =
        catch_unwind(AssertUnwindSafe(make)).map_err(|panic| format!("a panic: {}", panic_text(panic.as_ref())))?;
    match response.fault() {
        None => Ok(response),
        Some(fault) => Err(fault.to_owned()),
    }
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_words() {
        let table: [(fn() -> Response, Option<&str>); 5] = [
            (|| Response::text("fine"), None),
            (|| panic!("a text"), Some("a panic: a text")),
            (|| panic!("a number: {}", 7), Some("a panic: a number: 7")),
            (|| std::panic::panic_any(7), Some("a panic: no message")),
            (
                || Response::text("").with_header("X", "\r\n"),
                Some("the value of the header field \"X\" cannot be sent"),
            ),
        ];
        for (make, failure) in table {
            assert_eq!(attempt(make).err().as_deref(), failure);
        }
    }
}
