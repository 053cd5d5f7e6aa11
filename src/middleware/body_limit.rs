//! The layer that limits the bodies of requests.

use crate::handler::{IntoResponse as _, Layer, Next};
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;

/// The most bytes that the body of a request may have, for some of the routes: more or fewer than
/// [`Settings::max_body`](crate::Settings::max_body) allows for all.
///
/// A request that announces a longer body gets 413 at once. If its length is not known, reading it fails with a 413.
///
/// ```
/// use hearken::{BodyLimit, Request, Router};
///
/// let comments = Router::new().layer(BodyLimit::new(1000)).post("/", |request| request.read_body());
/// let uploads = Router::new().layer(BodyLimit::new(1024 * 1024 * 1024)).post("/", |request| request.read_body());
/// let app = Router::new().nest("/comments", comments).nest("/uploads", uploads);
/// let post = |target: &str| app.respond(&mut Request::post(target).with_body(vec![0; 2000]));
/// assert_eq!((post("/comments").status().code(), post("/uploads").status().code()), (413, 200));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    bytes: u64,
}

impl BodyLimit {
    /// Allows this many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { bytes }
    }
}

impl Layer for BodyLimit {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        if request.content_length().is_some_and(|length| length > self.bytes) {
            return HttpError::ContentTooLarge(self.bytes).into_response(request);
        }
        request.set_max_body(self.bytes);
        next.respond(request)
    }
}
