//! What goes around handlers: layers, and the format of errors.

use std::sync::Arc;

use crate::handler::{CurrentFormat, ErrorFormat, Handler, Layer, Next};
use crate::http::request::Request;
use crate::http::response::Response;

/// What a router has around its handlers.
#[derive(Clone, Default)]
pub(super) struct Around {
    /// The first one is outermost.
    pub(super) layers: Vec<Arc<dyn Layer>>,
    pub(super) errors: Option<ErrorFormat>,
}

impl Around {
    /// A handler of a merged router, with what that router has around it.
    pub(super) fn wrap(&self, handler: Box<dyn Handler>) -> Box<dyn Handler> {
        if self.layers.is_empty() && self.errors.is_none() {
            return handler;
        }
        let around = self.clone();
        Box::new(move |request: &mut Request| around.handle(request, &|request| handler.handle(request)))
    }

    /// Makes the response of `handle`, with this around it.
    pub(super) fn handle(&self, request: &mut Request, handle: &dyn Fn(&mut Request) -> Response) -> Response {
        with_errors(self.errors.as_ref(), request, |request| Next::new(&self.layers, handle).respond(request))
    }

    /// Has all of these around, the first one outermost.
    pub(super) fn handle_all(
        all: &[Self],
        request: &mut Request,
        handle: &dyn Fn(&mut Request) -> Response,
    ) -> Response {
        match all.split_first() {
            Some((outer, inner)) => outer.handle(request, &|request| Self::handle_all(inner, request, handle)),
            None => handle(request),
        }
    }
}

/// Has errors made into responses in this format, if there is one, while a request is answered.
fn with_errors(
    errors: Option<&ErrorFormat>,
    request: &mut Request,
    handle: impl FnOnce(&mut Request) -> Response,
) -> Response {
    let Some(errors) = errors else { return handle(request) };
    let outer = request.insert(errors.begin());
    let response = handle(request);
    match outer {
        Some(outer) => drop(request.insert(outer)),
        None => drop(request.remove::<CurrentFormat>()),
    }
    response
}
