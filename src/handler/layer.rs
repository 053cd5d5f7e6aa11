//! Layers: code that runs around a handler, before and after it.

use std::sync::Arc;

use super::handler::Handler;
use super::into_response::IntoResponse;
use super::respond::respond_with;
use crate::http::request::Request;
use crate::http::response::Response;

/// Runs around a handler: refuses requests, changes them, or changes responses.
///
/// Every function from `&mut Request` and [`Next`] to something that [`IntoResponse`] knows is a layer, and so are
#[cfg_attr(feature = "auth", doc = "[`BasicAuth`](crate::BasicAuth),")]
/// [`AllowedHosts`](crate::AllowedHosts), [`BodyLimit`](crate::BodyLimit), [`Cors`](crate::Cors),
/// [`ErrorPages`](crate::ErrorPages), [`ResponseHeaders`](crate::ResponseHeaders) and [`AccessLog`](crate::AccessLog).
/// [`Router::layer`](crate::Router::layer) puts a layer around a router, [`Layer::around`] around any handler.
///
/// ```
/// use hearken::{HttpError, Layer, Next, Request, Response};
///
/// struct User(String);
///
/// fn bearer(request: &mut Request, next: Next<'_>) -> Result<Response, HttpError> {
///     match request.bearer_token() {
///         Some("secret") => {
///             request.insert(User("Ada".into()));
///             Ok(next.respond(request))
///         }
///         _ => Err(HttpError::unauthorized("Bearer", "a token is needed")),
///     }
/// }
///
/// let app = bearer.around(|request: &mut Request| request.extension::<User>().map(|user| user.0.clone()));
/// # use hearken::Handler;
/// let respond = |request: Request| app.handle(&mut { request });
/// assert_eq!(respond(Request::get("/")).status().code(), 401);
/// assert_eq!(respond(Request::get("/").with_header("Authorization", "Bearer secret")).read_text().unwrap(), "Ada");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    label = "not a layer",
    note = "a layer is a function that takes `&mut Request` and `Next<'_>` and returns what implements `IntoResponse`, or a type \
            that implements `Layer`",
    note = "a closure needs the types of its arguments: `|request: &mut Request, next: Next<'_>| ...`"
)]
pub trait Layer: Send + Sync + 'static {
    /// Makes the response to a request, in most cases by calling [`Next::respond`].
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response;

    /// This layer around a handler.
    fn around<H: Handler>(self, handler: H) -> Layered<Self, H>
    where
        Self: Sized,
    {
        Layered { layer: self, handler }
    }
}

/// What a layer is around: the layers further in, and the handler.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    layers: &'a [Arc<dyn Layer>],
    handle: &'a dyn Fn(&mut Request) -> Response,
}

impl<'a> Next<'a> {
    /// These layers, the first one outermost, around a handler.
    pub(crate) fn new(layers: &'a [Arc<dyn Layer>], handle: &'a dyn Fn(&mut Request) -> Response) -> Self {
        Self { layers, handle }
    }

    /// Makes the response of what is further in. Errors are responses by now, and a panic or an invalid header field is a 500.
    pub fn respond(self, request: &mut Request) -> Response {
        match self.layers.split_first() {
            Some((layer, layers)) => respond_with(request, |request| layer.handle(request, Next { layers, ..self })),
            None => respond_with(request, self.handle),
        }
    }
}

impl<F, R> Layer for F
where
    F: Fn(&mut Request, Next<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        self(request, next).into_response(request)
    }
}

impl<L: Layer + ?Sized> Layer for Arc<L> {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        (**self).handle(request, next)
    }
}

/// A handler with a layer around it, made by [`Layer::around`].
pub struct Layered<L, H> {
    layer: L,
    handler: H,
}

impl<L: Layer, H: Handler> Handler for Layered<L, H> {
    fn handle(&self, request: &mut Request) -> Response {
        self.layer.handle(request, Next::new(&[], &|request| self.handler.handle(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_around_a_handler_sees_its_panic_as_a_response() {
        let tell = |request: &mut Request, next: Next<'_>| next.respond(request).status().to_string();
        let app = tell.around(|_: &mut Request| -> &str { panic!("the panic that this test is about") });
        let text = app.handle(&mut Request::get("/")).read_text().unwrap();
        assert_eq!(text, "500 Internal Server Error");
    }
}
