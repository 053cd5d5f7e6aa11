//! What trusted proxies say of the client whose request they pass on: `Forwarded` (RFC 7239), and the `X-Forwarded-` fields that
//! came before it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use super::headers::is_token;
use super::host::is_host;
use super::trusted_proxies::TrustedProxies;

/// What the trusted proxies between the client and the server say. A proxy adds what it sees at the right end of a list. So a
/// list is read from there, for as long as trusted proxies wrote it: further left stands what the client itself has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// The client's address; that of the outermost proxy which has one, where the client's is not told.
    pub(crate) client: Option<IpAddr>,
    /// The host that the client addressed, as `Host` has it.
    pub(crate) host: Option<String>,
    /// Whether the client uses https.
    pub(crate) secure: Option<bool>,
}

/// Why a part of these fields is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardedError {
    /// An element is not a list of pairs (RFC 7239 §4).
    Syntax,
    /// A parameter is there twice in one element (RFC 7239 §4).
    DuplicateParameter,
    /// A client is neither an address, `unknown` nor an obfuscated identifier (RFC 7239 §6).
    Node,
    /// A host is none (RFC 7239 §5.3).
    Host,
    /// `Forwarded` and the other fields do not say the same.
    Contradiction,
    /// There are more trusted proxies than are looked at.
    TooManyProxies,
}

/// The most elements of a list that are looked at: more proxies than any request goes through.
const MAX_HOPS: usize = 16;

impl Forwarded {
    /// Reads the fields of a request that a trusted proxy has sent: `Forwarded`, or else the others. Where both are there and
    /// contradict each other, the proxy has passed one on as its client sent it, and neither is believed. What is malformed is
    /// ignored, with all that stands left of it; why, is told beside the rest.
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

    /// What both say together; `None` where they cannot be the word of one proxy: another client, host or scheme.
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
        // Each proxy may have added to these lists too, so that no more of them is believed than of the list of clients.
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
    /// The reason in words for the log.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Syntax => "an element of Forwarded is not made of pairs",
            Self::DuplicateParameter => "a parameter of Forwarded is there twice",
            Self::Node => "what should be a client's address is none",
            Self::Host => "what should be a host is none",
            Self::Contradiction => "Forwarded and X-Forwarded- contradict each other",
            Self::TooManyProxies => "there are too many trusted proxies in the list",
        }
    }
}

/// The lines of these fields, in the order in which they were sent.
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
            // Names of other lengths are not even compared.
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

/// How far a list was believed.
struct Walk {
    forwarded: Forwarded,
    /// How many elements of it.
    hops: usize,
    error: Option<ForwardedError>,
}

/// Reads a list from its right end up to the first client that is no trusted proxy.
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
        // Of several proxies, the one that is nearest to the client knows best.
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

/// The elements of a list from right to left, the empty ones left out (RFC 9110 §5.6.1). The lines of a field are one list.
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

/// What stands before the last comma that is not in a quoted string, and what stands behind it. As this begins at the right
/// end, nothing further left can hide what stands there, not even a quote that is never closed.
fn split_last(list: &str) -> (Option<&str>, &str) {
    let bytes = list.as_bytes();
    let mut quoted = false;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b',' if !quoted => return (Some(&list[..at]), &list[at + 1..]),
            b'"' if !quoted => quoted = true,
            // Within a quoted string one is escaped where an odd number of backslashes stands before it (RFC 9110 §5.6.4).
            b'"' => quoted = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
            _ => {}
        }
    }
    (None, list)
}

/// What one proxy says.
#[derive(Debug, Default)]
struct Element {
    client: Option<Node>,
    host: Option<String>,
    secure: Option<bool>,
}

impl Element {
    /// Reads pairs such as `for=192.0.2.1;proto=https` (RFC 7239 §4). White space around the semicolons, which some proxies
    /// send, is skipped.
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

/// There are four, and some may be added (RFC 7239 §5.5).
const MAX_PARAMETERS: usize = 16;

/// A token or a quoted string at the start of the text, and what follows it.
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

/// Whether this is the scheme https; `None` where it is neither that nor http.
fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(true)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(false)
    } else {
        None
    }
}

