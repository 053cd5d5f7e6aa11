//! Which origin a request comes from, and what pages of other origins may do (Fetch §3.2, RFC 6454).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::host::{self, is_host};
use super::method::{Method, method_list};
use super::request::Request;
use super::response::Response;
use super::status::Status;

/// The origins whose pages may read answers and write, and what is told to their browsers.
#[derive(Clone, Debug)]
pub(crate) struct CorsPolicy {
    pub(crate) any: bool,
    /// As a browser sends them.
    pub(crate) named: Vec<String>,
    /// Whether pages of the named origins may send passwords. Those that are allowed by `any` never may.
    pub(crate) credentials: bool,
    pub(crate) methods: Vec<Method>,
    /// For how long a browser may go without asking again.
    pub(crate) max_age: Duration,
}

/// Where a request comes from, as its browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOrigin<'a> {
    /// No page made it: it is no browser's, or a person typed the address.
    NoPage,
    /// A page of the origin that it goes to.
    SameOrigin,
    /// A page of this other origin; empty where the browser does not say which.
    OtherOrigin(&'a str),
}

/// What a policy grants to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Nothing,
    /// As to anyone.
    Open,
    /// As named.
    Named,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with `http://`, `https://` or another scheme and `://`.
    Scheme,
    /// There is no host in it, or one that no browser would send.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Something follows the host and port.
    Path,
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";

/// What a page may send beyond the fields that every page may (Fetch §2.2.2).
const REQUEST_HEADERS: &str =
    "Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Requested-With";

/// What a page may read beyond the fields that every page may.
const RESPONSE_HEADERS: &str = "Accept-Ranges, Content-Range, ETag, Location, Retry-After";

impl CorsPolicy {
    /// What this origin may do.
    pub(crate) fn grant(&self, origin: &str) -> Grant {
        if self.named.iter().any(|named| named == origin) {
            Grant::Named
        } else if self.any {
            Grant::Open
        } else {
            Grant::Nothing
        }
    }

    /// Whether the request may change something here. A page's request may where the page is ours or its origin is allowed.
    /// One that is only allowed as everyone is may not use the password that the browser keeps for this server.
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

    /// The answer to a browser that asks first (Fetch §3.2.2); `None` for any other request, and where nothing is granted.
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

    /// The response with what lets a page of this origin read it, where it may.
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

    /// A cache must not give one origin's answer to another (Fetch §3.2.5).
    fn vary(&self, response: Response) -> Response {
        if self.named.is_empty() { response } else { response.with_added_header("Vary", "Origin") }
    }
}

impl<'a> RequestOrigin<'a> {
    /// Where this request comes from. `Sec-Fetch-Site` decides where it is sent: no page can set it, and browsers send it to hosts
    /// that they take for trustworthy, which are those of https and this machine (Fetch Metadata §2.4). To others every browser
    /// sends at least `Origin` when a page writes (Fetch §3.2), which is then compared with where the request went.
    pub(crate) fn of(request: &'a Request) -> Self {
        let origin = request.header("Origin");
        match request.header("Sec-Fetch-Site") {
            Some("same-origin") => return Self::SameOrigin,
            Some("none") => return Self::NoPage,
            // Another port of this host, or another host of this domain, is another origin too.
            Some(_) => return Self::OtherOrigin(origin.unwrap_or("")),
            None => {}
        }
        match (origin, request.host()) {
            (None, _) => Self::NoPage,
            (Some(origin), Some(host)) if is_of_host(origin, host, request.scheme()) => Self::SameOrigin,
            (Some(origin), _) => Self::OtherOrigin(origin),
        }
    }
}

