//! Which host names a server answers to, so that a page cannot have its own name point at the server (DNS rebinding) and read or
//! write there as if it came from it.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::error::Error;
use std::fmt;

use super::host::{self, is_host};
use super::peer::Peer;
use super::request::Request;

/// The names, and which requests must carry one of them.
#[derive(Clone, Debug)]
pub(crate) struct HostPolicy {
    pub(crate) any: bool,
    /// In any case, without a dot at the end.
    pub(crate) named: Vec<String>,
    /// Whether the server is reached from other machines.
    pub(crate) on_network: bool,
    /// Whether requests that may change something are checked.
    pub(crate) check_writes: bool,
    /// Whether requests that a trusted proxy passes on are checked.
    pub(crate) check_proxied: bool,
}

/// A text is neither a host name nor an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostNameError;

/// Names that are given out within a network, and never by the public DNS (RFC 6762 §3, RFC 8375, and what routers use).
const LOCAL_SUFFIXES: [&str; 4] = [".local", ".lan", ".home.arpa", ".internal"];

impl HostPolicy {
    /// The host that makes the request a misdirected one (RFC 9110 §7.4).
    pub(crate) fn foreign_host<'a>(&self, request: &'a Request) -> Option<&'a str> {
        if self.any || !self.applies_to(request) {
            return None;
        }
        // What a proxy says does not make up for what the connection says: at a trusted address there may be a browser too.
        [request.received_host(), request.host()].into_iter().flatten().find(|host| !self.allows(host))
    }

    fn applies_to(&self, request: &Request) -> bool {
        let writes = !request.method().is_safe();
        if (writes && !self.check_writes) || (request.is_proxied() && !self.check_proxied) {
            return false;
        }
        // No browser comes over a Unix socket. What does may name any host, as curl --unix-socket has to name one.
        if request.peer() == Some(Peer::Unix) && !request.is_proxied() {
            return false;
        }
        // Each page that writes sends its origin (Fetch §3.2).
        !self.on_network || (writes && request.header("Origin").is_some())
    }

    /// Whether this host, with or without a port, is the server's. Nothing is decoded: browsers do that before they ask.
    fn allows(&self, host: &str) -> bool {
        // HTTP/1.0, and health checks, may name none.
        if host.is_empty() {
            return true;
        }
        let (name, _) = host::split_port(host);
        if let Some(literal) = name.strip_prefix('[') {
            return literal.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        }
        let name = without_final_dot(name);
        // No DNS answers for an address.
        if name.parse::<Ipv4Addr>().is_ok() || self.named.iter().any(|named| named.eq_ignore_ascii_case(name)) {
            return true;
        }
        if !is_domain_name(name) {
            return false;
        }
        // RFC 6761 §6.3: names in localhost are this machine's.
        name.eq_ignore_ascii_case("localhost")
            || ends_with(name, ".localhost")
            || (self.on_network && (!name.contains('.') || LOCAL_SUFFIXES.iter().any(|suffix| ends_with(name, suffix))))
    }
}

/// A name as it is compared: a host name or an address, whose port does not count.
pub(crate) fn normalize_host_name(text: &str) -> Result<String, HostNameError> {
    let (name, _) = host::split_port(text);
    let name = without_final_dot(name);
    if is_host(text) && (name.starts_with('[') || is_domain_name(name) || name.parse::<Ipv4Addr>().is_ok()) {
        Ok(name.to_owned())
    } else {
        Err(HostNameError)
    }
}

/// The name without the dot that ends an absolute one.
fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn ends_with(name: &str, suffix: &str) -> bool {
    name.len().checked_sub(suffix.len()).is_some_and(|at| name.as_bytes()[at..].eq_ignore_ascii_case(suffix.as_bytes()))
}

/// Whether these are labels as host names have them. A number at the end would be taken for a part of an address (URL §3.5).
fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for HostNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is neither a host name, an IP address nor *")
    }
}

