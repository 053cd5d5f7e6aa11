//! Handlers that are nested at a prefix.

use crate::handler::{Handler, respond};
use crate::http::request::Request;
use crate::http::response::Response;

/// A handler at a prefix of this many segments, which it does not see.
pub(super) struct Mounted<H> {
    pub(super) segments: usize,
    pub(super) handler: H,
}

impl<H: Handler> Handler for Mounted<H> {
    fn handle(&self, request: &mut Request) -> Response {
        // A panic ends inside, so that the request gets its whole path back.
        request.with_mount(self.segments, |request| respond(&self.handler, request))
    }
}