/// Who a request was taken from (RFC 7239 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// `unknown`, or a name that the proxy has made up, such as `_hidden`.
    Hidden,
}

impl Node {
    /// Reads an address or a name, with or without a port. An IPv6 address is in brackets.
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

    /// As [`Node::parse`]; an IPv6 address without a port may do without brackets, as `X-Forwarded-For` has it.
    fn parse_bare(text: &str) -> Result<Self, ForwardedError> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self::Address(address.to_canonical())),
            Err(_) => Self::parse(text),
        }
    }
}

/// RFC 7239 §6.3.
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
    fn the_client_is_the_first_from_the_right_who_is_no_proxy() {
        const ONE: &str = "192.0.2.1";
        let table: [(&str, &str, &str); 18] = [
            ("for=192.0.2.1", ONE, "one proxy"),
            ("For=192.0.2.1;by=10.0.0.1;proto=https;host=h", ONE, "all that it can say"),
            ("for=192.0.2.1;;proto=http;", ONE, "empty pairs"),
            ("for=192.0.2.1 ; proto=http", ONE, "with spaces"),
            ("for=192.0.2.1;secret=\"a,b;c\\\"d\"", ONE, "a parameter of its own"),
            ("for=\"192.0.2.1:4711\"", ONE, "a port"),
            ("for=\"192.0.2.1:_p\"", ONE, "a hidden port"),
            ("for=\"\\192.0.2.1\"", ONE, "escaped"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1", "IPv6"),
            ("for=\"[2001:db8::1]:80\"", "2001:db8::1", "IPv6 and a port"),
            ("for=\"[::ffff:192.0.2.1]\"", ONE, "IPv4 as IPv6"),
            ("for=203.0.113.9, for=192.0.2.1", ONE, "what the client prepended"),
            ("for=203.0.113.9, for=192.0.2.1, for=10.0.0.2,for=\"[fd00::1]\"", ONE, "several proxies"),
            ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3", "a proxy itself asks"),
            ("for=203.0.113.9, for=unknown, for=10.0.0.2", "10.0.0.2", "the proxy does not know"),
            ("for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2", "the proxy does not tell"),
            ("for=203.0.113.9, proto=https", "", "the proxy does not say"),
            ("for=203.0.113.9, for=\"_hidden:_port\"", "", "nor its port"),
        ];
        for (value, expected, why) in table {
            assert_eq!(client(&[("forwarded", value)]), (expected.to_owned(), None), "{value}: {why}");
        }
    }

    #[test]
    fn what_stands_left_of_something_malformed_is_ignored() {
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
            // The outer proxy's word counts all the same.
            if error != TooManyProxies {
                let believed = format!("{value}, for=10.0.0.2");
                assert_eq!(client(&[("Forwarded", &believed)]), ("10.0.0.2".to_owned(), Some(error)), "{believed}");
                let hidden = format!("{value}, for=192.0.2.7");
                assert_eq!(client(&[("Forwarded", &hidden)]), ("192.0.2.7".to_owned(), None), "{hidden}");
            }
        }
        assert_eq!(client(&[("Forwarded", &many)]), ("10.0.0.1".to_owned(), None), "as many as are looked at");
    }

    #[test]
    fn several_lines_are_one_list() {
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
    fn the_older_list_is_read_alike() {
        let node = Some(ForwardedError::Node);
        let table = [
            ("192.0.2.1", "192.0.2.1", None, "one proxy"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1", None, "what the client prepended"),
            ("203.0.113.9,192.0.2.1 ,\t10.0.0.2, ", "192.0.2.1", None, "several proxies, an empty element"),
            ("192.0.2.1:4711", "192.0.2.1", None, "a port"),
            ("2001:db8::1", "2001:db8::1", None, "IPv6"),
            ("[2001:db8::1]:80", "2001:db8::1", None, "IPv6 and a port"),
            ("::ffff:192.0.2.1", "192.0.2.1", None, "IPv4 as IPv6"),
            ("192.0.2.1, unknown", "", None, "the proxy does not know"),
            ("192.0.2.1, _x, fd00::1", "fd00::1", None, "the proxy does not tell"),
            ("192.0.2.1, unix:", "", node, "no address"),
            ("192.0.2.1, 1.2.3", "", node, "no address"),
            ("192.0.2.1, a", "", node, "no address"),
            ("\", 192.0.2.1", "192.0.2.1", None, "a quote"),
            ("192.0.2.1, x, 10.0.0.2", "10.0.0.2", node, "what is malformed hides what is left of it"),
            ("", "", None, "nothing"),
            (" , ,", "", None, "nothing"),
        ];
        for (value, expected, error, why) in table {
            assert_eq!(client(&[("X-Forwarded-For", value)]), (expected.to_owned(), error), "{value}: {why}");
        }
    }

    #[test]
    fn host_and_scheme_are_those_that_the_client_used() {
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<bool>, &'a str);
        let table: [Row<'_>; 19] = [
            (&[("Forwarded", "for=192.0.2.1;host=\"a:80\";proto=HTTPS")], Some("a:80"), Some(true), ""),
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
            (&[("X-Forwarded-Host", "a:80"), ("X-Forwarded-Proto", "HTTPS")], Some("a:80"), Some(true), ""),
            (&[("X-Forwarded-Host", "evil, a"), ("X-Forwarded-Proto", "https, http")], Some("a"), Some(false), "lists"),
            (
                &[("X-Forwarded-For", "192.0.2.1, 10.0.0.2"), ("X-Forwarded-Host", "evil, a, b")],
                Some("a"),
                None,
                "as far as the clients are believed",
            ),
            (
                &[("X-Forwarded-For", "192.0.2.1, 10.0.0.2"), ("X-Forwarded-Host", "b")],
                Some("b"),
                None,
                "one for several proxies",
            ),
            (&[("X-Forwarded-Host", "evil"), ("X-Forwarded-Host", "a")], Some("a"), None, "several lines"),
            (&[("X-Forwarded-Host", "a b"), ("X-Forwarded-Proto", "https")], None, Some(true), "no host"),
            (&[("X-Forwarded-Host", ""), ("X-Forwarded-Proto", "gopher")], None, None, "nothing"),
            (&[("Forwarded", "host=a"), ("X-Forwarded-Host", "b")], None, None, "one of them is the client's"),
            (&[("Forwarded", "proto=http"), ("X-Forwarded-Proto", "https")], None, None, "likewise"),
            (&[("Forwarded", "host=a"), ("X-Forwarded-For", "192.0.2.1")], None, None, "likewise"),
            (&[("Forwarded", "for=_x;host=a"), ("X-Forwarded-Proto", "https")], Some("a"), Some(true), "together"),
            (&[("Forwarded", "nonsense"), ("X-Forwarded-Host", "b")], Some("b"), None, "unless it says nothing"),
            (&[("Host", "h"), ("X-Forwarded-Port", "1")], None, None, "what is not read"),
        ];
        for (fields, host, secure, why) in table {
            let (forwarded, _) = read(fields);
            assert_eq!((forwarded.host.as_deref(), forwarded.secure), (host, secure), "{fields:?}: {why}");
        }
    }

    #[test]
    fn where_both_kinds_name_a_client_they_name_the_same() {
        let contradiction = Some(ForwardedError::Contradiction);
        let table = [
            ("for=203.0.113.9", "203.0.113.9", None, "the same"),
            ("for=\"203.0.113.9:80\"", "203.0.113.9", None, "with a port"),
            ("", "203.0.113.9", None, "only one of them"),
            ("for=192.0.2.1", "", contradiction, "another"),
            ("for=_hidden", "", contradiction, "one that is not to be known"),
            ("by=10.0.0.1", "", contradiction, "none"),
        ];
        for (value, expected, error, why) in table {
            let seen = client(&[("Forwarded", value), ("X-Forwarded-For", "203.0.113.9")]);
            assert_eq!(seen, (expected.to_owned(), error), "{value}: {why}");
        }
    }

    #[test]
    fn however_long_a_list_is_each_byte_is_looked_at_a_few_times() {
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

        /// Whatever a client sends, the proxy's word stands right of it, in the same line or in one of its own.
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
