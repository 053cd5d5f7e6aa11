//! The layer that limits the bodies of requests.

use crate::handler::{Layer, Next};
use crate::http::request::Request;
use crate::http::response::Response;

/// The most bytes that the body of a request may have, for some of the routes: more or fewer than
/// [`Settings::max_body`](crate::Settings::max_body) allows for all.
///
/// Reading a longer body fails with a 413: at once if its length is announced. Of several limits the innermost counts, as if it had
/// been set by [`Request::set_max_body`] there.
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
    /// Allows this many bytes; `u64::MAX` means no limit.
    pub fn new(bytes: u64) -> Self {
        Self { bytes }
    }
}

impl Layer for BodyLimit {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        request.set_max_body(self.bytes);
        next.respond(request)
    }
}
