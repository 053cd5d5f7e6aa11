//! Many client sockets on loopback: their source addresses and the limit on open files.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

/// A socket that is not yet connected, with a source address in 127.0.0.0/8 for this client alone: ports are not the limit.
pub(crate) fn client_socket(client: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + client);
    socket.bind(&SocketAddr::from((address, 0)).into())?;
    Ok(socket)
}

/// Raises this process's limit on open files as far as the system allows, and returns it.
pub(crate) fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| limit.maximum);
    current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}
