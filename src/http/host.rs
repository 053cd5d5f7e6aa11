//! The syntax of hosts and ports (RFC 9110 §7.2): `uri-host [ ":" port ]`.

use core::net::Ipv6Addr;

/// Whether this is a host, with or without a port. The empty text is not; callers that allow it check for it.
pub(crate) fn is_host(text: &str) -> bool {
    let (host, port) = split_port(text);
    is_name(host) && port.is_none_or(is_port)
}

/// Whether this is a host with a port, as in the target of CONNECT (RFC 9112 §3.2.3).
pub(crate) fn is_host_with_port(text: &str) -> bool {
    let (host, port) = split_port(text);
    is_name(host) && port.is_some_and(|port| !port.is_empty() && is_port(port))
}

/// Splits a host from its port, which is the text after the colon. Checks neither.
pub(crate) fn split_port(text: &str) -> (&str, Option<&str>) {
    // An IPv6 address contains colons too, in its brackets.
    let start = text.find(']').unwrap_or(0);
    match text[start..].find(':') {
        Some(colon) => (&text[..start + colon], Some(&text[start + colon + 1..])),
        None => (text, None),
    }
}

/// Whether this is a host by RFC 3986 §3.2.2, without the comma, which would make one host look like a list of two.
fn is_name(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[') {
        return literal.strip_suffix(']').is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok() || is_future(inside));
    }
    let mut bytes = host.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => bytes.next().is_some_and(is_hex) && bytes.next().is_some_and(is_hex),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&byte),
        };
        if !fine {
            return false;
        }
    }
    !host.is_empty()
}

/// Whether this is an `IPvFuture` address: `v1.x`.
fn is_future(inside: &str) -> bool {
    let Some((version, address)) = inside.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let is_address = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=:".contains(&byte);
    !version.is_empty() && version.bytes().all(is_hex) && !address.is_empty() && address.bytes().all(is_address)
}

/// Whether this is a port (RFC 3986 §3.2.3): digits, or nothing, which is the default port of the scheme.
fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok())
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_rfc_3986_but_for_the_comma() {
        let table = [
            ("localhost", true, "a name"),
            ("localhost:4040", true, "with a port"),
            ("localhost:", true, "with an empty port"),
            ("127.0.0.1:65535", true, "an IPv4 address"),
            ("[::1]:80", true, "an IPv6 address"),
            ("[::ffff:192.0.2.1]", true, "an IPv4 address written as IPv6"),
            ("[v1.a:b]", true, "an IPvFuture address"),
            ("xn--bcher-kva.example", true, "an internationalized name"),
            ("b%C3%BCcher", true, "percent-encoded"),
            ("a_b;c=d!", true, "other characters that RFC 3986 allows"),
            ("", false, "empty"),
            (":80", false, "a port without a host"),
            ("a:65536", false, "too large a port"),
            ("a:b", false, "a port that is not a number"),
            ("a:1:2", false, "two ports"),
            ("a:-1", false, "a sign"),
            ("a,b", false, "a list"),
            ("a b", false, "a space"),
            ("a/b", false, "a slash"),
            ("me@h", false, "user information"),
            ("a%4", false, "half an encoding"),
            ("[::1", false, "an open bracket"),
            ("::1", false, "no brackets"),
            ("[::1]x", false, "text after the bracket"),
            ("[]", false, "empty brackets"),
            ("[127.0.0.1]", false, "an IPv4 address in brackets"),
            ("[v.a]", false, "no version"),
            ("gr\u{f6}\u{df}e", false, "not ASCII"),
        ];
        for (text, expected, why) in table {
            assert_eq!(is_host(text), expected, "{why}: {text:?}");
        }
    }

    #[test]
    fn the_target_of_connect_needs_a_port() {
        for (text, expected) in [("a:443", true), ("[::1]:443", true), ("a:", false), ("a", false), (":443", false)] {
            assert_eq!(is_host_with_port(text), expected, "{text:?}");
        }
    }
}
