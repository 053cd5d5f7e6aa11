//! Dispatches on host and path to the route for a pattern, or to the fallback.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::around::Around;
use super::mounted::Mounted;
use super::route::Route;
use crate::handler::{ErrorFormat, Handler, IntoResponse, Layer, respond};
use crate::http::error::HttpError;
use crate::http::host_policy::{normalize_host_name, not_served};
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Picks a handler by method and path.
///
/// A pattern is a path in which a segment may be `{name}`, which matches one segment, or begin or end with it, and the last one
/// `{*name}`, which matches the rest; [`Request::param`] returns what matched, decoded. Where several patterns match, the one with
/// fixed text further to the left comes first, in whatever order the routes were added. Matching takes the same time for many
/// routes as for few.
///
/// A `GET` handler answers `HEAD` too. `OPTIONS` gets the methods of the path, a method without a handler gets 405, and a path
/// that matches no pattern goes to the fallback.
///
/// ```
/// use hearken::{Request, Router};
///
/// let app = Router::new()
///     .get("/hello", |_| "Hello, world!")
///     .get("/hello/{name}", |request| request.param::<String>("name").map(|name| format!("Hello, {name}!")));
/// assert_eq!(app.respond(&mut Request::get("/hello/Ada")).read_text().unwrap(), "Hello, Ada!");
/// assert_eq!(app.respond(&mut Request::get("/bye")).status().code(), 404);
/// ```
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    by_pattern: HashMap<String, usize>,
    matcher: matchit::Router<usize>,
    /// The handlers of host names, normalized.
    hosts: HashMap<String, Box<dyn Handler>>,
    fallback: Option<Box<dyn Handler>>,
    around: Around,
}

impl Router {
    /// Makes a router without routes: every path gets 404.
    pub fn new() -> Self {
        Self::default()
    }

