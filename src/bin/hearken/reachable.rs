//! The URLs at which a server can be reached, for a person to type.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// The URLs of a server's TCP addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reachable {
    /// Those that work on this machine only.
    pub(crate) here: Vec<String>,
    /// Those that work on other machines, the one they most likely reach first.
    pub(crate) elsewhere: Vec<String>,
}

impl Reachable {
    /// The URLs of a server that is bound to these addresses.
    pub(crate) fn of(scheme: &str, bound: &[SocketAddr]) -> Self {
        // If the interfaces cannot be read, the addresses that were given are still known.
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let interfaces: Vec<_> = interfaces.iter().map(if_addrs::Interface::ip).collect();
        Self::among(scheme, bound, &interfaces, preferred())
    }

    /// The URLs of addresses on these interfaces. `preferred` is the address from which this machine reaches others.
    fn among(scheme: &str, bound: &[SocketAddr], interfaces: &[IpAddr], preferred: Option<IpAddr>) -> Self {
        // A wildcard of IPv6 takes IPv4 too, unless IPv4 is bound by itself.
        let is_dual = !bound.iter().any(SocketAddr::is_ipv4);
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in bound {
            let ip = address.ip();
            if !ip.is_unspecified() {
                addresses.push(*address);
                continue;
            }
            let accepted = |other: &&IpAddr| ip.is_ipv4() == other.is_ipv4() || (is_dual && ip.is_ipv6());
            let mut ips: Vec<_> = interfaces.iter().filter(accepted).copied().collect();
            // Most people find those of IPv4 easier to type.
            ips.sort_by_key(|ip| (Some(*ip) != preferred, ip.is_ipv6()));
            addresses.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, address.port())));
        }
        let mut reachable = Self::default();
        for address in addresses.iter().filter(|address| can_be_typed(address.ip())) {
            let of = if address.ip().is_loopback() { &mut reachable.here } else { &mut reachable.elsewhere };
            let url = format!("{scheme}://{address}/");
            if !of.contains(&url) {
                of.push(url);
            }
        }
        reachable
    }
}

/// Whether browsers understand the address. One that holds on one link only needs a zone, which they do not take.
fn can_be_typed(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    }
}

/// The address from which this machine reaches others, if it reaches any.
fn preferred() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // This sends nothing: it only chooses a route. The address is one for documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_the_addresses_of_all_interfaces() {
        let interfaces =
            ["127.0.0.1", "172.17.0.1", "192.168.1.7", "::1", "fd00::7", "fe80::7"].map(|ip| ip.parse().unwrap());
        let preferred = Some(interfaces[2]);
        let table: [(&[&str], &[&str], &[&str]); 7] = [
            (&["127.0.0.1:80"], &["127.0.0.1:80"], &[]),
            (&["192.168.1.7:80"], &[], &["192.168.1.7:80"]),
            (&["0.0.0.0:80"], &["127.0.0.1:80"], &["192.168.1.7:80", "172.17.0.1:80"]),
            (&["[::]:80"], &["127.0.0.1:80", "[::1]:80"], &["192.168.1.7:80", "172.17.0.1:80", "[fd00::7]:80"]),
            (&["[::]:80", "127.0.0.1:80"], &["[::1]:80", "127.0.0.1:80"], &["[fd00::7]:80"]),
            (&["0.0.0.0:80", "127.0.0.1:80"], &["127.0.0.1:80"], &["192.168.1.7:80", "172.17.0.1:80"]),
            (&["[fe80::7]:80"], &[], &[]),
        ];
        for (bound, here, elsewhere) in table {
            let bound: Vec<SocketAddr> = bound.iter().map(|address| address.parse().unwrap()).collect();
            let urls = |addresses: &[&str]| addresses.iter().map(|address| format!("http://{address}/")).collect();
            let expected = Reachable { here: urls(here), elsewhere: urls(elsewhere) };
            assert_eq!(Reachable::among("http", &bound, &interfaces, preferred), expected, "{bound:?}");
        }
    }
}
