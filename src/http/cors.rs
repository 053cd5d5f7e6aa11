//! What pages of other origins may do (CORS, Fetch §3.2).

use std::borrow::Cow;
use std::time::Duration;

use super::method::{Method, method_list};
use super::origin::RequestOrigin;
use super::request::Request;
use super::response::Response;
use super::status::Status;

/// The origins whose pages may read responses and make changes, and the fields that tell their browsers so.
#[derive(Clone, Debug)]
pub(crate) struct CorsPolicy {
    pub(crate) any: bool,
    /// The allowed origins, as a browser sends them.
    pub(crate) named: Vec<String>,
    /// Whether pages of the named origins may send passwords. Pages that only `any` allows never may.
    pub(crate) credentials: bool,
    pub(crate) methods: Vec<Method>,
    /// How long a browser may cache the result of a preflight.
    pub(crate) max_age: Duration,
}

/// What a policy grants to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Nothing,
    /// What any origin may do.
    Open,
    /// What a named origin may do.
    Named,
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";

/// The request fields that a page may send beyond the safelisted ones (Fetch §2.2.2).
const REQUEST_HEADERS: &str =
    "Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Requested-With";

/// The response fields that a page may read beyond the safelisted ones.
const RESPONSE_HEADERS: &str = "Accept-Ranges, Content-Range, ETag, Location, Retry-After";

impl CorsPolicy {
    /// What the policy grants to this origin.
    pub(crate) fn grant(&self, origin: &str) -> Grant {
        if self.named.iter().any(|named| named == origin) {
            Grant::Named
        } else if self.any {
            Grant::Open
        } else {
            Grant::Nothing
        }
    }

    /// Whether the request may change something. A page's request may if the page is of the same origin or its origin
    /// is allowed. An origin that is allowed only by `any` may not use the password that the browser keeps for this
    /// server.
    pub(crate) fn may_write(&self, source: RequestOrigin<'_>, has_credentials: bool) -> bool {
        match source {
            RequestOrigin::NoPage | RequestOrigin::SameOrigin => true,
            RequestOrigin::OtherOrigin(origin) => match self.grant(origin) {
                Grant::Named => true,
                Grant::Open => !has_credentials,
                Grant::Nothing => false,
            },
        }
    }

