//! The layer that decides what pages of other origins may do; the rules are in `http::cors`.

use std::time::Duration;

use crate::handler::{IntoResponse as _, Layer, Next};
use crate::http::cors::CorsPolicy;
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::origin::{OriginError, RequestOrigin, normalize_origin};
use crate::http::request::Request;
use crate::http::response::Response;

/// A layer for cross-origin resource sharing: which pages, besides the server's own, may read responses and may
/// write.
///
/// A browser lets pages of any origin send some requests, and adds the password that it has stored for the server. So requests
/// that may change something (all but `GET`, `HEAD` and `OPTIONS`) get 403 when they come from a page whose origin is not
/// allowed, as the browser tells by `Sec-Fetch-Site` and `Origin`. Other programs send neither field and may write.
///
/// ```
/// use hearken::{Cors, Request, Router};
///
/// let app = Router::new().layer(Cors::new().allow("https://app.example")?).put("/", |_| "done");
/// let put = |origin: &str| app.respond(&mut Request::put("/").with_header("Host", "here").with_header("Origin", origin));
/// assert_eq!(put("https://app.example").status().code(), 200);
/// assert_eq!(put("https://evil.example").status().code(), 403);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cors {
    policy: CorsPolicy,
    except: Box<dyn Fn(&Request) -> bool + Send + Sync>,
}

impl Cors {
    /// Allows no other origin to read or write.
    pub fn new() -> Self {
        let policy = CorsPolicy {
            any: false,
            named: Vec::new(),
            credentials: false,
            methods: vec![Method::Get, Method::Head, Method::Post],
            max_age: Duration::from_secs(600),
        };
        Self { policy, except: Box::new(|_| false) }
    }

    /// Allows pages of this origin, such as `https://app.example`; `*` allows pages of every origin, without passwords.
    ///
    /// # Errors
    ///
    /// [`OriginError`] when `origin` is neither an origin nor `*`.
    pub fn allow(mut self, origin: &str) -> Result<Self, OriginError> {
        if origin == "*" {
            self.policy.any = true;
        } else {
            self.policy.named.push(normalize_origin(origin)?);
        }
        Ok(self)
    }

    /// Sets whether pages of origins that are allowed by name may send passwords and read the responses. Pages that are allowed
    /// by `*` alone never may. Defaults to false.
    #[must_use]
    pub fn credentials(mut self, credentials: bool) -> Self {
        self.policy.credentials = credentials;
        self
    }

    /// Sets the methods in the response to a preflight request. Defaults to `GET`, `HEAD` and `POST`.
    #[must_use]
    pub fn methods(mut self, methods: impl Into<Vec<Method>>) -> Self {
        self.policy.methods = methods.into();
        self
    }

    /// Sets how long a browser may cache the response to a preflight request, in whole seconds. Defaults to 10 minutes.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.max_age = age;
        self
    }

    /// Lets pages of any origin send the requests for which `except` returns true: for a service that is meant for every page.
    /// Defaults to none.
    #[must_use]
    pub fn except(mut self, except: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.except = Box::new(except);
        self
    }

    fn refuses(&self, request: &Request) -> bool {
        !request.method().is_safe()
            && !self.policy.may_write(RequestOrigin::of(request), request.header("Authorization").is_some())
            && !(self.except)(request)
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for Cors {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        if let Some(response) = self.policy.preflight(request) {
            return response;
        }
        if self.refuses(request) {
            let refusal = HttpError::forbidden("a page of another origin may not write here").into_response(request);
            return self.policy.apply(refusal, request.header("Origin"));
        }
        let response = next.respond(request);
        let opens_to_none = !self.policy.any && self.policy.named.is_empty();
        if opens_to_none { response } else { self.policy.apply(response, request.header("Origin")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Handler;

    fn app(cors: Cors) -> impl Handler {
        cors.around(|request: &mut Request| match request.path() {
            "/missing" => Err(HttpError::NotFound),
            "/open" => Ok(Response::text("open").with_header("Access-Control-Allow-Origin", "*")),
            _ => Ok(Response::text("done")),
        })
    }

    fn send(app: &impl Handler, method: Method, target: &str, origin: &str) -> Response {
        let request = Request::new(method, target).with_header("Host", "here:4040").with_header("Origin", origin);
        app.handle(&mut { request })
    }

    #[test]
    fn a_page_of_another_origin_may_use_safe_methods_only() {
        let app = app(Cors::new().except(|request| request.path() == "/open"));
        for name in ["POST", "PUT", "DELETE", "PATCH", "BREW", "post"] {
            let method = || Method::from_name(name);
            let mut refused = send(&app, method(), "/f", "http://evil.example");
            assert_eq!(refused.status().code(), 403, "{name}");
            assert_eq!(refused.read_text().unwrap(), "Forbidden: a page of another origin may not write here.");
            assert_eq!(send(&app, method(), "/f", "http://here:4040").status().code(), 200, "{name}");
            assert_eq!(send(&app, method(), "/open", "http://evil.example").status().code(), 200, "{name}");
        }
        for method in [Method::Get, Method::Head, Method::Options] {
            assert_eq!(send(&app, method.clone(), "/f", "http://evil.example").status().code(), 200, "{method}");
        }
    }

    #[test]
    fn allowed_origins_may_read_failures_too() {
        let app = app(Cors::new().allow("https://app.example").unwrap());
        for (target, status) in [("/x", 200), ("/missing", 404)] {
            let response = send(&app, Method::Get, target, "https://app.example");
            assert_eq!(response.status().code(), status);
            assert_eq!(response.header("Access-Control-Allow-Origin"), Some("https://app.example"));
        }
        let refused = send(&app, Method::Put, "/x", "https://evil.example");
        assert_eq!((refused.status().code(), refused.header("Access-Control-Allow-Origin")), (403, None));
        assert_eq!(refused.header("Vary"), Some("Origin"));
    }

    #[test]
    fn a_handler_may_open_itself_to_every_origin() {
        let app = app(Cors::new().allow("https://app.example").unwrap());
        for (origin, allowed) in [("https://evil.example", "*"), ("https://app.example", "https://app.example")] {
            let response = send(&app, Method::Get, "/open", origin);
            assert_eq!(response.header("Access-Control-Allow-Origin"), Some(allowed));
        }
    }
}
