//! Listening sockets: binding them, and listening.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};
use tiny_http::Listener;

use super::address::Address;
use super::socket_file::SocketFile;
use crate::error::Error;

/// How many completed connections the system may queue before the server accepts them; Linux has its own limit
/// (`net.core.somaxconn`).
pub(super) const BACKLOG: i32 = 1024;

/// A bound socket. A TCP socket does not listen yet.
pub(super) struct Bound {
    socket: Socket,
    address: Address,
    /// Whether the program has given it. Then others may use it as well: a service manager, the program itself.
    is_given: bool,
    /// Whether IPv4 was left to other sockets when it was bound.
    leaves_ipv4: bool,
}

/// A listening socket, which does not block.
pub(super) struct Listening {
    pub(super) listener: Listener,
    /// Whether the program has given it. The server leaves such a socket usable, because others may go on to use it.
    pub(super) is_given: bool,
}

impl Bound {
    /// Binds the first of the addresses that can be bound, given those that are already bound.
    ///
    /// The socket of `::` is for IPv4 as well, unless an IPv4 address with the same port is bound by itself, before or after it:
    /// then IPv4 is left to that socket. With `ipv6_only` it is for IPv6 alone in any case.
    pub(super) fn bind(candidates: Vec<SocketAddr>, others: &mut [Self], ipv6_only: bool) -> Result<Self, Error> {
        let mut failure = no_address();
        for address in candidates {
            match bind_beside(address, others, ipv6_only) {
                Ok(bound) => return Ok(bound),
                Err(source) => failure = Error::Bind { address, source },
            }
        }
        Err(failure)
    }

    /// Binds a Unix socket.
    pub(super) fn bind_unix(path: &Path) -> Result<Self, Error> {
        match SocketFile::bind(path, BACKLOG) {
            Ok((socket, file)) => {
                Ok(Self { socket, address: Address::Unix(Arc::new(file)), is_given: false, leaves_ipv4: false })
            }
            Err(source) => Err(Error::BindUnix { path: path.to_owned(), source }),
        }
    }

    /// The address, with the port that the system chose if none was asked for.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Takes a socket that was bound elsewhere.
    pub(super) fn given(socket: OwnedFd) -> Result<Self, Error> {
        let socket = Socket::from(socket);
        let address = address_of(&socket).map_err(Error::Listener)?;
        Ok(Self { socket, address, is_given: true, leaves_ipv4: false })
    }

    /// Binds the sockets of `::` again that are not for IPv6 alone as `ipv6_only` wants it.
    pub(super) fn settle(bound: &mut [Self], ipv6_only: bool) -> Result<(), Error> {
        for index in 0..bound.len() {
            let Some(address) = bound[index].address.as_tcp() else { continue };
            let leaves_ipv4 = ipv6_only || has_ipv4_at(address.port(), bound);
            if bound[index].is_any_ipv6_at(address.port()) {
                bound[index].bind_again(leaves_ipv4).map_err(|source| Error::Bind { address, source })?;
            }
        }
        Ok(())
    }

    /// Whether it is the server's own socket of `::` with this port.
    fn is_any_ipv6_at(&self, port: u16) -> bool {
        !self.is_given && self.address.as_tcp().is_some_and(|address| is_any_ipv6(&address) && address.port() == port)
    }

    /// Replaces the socket by one with or without IPv4, because a bound socket cannot be changed. It does not listen yet, so nobody
    /// notices, unless another program takes the port in between: then it is an error.
    fn bind_again(&mut self, leaves_ipv4: bool) -> io::Result<()> {
        if self.leaves_ipv4 == leaves_ipv4 {
            return Ok(());
        }
        let Some(address) = self.address.as_tcp() else { return Ok(()) };
        self.socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        *self = bind_one(address, leaves_ipv4)?;
        Ok(())
    }