impl Error for HostNameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::method::Method;
    use crate::http::trusted_proxies::TrustedProxies;

    fn policy(named: &[&str]) -> HostPolicy {
        let named = named.iter().map(|name| normalize_host_name(name).unwrap()).collect();
        HostPolicy { any: false, named, on_network: false, check_writes: true, check_proxied: false }
    }

    fn network(named: &[&str]) -> HostPolicy {
        HostPolicy { on_network: true, ..policy(named) }
    }

    fn request(method: Method, fields: &[(&str, &str)]) -> Request {
        fields.iter().fold(Request::new(method, "/"), |request, (name, value)| request.with_header(name, value))
    }

    #[test]
    fn hosts_are_the_servers_or_foreign() {
        // For each host: whether it passes on loopback, and on a network.
        let table = [
            ("", true, true, "none, as health checks do"),
            ("127.0.0.1", true, true, "an address"),
            ("127.0.0.1:4040", true, true, "with a port"),
            ("192.0.2.1:8080", true, true, "any address: a port that Docker maps"),
            ("[::1]:4040", true, true, "of IPv6"),
            ("[2001:DB8::1]", true, true, "in upper case"),
            ("[::ffff:192.0.2.1]", true, true, "IPv4 as IPv6"),
            ("127.0.0.1.", true, true, "an address with a dot, which no DNS knows"),
            ("localhost", true, true, "this machine"),
            ("localhost:9000", true, true, "through ssh -L 9000:localhost:4040"),
            ("LocalHost.", true, true, "in another case, with a dot"),
            ("app.localhost:4040", true, true, "in localhost"),
            ("a.b.localhost", true, true, "deeper in localhost"),
            ("files.example", true, true, "allowed"),
            ("FILES.example.:80", true, true, "allowed, however it is written"),
            ("evil.example", false, false, "foreign"),
            ("evil.example:4040", false, false, "foreign, with our port"),
            ("www.files.example", false, false, "below one that is allowed"),
            ("example", false, true, "of one label"),
            ("nas:8080", false, true, "of one label"),
            ("3f2a1bc9d0e1", false, true, "the name of a container"),
            ("printer.local", false, true, "by multicast DNS"),
            ("nas.fritz.lan", false, true, "by a router"),
            ("nas.home.arpa", false, true, "of a home (RFC 8375)"),
            ("host.docker.internal", false, true, "of a container's host"),
            ("Nas.LOCAL.", false, true, "however it is written"),
            ("nas.local.example", false, false, "not at the end"),
            ("arpa.example", false, false, "foreign"),
            ("localhost.evil.example", false, false, "a name that begins well"),
            ("evillocalhost", false, true, "a name of one label that ends well"),
            ("evil-localhost.example", false, false, "foreign"),
            (".localhost", false, false, "no label before the dot"),
            ("localhost..", false, false, "two dots"),
            (".", false, false, "a dot"),
            ("..local", false, false, "dots"),
            ("127.0.0.1.evil.example", false, false, "a name that begins as an address"),
            ("evil.example.127.0.0.1", false, false, "a name that ends as an address"),
            ("127.1", false, false, "a short address, which browsers write in full"),
            ("2130706433", false, false, "a number, likewise"),
            ("%6cocalhost", false, false, "encoded, which browsers decode"),
            ("files%2eexample", false, false, "encoded"),
            ("local*host", false, false, "an odd character"),
            ("a;b=c.local", false, false, "odd characters"),
            ("[v1.a]", false, false, "an address of the future"),
            ("evil_host.lan", false, true, "an underscore"),
        ];
        let (loopback, network) = (policy(&["files.example"]), network(&["files.example"]));
        for (host, on_loopback, on_network, why) in table {
            let fields = [("Host", host), ("Origin", "http://evil.example")];
            for method in [Method::Get, Method::Head, Method::Options, Method::Post, Method::Other("BREW".into())] {
                let request = request(method.clone(), &fields);
                assert_eq!(loopback.foreign_host(&request).is_none(), on_loopback, "{host} {method}: {why}");
                let passes = on_network || method.is_safe();
                assert_eq!(network.foreign_host(&request).is_none(), passes, "{host} {method}: {why}");
            }
            let any = HostPolicy { any: true, ..policy(&[]) };
            assert_eq!(any.foreign_host(&request(Method::Put, &fields)), None, "{host}: all are allowed");
        }
    }

    #[test]
    fn what_is_checked_depends_on_who_can_ask() {
        let evil = ("Host", "evil.example");
        let page = ("Origin", "http://evil.example");
        let asks_first = ("Access-Control-Request-Method", "PUT");
        let loopback = || policy(&[]);
        let (reads, network_reads) =
            (HostPolicy { check_writes: false, ..policy(&[]) }, HostPolicy { check_writes: false, ..network(&[]) });
        let table: [(HostPolicy, Method, &[(&str, &str)], bool, &str); 15] = [
            (loopback(), Method::Get, &[], true, "HTTP/1.0 without a host"),
            (loopback(), Method::Get, &[evil], false, "a page reads"),
            (loopback(), Method::Put, &[evil], false, "a program writes"),
            (loopback(), Method::Put, &[evil, page], false, "a page writes"),
            (loopback(), Method::Options, &[evil, page, asks_first], false, "a browser asks first"),
            (network(&[]), Method::Get, &[evil], true, "a public name"),
            (network(&[]), Method::Put, &[evil], true, "a program writes by a public name"),
            (network(&[]), Method::Put, &[evil, page], false, "a page writes"),
            (network(&[]), Method::Put, &[("Host", "nas"), page], true, "a page of this server writes"),
            (network(&[]), Method::Put, &[("Host", "192.0.2.1:80"), page], true, "by a port that Docker maps"),
            (network(&[]), Method::Options, &[evil, page, asks_first], true, "a browser asks first"),
            (reads, Method::Get, &[evil], false, "reading needs no password"),
            (HostPolicy { check_writes: false, ..policy(&[]) }, Method::Put, &[evil, page], true, "writing needs one"),
            (network_reads, Method::Put, &[evil, page], true, "writing needs one"),
            (HostPolicy { check_writes: false, ..network(&[]) }, Method::Get, &[evil, page], true, "a public name"),
        ];
        for (policy, method, fields, passes, why) in table {
            let request = request(method.clone(), fields);
            assert_eq!(policy.foreign_host(&request).is_none(), passes, "{policy:?} {method} {fields:?}: {why}");
        }
    }

    #[test]
    fn the_authority_of_an_absolute_target_counts() {
        let policy = policy(&[]);
        for (target, host, foreign) in [
            ("http://evil.example/", "localhost", Some("evil.example")),
            ("http://localhost/", "evil.example", None),
            ("http://evil.example:4040", "", Some("evil.example:4040")),
            ("*", "evil.example", Some("evil.example")),
        ] {
            let request = Request::new(Method::Options, target).with_header("Host", host);
            assert_eq!(policy.foreign_host(&request), foreign, "{target} {host}");
        }
    }

    #[test]
    fn a_trusted_proxy_answers_for_its_names_unless_it_is_checked() {
        const PUBLIC: &str = "files.example";
        let host = |name| ("Host", name);
        let client = ("X-Forwarded-For", "192.0.2.1");
        let told = |name| ("X-Forwarded-Host", name);
        // For each request from the proxy: whether it passes, and where PUBLIC is allowed and proxies are checked.
        let table: [(&[(&str, &str)], bool, bool, &str); 10] = [
            (&[host(PUBLIC), client], true, true, "it passes its own name on"),
            (&[host("127.0.0.1:4040"), client, told(PUBLIC)], true, true, "it says its own name beside ours"),
            (&[host(PUBLIC), ("Forwarded", "for=_hidden;host=files.example")], true, true, "by the standard"),
            (&[host("evil.example"), client], true, false, "a name that somebody had point at the proxy"),
            (&[host("127.0.0.1"), client, told("evil.example")], true, false, "the same, told"),
            (&[host("evil.example"), client, told(PUBLIC)], true, false, "a page beside the proxy tells a good name"),
            (&[host(PUBLIC)], false, true, "it does not say that it is a proxy"),
            (&[host("evil.example")], false, false, "a browser beside the proxy"),
            (&[host("evil.example"), ("X-Forwarded-For", "nonsense")], false, false, "likewise"),
            (&[host("127.0.0.1:4040")], true, true, "its health check"),
        ];
        let proxies = TrustedProxies::none().trust("127.0.0.1").unwrap();
        let checked = HostPolicy { check_proxied: true, ..policy(&[PUBLIC]) };
        for (fields, passes, passes_checked, why) in table {
            let mut request = request(Method::Get, fields);
            request.set_connection(Peer::Tcp("127.0.0.1:1".parse().unwrap()), false);
            let _ = request.apply_forwarded(&proxies);
            assert_eq!(policy(&[]).foreign_host(&request).is_none(), passes, "{fields:?}: {why}");
            assert_eq!(checked.foreign_host(&request).is_none(), passes_checked, "{fields:?}: {why}");
        }
        // Where no browser comes from, a proxy need not say that it is one.
        let proxies = proxies.trust("10.0.0.1").unwrap().trust("unix").unwrap();
        for peer in [Peer::Unix, Peer::Tcp("10.0.0.1:1".parse().unwrap())] {
            let mut request = request(Method::Get, &[host(PUBLIC)]);
            request.set_connection(peer, false);
            request.apply_forwarded(&proxies).unwrap();
            assert_eq!(policy(&[]).foreign_host(&request), None, "{peer}");
        }
        // Nor does one come over a Unix socket that is no proxy's.
        let mut direct = request(Method::Put, &[host("any"), ("Origin", "http://any")]);
        direct.set_connection(Peer::Unix, false);
        assert_eq!(policy(&[]).foreign_host(&direct), None);
        // From elsewhere the same fields say nothing.
        let mut request = request(Method::Get, &[host("evil.example"), client, told("localhost")]);
        request.set_connection(Peer::Tcp("192.0.2.9:1".parse().unwrap()), false);
        let _ = request.apply_forwarded(&proxies);
        assert_eq!(policy(&[]).foreign_host(&request), Some("evil.example"));
    }
}
