//! Dispatches on method and path to a handler. Makes the responses that need no handler: 404, 405 with `Allow`, `OPTIONS`.

use std::collections::HashMap;

use crate::handler::{Handler, respond};
use crate::http::error::HttpError;
use crate::http::method::{Method, method_list};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Picks a handler by method and path.
///
/// A pattern is a path in which a segment may be `{name}`, which matches one segment, and the last one `{*name}`, which matches
/// the rest; [`Request::parameter`] returns what matched. A `GET` handler answers `HEAD` too. `OPTIONS` gets the methods of the
/// path, a method without a handler gets 405, and a path that matches no pattern goes to the fallback.
///
/// ```
/// use hearken::{Request, Response, Router};
///
/// let app = Router::new()
///     .get("/hello/{name}", |request: &mut Request| {
///         Response::text(format!("Hello, {}!", request.parameter("name").unwrap_or("world")))
///     });
/// assert_eq!(app.respond(&mut Request::get("/hello/Ada")).read_text().unwrap(), "Hello, Ada!");
/// assert_eq!(app.respond(&mut Request::get("/bye")).status().code(), 404);
/// ```
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    by_pattern: HashMap<String, usize>,
    matcher: matchit::Router<usize>,
    fallback: Option<Box<dyn Handler>>,
}

#[derive(Default)]
struct Route {
    methods: Vec<(Method, Box<dyn Handler>)>,
    any: Option<Box<dyn Handler>>,
}

impl Router {
    /// Makes a router without routes: every path gets 404.
    pub fn new() -> Self {
        Self::default()
    }

    /// Routes `GET` and `HEAD` of a pattern.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn get(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::Get, pattern, handler)
    }

    /// Routes `POST` of a pattern.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn post(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::Post, pattern, handler)
    }

    /// Routes `PUT` of a pattern.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn put(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::Put, pattern, handler)
    }

    /// Routes `DELETE` of a pattern.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn delete(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::Delete, pattern, handler)
    }

    /// Routes one method of a pattern. A later handler for the same method and pattern replaces the earlier one.
    ///
    /// # Panics
    ///
    /// If the pattern is malformed, or conflicts with another one: both match some path and neither is more specific.
    #[must_use]
    pub fn route(mut self, method: Method, pattern: &str, handler: impl Handler) -> Self {
        let methods = &mut self.route_mut(pattern).methods;
        methods.retain(|(m, _)| *m != method);
        methods.push((method, Box::new(handler)));
        self
    }

    /// Routes all methods of a pattern that have no handler of their own.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn any(mut self, pattern: &str, handler: impl Handler) -> Self {
        self.route_mut(pattern).any = Some(Box::new(handler));
        self
    }

    /// Routes every path that no pattern matches, whatever the method.
    #[must_use]
    pub fn fallback(mut self, handler: impl Handler) -> Self {
        self.fallback = Some(Box::new(handler));
        self
    }

    /// Makes the response to a request, also for an error: tests a whole application without a socket.
    pub fn respond(&self, request: &mut Request) -> Response {
        respond(self, request)
    }

    fn route_mut(&mut self, pattern: &str) -> &mut Route {
        let index = *self.by_pattern.entry(pattern.into()).or_insert_with(|| {
            let index = self.routes.len();
            self.matcher.insert(pattern, index).unwrap_or_else(|error| panic!("the pattern {pattern:?}: {error}"));
            self.routes.push(Route::default());
            index
        });
        &mut self.routes[index]
    }
}

impl Handler for Router {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        if let Ok(found) = self.matcher.at(request.path()) {
            let route = &self.routes[*found.value];
            let parameters = found.params.iter().map(|(name, value)| (name.into(), value.into())).collect();
            request.set_parameters(parameters);
            return route.handle(request);
        }
        match &self.fallback {
            // RFC 9110 §9.3.7: OPTIONS * asks about the server as a whole, as a ping does.
            _ if request.path() == "*" => Ok(Response::new(Status::NO_CONTENT)),
            Some(fallback) => fallback.handle(request),
            None => Err(HttpError::NotFound),
        }
    }
}

