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
    // Unwind safety: what the code shares with other threads it keeps consistent itself. A response with a fault is dropped inside,
    // because its body may panic then.
    let made = catch_unwind(AssertUnwindSafe(|| {
        let response = make();
        match response.fault() {
            None => Ok(response),
            Some(fault) => Err(fault.to_owned()),
        }
    }));
    made.unwrap_or_else(|panic| Err(format!("a panic: {}", panic_text(panic.as_ref()))))
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics when it is dropped.
    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn failures_are_told_in_words() {
        let table: [(fn() -> Response, Option<&str>); 6] = [
            (|| Response::text("fine"), None),
            (|| panic!("a text"), Some("a panic: a text")),
            (|| panic!("a number: {}", 7), Some("a panic: a number: 7")),
            (|| std::panic::panic_any(7), Some("a panic: no message")),
            (
                || Response::text("").with_header("X", "\r\n"),
                Some("the value of the header field \"X\" cannot be sent"),
            ),
            (
                || {
                    let held = PanicsOnDrop;
                    let response = Response::writer(move |_| {
                        let _held = &held;
                        Ok(())
                    });
                    response.with_header("X", "\r\n")
                },
                Some("a panic: dropped"),
            ),
        ];
        for (make, failure) in table {
            assert_eq!(attempt(make).err().as_deref(), failure);
        }
    }
}