    /// The response to a preflight request (Fetch §3.2.2); `None` for any other request, and if nothing is granted.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let origin = request.header("Origin")?;
        if *request.method() != Method::Options || request.header("Access-Control-Request-Method").is_none() {
            return None;
        }
        let grant = self.grant(origin);
        if grant == Grant::Nothing {
            return None;
        }
        let headers: Cow<'static, str> = if grant == Grant::Named && self.credentials {
            format!("Authorization, {REQUEST_HEADERS}").into()
        } else {
            REQUEST_HEADERS.into()
        };
        let response = Response::new(Status::NO_CONTENT)
            .with_header(ALLOW_METHODS, method_list(&self.methods))
            .with_header(ALLOW_HEADERS, headers)
            .with_header("Access-Control-Max-Age", self.max_age.as_secs().to_string());
        Some(self.allow(response, origin, grant))
    }

    /// Adds the fields that let a page of this origin read the response, if it may.
    pub(crate) fn apply(&self, response: Response, origin: Option<&str>) -> Response {
        let grant = origin.map_or(Grant::Nothing, |origin| self.grant(origin));
        match origin {
            Some(origin) if grant != Grant::Nothing => {
                self.allow(response, origin, grant).with_header("Access-Control-Expose-Headers", RESPONSE_HEADERS)
            }
            _ => self.vary(response),
        }
    }

    fn allow(&self, response: Response, origin: &str, grant: Grant) -> Response {
        // Fetch §3.2.5: a wildcard and credentials exclude each other.
        let response = match grant {
            Grant::Named if self.credentials => response
                .with_header(ALLOW_ORIGIN, origin.to_owned())
                .with_header("Access-Control-Allow-Credentials", "true"),
            Grant::Named => response.with_header(ALLOW_ORIGIN, origin.to_owned()),
            Grant::Open | Grant::Nothing => response.with_header(ALLOW_ORIGIN, "*"),
        };
        self.vary(response)
    }

    /// Keeps caches from giving one origin's response to another (Fetch §3.2.5).
    fn vary(&self, response: Response) -> Response {
        if self.named.is_empty() { response } else { response.with_added_header("Vary", "Origin") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "https://app.example";

    fn policy(any: bool, named: &[&str], credentials: bool) -> CorsPolicy {
        CorsPolicy {
            any,
            named: named.iter().map(|&origin| origin.to_owned()).collect(),
            credentials,
            methods: vec![Method::Get, Method::Put],
            max_age: Duration::from_secs(600),
        }
    }

    #[test]
    fn only_pages_of_the_same_origin_or_an_allowed_one_may_write() {
        let other = RequestOrigin::OtherOrigin(APP);
        let table = [
            (policy(false, &[], false), RequestOrigin::NoPage, true, true),
            (policy(false, &[], false), RequestOrigin::SameOrigin, true, true),
            (policy(false, &[], false), other, false, false),
            (policy(false, &[APP], false), other, false, true),
            (policy(false, &[APP], true), other, true, true),
            (policy(false, &[APP], true), RequestOrigin::OtherOrigin("https://evil.example"), true, false),
            (policy(false, &[APP], true), RequestOrigin::OtherOrigin("https://app.example.evil"), true, false),
            (policy(false, &[APP], true), RequestOrigin::OtherOrigin("http://app.example"), true, false),
            (policy(false, &[APP], true), RequestOrigin::OtherOrigin("null"), true, false),
            (policy(true, &[], false), other, false, true),
            (policy(true, &[], true), other, true, false),
            (policy(true, &[APP], true), other, true, true),
        ];
        for (policy, source, credentials, expected) in table {
            assert_eq!(policy.may_write(source, credentials), expected, "{policy:?} {source:?} {credentials}");
        }
    }

    #[test]
    fn responses_name_who_may_read_them_and_never_combine_a_wildcard_with_credentials() {
        let table = [
            (policy(false, &[], true), Some(APP), None, None, None),
            (policy(true, &[], false), Some(APP), Some("*"), None, None),
            (policy(true, &[], true), Some(APP), Some("*"), None, None),
            (policy(true, &[], true), None, None, None, None),
            (policy(false, &[APP], false), Some(APP), Some(APP), None, Some("Origin")),
            (policy(false, &[APP], true), Some(APP), Some(APP), Some("true"), Some("Origin")),
            (policy(false, &[APP], true), Some("https://evil.example"), None, None, Some("Origin")),
            (policy(false, &[APP], true), None, None, None, Some("Origin")),
            (policy(true, &[APP], true), Some(APP), Some(APP), Some("true"), Some("Origin")),
            (policy(true, &[APP], true), Some("https://evil.example"), Some("*"), None, Some("Origin")),
        ];
        for (policy, origin, allowed, credentials, vary) in table {
            let response = policy.apply(Response::text("x"), origin);
            assert_eq!(response.header(ALLOW_ORIGIN), allowed, "{policy:?} {origin:?}");
            assert_eq!(response.header("Access-Control-Allow-Credentials"), credentials, "{policy:?} {origin:?}");
            assert_eq!(response.header("Vary"), vary, "{policy:?} {origin:?}");
            assert_eq!(response.header("Access-Control-Expose-Headers").is_some(), allowed.is_some());
        }
    }

    #[test]
    fn a_preflight_is_answered_with_all_that_is_granted() {
        let preflight = |method: Method, origin: Option<&str>, wanted: Option<&str>| {
            let fields = [("Origin", origin), ("Access-Control-Request-Method", wanted)];
            fields.into_iter().fold(Request::new(method, "/x"), |request, (name, value)| match value {
                Some(value) => request.with_header(name, value),
                None => request,
            })
        };
        let named = policy(false, &[APP], true);
        let answer = named.preflight(&preflight(Method::Options, Some(APP), Some("PUT"))).unwrap();
        assert_eq!(answer.status(), Status::NO_CONTENT);
        let with_authorization = format!("Authorization, {REQUEST_HEADERS}");
        for (name, value) in [
            (ALLOW_ORIGIN, APP),
            (ALLOW_METHODS, "GET, PUT"),
            (ALLOW_HEADERS, &with_authorization),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Max-Age", "600"),
            ("Vary", "Origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        let open = policy(true, &[], true).preflight(&preflight(Method::Options, Some(APP), Some("PUT"))).unwrap();
        assert_eq!((open.header(ALLOW_ORIGIN), open.header(ALLOW_HEADERS)), (Some("*"), Some(REQUEST_HEADERS)));
        assert_eq!(open.header("Access-Control-Allow-Credentials"), None);

        for (request, why) in [
            (preflight(Method::Options, Some("https://evil.example"), Some("PUT")), "not allowed"),
            (preflight(Method::Options, Some(APP), None), "not a preflight"),
            (preflight(Method::Options, None, Some("PUT")), "no origin"),
            (preflight(Method::Get, Some(APP), Some("PUT")), "not OPTIONS"),
        ] {
            assert!(named.preflight(&request).is_none(), "{why}");
        }
    }
}
