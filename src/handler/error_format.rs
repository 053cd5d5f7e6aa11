//! How a router has errors made into responses.

use std::cell::Cell;
use std::sync::Arc;

use super::attempt::attempt;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;

/// The function that makes responses of errors, as a router has it.
#[derive(Clone)]
pub(crate) struct ErrorFormat(Arc<Format>);

/// The format of the innermost router that sets one: an extension of the requests that pass through it.
pub(crate) struct CurrentFormat {
    format: ErrorFormat,
    /// Whether it is making a response.
    is_busy: Cell<bool>,
}

type Format = dyn Fn(&HttpError, &Request) -> Response + Send + Sync;

impl ErrorFormat {
    pub(crate) fn new(format: impl Fn(&HttpError, &Request) -> Response + Send + Sync + 'static) -> Self {
        Self(Arc::new(format))
    }

    /// This format, to become an extension of a request.
    pub(crate) fn begin(&self) -> CurrentFormat {
        CurrentFormat { format: self.clone(), is_busy: Cell::new(false) }
    }
}

impl CurrentFormat {
    /// The response in this format; `None` for an error that the format itself makes into a response, or if it fails, which the log
    /// then says.
    pub(super) fn apply(&self, error: &HttpError, request: &Request) -> Option<Response> {
        // A format that calls itself would overflow the stack, which ends the process.
        if self.is_busy.replace(true) {
            return None;
        }
        let made = attempt(|| (self.format.0)(error, request));
        self.is_busy.set(false);
        made.inspect_err(|failure| {
            log::error!("{} {}: the format of errors has failed: {failure}", request.method(), request.target());
        })
        .ok()
    }
}
