//! The host names that a server serves. Requests for others are refused, against DNS rebinding: a page whose own name
//! is made to resolve to the server would otherwise count as the server's own page, and could read and write there.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::error::Error;
use std::fmt;

use super::host::{self, is_host};
use super::peer::Peer;
use super::request::Request;

/// The allowed host names, and which requests are checked.
#[derive(Clone, Debug)]
pub(crate) struct HostPolicy {
    pub(crate) any: bool,
    /// The allowed names, normalized.
    pub(crate) named: Vec<String>,
    /// Whether other machines can reach the server.
    pub(crate) on_network: bool,
    /// Whether requests with an unsafe method are checked.
    pub(crate) check_writes: bool,
    /// Whether requests from trusted proxies are checked.
    pub(crate) check_proxied: bool,
}

/// The error for a text that is neither a host name nor an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostNameError;

/// Domains of local networks, which the public DNS never resolves (RFC 6762 §3, RFC 8375, and what routers use).
const LOCAL_SUFFIXES: [&str; 4] = [".local", ".lan", ".home.arpa", ".internal"];

impl HostPolicy {
    /// The host of the request, if the server does not serve it: the request is then misdirected (RFC 9110 §7.4).
    pub(crate) fn foreign_host<'a>(&self, request: &'a Request) -> Option<&'a str> {
        if self.any || !self.applies_to(request) {
            return None;
        }
        // Both hosts must be allowed, the received one and the proxy's: a browser may run at a trusted address too.
        [request.received_host(), request.host()].into_iter().flatten().find(|host| !self.allows(host))
    }

    /// Whether the policy checks this request.
    fn applies_to(&self, request: &Request) -> bool {
        let writes = !request.method().is_safe();
        if (writes && !self.check_writes) || (request.is_proxied() && !self.check_proxied) {
            return false;
        }
        // No browser connects over a Unix socket, and other clients may name any host: curl --unix-socket must name
        // one.
        if request.peer() == Some(Peer::Unix) && !request.is_proxied() {
            return false;
        }
        // Browsers send Origin with each write of a page (Fetch §3.2).
        !self.on_network || (writes && request.header("Origin").is_some())
    }

    /// Whether the server serves this host, given with or without a port. Nothing is decoded, because browsers decode
    /// hosts before they send them.
    fn allows(&self, host: &str) -> bool {
        // HTTP/1.0 clients and health checks may name no host.
        if host.is_empty() {
            return true;
        }
        let (name, _) = host::split_port(host);
        if let Some(literal) = name.strip_prefix('[') {
            return literal.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        }
        let name = without_final_dot(name);
        // DNS rebinding needs a name: an address is always allowed.
        if name.parse::<Ipv4Addr>().is_ok() || self.named.iter().any(|named| named.eq_ignore_ascii_case(name)) {
            return true;
        }
        if !is_domain_name(name) {
            return false;
        }
        // RFC 6761 §6.3: names in localhost resolve to this machine.
        name.eq_ignore_ascii_case("localhost")
            || ends_with(name, ".localhost")
            || (self.on_network && (!name.contains('.') || LOCAL_SUFFIXES.iter().any(|suffix| ends_with(name, suffix))))
    }
}

/// A host name or an IP address as it is compared: without its port and final dot, in lower case, an IPv6 address as RFC 5952 writes
/// it.
pub(crate) fn normalize_host_name(text: &str) -> Result<String, HostNameError> {
    if !is_host(text) {
        return Err(HostNameError);
    }
    let (name, _) = host::split_port(text);
    let name = without_final_dot(name);
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = literal.and_then(|literal| literal.parse::<Ipv6Addr>().ok()) {
        return Ok(format!("[{address}]"));
    }
    if literal.is_some() || is_domain_name(name) || name.parse::<Ipv4Addr>().is_ok() {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(HostNameError)
    }
}

/// The reason why a request for this host is misdirected (RFC 9110 §15.5.20).
pub(crate) fn not_served(host: &str) -> String {
    format!("{} is not a name of this server", host::split_port(host).0)
}

