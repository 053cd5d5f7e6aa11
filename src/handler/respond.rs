//! Calls a handler so that a response comes back whatever happens.

use super::attempt::attempt;
use super::handler::Handler;
use super::into_response::IntoResponse as _;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;

/// Makes the response to a request: a 500 if the handler panics, or makes one that cannot be sent.
pub(crate) fn respond(handler: &dyn Handler, request: &mut Request) -> Response {
    respond_with(request, |request| handler.handle(request))
}

/// As [`respond`], for any function.
pub(super) fn respond_with(request: &mut Request, handle: impl FnOnce(&mut Request) -> Response) -> Response {
    attempt(|| handle(request)).unwrap_or_else(|failure| HttpError::internal(failure).into_response(request))
}
