//! The handler trait: a handler turns a request into a response, and touches no socket.

use std::sync::Arc;

use super::into_response::IntoResponse;
use crate::http::request::Request;
use crate::http::response::Response;

/// Answers requests.
///
/// Every function from `&mut Request` to something that [`IntoResponse`] knows is a handler, and so are
/// [`Router`](crate::Router), [`Files`](crate::Files) and [`WriteFile`](crate::WriteFile). A handler runs on worker threads, on
/// several at once. If it panics the client gets a 500, and the worker goes on.
///
/// A closure that is passed where any handler fits needs the type of its argument: `|request: &mut Request| ...`.
///
/// ```
/// use hearken::{Handler, IntoResponse, Request, Response};
///
/// struct Greeter { greeting: String }
///
/// impl Handler for Greeter {
///     fn handle(&self, request: &mut Request) -> Response {
///         format!("{}, {}!", self.greeting, request.path()).into_response(request)
///     }
/// }
/// # let greeter = Greeter { greeting: "Hello".into() };
/// # assert_eq!(greeter.handle(&mut Request::get("/x")).read_text().unwrap(), "Hello, /x!");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is a function that takes `&mut Request` and returns what implements `IntoResponse`, such as a string, a \
            `Response` or a `Result` of two of these; or a `Router`, `Files`, or another type that implements `Handler`",
    note = "a closure needs the type of its argument here: `|request: &mut Request| ...`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Makes the response to a request.
    fn handle(&self, request: &mut Request) -> Response;
}

impl<F, R> Handler for F
where
    F: Fn(&mut Request) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle(&self, request: &mut Request) -> Response {
        self(request).into_response(request)
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, request: &mut Request) -> Response {
        (**self).handle(request)
    }
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn handle(&self, request: &mut Request) -> Response {
        (**self).handle(request)
    }
}