/// The name without the final dot of an absolute name.
fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn ends_with(name: &str, suffix: &str) -> bool {
    name.len().checked_sub(suffix.len()).is_some_and(|at| name.as_bytes()[at..].eq_ignore_ascii_case(suffix.as_bytes()))
}

/// Whether this is a name made of host name labels. If the last label is a number, browsers take the name for an IPv4
/// address (URL §3.5).
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
    fn a_host_has_one_normal_form() {
        let table = [
            ("Files.Example.:80", Ok("files.example")),
            ("127.0.0.1:80", Ok("127.0.0.1")),
            ("[2001:DB8:0::1]", Ok("[2001:db8::1]")),
            ("[::1]:80", Ok("[::1]")),
            ("[::1]:x", Err(HostNameError)),
            ("[::1", Err(HostNameError)),
            ("::1", Err(HostNameError)),
            ("a..b", Err(HostNameError)),
        ];
        for (host, expected) in table {
            assert_eq!(normalize_host_name(host).as_deref(), expected.as_ref().copied(), "{host}");
        }
    }

    #[test]
    fn only_addresses_local_names_and_allowed_names_pass() {
        // For each host: whether it passes on a loopback address, and on a network.
        let table = [
            ("", true, true, "no host, as in health checks"),
            ("127.0.0.1", true, true, "an address"),
            ("127.0.0.1:4040", true, true, "an address with a port"),
            ("192.0.2.1:8080", true, true, "any address: a port that Docker maps"),
            ("[::1]:4040", true, true, "an IPv6 address"),
            ("[2001:DB8::1]", true, true, "an IPv6 address in upper case"),
            ("[::ffff:192.0.2.1]", true, true, "IPv4 as IPv6"),
            ("127.0.0.1.", true, true, "an address with a final dot, which DNS does not resolve"),
            ("localhost", true, true, "this machine"),
            ("localhost:9000", true, true, "through ssh -L 9000:localhost:4040"),
            ("LocalHost.", true, true, "in another case, with a final dot"),
            ("app.localhost:4040", true, true, "in the domain localhost"),
            ("a.b.localhost", true, true, "deeper in the domain localhost"),
            ("files.example", true, true, "an allowed name"),
            ("FILES.example.:80", true, true, "an allowed name in another form"),
            ("evil.example", false, false, "a foreign name"),
            ("evil.example:4040", false, false, "a foreign name with the server's port"),
            ("www.files.example", false, false, "a subdomain of an allowed name"),
            ("example", false, true, "one label"),
            ("nas:8080", false, true, "one label with a port"),
            ("3f2a1bc9d0e1", false, true, "the name of a container"),
            ("printer.local", false, true, "a name of multicast DNS"),
            ("nas.fritz.lan", false, true, "a name that a router gives"),
            ("nas.home.arpa", false, true, "a name of a home network (RFC 8375)"),
            ("host.docker.internal", false, true, "the host of a container"),
            ("Nas.LOCAL.", false, true, "a local name in another form"),
            ("nas.local.example", false, false, "local, but not at the end"),
            ("arpa.example", false, false, "a foreign name"),
            ("localhost.evil.example", false, false, "a foreign name that begins with localhost"),
            ("evillocalhost", false, true, "one label that ends with localhost"),
            ("evil-localhost.example", false, false, "a foreign name"),
            (".localhost", false, false, "no label before the dot"),
            ("localhost..", false, false, "two final dots"),
            (".", false, false, "only a dot"),
            ("..local", false, false, "an empty label"),
            ("127.0.0.1.evil.example", false, false, "a foreign name that begins like an address"),
            ("evil.example.127.0.0.1", false, false, "a foreign name that ends like an address"),
            ("127.1", false, false, "a short address, which browsers expand"),
            ("2130706433", false, false, "an address as one number, which browsers expand"),
            ("%6cocalhost", false, false, "percent-encoded, which browsers decode"),
            ("files%2eexample", false, false, "percent-encoded"),
            ("local*host", false, false, "a character of no host name"),
            ("a;b=c.local", false, false, "characters of no host name"),
            ("[v1.a]", false, false, "an IPvFuture address"),
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
    fn requests_are_checked_where_a_page_could_send_them() {
        let evil = ("Host", "evil.example");
        let page = ("Origin", "http://evil.example");
        let preflight = ("Access-Control-Request-Method", "PUT");
        let loopback = || policy(&[]);
        let (reads, network_reads) =
            (HostPolicy { check_writes: false, ..policy(&[]) }, HostPolicy { check_writes: false, ..network(&[]) });
        let table: [(HostPolicy, Method, &[(&str, &str)], bool, &str); 15] = [
            (loopback(), Method::Get, &[], true, "HTTP/1.0 without a host"),
            (loopback(), Method::Get, &[evil], false, "a page reads"),
            (loopback(), Method::Put, &[evil], false, "a program writes"),
            (loopback(), Method::Put, &[evil, page], false, "a page writes"),
            (loopback(), Method::Options, &[evil, page, preflight], false, "a preflight"),
            (network(&[]), Method::Get, &[evil], true, "a public name"),
            (network(&[]), Method::Put, &[evil], true, "a program writes under a public name"),
            (network(&[]), Method::Put, &[evil, page], false, "a page writes"),
            (network(&[]), Method::Put, &[("Host", "nas"), page], true, "a page of this server writes"),
            (network(&[]), Method::Put, &[("Host", "192.0.2.1:80"), page], true, "through a port that Docker maps"),
            (network(&[]), Method::Options, &[evil, page, preflight], true, "a preflight"),
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
    fn the_host_of_an_absolute_target_is_checked() {
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
    fn requests_from_trusted_proxies_pass_unless_the_policy_checks_them() {
        const PUBLIC: &str = "files.example";
        let host = |name| ("Host", name);
        let client = ("X-Forwarded-For", "192.0.2.1");
        let told = |name| ("X-Forwarded-Host", name);
        // For each request from the proxy: whether it passes, and whether it does if PUBLIC is allowed and proxies are
        // checked.
        let table: [(&[(&str, &str)], bool, bool, &str); 10] = [
            (&[host(PUBLIC), client], true, true, "the proxy passes the host on"),
            (
                &[host("127.0.0.1:4040"), client, told(PUBLIC)],
                true,
                true,
                "the proxy names the host in X-Forwarded-Host",
            ),
            (&[host(PUBLIC), ("Forwarded", "for=_hidden;host=files.example")], true, true, "the proxy sends Forwarded"),
            (&[host("evil.example"), client], true, false, "a foreign name that resolves to the proxy"),
            (&[host("127.0.0.1"), client, told("evil.example")], true, false, "the same in X-Forwarded-Host"),
            (
                &[host("evil.example"), client, told(PUBLIC)],
                true,
                false,
                "a page on the proxy's machine names a good host",
            ),
            (&[host(PUBLIC)], false, true, "no field shows that it is a proxy"),
            (&[host("evil.example")], false, false, "a browser on the proxy's machine"),
            (&[host("evil.example"), ("X-Forwarded-For", "nonsense")], false, false, "the same with a malformed field"),
            (&[host("127.0.0.1:4040")], true, true, "the proxy's health check"),
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
        // Where no browser can connect from, a proxy need not send these fields.
        let proxies = proxies.trust("10.0.0.1").unwrap().trust("unix").unwrap();
        for peer in [Peer::Unix, Peer::Tcp("10.0.0.1:1".parse().unwrap())] {
            let mut request = request(Method::Get, &[host(PUBLIC)]);
            request.set_connection(peer, false);
            request.apply_forwarded(&proxies).unwrap();
            assert_eq!(policy(&[]).foreign_host(&request), None, "{peer}");
        }
        // No browser connects over a Unix socket, even if it is not a proxy's.
        let mut direct = request(Method::Put, &[host("any"), ("Origin", "http://any")]);
        direct.set_connection(Peer::Unix, false);
        assert_eq!(policy(&[]).foreign_host(&direct), None);
        // From elsewhere these fields are ignored.
        let mut request = request(Method::Get, &[host("evil.example"), client, told("localhost")]);
        request.set_connection(Peer::Tcp("192.0.2.9:1".parse().unwrap()), false);
        let _ = request.apply_forwarded(&proxies);
        assert_eq!(policy(&[]).foreign_host(&request), Some("evil.example"));
    }
}