/// Whether an origin is that of this host. The scheme is compared where it is known; behind a proxy that ends TLS and is not
/// trusted, it is not. Where the host names no port it is that of the origin's scheme.
fn is_of_host(origin: &str, host: &str, scheme: Option<&str>) -> bool {
    let Some((origin_scheme, authority)) = origin.split_once("://") else { return false };
    let default = default_port(origin_scheme).map_or("", |port| &port[1..]);
    let parts = |authority| {
        let (name, port): (&str, _) = host::split_port(authority);
        (name.to_ascii_lowercase(), port.filter(|port| !port.is_empty()).unwrap_or(default).trim_start_matches('0'))
    };
    is_host(authority) && scheme.is_none_or(|scheme| scheme == origin_scheme) && parts(authority) == parts(host)
}

/// The port that a browser leaves out, with its colon.
fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some(":80"),
        "https" => Some(":443"),
        _ => None,
    }
}

/// An origin as a browser sends it: scheme and host in lower case, without the scheme's own port (RFC 6454 §6.2).
pub(crate) fn normalize_origin(text: &str) -> Result<String, OriginError> {
    let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.bytes().all(is_scheme_byte) {
        return Err(OriginError::Scheme);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return Err(OriginError::Path);
    }
    // The colons of an IPv6 address are within brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let is_host = match host.strip_prefix('[') {
        Some(address) => {
            address.strip_suffix(']').is_some_and(|a| a.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)))
        }
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    if host.is_empty() || !is_host {
        return Err(OriginError::Host);
    }
    let host = host.to_ascii_lowercase();
    let Some(port) = port else { return Ok(format!("{scheme}://{host}")) };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number: u16 = if digits { port.parse().map_err(|_| OriginError::Port)? } else { 0 };
    if number == 0 {
        return Err(OriginError::Port);
    }
    let port = format!(":{number}");
    let port = if default_port(&scheme) == Some(port.as_str()) { "" } else { &port };
    Ok(format!("{scheme}://{host}{port}"))
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "an origin begins with http:// or https://",
            Self::Host => "there is no host name or address in the origin",
            Self::Port => "the origin's port is not a number from 1 to 65535",
            Self::Path => "an origin ends with its host and port",
        })
    }
}