    /// Starts to listen. The file of a Unix socket that the server has bound gets this mode.
    pub(super) fn listen(self, socket_mode: u32) -> Result<Listening, Error> {
        let Self { socket, address, is_given, .. } = self;
        let begin = || {
            match &address {
                Address::Unix(file) => file.set_mode(socket_mode)?,
                Address::GivenUnix(_) | Address::Abstract(_) => listen_once(&socket)?,
                Address::Tcp(_) => {
                    // Accepted sockets inherit it. Without it, an answer of more than one write waits 40 ms for the client's
                    // delayed acknowledgement.
                    socket.set_tcp_nodelay(true)?;
                    listen_once(&socket)?;
                }
            }
            socket.set_nonblocking(true)
        };
        begin().map_err(|source| address.error(source))?;
        let listener = match address {
            Address::Tcp(_) => Listener::Tcp(socket.into()),
            Address::Unix(_) | Address::GivenUnix(_) | Address::Abstract(_) => {
                Listener::Unix(UnixListener::from(OwnedFd::from(socket)))
            }
        };
        Ok(Listening { listener, is_given })
    }
}

/// The error of a server without an address.
pub(super) fn no_address() -> Error {
    Error::Setting("there is no address to listen on".into())
}

fn bind_beside(address: SocketAddr, others: &mut [Bound], ipv6_only: bool) -> io::Result<Bound> {
    if address.is_ipv6() {
        return bind_one(address, ipv6_only || has_ipv4_at(address.port(), others));
    }
    for other in others.iter_mut().filter(|other| other.is_any_ipv6_at(address.port())) {
        other.bind_again(true)?;
    }
    bind_one(address, false)
}

/// Whether an IPv4 address with this port is bound by itself.
fn has_ipv4_at(port: u16, bound: &[Bound]) -> bool {
    let mut addresses = bound.iter().filter_map(|bound| bound.address.as_tcp());
    addresses.any(|address| address.is_ipv4() && address.port() == port)
}

fn bind_one(address: SocketAddr, leaves_ipv4: bool) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that was stopped can start again at once, while its old connections time out.
    socket.set_reuse_address(true)?;
    if is_any_ipv6(&address) {
        match socket.set_only_v6(leaves_ipv4) {
            // On some systems a socket is never for both.
            Err(_) if !leaves_ipv4 => {}
            set => set?,
        }
    }
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(Bound { socket, address: Address::Tcp(bound), is_given: false, leaves_ipv4 })
}

/// The address of a socket that was bound elsewhere, if a server can listen on it.
fn address_of(socket: &Socket) -> io::Result<Address> {
    let Ok(kind) = socket.r#type() else { return Err(io::Error::other("it is not a socket")) };
    if kind != Type::STREAM {
        return Err(io::Error::other("it is not a stream socket"));
    }
    if socket.peer_addr().is_ok() {
        return Err(io::Error::other("it is connected"));
    }
    let bound = socket.local_addr()?;
    if let Some(address) = bound.as_socket().filter(|address| address.port() != 0) {
        Ok(Address::Tcp(address))
    } else if let Some(path) = bound.as_pathname() {
        Ok(Address::GivenUnix(path.to_owned()))
    } else if let Some(name) = bound.as_abstract_namespace() {
        Ok(Address::Abstract(name.to_owned()))
    } else if bound.as_socket().is_some() || bound.is_unnamed() {
        Err(io::Error::other("it is not bound"))
    } else {
        Err(io::Error::other("it is neither a TCP nor a Unix socket"))
    }
}

/// Has a socket listen that does not yet. The queue of one that does keeps its length.
fn listen_once(socket: &Socket) -> io::Result<()> {
    if is_listening(socket) { Ok(()) } else { socket.listen(BACKLOG) }
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(socket: &Socket) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// Apple's systems do not tell.
#[cfg(target_vendor = "apple")]
fn is_listening(_: &Socket) -> bool {
    false
}

fn is_any_ipv6(address: &SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}
