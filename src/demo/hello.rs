//! The smallest service: a greeting.

use crate::http::request::Request;
use crate::http::response::Response;

/// Answers any request with `Hello, world!`.
pub fn hello(_: &mut Request) -> Response {
    Response::text("Hello, world!")
}
