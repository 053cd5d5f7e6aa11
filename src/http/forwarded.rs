//! The fields in which trusted proxies describe the client of a request: `Forwarded` (RFC 7239) and the older
//! `X-Forwarded-` fields.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use super::headers::is_token;
use super::host::is_host;
use super::trusted_proxies::TrustedProxies;

/// What the trusted proxies between client and server say about the client. Each proxy appends what it sees to a list,
/// so the list is read from its right end, as far as trusted proxies wrote it. Whatever is further left was sent by the
/// client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// The client's address, or that of the outermost proxy with a known address if the client's is withheld.
    pub(crate) client: Option<IpAddr>,
    /// The host that the client sent its request to, as in `Host`.
    pub(crate) host: Option<String>,
    /// Whether the client uses HTTPS.
    pub(crate) secure: Option<bool>,
}

/// Why part of these fields is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardedError {
    /// An element is not a list of `name=value` pairs (RFC 7239 §4).
    Syntax,
    /// An element contains a parameter twice (RFC 7239 §4).
    DuplicateParameter,
    /// A client is neither an address, `unknown` nor an obfuscated identifier (RFC 7239 §6).
    Node,
    /// A host is not valid (RFC 7239 §5.3).
    Host,
    /// `Forwarded` and the `X-Forwarded-` fields contradict each other.
    Contradiction,
    /// The list names more trusted proxies than the limit.
    TooManyProxies,
}

/// The most elements of a list that are read: more proxies than any request passes.
const MAX_HOPS: usize = 16;

impl Forwarded {
    /// Reads the fields of a request that came from a trusted proxy: `Forwarded`, and the `X-Forwarded-` fields. If
    /// they contradict each other, the proxy has passed on one of them as its client sent it, and neither is believed.
    /// A malformed element is ignored with everything left of it; the error is returned beside the result.
    pub(crate) fn from_fields<'a>(
        fields: impl Iterator<Item = (&'a str, &'a str)>,
        proxies: &TrustedProxies,
    ) -> (Self, Option<ForwardedError>) {
        let lines = Lines::of(fields);
        let standard = walk(&lines.standard, proxies, Element::parse);
        let (others, error) = Self::from_older_fields(&lines, proxies);
        if standard.hops == 0 {
            return (others, standard.error.or(error));
        }
        if others == Self::default() {
            return (standard.forwarded, standard.error);
        }
        match standard.forwarded.merge(others) {
            Some(forwarded) => (forwarded, standard.error),
            None => (Self::default(), Some(ForwardedError::Contradiction)),
        }
    }

    /// Combines both; `None` if they cannot come from one proxy because they name different clients, hosts or schemes.
    fn merge(self, others: Self) -> Option<Self> {
        fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let is_one = self.client == others.client
            && agree(self.host.as_ref(), others.host.as_ref())
            && agree(self.secure.as_ref(), others.secure.as_ref());
        is_one.then(|| Self {
            client: self.client,
            host: self.host.or(others.host),
            secure: self.secure.or(others.secure),
        })
    }

    /// Reads `X-Forwarded-For`, `-Host` and `-Proto`.
    fn from_older_fields(lines: &Lines<'_>, proxies: &TrustedProxies) -> (Self, Option<ForwardedError>) {
        let others = walk(&lines.client, proxies, |text| {
            Node::parse_bare(text).map(|client| Element { client: Some(client), ..Element::default() })
        });
        // Each proxy may have appended to these lists too, so no more of their elements are believed than of
        // X-Forwarded-For.
        let hops = others.hops.max(1);
        let host = elements(&lines.host).take(hops).last();
        let bad_host = host.is_some_and(|host| !is_host(host));
        let forwarded = Self {
            client: others.forwarded.client,
            host: host.filter(|_| !bad_host).map(str::to_owned),
            secure: elements(&lines.scheme).take(hops).last().and_then(is_https),
        };
        let error = others.error.or(bad_host.then_some(ForwardedError::Host));
        (forwarded, error)
    }
}

