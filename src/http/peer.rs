//! Who is at the other end of a connection.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::fmt;

/// The other end of a connection.
///
/// It is displayed as its address, or as `unix` for a Unix socket, whose clients have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A client over TCP, and the address that it has for this machine: behind a proxy that is the proxy's.
    Tcp(SocketAddr),
    /// A client over a Unix socket, so a program on this machine.
    Unix,
}

impl Peer {
    /// The IP address, where it has one. An IPv4 address that came over an IPv6 socket is an IPv4 address.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix => None,
        }
    }
}

impl Peer {
    /// The network that counts as one client where clients are counted: an IPv4 address, the first 64 bits of an IPv6 address,
    /// which is what one subscriber has (RFC 6177), or a whole link-local one, whose first bits are everybody's. `None` for a
    /// Unix socket.
    pub(crate) fn network(self) -> Option<IpAddr> {
        self.ip().map(network_of)
    }

    /// Whether it is on this machine: a loopback address, or a Unix socket.
    pub fn is_local(self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

/// As [`Peer::network`] has it.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_unicast_link_local() && !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))
        }
        address => address,
    }
}

/// Whom a request comes from, as logs name it and failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientId {
    /// From this address, as the connection or a trusted proxy has it.
    Address(IpAddr),
    /// From a program on this machine, over a Unix socket.
    Unix,
    /// It came over no connection.
    NoConnection,
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::NoConnection => f.write_str("-"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_by_what_one_subscriber_has() {
        let table = [
            ("192.0.2.1:5", "192.0.2.1", "an IPv4 address"),
            ("[::ffff:192.0.2.1]:5", "192.0.2.1", "the same over IPv6"),
            ("[2001:db8:1:2:3:4:5:6]:5", "2001:db8:1:2::", "a network"),
            ("[2001:db8:1:2::1]:5", "2001:db8:1:2::", "the same one"),
            ("[fe80::1:2:3:4]:5", "fe80::1:2:3:4", "a link-local address"),
            ("[::1]:5", "::1", "loopback, not what begins with zeros"),
            ("[::2]:5", "::", "which is another network"),
        ];
        for (peer, expected, why) in table {
            let network = Peer::Tcp(peer.parse().unwrap()).network();
            assert_eq!(network, Some(expected.parse().unwrap()), "{why}");
        }
        assert_eq!(Peer::Unix.network(), None);
    }
}
