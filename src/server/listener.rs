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
    /// then IPv4 is left to that socket.
    pub(super) fn bind(candidates: Vec<SocketAddr>, others: &mut [Self]) -> Result<Self, Error> {
        let mut failure = no_address();
        for address in candidates {
            match bind_beside(address, others) {
                Ok(bound) => return Ok(bound),
                Err(source) => failure = Error::Bind { address, source },
            }
        }
        Err(failure)
    }

    /// Binds a Unix socket.
    pub(super) fn bind_unix(path: &Path) -> Result<Self, Error> {
        match SocketFile::bind(path, BACKLOG) {
            Ok((socket, file)) => Ok(Self { socket, address: Address::Unix(Arc::new(file)), is_given: false }),
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
        Ok(Self { socket, address, is_given: true })
    }

    /// Starts to listen. The file of a Unix socket that the server has bound gets this mode.
    pub(super) fn listen(self, socket_mode: u32) -> Result<Listening, Error> {
        let Self { socket, address, is_given } = self;
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

fn bind_beside(address: SocketAddr, others: &mut [Bound]) -> io::Result<Bound> {
    let at_port = |other: &&mut Bound| other.address.as_tcp().is_some_and(|other| other.port() == address.port());
    let mut at_port = others.iter_mut().filter(at_port);
    if address.is_ipv6() {
        let has_ipv4 = at_port.any(|other| other.address.as_tcp().is_some_and(|other| other.is_ipv4()));
        return bind_one(address, has_ipv4);
    }
    for other in at_port {
        let Some(any) = other.address.as_tcp().filter(is_any_ipv6).filter(|_| !other.is_given) else { continue };
        // A bound socket cannot be restricted to IPv6 any more. It does not listen yet, so it can be replaced unnoticed.
        other.socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        *other = bind_one(any, true)?;
    }
    bind_one(address, false)
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
    Ok(Bound { socket, address: Address::Tcp(bound), is_given: false })
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