    /// Routes `GET` and `HEAD` of a pattern to a function. The type of its argument need not be written. [`Router::route`] takes
    /// handlers of other types, such as [`Files`](crate::Files).
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn get<F, R>(self, pattern: &str, function: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::Get, pattern, function)
    }

    /// Routes `POST` of a pattern to a function.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn post<F, R>(self, pattern: &str, function: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::Post, pattern, function)
    }

    /// Routes `PUT` of a pattern to a function.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn put<F, R>(self, pattern: &str, function: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::Put, pattern, function)
    }

    /// Routes `PATCH` of a pattern to a function.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn patch<F, R>(self, pattern: &str, function: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::Patch, pattern, function)
    }

    /// Routes `DELETE` of a pattern to a function.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn delete<F, R>(self, pattern: &str, function: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::Delete, pattern, function)
    }

    /// Routes one method of a pattern.
    ///
    /// # Panics
    ///
    /// If the pattern does not start with a slash, has a percent sign or is malformed, if the method has a handler there already, or
    /// if it is ambiguous beside another pattern: `/{id}` beside `/{name}`, `/v{id}` beside `/{id}.txt`, `/{id}/edit` beside
    /// `/{*rest}`, for which a [fallback](Router::fallback) can stand in.
    #[must_use]
    pub fn route(mut self, method: Method, pattern: &str, handler: impl Handler) -> Self {
        let route = self.route_mut(pattern);
        route.around.clear();
        route.add(method, Box::new(handler));
        self
    }

    /// Routes all methods of a pattern that have no handler of their own.
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[must_use]
    pub fn any(mut self, pattern: &str, handler: impl Handler) -> Self {
        self.route_mut(pattern).set_any(Box::new(handler));
        self
    }

    /// Routes the path `prefix` and everything below it, whatever the method, to another router, to [`Files`](crate::Files), or to
    /// any handler. It sees the path without the prefix: `/` for the prefix itself, with or without a slash at its end. The prefix
    /// may have parameters, which are handed on.
    ///
    /// A route of this router whose pattern is more specific, such as `/api/status` beside `nest("/api", api)`, comes first. What
    /// the nested handler does not find stays a 404: the fallback of this router does not get it.
    ///
    /// ```
    /// use hearken::{Files, HttpError, Request, Router};
    ///
    /// fn page(request: &mut Request) -> Result<String, HttpError> {
    ///     Ok(format!("page {} of {}", request.param::<u32>("page")?, request.param::<String>("book")?))
    /// }
    ///
    /// let app = Router::new()
    ///     .nest("/books/{book}", Router::new().get("/pages/{page}", page))
    ///     .nest("/assets", Files::new("www"));
    /// assert_eq!(app.respond(&mut Request::get("/books/emma/pages/7")).read_text().unwrap(), "page 7 of emma");
    /// ```
    ///
    /// # Panics
    ///
    /// If the prefix does not start with a slash, ends with one, or is malformed, if something is nested there already or has all its
    /// methods, or if another pattern matches some of the same paths and neither is more specific, such as `/api/{name}` beside
    /// `/api`.
    #[must_use]
    pub fn nest(self, prefix: &str, handler: impl Handler) -> Self {
        assert!(
            !prefix.ends_with('/'),
            "the prefix {prefix:?} ends with a slash; a handler for all paths is a fallback"
        );
        assert!(
            !prefix.contains("{*"),
            "the prefix {prefix:?} matches the rest of the path, so nothing is left to nest"
        );
        let mounted = Arc::new(Mounted { segments: prefix.matches('/').count(), handler });
        self.any(prefix, Arc::clone(&mounted))
            .any(&format!("{prefix}/"), Arc::clone(&mounted))
            .any(&format!("{prefix}/{BELOW}"), mounted)
    }

    /// Adds the routes, the hosts and the fallback of another router. Its layers and its [format of errors](Router::errors) go
    /// around each of its handlers, and around the 405 and the response to `OPTIONS` of each pattern for which only it has handlers.
    /// They apply to nothing else.
    ///
    /// # Panics
    ///
    /// As [`Router::route`], or if both routers have a fallback, or the same host.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let Self { routes, hosts, fallback, around, .. } = other;
        for Route { pattern, methods, any, around: inner } in routes {
            let route = self.route_mut(&pattern);
            if route.methods.is_empty() && route.any.is_none() {
                route.around.push(around.clone());
                route.around.extend(inner);
            } else {
                route.around.clear();
            }
            for (method, handler) in methods {
                route.add(method, around.wrap(handler));
            }
            if let Some(handler) = any {
                route.set_any(around.wrap(handler));
            }
        }
        for (name, handler) in hosts {
            self = self.host(&name, around.wrap(handler));
        }
        if let Some(handler) = fallback {
            assert!(self.fallback.is_none(), "both routers have a fallback");
            self.fallback = Some(around.wrap(handler));
        }
        self
    }

    /// Routes all requests for a host, such as `files.example`, to a handler: a virtual host. Case and port of the request's host
    /// do not matter. Requests for other hosts go to the routes and the fallback of this router; where none fits, they get 421
    /// (RFC 9110 §15.5.20).
    ///
    /// ```
    /// use hearken::{Request, Router};
    ///
    /// let app = Router::new()
    ///     .host("a.example", Router::new().get("/", |_| "this is a"))
    ///     .host("b.example", Router::new().get("/", |_| "this is b"));
    /// let get = |host: &str| app.respond(&mut Request::get("/").with_header("Host", host));
    /// assert_eq!(get("A.example:8080").read_text().unwrap(), "this is a");
    /// assert_eq!(get("c.example").status().code(), 421);
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is not that of a host, or has a handler already.
    #[must_use]
    pub fn host(mut self, name: &str, handler: impl Handler) -> Self {
        let normal = normalize_host_name(name).unwrap_or_else(|error| panic!("the host {name:?}: {error}"));
        assert!(self.hosts.insert(normal, Box::new(handler)).is_none(), "the host {name:?} has a handler already");
        self
    }

    /// Routes every path that no pattern matches, whatever the method. Replaces an earlier fallback.
    #[must_use]
    pub fn fallback(mut self, handler: impl Handler) -> Self {
        self.fallback = Some(Box::new(handler));
        self
    }

    /// Puts a layer around the whole router: all its routes, whether they were added before or are added later, its hosts, its
    /// fallback, and the responses that it makes itself. Of several layers the one that was added first is outermost.
    ///
    /// ```
    /// use hearken::{Next, Request, ResponseHeaders, Router};
    ///
    /// let app = Router::new()
    ///     .layer(|request: &mut Request, next: Next<'_>| {
    ///         let response = next.respond(request);
    ///         println!("{} {}: {}", request.method(), request.path(), response.status());
    ///         response
    ///     })
    ///     .layer(ResponseHeaders::new().add("X-Frame-Options", "DENY")?)
    ///     .get("/", |_| "hello");
    /// assert_eq!(app.respond(&mut Request::get("/missing")).header("X-Frame-Options"), Some("DENY"));
    /// # Ok::<(), hearken::Error>(())
    /// ```
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.around.layers.push(Arc::new(layer));
        self
    }

    /// Sets how errors become responses, for everything in this router and nested in it: 404 and 405 of the router itself, each
    /// [`HttpError`] that a handler or a layer of this router returns, and the 500 of a panic. The response gets the status of the
    /// error, and the header field that goes with it, such as `Allow`. Defaults to plain text.
    ///
    /// An error that the format itself makes into a response, by [`IntoResponse`], is plain text: so some errors can keep the default.
    ///
    /// As JSON an [`HttpError`] is `{"error": "..."}` with what it displays, which is meant for the client. Nothing of the error inside
    /// [`HttpError::Internal`] is in it.
    ///
    /// ```
    /// use hearken::{Request, Response, Router};
    ///
    /// let api = Router::new()
    ///     .errors(|error, _| Response::json(error))
    ///     .get("/fails", |_| -> &str { panic!("a secret") });
    /// let mut missing = api.respond(&mut Request::get("/missing"));
    /// assert_eq!((missing.status().code(), missing.read_text().unwrap().as_str()), (404, r#"{"error":"not found"}"#));
    /// let mut failed = api.respond(&mut Request::get("/fails"));
    /// assert_eq!(failed.read_text().unwrap(), r#"{"error":"something went wrong here"}"#);
    /// ```
    #[must_use]
    pub fn errors<F, R>(mut self, format: F) -> Self
    where
        F: Fn(&HttpError, &Request) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        let format = move |error: &HttpError, request: &Request| format(error, request).into_response(request);
        self.around.errors = Some(ErrorFormat::new(format));
        self
    }

    /// Makes the response to a request as a server would, also for an error or a panic, and without the body if the method is
    /// `HEAD`: tests a whole application without a socket.
    pub fn respond(&self, request: &mut Request) -> Response {
        let response = respond(self, request);
        if *request.method() != Method::Head {
            return response;
        }
        let length = response.content_length();
        response.with_body_of(Response::reader(io::empty(), length))
    }

    fn dispatch(&self, request: &mut Request) -> Response {
        if let Some(handler) = self.host_of(request) {
            return handler.handle(request);
        }
        if let Ok(found) = self.matcher.at(request.path()) {
            let route = &self.routes[*found.value];
            let outer = request.parameter_count();
            // The path below a prefix is not copied.
            let parameters = found.params.iter().filter(|(name, _)| *name != BELOW_NAME);
            let parameters: Vec<_> = parameters.map(|(name, value)| (name.into(), value.into())).collect();
            request.add_parameters(parameters);
            let response = route.handle(request);
            request.truncate_parameters(outer);
            return response;
        }
        match &self.fallback {
            // RFC 9110 §9.3.7: OPTIONS * asks about the server as a whole, as a ping does.
            _ if request.path() == "*" => Response::new(Status::NO_CONTENT),
            Some(fallback) => fallback.handle(request),
            None if self.hosts.is_empty() => HttpError::NotFound.into_response(request),
            None => {
                let host = request.host().filter(|host| !host.is_empty());
                let reason = host.map_or_else(|| "the request names no host".into(), not_served);
                HttpError::Misdirected(reason.into()).into_response(request)
            }
        }
    }

    fn host_of(&self, request: &Request) -> Option<&dyn Handler> {
        if self.hosts.is_empty() {
            return None;
        }
        let name = normalize_host_name(request.host()?).ok()?;
        self.hosts.get(&name).map(AsRef::as_ref)
    }

    fn route_mut(&mut self, pattern: &str) -> &mut Route {
        assert!(pattern.starts_with('/'), "the pattern {pattern:?} does not start with a slash");
        // In a path of which part cannot be decoded a percent sign stays encoded, so such a pattern would miss some of its paths.
        assert!(!pattern.contains('%'), "the pattern {pattern:?} has a percent sign: patterns match decoded paths");
        let index = *self.by_pattern.entry(pattern.into()).or_insert_with(|| {
            let index = self.routes.len();
            self.matcher.insert(pattern, index).unwrap_or_else(|error| panic!("the pattern {pattern:?}: {error}"));
            self.routes.push(Route { pattern: pattern.into(), ..Route::default() });
            index
        });
        &mut self.routes[index]
    }
}

/// What matches everything below a prefix. It is no parameter for handlers.
const BELOW: &str = "{*\u{0}}";
const BELOW_NAME: &str = "\u{0}";

impl Handler for Router {
    fn handle(&self, request: &mut Request) -> Response {
        self.around.handle(request, &|request| self.dispatch(request))
    }
}