impl std::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::peer::Peer;
    use crate::http::trusted_proxies::TrustedProxies;

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
    fn origins_are_written_as_browsers_write_them() {
        let table = [
            ("https://app.example", Ok("https://app.example")),
            ("HTTPS://App.Example:443/", Ok("https://app.example")),
            ("http://app.example:80", Ok("http://app.example")),
            ("http://app.example:443", Ok("http://app.example:443")),
            ("http://127.0.0.1:08080", Ok("http://127.0.0.1:8080")),
            ("http://[::1]:3000", Ok("http://[::1]:3000")),
            ("http://[::1]", Ok("http://[::1]")),
            ("app://local", Ok("app://local")),
            ("app.example", Err(OriginError::Scheme)),
            ("null", Err(OriginError::Scheme)),
            ("", Err(OriginError::Scheme)),
            ("://x", Err(OriginError::Scheme)),
            ("1http://x", Err(OriginError::Scheme)),
            ("https://", Err(OriginError::Host)),
            ("https://*.example", Err(OriginError::Host)),
            ("https://a@b", Err(OriginError::Host)),
            ("https://a b", Err(OriginError::Host)),
            ("https://grün", Err(OriginError::Host)),
            ("https://[::1", Err(OriginError::Host)),
            ("https://a:0", Err(OriginError::Port)),
            ("https://a:", Err(OriginError::Port)),
            ("https://a:+1", Err(OriginError::Port)),
            ("https://a:65536", Err(OriginError::Port)),
            ("https://a/b", Err(OriginError::Path)),
            ("https://a?b", Err(OriginError::Path)),
        ];
        for (text, expected) in table {
            assert_eq!(normalize_origin(text).as_deref(), expected.as_ref().map(|o| &**o), "{text:?}");
        }
    }

    #[test]
    fn requests_come_from_a_page_or_from_none() {
        let table: [(&[(&str, &str)], RequestOrigin<'_>, &str); 27] = [
            (&[("Host", "h")], RequestOrigin::NoPage, "curl"),
            (&[("Host", "h"), ("Sec-Fetch-Site", "none")], RequestOrigin::NoPage, "typed by a person"),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-origin"), ("Origin", "http://h")],
                RequestOrigin::SameOrigin,
                "ours",
            ),
            (
                &[("Host", "inner"), ("Sec-Fetch-Site", "same-origin"), ("Origin", APP)],
                RequestOrigin::SameOrigin,
                "a proxy",
            ),
            (&[("Host", "h"), ("Sec-Fetch-Site", "cross-site"), ("Origin", APP)], RequestOrigin::OtherOrigin(APP), ""),
            (
                &[("Host", "app.example"), ("Sec-Fetch-Site", "same-site"), ("Origin", APP)],
                RequestOrigin::OtherOrigin(APP),
                "",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "cross-site")],
                RequestOrigin::OtherOrigin(""),
                "no origin is not ours",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-origin, none")],
                RequestOrigin::OtherOrigin(""),
                "not one of the four",
            ),
            (&[("Host", "app.example"), ("Origin", APP)], RequestOrigin::SameOrigin, "an old browser"),
            (&[("Host", "App.Example:443"), ("Origin", APP)], RequestOrigin::SameOrigin, "the scheme's port"),
            (&[("Host", "app.example:80"), ("Origin", APP)], RequestOrigin::OtherOrigin(APP), "another port"),
            (&[("Host", "app.example:8080"), ("Origin", "http://app.example:8080")], RequestOrigin::SameOrigin, ""),
            (&[("Host", "app.example:8080"), ("Origin", APP)], RequestOrigin::OtherOrigin(APP), "another port"),
            (
                &[("Host", "h"), ("Origin", "null")],
                RequestOrigin::OtherOrigin("null"),
                "a sandboxed page, or one from disk",
            ),
            (
                &[("Host", "localhost:4040"), ("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost:3000")],
                RequestOrigin::OtherOrigin("http://localhost:3000"),
                "another port of this machine",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-site"), ("Origin", "http://h")],
                RequestOrigin::OtherOrigin("http://h"),
                "the browser knows better what is the same",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-site")],
                RequestOrigin::OtherOrigin(""),
                "no origin is not ours",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "none"), ("Origin", APP)],
                RequestOrigin::NoPage,
                "a form sent once more",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", ""), ("Origin", "http://h")],
                RequestOrigin::OtherOrigin("http://h"),
                "odd",
            ),
            (&[("Host", "app.example:"), ("Origin", APP)], RequestOrigin::SameOrigin, "an empty port"),
            (&[("Host", "h:080"), ("Origin", "http://h")], RequestOrigin::SameOrigin, "a port is a number"),
            (&[("Host", "[::1]:80"), ("Origin", "http://[::1]")], RequestOrigin::SameOrigin, "IPv6"),
            (&[("Host", "h"), ("Origin", "app://h")], RequestOrigin::SameOrigin, "a scheme without a port of its own"),
            (
                &[("Host", "h:1"), ("Origin", "http://h:1/")],
                RequestOrigin::OtherOrigin("http://h:1/"),
                "no browser's origin",
            ),
            (&[("Host", "null"), ("Origin", "null")], RequestOrigin::OtherOrigin("null"), "a host of that name"),
            (&[("Host", ""), ("Origin", "http://")], RequestOrigin::OtherOrigin("http://"), "nothing is not a host"),
            (&[("Origin", APP)], RequestOrigin::OtherOrigin(APP), "HTTP/1.0 without a host"),
        ];
        for (fields, expected, why) in table {
            let request =
                fields.iter().fold(Request::new(Method::Post, "/"), |r, (name, value)| r.with_header(name, value));
            assert_eq!(RequestOrigin::of(&request), expected, "{fields:?}: {why}");
        }
    }

    #[test]
    fn the_scheme_is_compared_where_it_is_known() {
        let proxies = TrustedProxies::none().trust("10.0.0.1").unwrap();
        let (proxy, client) = ("10.0.0.1:1", "192.0.2.1:1");
        let told = |scheme| ("X-Forwarded-Proto", scheme);
        // For each peer, whether it uses TLS, and what else it sends: whether it is the origin of http://h and of https://h.
        let table: [(&str, bool, &[(&str, &str)], bool, bool, &str); 8] = [
            (client, false, &[], true, true, "there may be a proxy that ends TLS"),
            (client, true, &[], false, true, "our own TLS"),
            (client, false, &[told("https")], true, true, "not believed"),
            (client, true, &[told("http")], false, true, "not believed"),
            (proxy, false, &[], true, true, "the proxy does not say"),
            (proxy, true, &[], true, true, "the proxy does not say, and TLS is its own"),
            (proxy, false, &[told("https")], false, true, "the proxy ends TLS"),
            (proxy, true, &[told("http")], true, false, "the proxy begins TLS"),
        ];
        for (peer, secure, fields, http, https, why) in table {
            for (origin, expected) in [("http://h", http), ("https://h", https), ("http://h:443", false)] {
                let request = Request::new(Method::Put, "/").with_header("Host", "h").with_header("Origin", origin);
                let mut request = fields.iter().fold(request, |r, (name, value)| r.with_header(name, value));
                request.set_connection(Peer::Tcp(peer.parse().unwrap()), secure);
                request.apply_forwarded(&proxies).unwrap();
                let expected = if expected { RequestOrigin::SameOrigin } else { RequestOrigin::OtherOrigin(origin) };
                assert_eq!(RequestOrigin::of(&request), expected, "{peer} {secure} {fields:?} {origin}: {why}");
            }
        }
        let mut request = Request::new(Method::Put, "/").with_header("Host", "inner").with_header("Origin", APP);
        request = request.with_header("X-Forwarded-Host", "app.example");
        request.set_connection(Peer::Tcp(proxy.parse().unwrap()), false);
        assert_eq!(RequestOrigin::of(&request), RequestOrigin::OtherOrigin(APP));
        request.apply_forwarded(&proxies).unwrap();
        assert_eq!(RequestOrigin::of(&request), RequestOrigin::SameOrigin, "the host is the one that the client used");
    }

    #[test]
    fn writing_is_for_our_own_pages_and_those_that_are_allowed() {
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
    fn answers_say_who_may_read_them_and_never_everyone_with_credentials() {
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
    fn a_browser_that_asks_first_is_told_exactly() {
        let ask = |method: Method, origin: Option<&str>, wanted: Option<&str>| {
            let fields = [("Origin", origin), ("Access-Control-Request-Method", wanted)];
            fields.into_iter().fold(Request::new(method, "/x"), |request, (name, value)| match value {
                Some(value) => request.with_header(name, value),
                None => request,
            })
        };
        let named = policy(false, &[APP], true);
        let answer = named.preflight(&ask(Method::Options, Some(APP), Some("PUT"))).unwrap();
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
        let open = policy(true, &[], true).preflight(&ask(Method::Options, Some(APP), Some("PUT"))).unwrap();
        assert_eq!((open.header(ALLOW_ORIGIN), open.header(ALLOW_HEADERS)), (Some("*"), Some(REQUEST_HEADERS)));
        assert_eq!(open.header("Access-Control-Allow-Credentials"), None);

        for (request, why) in [
            (ask(Method::Options, Some("https://evil.example"), Some("PUT")), "not allowed"),
            (ask(Method::Options, Some(APP), None), "not asking first"),
            (ask(Method::Options, None, Some("PUT")), "from no page"),
            (ask(Method::Get, Some(APP), Some("PUT")), "no OPTIONS"),
        ] {
            assert!(named.preflight(&request).is_none(), "{why}");
        }
    }
}
