//! The response to a method that a path has no handler for: which methods it takes (RFC 9110 §10.2.1).

use hearken::{HttpError, IntoResponse as _, Method, Request, Response, Status};

/// The response to `OPTIONS`, or the error for any other method, with `Allow`: these methods and `OPTIONS`.
pub(crate) fn respond(mut allowed: Vec<Method>, request: &mut Request) -> Response {
    allowed.push(Method::Options);
    if *request.method() != Method::Options {
        return HttpError::MethodNotAllowed(allowed.into()).into_response(request);
    }
    let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
    Response::new(Status::NO_CONTENT).with_header("Allow", names.join(", "))
}