impl ForwardedError {
    /// The reason, for the log.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Syntax => "an element of Forwarded is not a list of pairs",
            Self::DuplicateParameter => "an element of Forwarded contains a parameter twice",
            Self::Node => "the address of a client is not valid",
            Self::Host => "the host is not valid",
            Self::Contradiction => "Forwarded and X-Forwarded- contradict each other",
            Self::TooManyProxies => "the list names too many trusted proxies",
        }
    }
}

/// The field lines of each of these fields, in the order in which they were sent.
#[derive(Default)]
struct Lines<'a> {
    /// `Forwarded`
    standard: Vec<&'a str>,
    /// `X-Forwarded-For`
    client: Vec<&'a str>,
    /// `X-Forwarded-Host`
    host: Vec<&'a str>,
    /// `X-Forwarded-Proto`
    scheme: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    fn of(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut lines = Self::default();
        for (name, value) in fields {
            // Names of other lengths need no comparison.
            match name.len() {
                9 if name.eq_ignore_ascii_case("Forwarded") => lines.standard.push(value),
                15 if name.eq_ignore_ascii_case("X-Forwarded-For") => lines.client.push(value),
                16 if name.eq_ignore_ascii_case("X-Forwarded-Host") => lines.host.push(value),
                17 if name.eq_ignore_ascii_case("X-Forwarded-Proto") => lines.scheme.push(value),
                _ => {}
            }
        }
        lines
    }
}

/// The result of reading a list.
struct Walk {
    forwarded: Forwarded,
    /// How many elements were believed.
    hops: usize,
    error: Option<ForwardedError>,
}

/// Reads a list from its right end to the first client that is not a trusted proxy.
fn walk(lines: &[&str], proxies: &TrustedProxies, parse: impl Fn(&str) -> Result<Element, ForwardedError>) -> Walk {
    let mut walk = Walk { forwarded: Forwarded::default(), hops: 0, error: None };
    for text in elements(lines) {
        if walk.hops == MAX_HOPS {
            walk.error = Some(ForwardedError::TooManyProxies);
            break;
        }
        let element = match parse(text) {
            Ok(element) => element,
            Err(error) => {
                walk.error = Some(error);
                break;
            }
        };
        walk.hops += 1;
        // Of several proxies, the nearest to the client knows best.
        let forwarded = &mut walk.forwarded;
        forwarded.host = element.host.or(forwarded.host.take());
        forwarded.secure = element.secure.or(forwarded.secure);
        let Some(Node::Address(address)) = element.client else { break };
        forwarded.client = Some(address);
        if !proxies.contains_address(address) {
            break;
        }
    }
    walk
}

/// The elements of a list from right to left, without empty ones (RFC 9110 §5.6.1). The lines of a field are one list.
fn elements<'a>(lines: &[&'a str]) -> impl Iterator<Item = &'a str> {
    lines
        .iter()
        .rev()
        .flat_map(|line| {
            let mut rest = Some(*line);
            std::iter::from_fn(move || {
                let (before, element) = split_last(rest?);
                rest = before;
                Some(element.trim_matches([' ', '\t']))
            })
        })
        .filter(|element| !element.is_empty())
}

/// The parts before and after the last comma outside a quoted string. The scan begins at the right end, so nothing
/// further left can hide the last element, not even a quote that is never closed.
fn split_last(list: &str) -> (Option<&str>, &str) {
    let bytes = list.as_bytes();
    let mut quoted = false;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b',' if !quoted => return (Some(&list[..at]), &list[at + 1..]),
            b'"' if !quoted => quoted = true,
            // A quote in a quoted string is escaped if an odd number of backslashes precedes it (RFC 9110 §5.6.4).
            b'"' => quoted = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
            _ => {}
        }
    }
    (None, list)
}

/// What one proxy says: an element of the list.
#[derive(Debug, Default)]
struct Element {
    client: Option<Node>,
    host: Option<String>,
    secure: Option<bool>,
}

