//! The peer of a connection, and the client of a request.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::fmt;

/// The other end of a connection.
///
/// Displays as its address, or as `unix` for a Unix socket, whose clients have no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP connection from this address, which is the proxy's if a proxy is in between.
    Tcp(SocketAddr),
    /// A Unix socket: the peer is a program on this machine.
    Unix,
}

impl Peer {
    /// The IP address of a TCP peer. An IPv4 address from an IPv6 socket is returned as an IPv4 address.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix => None,
        }
    }
}

impl Peer {
    /// The network that limits for each client count as one client: an IPv4 address, the first 64 bits of an IPv6
    /// address, which are what one subscriber has (RFC 6177), or a whole link-local address, because all of those begin
    /// alike. `None` for a Unix socket.
    pub(crate) fn network(self) -> Option<IpAddr> {
        self.ip().map(network_of)
    }

    /// Whether the peer is on this machine: it has a loopback address, or uses a Unix socket.
    pub fn is_local(self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

/// The network of an address, as [`Peer::network`] describes it.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_unicast_link_local() && !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))
        }
        address => address,
    }
}

/// The client of a request, as logs name it and failed logins are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientId {
    /// The address, from the connection or from a trusted proxy.
    Address(IpAddr),
    /// A program on this machine, over a Unix socket.
    Unix,
    /// The request came over no connection.
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
    fn addresses_of_one_subscriber_are_one_network() {
        let table = [
            ("192.0.2.1:5", "192.0.2.1", "an IPv4 address"),
            ("[::ffff:192.0.2.1]:5", "192.0.2.1", "the same over IPv6"),
            ("[2001:db8:1:2:3:4:5:6]:5", "2001:db8:1:2::", "an IPv6 network"),
            ("[2001:db8:1:2::1]:5", "2001:db8:1:2::", "the same network"),
            ("[fe80::1:2:3:4]:5", "fe80::1:2:3:4", "a link-local address"),
            ("[::1]:5", "::1", "the loopback address alone"),
            ("[::2]:5", "::", "the network around the loopback address"),
        ];
        for (peer, expected, why) in table {
            let network = Peer::Tcp(peer.parse().unwrap()).network();
            assert_eq!(network, Some(expected.parse().unwrap()), "{why}");
        }
        assert_eq!(Peer::Unix.network(), None);
    }
}
