//! The handler trait: a handler turns a request into a response, and touches no socket.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;

/// Answers requests.
///
/// Every `Fn(&mut Request) -> Response` and `Fn(&mut Request) -> Result<Response, HttpError>` is a handler. A handler runs
/// on worker threads, on several at once. If it panics the client gets a 500, and the worker goes on.
pub trait Handler: Send + Sync + 'static {
    /// Makes the response to a request.
    ///
    /// # Errors
    ///
    /// An [`HttpError`] becomes the response that it describes.
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError>;
}

/// What a function may return to be a [`Handler`].
pub trait IntoOutcome {
    /// Converts into the response, or the error that becomes one.
    ///
    /// # Errors
    ///
    /// The error, if it is one.
    fn into_outcome(self) -> Result<Response, HttpError>;
}

impl IntoOutcome for Response {
    fn into_outcome(self) -> Result<Response, HttpError> {
        Ok(self)
    }
}

impl IntoOutcome for Result<Response, HttpError> {
    fn into_outcome(self) -> Result<Response, HttpError> {
        self
    }
}

impl<F, O> Handler for F
where
    F: Fn(&mut Request) -> O + Send + Sync + 'static,
    O: IntoOutcome,
{
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        self(request).into_outcome()
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        (**self).handle(request)
    }
}

/// Makes the response to a request. Errors and invalid header fields of the handler become responses, and are logged.
pub(crate) fn respond(handler: &dyn Handler, request: &mut Request) -> Response {
    let response = handler.handle(request).unwrap_or_else(|error| error_response(error, request));
    match response.fault() {
        None => response,
        Some(fault) => error_response(HttpError::internal(fault), request),
    }
}

/// The same, with a 500 if the handler panics.
pub(crate) fn respond_catching_panics(handler: &dyn Handler, request: &mut Request) -> Response {
    // Unwind safety: nothing else uses the request, and a handler itself keeps its shared state consistent.
    catch_unwind(AssertUnwindSafe(|| respond(handler, request))).unwrap_or_else(|panic| {
        error_response(HttpError::internal(format!("the handler panicked: {}", panic_text(panic.as_ref()))), request)
    })
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Makes the response to a request that failed. Detail that the client must not see goes to the log.
pub(crate) fn error_response(error: HttpError, request: &Request) -> Response {
    if let HttpError::Internal(detail) = &error {
        log::error!("{} {}: {detail}", request.method(), request.target());
    }
    error.into_response(request)
}