impl Element {
    /// Parses pairs such as `for=192.0.2.1;proto=https` (RFC 7239 §4). White space around semicolons, which some
    /// proxies send, is skipped.
    fn parse(text: &str) -> Result<Self, ForwardedError> {
        let mut element = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                return if seen.is_empty() { Err(ForwardedError::Syntax) } else { Ok(element) };
            }
            let (name, after) = rest.split_once('=').ok_or(ForwardedError::Syntax)?;
            if !is_token(name) {
                return Err(ForwardedError::Syntax);
            }
            if seen.len() == MAX_PARAMETERS {
                return Err(ForwardedError::Syntax);
            }
            if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(ForwardedError::DuplicateParameter);
            }
            seen.push(name);
            let (value, after) = parse_value(after).ok_or(ForwardedError::Syntax)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(';') {
                return Err(ForwardedError::Syntax);
            }
            if name.eq_ignore_ascii_case("for") {
                element.client = Some(Node::parse(&value)?);
            } else if name.eq_ignore_ascii_case("host") {
                element.host = Some(value.into_owned()).filter(|host| is_host(host));
                element.host.as_ref().ok_or(ForwardedError::Host)?;
            } else if name.eq_ignore_ascii_case("proto") {
                element.secure = is_https(&value);
            }
        }
    }
}

/// RFC 7239 defines four parameters, and more may be registered (§5.5).
const MAX_PARAMETERS: usize = 16;

/// The token or quoted string at the start of the text, unescaped, and the text after it.
fn parse_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ';']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return is_token(value).then_some((value.into(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value.into(), &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            character => value.push(character),
        }
    }
    None
}

/// Whether the scheme is https; `None` if it is neither https nor http.
fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(true)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(false)
    } else {
        None
    }
}

/// A node identifier (RFC 7239 §6): where a proxy received a request from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// `unknown`, or an identifier that the proxy made up, such as `_hidden`.
    Hidden,
}

impl Node {
    /// Parses an address or an identifier, with or without a port. An IPv6 address is in brackets.
    fn parse(text: &str) -> Result<Self, ForwardedError> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(ForwardedError::Node)?;
                let address: Ipv6Addr = address.parse().map_err(|_| ForwardedError::Node)?;
                (Self::Address(address.to_canonical()), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                let address = name.parse::<Ipv4Addr>().map(|address| Self::Address(address.into()));
                match address {
                    Ok(address) => (address, port),
                    Err(_) if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) => (Self::Hidden, port),
                    Err(_) => return Err(ForwardedError::Node),
                }
            }
        };
        match port.strip_prefix(':') {
            None if port.is_empty() => Ok(name),
            Some(port) if is_port(port) || is_obfuscated(port) => Ok(name),
            _ => Err(ForwardedError::Node),
        }
    }

    /// As [`Node::parse`], but an IPv6 address without a port may lack its brackets, as in `X-Forwarded-For`.
    fn parse_bare(text: &str) -> Result<Self, ForwardedError> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self::Address(address.to_canonical())),
            Err(_) => Self::parse(text),
        }
    }
}

