//! Who is at the other end of a connection.

use core::net::{IpAddr, SocketAddr};
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
    /// Whether it is on this machine: a loopback address, or a Unix socket.
    pub fn is_local(self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

/// Whom a request comes from, as logs name it and failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// From this address, as the connection or a trusted proxy has it.
    Address(IpAddr),
    /// From a program on this machine, over a Unix socket.
    Unix,
    /// It came over no connection.
    Nobody,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Nobody => f.write_str("-"),
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
