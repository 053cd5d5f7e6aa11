//! A value of `--bind`: where to listen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BindAddress {
    /// An IP address or a host name, and its port if it has one of its own.
    Tcp { host: String, port: Option<u16> },
    /// `unix:PATH`
    Unix(PathBuf),
}

impl BindAddress {
    /// Reads `unix:PATH`, or an address such as `127.0.0.1`, `localhost:8080`, `::1` or `[::1]:8080`.
    ///
    /// # Errors
    ///
    /// The reason, when a part is missing or the port is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => return Err("the path of the socket is missing".into()),
            Some(path) => return Ok(Self::Unix(path.into())),
            None => {}
        }
        let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(None) => return Err("the closing bracket is missing".into()),
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').ok_or("a port begins with a colon")?)),
            None => match text.split_once(':') {
                // An IPv6 address without brackets has no port.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err("the address is missing; 0.0.0.0 and :: stand for all addresses".into());
        }
        let port = port.map(parse_port).transpose()?;
        Ok(Self::Tcp { host: host.into(), port })
    }

    /// The hosts to bind for this one: `localhost` has an address of each family that the system has, others are what they are.
    pub(crate) fn hosts(host: &str) -> Vec<String> {
        if !host.eq_ignore_ascii_case("localhost") {
            return vec![host.into()];
        }
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let mut hosts: Vec<_> = addresses.iter().filter(|ip| TcpListener::bind((**ip, 0)).is_ok()).collect();
        if hosts.is_empty() {
            // Binding it says why.
            hosts.push(&addresses[0]);
        }
        hosts.into_iter().map(IpAddr::to_string).collect()
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| is_number);
    port.ok_or_else(|| format!("{text:?} is not a port: a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port() {
        let tcp = |host: &str, port| Ok(BindAddress::Tcp { host: host.into(), port });
        let table = [
            ("127.0.0.1", tcp("127.0.0.1", None)),
            ("127.0.0.1:8080", tcp("127.0.0.1", Some(8080))),
            ("localhost", tcp("localhost", None)),
            ("localhost:0", tcp("localhost", Some(0))),
            ("nas.example:80", tcp("nas.example", Some(80))),
            ("::", tcp("::", None)),
            ("::1", tcp("::1", None)),
            ("::1:8080", tcp("::1:8080", None)),
            ("fe80::1%eth0", tcp("fe80::1%eth0", None)),
            ("[::1]", tcp("::1", None)),
            ("[::1]:8080", tcp("::1", Some(8080))),
            ("[fe80::1%eth0]:80", tcp("fe80::1%eth0", Some(80))),
            ("unix:/run/a:b", Ok(BindAddress::Unix("/run/a:b".into()))),
            ("unix:", Err("the path of the socket is missing")),
            ("127.0.0.1:http", Err("\"http\" is not a port: a number from 0 to 65535")),
            ("127.0.0.1:", Err("\"\" is not a port: a number from 0 to 65535")),
            ("127.0.0.1:65536", Err("\"65536\" is not a port: a number from 0 to 65535")),
            ("127.0.0.1:+80", Err("\"+80\" is not a port: a number from 0 to 65535")),
            ("[::1]:x", Err("\"x\" is not a port: a number from 0 to 65535")),
            ("[::1]80", Err("a port begins with a colon")),
            ("[::1", Err("the closing bracket is missing")),
            (":8080", Err("the address is missing; 0.0.0.0 and :: stand for all addresses")),
            ("[]:8080", Err("the address is missing; 0.0.0.0 and :: stand for all addresses")),
            ("", Err("the address is missing; 0.0.0.0 and :: stand for all addresses")),
        ];
        for (text, expected) in table {
            assert_eq!(BindAddress::parse(text), expected.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn localhost_is_of_both_families() {
        assert_eq!(BindAddress::hosts("nas.example"), ["nas.example"]);
        let hosts = BindAddress::hosts("LocalHost");
        assert_eq!(hosts[0], "127.0.0.1");
        assert_eq!(hosts.get(1).map_or("::1", String::as_str), "::1");
        assert_eq!(hosts.len() == 2, TcpListener::bind("[::1]:0").is_ok());
    }
}
