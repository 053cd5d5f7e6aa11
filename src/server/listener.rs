//! Listening sockets: binding them, and the loop that accepts connections and hands each to a worker.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tiny_http::SslContextWrap;

use super::descriptor;
use super::pool::Pool;
use super::{Context, Job};
use crate::config::{self, Settings};
use crate::error::Error;

/// How many connections the system may complete before we accept them; Linux has its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

/// A socket that is bound and does not listen yet.
pub(super) struct Bound {
    socket: Socket,
    address: SocketAddr,
}

impl Bound {
    /// Binds the first of the addresses that can be bound.
    pub(super) fn bind(addresses: impl ToSocketAddrs + Debug) -> Result<Self, Error> {
        let resolve = |source| Error::Resolve { address: format!("{addresses:?}").replace('"', ""), source };
        let mut failure = None;
        for address in addresses.to_socket_addrs().map_err(resolve)? {
            match bind_one(address) {
                Ok(bound) => return Ok(bound),
                Err(source) => failure = Some(Error::Bind { address, source }),
            }
        }
        Err(failure.unwrap_or_else(|| resolve(io::Error::new(io::ErrorKind::NotFound, "it has no address"))))
    }

    /// The address, with the port that the system chose if none was asked for.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to listen. Accepted sockets inherit the options that are set here.
    pub(super) fn listen(self, settings: &Settings) -> Result<TcpListener, Error> {
        let listen = || {
            // Without it, an answer of more than one write waits 40 ms for the client's delayed acknowledgement.
            self.socket.set_tcp_nodelay(true)?;
            self.socket.set_read_timeout(settings.head_backstop())?;
            self.socket.set_write_timeout(config::limit(settings.write_timeout))?;
            self.socket.listen(BACKLOG)
        };
        listen().map_err(|source| Error::Bind { address: self.address, source })?;
        Ok(self.socket.into())
    }
}

fn bind_one(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that was stopped can start again at once, while its old connections time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(Bound { socket, address: bound })
}

/// Accepts connections until the server stops.
pub(super) fn accept(
    listener: TcpListener,
    address: SocketAddr,
    tls: &SslContextWrap,
    context: &Arc<Context>,
    pool: &Pool<Job>,
) {
    let listener = tiny_http::Listener::from(listener);
    let mut trouble = Trouble::default();
    while !context.is_stopping() {
        // tiny_http panics when the system has a descriptor for the connection and none for its second half.
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            let expected = descriptor::lowest_free(&listener)?;
            Ok((expected, tiny_http::Server::accept_connection(&listener, tls)?))
        }));
        match accepted {
            _ if context.is_stopping() => return,
            Ok(Ok((expected, Some(client)))) => {
                let known = |local, peer| context.connections.is_open(local, peer);
                // One that is not found has been reset already.
                let Some(accepted) = descriptor::claim(expected, address, known) else { continue };
                let requests = Box::new(client.map(|request| request.map_err(|error| Box::new(error) as _)));
                let connection = context.connections.add(accepted);
                let job = Job { context: Arc::clone(context), connection, requests: Some(requests) };
                if let Err(error) = pool.submit(job) {
                    trouble.report(context, &format!("cannot start a worker: {error}"));
                }
            }
            // TLS could not even be set up for it.
            Ok(Ok((_, None))) => {}
            Ok(Err(error)) if is_passing(&error) => {}
            Ok(Err(error)) => trouble.report(context, &format!("cannot accept a connection: {error}")),
            Err(_) => trouble.report(context, "cannot accept a connection: out of descriptors"),
        }
    }
}

/// Wakes the thread that accepts from this listener, so that it sees that the server stops.
pub(super) fn wake(listener: &Socket, address: SocketAddr) {
    // On Linux this ends the accept. Elsewhere it may not, and a connection of our own does.
    if listener.shutdown(Shutdown::Both).is_err() {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let _ = TcpStream::connect_timeout(&(ip, address.port()).into(), Duration::from_secs(1));
    }
}

/// Errors of the one connection, and the listener's own timeout.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Lasting trouble, such as too many open files: logged once a second, and waited out, so that the loop does not spin.
#[derive(Default)]
struct Trouble {
    logged: Option<Instant>,
}

impl Trouble {
    fn report(&mut self, context: &Context, text: &str) {
        if self.logged.is_none_or(|logged| logged.elapsed() >= Duration::from_secs(1)) {
            log::error!("{text}");
            self.logged = Some(Instant::now());
        }
        context.pause(Duration::from_millis(50));
    }
}
