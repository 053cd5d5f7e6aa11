//! What may be given as an address to bind, and to which socket addresses it resolves.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

use crate::error::Error;

/// What [`Server::bind`] and [`Builder::bind`] take: one address, or a list of them.
///
/// - One address is a [`SocketAddr`], a pair of host and port, or a string such as `127.0.0.1:4040`, `[::1]:0` or `localhost:80`.
///   The port is never left out. If it has a host name that resolves to several socket addresses, the first of them that can be
///   bound is bound.
/// - Of a list (array, slice or `Vec`), every address is bound.
///
/// ```
/// use hearken::{Request, Response, Server};
///
/// let server = Server::bind(["127.0.0.1:0", "127.0.0.2:0"])?.serve(|_: &mut Request| Response::text("hello"))?;
/// assert_eq!(server.addresses().len(), 2);
/// # Ok::<(), hearken::Error>(())
/// ```
///
/// [`Server::bind`]: crate::Server::bind
/// [`Builder::bind`]: crate::Builder::bind
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an address to bind",
    note = "an address is a string with a port such as \"127.0.0.1:4040\", a pair of host and port, or a `SocketAddr`",
    note = "several addresses are an array, a slice or a `Vec` of them"
)]
pub trait BindAddresses {
    /// Resolves the addresses. One socket address of each inner list is bound: the first that can be.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] when one is malformed, or has a host name that does not resolve.
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error>;
}

impl<A: BindAddresses + ?Sized> BindAddresses for &A {
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error> {
        (**self).resolve()
    }
}

impl<A: BindAddresses> BindAddresses for [A] {
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error> {
        let mut resolved = Vec::with_capacity(self.len());
        for addresses in self {
            resolved.append(&mut addresses.resolve()?);
        }
        Ok(resolved)
    }
}

impl<A: BindAddresses, const N: usize> BindAddresses for [A; N] {
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error> {
        self.as_slice().resolve()
    }
}

impl<A: BindAddresses> BindAddresses for Vec<A> {
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error> {
        self.as_slice().resolve()
    }
}

/// Implements the trait for types of one address, each with the text that its errors name it by.
macro_rules! one_address {
    ($($type:ty: $shown:expr;)*) => {$(
        impl BindAddresses for $type {
            fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, Error> {
                let shown: fn(&Self) -> String = $shown;
                resolve_one(self, || shown(self))
            }
        }
    )*};
}

one_address! {
    str: ToString::to_string;
    String: ToString::to_string;
    SocketAddr: ToString::to_string;
    SocketAddrV4: ToString::to_string;
    SocketAddrV6: ToString::to_string;
    (IpAddr, u16): pair;
    (Ipv4Addr, u16): pair;
    (Ipv6Addr, u16): pair;
    (&str, u16): pair;
    (String, u16): pair;
}

fn pair((host, port): &(impl Display, u16)) -> String {
    format!("{host}:{port}")
}

fn resolve_one(
    address: &(impl ToSocketAddrs + ?Sized),
    shown: impl Fn() -> String,
) -> Result<Vec<Vec<SocketAddr>>, Error> {
    let error = |source| Error::Resolve { address: shown(), source };
    let candidates: Vec<_> = match address.to_socket_addrs() {
        Ok(candidates) => candidates.collect(),
        Err(_) if has_no_port(&shown()) => {
            return Err(error(io::Error::new(io::ErrorKind::InvalidInput, "the port is missing")));
        }
        Err(source) => return Err(error(source)),
    };
    if candidates.is_empty() {
        return Err(error(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
    }
    Ok(vec![candidates])
}

/// Whether an address is a host alone. An IPv6 address with a port is in brackets.
fn has_no_port(address: &str) -> bool {
    !address.contains(':') || address.ends_with(']') || address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_and_lists_resolve() {
        let one = |text: &str| vec![text.parse::<SocketAddr>().unwrap()];
        let v4 = || vec![one("127.0.0.1:80")];
        let table: [(&dyn BindAddresses, _, &str); 12] = [
            (&"127.0.0.1:80", v4(), "a string"),
            (&"127.0.0.1:80".to_owned(), v4(), "an owned string"),
            (&"127.0.0.1:80".parse::<SocketAddr>().unwrap(), v4(), "a socket address"),
            (&("127.0.0.1", 80), v4(), "host and port"),
            (&("127.0.0.1".to_owned(), 80), v4(), "owned host, and port"),
            (&(Ipv4Addr::LOCALHOST, 80), v4(), "IPv4 address and port"),
            (&(Ipv6Addr::LOCALHOST, 80), vec![one("[::1]:80")], "IPv6 address and port"),
            (&("::1", 80), vec![one("[::1]:80")], "an IPv6 address as a host"),
            (&["127.0.0.1:80", "[::1]:0"], vec![one("127.0.0.1:80"), one("[::1]:0")], "an array"),
            (&vec![("127.0.0.1", 80), ("::1", 0)], vec![one("127.0.0.1:80"), one("[::1]:0")], "a vector"),
            (&&["127.0.0.1:80"][..], v4(), "a slice"),
            (&[""; 0], vec![], "an empty list"),
        ];
        for (addresses, expected, why) in table {
            assert_eq!(addresses.resolve().unwrap(), expected, "{why}");
        }
    }

    #[test]
    fn what_does_not_resolve_is_named_as_it_was_given() {
        let table: [(&dyn BindAddresses, _); 8] = [
            (&"127.0.0.1", "cannot resolve 127.0.0.1: the port is missing"),
            (&"localhost", "cannot resolve localhost: the port is missing"),
            (&"[::1]", "cannot resolve [::1]: the port is missing"),
            (&"::1", "cannot resolve ::1: the port is missing"),
            (&"", "cannot resolve : the port is missing"),
            (&"localhost:http", "cannot resolve localhost:http: invalid port value"),
            (&("nonsense.invalid", 80), "cannot resolve nonsense.invalid:80: "),
            (&["127.0.0.1:80", "::1:x"], "cannot resolve ::1:x: "),
        ];
        for (addresses, expected) in table {
            let error = addresses.resolve().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
