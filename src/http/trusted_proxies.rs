//! The reverse proxies that the server trusts to describe their clients.

use core::net::{IpAddr, Ipv6Addr};
use std::error::Error;
use std::fmt;

use super::peer::Peer;

/// The reverse proxies that the server trusts, by their addresses. The server believes what they say about their
/// clients in `Forwarded` (RFC 7239) or `X-Forwarded-For`, `-Proto` and `-Host`; from anyone else it ignores these
/// fields.
///
/// A trusted proxy must set or remove each of these four fields: one that it passes on as its client sent it looks like
/// its own. Everything that connects from a trusted address counts as the proxy, even a browser on the same machine.
///
/// ```
/// use hearken::{Peer, TrustedProxies};
///
/// let proxies = TrustedProxies::none().trust("10.0.0.0/8")?.trust("unix")?;
/// assert!(proxies.contains(Peer::Unix));
/// assert!(proxies.contains(Peer::Tcp("10.1.2.3:4040".parse().unwrap())));
/// assert!(!proxies.contains(Peer::Tcp("192.0.2.1:4040".parse().unwrap())));
/// # Ok::<(), hearken::NetworkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    unix: bool,
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// It does not begin with an IP address, and is not `unix`.
    Address,
    /// The text after the slash is not a number, or is more than the bits of the address.
    Prefix,
    /// The address is not the first of the network, which is this one.
    HostBits(IpAddr),
}

/// A network: the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug)]
struct Network {
    first: IpAddr,
    prefix: u32,
}

impl TrustedProxies {
    /// No proxy is trusted.
    pub const fn none() -> Self {
        Self { networks: Vec::new(), unix: false }
    }

    /// Also trusts the proxies of this network: an address such as `::1`, a network such as `10.0.0.0/8` or `fd00::/8`,
    /// or `unix` for connections over Unix sockets. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4
    /// address.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if it is none of these.
    pub fn trust(mut self, network: &str) -> Result<Self, NetworkError> {
        if network == "unix" {
            self.unix = true;
        } else {
            self.networks.push(Network::parse(network)?);
        }
        Ok(self)
    }

    /// Whether no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether this peer is a trusted proxy.
    pub fn contains(&self, peer: Peer) -> bool {
        match peer.ip() {
            Some(address) => self.contains_address(address),
            None => self.unix,
        }
    }

    /// Whether this is the address of a trusted proxy.
    pub(crate) fn contains_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let bits = bits_of(address);
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or(NetworkError::Prefix)?
            }
            Some(_) => return Err(NetworkError::Prefix),
        };
        let first = first_of(address, prefix);
        if first != address {
            return Err(NetworkError::HostBits(first));
        }
        // A network of IPv4 addresses, written as IPv6.
        match first.to_canonical() {
            first @ IpAddr::V4(_) if bits_of(address) == 128 && prefix >= 96 => Ok(Self { first, prefix: prefix - 96 }),
            _ => Ok(Self { first, prefix }),
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits_of(address) == bits_of(self.first) && first_of(address, self.prefix) == self.first
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first address of the network with a prefix of this many bits that contains the address.
fn first_of(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & u32::MAX.checked_shl(32 - prefix).unwrap_or(0)).into()),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)))
        }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("it is neither an IP address, a network such as 10.0.0.0/8, nor unix"),
            Self::Prefix => f.write_str("the length after the slash is not a number of bits of the address"),
            Self::HostBits(first) => write!(f, "the network begins with {first}: write that before the slash"),
        }
    }
}

impl Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true, "the same first byte"),
            ("10.0.0.0/8", "11.0.0.1", false, "another first byte"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true, "over an IPv6 socket"),
            ("10.0.0.0/8", "a00::1", false, "IPv6 with the same bits"),
            ("192.0.2.0/25", "192.0.2.127", true, "the last of the network"),
            ("192.0.2.0/25", "192.0.2.128", false, "the next after it"),
            ("192.0.2.1", "192.0.2.1", true, "one address"),
            ("192.0.2.1", "192.0.2.2", false, "another address"),
            ("192.0.2.1/32", "192.0.2.1", true, "a prefix of all bits"),
            ("0.0.0.0/0", "203.0.113.9", true, "a prefix of no bits"),
            ("0.0.0.0/0", "::1", false, "another address family"),
            ("::/0", "2001:db8::1", true, "a prefix of no bits"),
            ("::/0", "192.0.2.1", false, "another address family"),
            ("::1", "::1", true, "one address"),
            ("::1", "::2", false, "another address"),
            ("fd00::/8", "fdff::1", true, "the same first byte"),
            ("fd00::/8", "fc00::1", false, "another first byte"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true, "IPv4 as IPv6"),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false, "IPv4 as IPv6"),
            ("::ffff:10.0.0.1", "10.0.0.1", true, "IPv4 as IPv6"),
        ];
        for (network, address, expected, why) in table {
            let proxies = TrustedProxies::none().trust(network).unwrap();
            let peer = Peer::Tcp((address.parse::<IpAddr>().unwrap(), 1).into());
            assert_eq!(proxies.contains(peer), expected, "{network} {address}: {why}");
            assert!(!proxies.contains(Peer::Unix), "{network}");
            assert!(!proxies.is_empty(), "{network}");
        }
    }

    #[test]
    fn several_proxies_can_be_trusted_and_none_is_by_default() {
        let proxies = TrustedProxies::none().trust("unix").unwrap().trust("::1").unwrap().trust("127.0.0.1").unwrap();
        for (peer, expected) in [
            (Peer::Unix, true),
            (Peer::Tcp("[::1]:1".parse().unwrap()), true),
            (Peer::Tcp("127.0.0.1:1".parse().unwrap()), true),
            (Peer::Tcp("127.0.0.2:1".parse().unwrap()), false),
        ] {
            assert_eq!(proxies.contains(peer), expected, "{peer}");
            assert!(!TrustedProxies::none().contains(peer), "{peer}");
        }
        assert!(TrustedProxies::none().is_empty());
        assert!(!TrustedProxies::none().trust("unix").unwrap().is_empty());
    }

    #[test]
    fn texts_that_are_not_networks_are_refused() {
        let host_bits = |first: &str| NetworkError::HostBits(first.parse().unwrap());
        let table = [
            ("", NetworkError::Address),
            ("localhost", NetworkError::Address),
            ("Unix", NetworkError::Address),
            ("*", NetworkError::Address),
            ("10.0.0/8", NetworkError::Address),
            ("10.0.0.1:80", NetworkError::Address),
            ("[::1]", NetworkError::Address),
            (" ::1", NetworkError::Address),
            ("10.0.0.0/", NetworkError::Prefix),
            ("10.0.0.0/+8", NetworkError::Prefix),
            ("10.0.0.0/33", NetworkError::Prefix),
            ("::/129", NetworkError::Prefix),
            ("::/99999999999", NetworkError::Prefix),
            ("10.0.0.0/8/8", NetworkError::Prefix),
            ("10.1.2.3/8", host_bits("10.0.0.0")),
            ("fd00::1/8", host_bits("fd00::")),
            ("::ffff:10.0.0.1/104", host_bits("::ffff:10.0.0.0")),
        ];
        for (text, expected) in table {
            assert_eq!(TrustedProxies::none().trust(text).map(drop), Err(expected), "{text:?}");
        }
    }
}
