//! Listening sockets: binding them, and the loop that accepts connections and hands each to a worker.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use tiny_http::SslContextWrap;

use super::descriptor;
use super::pool::Pool;
use super::{Context, Job};
use crate::config::Settings;
use crate::error::{Error, reason};

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
            self.socket.set_read_timeout(settings.socket_backstop())?;
            self.socket.set_write_timeout(settings.socket_backstop())?;
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

/// Accepts connections until the server stops, and then those that the system has completed already.
pub(super) fn accept(
    listener: TcpListener,
    address: SocketAddr,
    tls: &SslContextWrap,
    context: &Arc<Context>,
    pool: &Pool<Job>,
) {
    let listener = tiny_http::Listener::from(listener);
    let secure = context.secure;
    let mut trouble = Trouble::default();
    while !context.is_stopping() {
        context.make_room();
        if let Err(error) = accept_one(&listener, address, secure, tls, context, pool) {
            trouble.meet(context, &error);
        }
    }
    // Whoever is in the system's queue has connected, and may have sent a request: closing the socket would reset them. So new
    // ones are kept from connecting, those whose handshake is on its way are given a moment, and then all are taken.
    let tiny_http::Listener::Tcp(socket) = &listener else { return };
    refuse_newcomers(socket);
    thread::sleep(HANDSHAKES);
    if socket.set_nonblocking(true).is_ok() {
        while accept_one(&listener, address, secure, tls, context, pool).is_ok() {}
    }
}

/// How long a handshake that has begun when the server stops may take.
const HANDSHAKES: Duration = Duration::from_millis(50);

/// Lets no new handshake begin. The client's system tries again after a second, and is refused then.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn refuse_newcomers(listener: &TcpListener) {
    use socket2::SockFilter;
    // The filter sees packets from their TCP header on. Byte 13 holds the flags: those with SYN and without ACK are dropped.
    let operation = |code: u32, if_true, if_false, operand| {
        SockFilter::new(u16::try_from(code).expect("operations have 16 bits"), if_true, if_false, operand)
    };
    let filter = [
        operation(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 13),
        operation(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0x12),
        operation(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 0x02),
        operation(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        operation(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        log::debug!("the listener cannot be shut gently: {error}");
    }
}

/// Elsewhere a connection that is made in this very moment is reset.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn refuse_newcomers(_: &TcpListener) {}

fn accept_one(
    listener: &tiny_http::Listener,
    address: SocketAddr,
    secure: bool,
    tls: &SslContextWrap,
    context: &Arc<Context>,
    pool: &Pool<Job>,
) -> io::Result<()> {
    // tiny_http panics when the system has a descriptor for the connection and none for its second half.
    let accepted = catch_unwind(AssertUnwindSafe(|| {
        let expected = descriptor::lowest_free(listener)?;
        Ok((expected, tiny_http::Server::accept_connection(listener, tls)?))
    }));
    let (expected, client) = accepted.unwrap_or_else(|_| Err(io::Error::other("out of descriptors")))?;
    // Without a client TLS could not even be set up for it.
    let Some(client) = client else { return Ok(()) };
    let known = |local, peer| context.connections.is_open(local, peer);
    // One that is not found has been reset already.
    let Some(accepted) = descriptor::claim(expected, address, known) else { return Ok(()) };
    let limit = context.settings.max_connections_per_address;
    if limit > 0 && context.connections.count_from(accepted.peer.ip()) >= limit {
        log::debug!("{}: refused, too many connections from there", accepted.peer);
        return Ok(());
    }
    let requests = Box::new(client.map(|request| request.map_err(|error| Box::new(error) as _)));
    let connection = context.connections.add(accepted, secure);
    let job = Job { context: Arc::clone(context), connection, requests: Some(requests) };
    // The system says that it has no thread left in the words that it has for a wait.
    pool.submit(job).map_err(|error| io::Error::other(format!("cannot start a thread: {}", reason(&error))))
}

/// Wakes the thread that accepts from this listener, so that it sees that the server stops: with a connection, because to shut
/// the listener down would reset those that are in its queue.
pub(super) fn wake(listener: &Socket, address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    if TcpStream::connect_timeout(&(ip, address.port()).into(), Duration::from_secs(1)).is_err() {
        let _ = listener.shutdown(Shutdown::Both);
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
    fn meet(&mut self, context: &Context, error: &io::Error) {
        if is_passing(error) || context.is_stopping() {
            return;
        }
        if self.logged.is_none_or(|logged| logged.elapsed() >= Duration::from_secs(1)) {
            log::error!("cannot take a connection: {}", reason(error));
            self.logged = Some(Instant::now());
        }
        // An idle connection less may be all that is missing.
        context.connections.end_longest_idle();
        context.pause(Duration::from_millis(50));
    }
}
