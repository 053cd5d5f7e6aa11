//! Which origin a request comes from (RFC 6454, Fetch §3.2).

use std::fmt;

use super::host::{self, is_host};
use super::request::Request;

/// Where a request comes from, according to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOrigin<'a> {
    /// No page: the client is not a browser, or the user entered the address.
    NoPage,
    /// A page of the same origin as the target.
    SameOrigin,
    /// A page of this other origin, which is empty if the browser does not name it.
    OtherOrigin(&'a str),
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with `http://`, `https://` or another scheme and `://`.
    Scheme,
    /// It has no host, or one that no browser would send.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Something follows the host and port.
    Path,
}

impl<'a> RequestOrigin<'a> {
    /// Where this request comes from. If `Sec-Fetch-Site` was sent, it decides: no page can set it, and browsers send
    /// it to potentially trustworthy hosts, which are those of https and this machine (Fetch Metadata §2.4). To other
    /// hosts every browser sends at least `Origin` with requests that write (Fetch §3.2), which is compared with the
    /// host of the request.
    pub(crate) fn of(request: &'a Request) -> Self {
        let origin = request.header("Origin");
        match request.header("Sec-Fetch-Site") {
            Some("same-origin") => return Self::SameOrigin,
            Some("none") => return Self::NoPage,
            // `same-site` is another port of this host, or another host of this domain: another origin too.
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

/// Whether this is the origin of this host. The scheme is compared if it is known; behind an untrusted proxy that
/// terminates TLS it is not. A host without a port has the default port of the origin's scheme.
fn is_of_host(origin: &str, host: &str, scheme: Option<&str>) -> bool {
    let Some((origin_scheme, authority)) = origin.split_once("://") else { return false };
    let default = default_port(origin_scheme).map_or("", |port| &port[1..]);
    let parts = |authority| {
        let (name, port): (&str, _) = host::split_port(authority);
        (name.to_ascii_lowercase(), port.filter(|port| !port.is_empty()).unwrap_or(default).trim_start_matches('0'))
    };
    is_host(authority) && scheme.is_none_or(|scheme| scheme == origin_scheme) && parts(authority) == parts(host)
}

/// The default port of a scheme, which a browser leaves out, with its colon.
fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some(":80"),
        "https" => Some(":443"),
        _ => None,
    }
}

/// The origin as a browser sends it: scheme and host in lower case, without the scheme's default port (RFC 6454 §6.2).
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
            Self::Host => "the origin has no host name or address",
            Self::Port => "the origin's port is not a number from 1 to 65535",
            Self::Path => "an origin ends with its host and port",
        })
    }
}

impl std::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::method::Method;
    use crate::http::peer::Peer;
    use crate::http::trusted_proxies::TrustedProxies;

    const APP: &str = "https://app.example";

    #[test]
    fn origins_are_normalized_to_what_browsers_send() {
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
    fn the_origin_of_a_request_is_told_from_its_fields() {
        let table: [(&[(&str, &str)], RequestOrigin<'_>, &str); 27] = [
            (&[("Host", "h")], RequestOrigin::NoPage, "curl"),
            (&[("Host", "h"), ("Sec-Fetch-Site", "none")], RequestOrigin::NoPage, "an address that the user entered"),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-origin"), ("Origin", "http://h")],
                RequestOrigin::SameOrigin,
                "a page of this server",
            ),
            (
                &[("Host", "inner"), ("Sec-Fetch-Site", "same-origin"), ("Origin", APP)],
                RequestOrigin::SameOrigin,
                "a proxy in between that changes the host",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "cross-site"), ("Origin", APP)],
                RequestOrigin::OtherOrigin(APP),
                "another site",
            ),
            (
                &[("Host", "app.example"), ("Sec-Fetch-Site", "same-site"), ("Origin", APP)],
                RequestOrigin::OtherOrigin(APP),
                "Sec-Fetch-Site decides, whatever Origin says",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "cross-site")],
                RequestOrigin::OtherOrigin(""),
                "without Origin it is another origin",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-origin, none")],
                RequestOrigin::OtherOrigin(""),
                "not one of the four",
            ),
            (&[("Host", "app.example"), ("Origin", APP)], RequestOrigin::SameOrigin, "an old browser"),
            (
                &[("Host", "App.Example:443"), ("Origin", APP)],
                RequestOrigin::SameOrigin,
                "the default port of the scheme",
            ),
            (&[("Host", "app.example:80"), ("Origin", APP)], RequestOrigin::OtherOrigin(APP), "another port"),
            (
                &[("Host", "app.example:8080"), ("Origin", "http://app.example:8080")],
                RequestOrigin::SameOrigin,
                "the same port",
            ),
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
                "Sec-Fetch-Site decides, whatever Origin says",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "same-site")],
                RequestOrigin::OtherOrigin(""),
                "without Origin it is another origin",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", "none"), ("Origin", APP)],
                RequestOrigin::NoPage,
                "a form that the user sends again",
            ),
            (
                &[("Host", "h"), ("Sec-Fetch-Site", ""), ("Origin", "http://h")],
                RequestOrigin::OtherOrigin("http://h"),
                "an empty field",
            ),
            (&[("Host", "app.example:"), ("Origin", APP)], RequestOrigin::SameOrigin, "an empty port"),
            (&[("Host", "h:080"), ("Origin", "http://h")], RequestOrigin::SameOrigin, "a port is a number"),
            (&[("Host", "[::1]:80"), ("Origin", "http://[::1]")], RequestOrigin::SameOrigin, "IPv6"),
            (&[("Host", "h"), ("Origin", "app://h")], RequestOrigin::SameOrigin, "a scheme without a default port"),
            (
                &[("Host", "h:1"), ("Origin", "http://h:1/")],
                RequestOrigin::OtherOrigin("http://h:1/"),
                "an origin that no browser sends",
            ),
            (&[("Host", "null"), ("Origin", "null")], RequestOrigin::OtherOrigin("null"), "a host of that name"),
            (&[("Host", ""), ("Origin", "http://")], RequestOrigin::OtherOrigin("http://"), "an empty host"),
            (&[("Origin", APP)], RequestOrigin::OtherOrigin(APP), "HTTP/1.0 without a host"),
        ];
        for (fields, expected, why) in table {
            let request =
                fields.iter().fold(Request::new(Method::Post, "/"), |r, (name, value)| r.with_header(name, value));
            assert_eq!(RequestOrigin::of(&request), expected, "{fields:?}: {why}");
        }
    }

    #[test]
    fn the_scheme_of_an_origin_is_compared_if_it_is_known() {
        let proxies = TrustedProxies::none().trust("10.0.0.1").unwrap();
        let (proxy, client) = ("10.0.0.1:1", "192.0.2.1:1");
        let told = |scheme| ("X-Forwarded-Proto", scheme);
        // For each peer, its TLS and its other fields: whether http://h and https://h are the same origin.
        let table: [(&str, bool, &[(&str, &str)], bool, bool, &str); 8] = [
            (client, false, &[], true, true, "an unknown proxy may terminate TLS"),
            (client, true, &[], false, true, "the server terminates TLS"),
            (client, false, &[told("https")], true, true, "the peer is not trusted"),
            (client, true, &[told("http")], false, true, "the peer is not trusted"),
            (proxy, false, &[], true, true, "the proxy does not say"),
            (proxy, true, &[], true, true, "the proxy does not say, and the TLS is its own"),
            (proxy, false, &[told("https")], false, true, "the client uses TLS to the proxy"),
            (proxy, true, &[told("http")], true, false, "only the proxy uses TLS"),
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
}
