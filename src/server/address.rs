//! The address of a listener, and its URL.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::socket_file::SocketFile;
use crate::error::Error;

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(SocketAddr),
    /// A Unix socket whose file the server has made.
    Unix(Arc<SocketFile>),
    /// A Unix socket that was bound to this path elsewhere.
    GivenUnix(PathBuf),
    /// A Unix socket with this name in Linux's abstract namespace (unix(7)).
    Abstract(Vec<u8>),
}

impl Address {
    /// The error of listening here.
    pub(super) fn error(&self, source: io::Error) -> Error {
        match self {
            Self::Tcp(address) => Error::Bind { address: *address, source },
            Self::Unix(file) => Error::BindUnix { path: file.path().to_owned(), source },
            Self::GivenUnix(path) => Error::BindUnix { path: path.clone(), source },
            Self::Abstract(name) => Error::BindUnix { path: shown(name).into(), source },
        }
    }

    pub(super) fn as_tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::GivenUnix(_) | Self::Abstract(_) => None,
        }
    }

    /// The path of a Unix socket.
    pub(super) fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) | Self::Abstract(_) => None,
            Self::Unix(file) => Some(file.path()),
            Self::GivenUnix(path) => Some(path),
        }
    }

    /// Its URL.
    pub(super) fn url(&self, secure: bool) -> String {
        let scheme = if secure { "https" } else { "http" };
        match self {
            Self::Tcp(address) => format!("{scheme}://{}/", authority(*address)),
            Self::Unix(file) => format!("unix:{}", file.path().display()),
            Self::GivenUnix(path) => format!("unix:{}", path.display()),
            Self::Abstract(name) => format!("unix:{}", shown(name)),
        }
    }
}

/// An abstract name as `ss` shows it.
fn shown(name: &[u8]) -> String {
    format!("@{}", name.escape_ascii())
}

/// Host and port for a URL of this machine's own programs. Nothing connects to a wildcard portably, so a loopback address, which it
/// includes, stands for it. The zone of a link-local address begins with `%25`, because `%` alone begins an escape (RFC 6874 §2).
fn authority(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.to_canonical().is_unspecified() => ip,
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    match (ip, address) {
        (IpAddr::V6(ip), SocketAddr::V6(address)) if address.scope_id() != 0 => {
            format!("[{ip}%25{}]:{}", address.scope_id(), address.port())
        }
        _ => SocketAddr::new(ip, address.port()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_can_be_opened() {
        let table = [
            ("192.0.2.1:80", "http://192.0.2.1:80/", "an address"),
            ("127.0.0.9:4040", "http://127.0.0.9:4040/", "a loopback address"),
            ("0.0.0.0:4040", "http://127.0.0.1:4040/", "all IPv4 addresses"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]:80/", "an IPv6 address"),
            ("[::]:4040", "http://[::1]:4040/", "all addresses"),
            ("[::ffff:0.0.0.0]:4040", "http://127.0.0.1:4040/", "all IPv4 addresses of an IPv6 socket"),
            ("[fe80::1%7]:4040", "http://[fe80::1%257]:4040/", "a link-local address"),
        ];
        for (address, expected, why) in table {
            let address = Address::Tcp(address.parse().unwrap());
            assert_eq!(address.url(false), expected, "{why}");
            assert_eq!(address.url(true), expected.replace("http:", "https:"), "{why}");
        }
    }
}