/// Whether this is an obfuscated identifier (RFC 7239 §6.3).
fn is_obfuscated(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(is_inside))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Trusts 10.0.0.0/8 and fd00::/8.
    fn read(fields: &[(&str, &str)]) -> (Forwarded, Option<ForwardedError>) {
        let proxies = TrustedProxies::none().trust("10.0.0.0/8").unwrap().trust("fd00::/8").unwrap();
        Forwarded::from_fields(fields.iter().copied(), &proxies)
    }

    fn client(fields: &[(&str, &str)]) -> (String, Option<ForwardedError>) {
        let (forwarded, error) = read(fields);
        (forwarded.client.map_or_else(String::new, |client| client.to_string()), error)
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_not_a_proxy() {
        const ONE: &str = "192.0.2.1";
        let table: [(&str, &str, &str); 18] = [
            ("for=192.0.2.1", ONE, "one proxy"),
            ("For=192.0.2.1;by=10.0.0.1;proto=https;host=h", ONE, "all four parameters"),
            ("for=192.0.2.1;;proto=http;", ONE, "empty pairs"),
            ("for=192.0.2.1 ; proto=http", ONE, "with spaces"),
            ("for=192.0.2.1;secret=\"a,b;c\\\"d\"", ONE, "an unknown parameter"),
            ("for=\"192.0.2.1:4711\"", ONE, "a port"),
            ("for=\"192.0.2.1:_p\"", ONE, "a hidden port"),
            ("for=\"\\192.0.2.1\"", ONE, "escaped"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1", "IPv6"),
            ("for=\"[2001:db8::1]:80\"", "2001:db8::1", "IPv6 and a port"),
            ("for=\"[::ffff:192.0.2.1]\"", ONE, "IPv4 as IPv6"),
            ("for=203.0.113.9, for=192.0.2.1", ONE, "what the client prepended"),
            ("for=203.0.113.9, for=192.0.2.1, for=10.0.0.2,for=\"[fd00::1]\"", ONE, "several proxies"),
            ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3", "the client is itself a proxy"),
            ("for=203.0.113.9, for=unknown, for=10.0.0.2", "10.0.0.2", "the proxy does not know the client"),
            ("for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2", "the proxy hides the client"),
            ("for=203.0.113.9, proto=https", "", "the proxy does not name the client"),
            ("for=203.0.113.9, for=\"_hidden:_port\"", "", "the proxy hides the client and its port"),
        ];
        for (value, expected, why) in table {
            assert_eq!(client(&[("forwarded", value)]), (expected.to_owned(), None), "{value}: {why}");
        }
    }

    #[test]
    fn a_malformed_element_is_ignored_with_everything_left_of_it() {
        use ForwardedError::{DuplicateParameter, Host, Node, Syntax, TooManyProxies};
        let many = ["for=10.0.0.1"; MAX_HOPS].join(",");
        let too_many = format!("for=192.0.2.1, {many}");
        let parameters: String = ('a'..='z').map(|name| format!("{name}=x;")).collect();
        let table: [(&str, &str, ForwardedError); 22] = [
            ("for", "", Syntax),
            ("for=", "", Syntax),
            (";", "", Syntax),
            ("=192.0.2.1", "", Syntax),
            ("for =192.0.2.1", "", Syntax),
            ("for= 192.0.2.1", "", Syntax),
            ("for=192.0.2.1:80", "", Syntax),
            ("for=[2001:db8::1]", "", Syntax),
            ("for=\"192.0.2.1", "", Syntax),
            ("for=\"192.0.2.1\"x", "", Syntax),
            ("for=192.0.2.1 proto=http", "", Syntax),
            (&parameters, "", Syntax),
            ("for=192.0.2.1;For=192.0.2.1", "", DuplicateParameter),
            ("for=\"\"", "", Node),
            ("for=client", "", Node),
            ("for=_", "", Node),
            ("for=\"[192.0.2.1]\"", "", Node),
            ("for=\"2001:db8::1\"", "", Node),
            ("for=\"192.0.2.1:70000\"", "", Node),
            ("for=\"192.0.2.1:\"", "", Node),
            ("for=192.0.2.1;host=\"a b\"", "", Host),
            (&too_many, "10.0.0.1", TooManyProxies),
        ];
        for (value, expected, error) in table {
            assert_eq!(client(&[("Forwarded", value)]), (expected.to_owned(), Some(error)), "{value}");
            // Elements to the right still count.
            if error != TooManyProxies {
                let believed = format!("{value}, for=10.0.0.2");
                assert_eq!(client(&[("Forwarded", &believed)]), ("10.0.0.2".to_owned(), Some(error)), "{believed}");
                let hidden = format!("{value}, for=192.0.2.7");
                assert_eq!(client(&[("Forwarded", &hidden)]), ("192.0.2.7".to_owned(), None), "{hidden}");
            }
        }
        assert_eq!(client(&[("Forwarded", &many)]), ("10.0.0.1".to_owned(), None), "as many as are read");
    }

    #[test]
    fn several_field_lines_are_one_list() {
        let table: [(&[(&str, &str)], &str); 5] = [
            (&[("Forwarded", "for=203.0.113.9"), ("Forwarded", "for=192.0.2.1")], "192.0.2.1"),
            (&[("Forwarded", "for=192.0.2.1"), ("X", "y"), ("Forwarded", "for=10.0.0.2")], "192.0.2.1"),
            (&[("Forwarded", "for=\""), ("Forwarded", "for=192.0.2.1")], "192.0.2.1"),
            (&[("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1, 10.0.0.2")], "192.0.2.1"),
            (&[("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "")], "192.0.2.1"),
        ];
        for (fields, expected) in table {
            assert_eq!(client(fields), (expected.to_owned(), None), "{fields:?}");
        }
    }

    #[test]
    fn x_forwarded_for_is_read_in_the_same_way() {
        let node = Some(ForwardedError::Node);
        let table = [
            ("192.0.2.1", "192.0.2.1", None, "one proxy"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1", None, "what the client prepended"),
            ("203.0.113.9,192.0.2.1 ,\t10.0.0.2, ", "192.0.2.1", None, "several proxies, an empty element"),
            ("192.0.2.1:4711", "192.0.2.1", None, "a port"),
            ("2001:db8::1", "2001:db8::1", None, "IPv6"),
            ("[2001:db8::1]:80", "2001:db8::1", None, "IPv6 and a port"),
            ("::ffff:192.0.2.1", "192.0.2.1", None, "IPv4 as IPv6"),
            ("192.0.2.1, unknown", "", None, "the proxy does not know the client"),
            ("192.0.2.1, _x, fd00::1", "fd00::1", None, "the proxy hides the client"),
            ("192.0.2.1, unix:", "", node, "not an address"),
            ("192.0.2.1, 1.2.3", "", node, "not an address"),
            ("192.0.2.1, a", "", node, "not an address"),
            ("\", 192.0.2.1", "192.0.2.1", None, "a quote"),
            ("192.0.2.1, x, 10.0.0.2", "10.0.0.2", node, "a malformed element hides those left of it"),
            ("", "", None, "nothing"),
            (" , ,", "", None, "nothing"),
        ];
        for (value, expected, error, why) in table {
            assert_eq!(client(&[("X-Forwarded-For", value)]), (expected.to_owned(), error), "{value}: {why}");
        }
    }

    #[test]
    fn host_and_scheme_are_the_ones_that_the_client_used() {
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<bool>, &'a str);
        let table: [Row<'_>; 19] = [
            (&[("Forwarded", "for=192.0.2.1;host=\"a:80\";proto=HTTPS")], Some("a:80"), Some(true), "host and scheme"),
            (&[("Forwarded", "host=a;proto=http")], Some("a"), Some(false), "without a client"),
            (&[("Forwarded", "for=_x;host=a;proto=wss")], Some("a"), None, "another scheme"),
            (&[("Forwarded", "host=evil;proto=https, for=192.0.2.1")], None, None, "what the client prepended"),
            (
                &[("Forwarded", "for=192.0.2.1;host=outer;proto=https, for=10.0.0.2;host=inner;proto=http")],
                Some("outer"),
                Some(true),
                "the outer proxy knows best",
            ),
            (&[("Forwarded", "for=192.0.2.1, for=10.0.0.2;host=h;proto=https")], Some("h"), Some(true), "or the inner"),
            (
                &[("X-Forwarded-Host", "a:80"), ("X-Forwarded-Proto", "HTTPS")],
                Some("a:80"),
                Some(true),
                "host and scheme",
            ),
            (&[("X-Forwarded-Host", "evil, a"), ("X-Forwarded-Proto", "https, http")], Some("a"), Some(false), "lists"),
            (
                &[("X-Forwarded-For", "192.0.2.1, 10.0.0.2"), ("X-Forwarded-Host", "evil, a, b")],
                Some("a"),
                None,
                "no further left than the clients are believed",
            ),
            (
                &[("X-Forwarded-For", "192.0.2.1, 10.0.0.2"), ("X-Forwarded-Host", "b")],
                Some("b"),
                None,
                "one host for several proxies",
            ),
            (&[("X-Forwarded-Host", "evil"), ("X-Forwarded-Host", "a")], Some("a"), None, "several lines"),
            (&[("X-Forwarded-Host", "a b"), ("X-Forwarded-Proto", "https")], None, Some(true), "not a host"),
            (&[("X-Forwarded-Host", ""), ("X-Forwarded-Proto", "gopher")], None, None, "no host, an unknown scheme"),
            (&[("Forwarded", "host=a"), ("X-Forwarded-Host", "b")], None, None, "hosts that contradict each other"),
            (&[("Forwarded", "proto=http"), ("X-Forwarded-Proto", "https")], None, None, "schemes that do"),
            (&[("Forwarded", "host=a"), ("X-Forwarded-For", "192.0.2.1")], None, None, "clients that do"),
            (&[("Forwarded", "for=_x;host=a"), ("X-Forwarded-Proto", "https")], Some("a"), Some(true), "both agree"),
            (&[("Forwarded", "nonsense"), ("X-Forwarded-Host", "b")], Some("b"), None, "only one is well-formed"),
            (&[("Host", "h"), ("X-Forwarded-Port", "1")], None, None, "fields that are not read"),
        ];
        for (fields, host, secure, why) in table {
            let (forwarded, _) = read(fields);
            assert_eq!((forwarded.host.as_deref(), forwarded.secure), (host, secure), "{fields:?}: {why}");
        }
    }

    #[test]
    fn neither_field_is_believed_if_they_name_different_clients() {
        let contradiction = Some(ForwardedError::Contradiction);
        let table = [
            ("for=203.0.113.9", "203.0.113.9", None, "the same client"),
            ("for=\"203.0.113.9:80\"", "203.0.113.9", None, "the same with a port"),
            ("", "203.0.113.9", None, "only one field names a client"),
            ("for=192.0.2.1", "", contradiction, "another client"),
            ("for=_hidden", "", contradiction, "a hidden client"),
            ("by=10.0.0.1", "", contradiction, "no client"),
        ];
        for (value, expected, error, why) in table {
            let seen = client(&[("Forwarded", value), ("X-Forwarded-For", "203.0.113.9")]);
            assert_eq!(seen, (expected.to_owned(), error), "{value}: {why}");
        }
    }

    #[test]
    fn long_lists_are_read_in_linear_time() {
        let table = [
            (",".repeat(1 << 20), "", None),
            ("\\\"".repeat(1 << 19), "", Some(ForwardedError::Syntax)),
            ("\"\\".repeat(1 << 19), "", Some(ForwardedError::Syntax)),
            ("for=10.0.0.1,".repeat(1 << 16), "10.0.0.1", Some(ForwardedError::TooManyProxies)),
        ];
        for (value, expected, error) in table {
            assert_eq!(client(&[("Forwarded", &value)]), (expected.to_owned(), error), "{}", &value[..4]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a client sends, the proxy's element is right of it, in the same line or in one of its own.
        #[test]
        fn nothing_that_a_client_prepends_is_believed(
            sent in prop_oneof!["[ -~\\t]{0,60}", "[\",;=\\\\ fora1.:\\[\\]_-]{0,60}"],
            same_line in any::<bool>(),
        ) {
            for (name, word) in [("Forwarded", "for=192.0.2.1;host=h"), ("X-Forwarded-For", "192.0.2.1")] {
                let joined = format!("{sent}, {word}");
                let fields = if same_line { vec![(name, joined.as_str())] } else { vec![(name, sent.as_str()), (name, word)] };
                let (forwarded, error) = read(&fields);
                prop_assert_eq!(forwarded.client, Some("192.0.2.1".parse().unwrap()), "{:?}", fields);
                prop_assert_eq!(forwarded.host.as_deref(), (name == "Forwarded").then_some("h"), "{:?}", fields);
                prop_assert_eq!(error, None, "{:?}", fields);
            }
        }
    }
}
