//! The handlers of one pattern, by method.

use super::around::Around;
use crate::handler::{Handler, IntoResponse as _, respond};
use crate::http::error::HttpError;
use crate::http::method::{Method, method_list};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

#[derive(Default)]
pub(super) struct Route {
    pub(super) pattern: String,
    pub(super) methods: Vec<(Method, Box<dyn Handler>)>,
    pub(super) any: Option<Box<dyn Handler>>,
    /// What goes around the responses that need no handler, outermost first: what the merged router had that all handlers come from.
    pub(super) around: Vec<Around>,
}

impl Route {
    pub(super) fn add(&mut self, method: Method, handler: Box<dyn Handler>) {
        assert!(self.find(&method).is_none(), "{method} {:?} has a handler already", self.pattern);
        self.methods.push((method, handler));
    }

    pub(super) fn set_any(&mut self, handler: Box<dyn Handler>) {
        assert!(self.any.replace(handler).is_none(), "{:?} has a handler for any method already", self.pattern);
    }

    pub(super) fn handle(&self, request: &mut Request) -> Response {
        let method = request.method();
        let handler = self
            .find(method)
            .or_else(|| if *method == Method::Head { self.find(&Method::Get) } else { None })
            .or(self.any.as_deref());
        match handler {
            // A panic ends here, so that the router can take back the parameters.
            Some(handler) => respond(handler, request),
            None => Around::handle_all(&self.around, request, &|request| self.handle_unsupported(request)),
        }
    }

    fn handle_unsupported(&self, request: &mut Request) -> Response {
        match request.method() {
            Method::Options => Response::new(Status::NO_CONTENT).with_header("Allow", method_list(&self.allowed())),
            _ => HttpError::MethodNotAllowed(self.allowed().into()).into_response(request),
        }
    }

    fn find(&self, method: &Method) -> Option<&dyn Handler> {
        self.methods.iter().find(|(m, _)| m == method).map(|(_, handler)| handler.as_ref())
    }

    fn allowed(&self) -> Vec<Method> {
        let mut allowed = Vec::new();
        for (method, _) in &self.methods {
            allowed.push(method.clone());
            if *method == Method::Get && self.find(&Method::Head).is_none() {
                allowed.push(Method::Head);
            }
        }
        if self.find(&Method::Options).is_none() {
            allowed.push(Method::Options);
        }
        allowed
    }
}