impl Route {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        let method = request.method();
        let handler = self
            .find(method)
            .or_else(|| if *method == Method::Head { self.find(&Method::Get) } else { None })
            .or(self.any.as_deref());
        match handler {
            Some(handler) => handler.handle(request),
            None if *method == Method::Options => {
                Ok(Response::new(Status::NO_CONTENT).with_header("Allow", method_list(&self.allowed())))
            }
            None => Err(HttpError::MethodNotAllowed(self.allowed().into())),
        }
    }

    fn find(&self, method: &Method) -> Option<&dyn Handler> {
        self.methods.iter().find(|(m, _)| m == method).map(|(_, handler)| handler.as_ref())
    }

    fn allowed(&self) -> Vec<Method> {
        let mut allowed = Vec::new();
        for (method, _) in &self.methods {
            allowed.push(method.clone());
            if *method == Method::Get {
                allowed.push(Method::Head);
            }
        }
        allowed.push(Method::Options);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Router {
        Router::new()
            .get("/hello", |_: &mut Request| Response::text("hello"))
            .post("/hello", |_: &mut Request| Response::text("posted"))
            .get("/notes/{id}", |request: &mut Request| {
                Response::text(request.parameter("id").unwrap_or("none").to_owned())
            })
            .any("/any", |request: &mut Request| Response::text(request.method().to_string()))
            .get("/bad", |_: &mut Request| Response::text("a").with_header("X", "\r\n"))
            .get("/broken", |_: &mut Request| -> Result<Response, HttpError> { Err(HttpError::internal("secret")) })
    }

    #[test]
    fn methods_and_paths_find_their_handler() {
        let table = [
            (Method::Get, "/hello", 200, "hello"),
            (Method::Get, "/h%65llo?q", 200, "hello"),
            (Method::Head, "/hello", 200, "hello"),
            (Method::Post, "/hello", 200, "posted"),
            (Method::Put, "/hello", 405, "Unsupported request: PUT."),
            (Method::Options, "/hello", 204, ""),
            (Method::Get, "/hello/", 404, "Not found: GET, /hello/"),
            (Method::Get, "/notes/7", 200, "7"),
            (Method::Get, "/notes/a%20b", 200, "a b"),
            (Method::Get, "/notes/", 404, "Not found: GET, /notes/"),
            (Method::Other("BREW".into()), "/any", 200, "BREW"),
            (Method::Other("BREW".into()), "/hello", 405, "Unsupported request: BREW."),
            (Method::Get, "/nowhere", 404, "Not found: GET, /nowhere"),
            (Method::Options, "*", 204, ""),
            (Method::Get, "/bad", 500, "Something went wrong here."),
            (Method::Get, "/broken", 500, "Something went wrong here."),
        ];
        let app = app();
        for (method, target, status, body) in table {
            let mut response = app.respond(&mut Request::new(method.clone(), target));
            assert_eq!(response.status().code(), status, "{method} {target}");
            assert_eq!(response.read_text().unwrap(), body, "{method} {target}");
        }
    }

    #[test]
    fn options_and_405_list_the_allowed_methods() {
        for method in [Method::Put, Method::Options] {
            let response = app().respond(&mut Request::new(method, "/hello"));
            assert_eq!(response.header("Allow"), Some("GET, HEAD, POST, OPTIONS"));
        }
    }

    #[test]
    fn the_fallback_gets_paths_that_match_no_pattern() {
        let app = app().fallback(|request: &mut Request| Response::text(format!("fallback {}", request.method())));
        assert_eq!(app.respond(&mut Request::new(Method::Post, "/x")).read_text().unwrap(), "fallback POST");
        assert_eq!(app.respond(&mut Request::new(Method::Put, "/hello")).status(), Status::METHOD_NOT_ALLOWED);
    }

    #[test]
    #[should_panic(expected = "/a/{x")]
    fn a_malformed_pattern_panics_at_once() {
        let _ = Router::new().get("/a/{x", |_: &mut Request| Response::text(""));
    }
}
