//! JSON as what a handler returns.

use serde_core::Serialize;

use super::into_response::IntoResponse;
use crate::http::request::Request;
use crate::http::response::Response;

/// A value as JSON, to return from a handler: 200 with `Content-Type: application/json`.
///
/// ```
/// use hearken::{Json, Request, Router, Status};
///
/// let app = Router::new().post("/numbers", |_| (Status::CREATED, Json([1, 2, 3])));
/// let mut response = app.respond(&mut Request::post("/numbers"));
/// assert_eq!((response.status(), response.read_text().unwrap().as_str()), (Status::CREATED, "[1,2,3]"));
/// ```
///
/// [`Response::json`] makes the same response from a reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self, _: &Request) -> Response {
        Response::json(&self.0)
    }
}
