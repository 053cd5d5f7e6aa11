//! The URL of a request, from what a program or a person wrote.

use percent_encoding::{AsciiSet, utf8_percent_encode};
use ureq::http::Uri;

use super::error::ClientError;

/// Parses an http or https URL. Characters that no URL contains are percent-encoded after its host.
pub(super) fn parse(url: &str) -> Result<Uri, ClientError> {
    let failed = |reason| ClientError::Url { url: url.into(), reason };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| failed("it has no http:// at its beginning"))?;
    if !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err(failed("it does not begin with http:// or https://"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    // The colons in brackets are those of an IPv6 address.
    let port = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port)),
        _ => None,
    };
    let host = port.map_or(host_and_port, |(host, _)| host);
    if host.is_empty() {
        return Err(failed("it names no host"));
    }
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port != 0);
    if port.is_some_and(|(_, port)| !is_port(port)) {
        return Err(failed("its port is not a number from 1 to 65535"));
    }
    let encoded = format!("{scheme}://{authority}{}", utf8_percent_encode(path, NOT_IN_URLS));
    encoded.parse().map_err(|_| failed("it holds a character that no URL may hold there"))
}

/// What no URL contains (RFC 3986 §2), less control characters, which are there by mistake. Other than ASCII is always encoded.
const NOT_IN_URLS: &AsciiSet = &AsciiSet::EMPTY
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_url_contains_is_encoded() {
        let table = [
            ("http://localhost", "http://localhost/"),
            ("https://localhost:1?a", "https://localhost:1/?a"),
            ("http://[::1]:4040/", "http://[::1]:4040/"),
            ("http://[::1]/", "http://[::1]/"),
            ("http://ada:a:b@localhost:4040/", "http://ada:a:b@localhost:4040/"),
            ("HTTP://localhost:/", "http://localhost:/"),
            ("http://a/größe x.txt", "http://a/gr%C3%B6%C3%9Fe%20x.txt"),
            ("http://a/50%25 {|}^`<>\"\\", "http://a/50%25%20%7B%7C%7D%5E%60%3C%3E%22%5C"),
            ("http://a/a%20b+c;d=e?f=g h&i=[1]", "http://a/a%20b+c;d=e?f=g%20h&i=[1]"),
        ];
        for (url, expected) in table {
            assert_eq!(parse(url).unwrap().to_string(), expected, "{url:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        let table = [
            ("", "no http://"),
            ("localhost", "no http://"),
            ("/path", "no http://"),
            ("ftp://localhost/", "begin with"),
            ("http://", "no host"),
            ("http:///x", "no host"),
            ("http://:80/", "no host"),
            ("http://ada@/", "no host"),
            ("http://a:99999/", "its port"),
            ("http://a:0/", "its port"),
            ("http://a:b/", "its port"),
            ("http://[::1]:b/", "its port"),
            ("http://a b/", "a character"),
            ("http://a/\n", "a character"),
        ];
        for (url, expected) in table {
            let ClientError::Url { url: told, reason } = parse(url).unwrap_err() else { panic!("{url:?}") };
            assert_eq!(told, url);
            assert!(reason.contains(expected), "{url:?}: {reason}");
        }
    }
}
