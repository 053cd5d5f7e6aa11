//! The acceptor threads, one for each listener: they accept connections, make room for them, and hand them to the workers.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tiny_http::Listener;

use super::connection::Connection;
use super::context::Context;
use super::listener::{BACKLOG, Listening};
use super::socket::{self, Socket};
use super::tls_stream::TlsStream;
use crate::http::peer::Peer;
use crate::reason::reason;

/// Accepts connections until the server stops, then those that are already in the system's queue.
pub(super) fn accept(listening: &Listening, context: &Context) {
    let listener = &listening.listener;
    while !context.is_stopping() {
        context.make_room(listener);
        if !socket::wait_for_client(listener, &context.shared.stop_notifier, None) {
            continue;
        }
        match accept_one(listener) {
            Ok((socket, peer)) => context.admit(socket, peer),
            Err(error) => context.back_off(&error),
        }
    }
    // The clients in the system's queue have connected and may have sent a request, and closing the listener would reset them. So
    // new handshakes are refused, those under way get a moment, and then the queue is drained.
    //
    // Both the filter and the pause are needed. Measured on 2026-11-25 on 2 processors: 64 clients connect in their own time, each
    // for one request, while the server is stopped again and again; how many were reset instead of answered, of how many:
    //
    //                  loopback (150 stops)   a link that holds packets back for some ms (40 stops)
    //     neither      173 of 12,653          516 of 5,097
    //     pause only     1 of 20,464          101 of 6,487
    //     filter only    0 of 16,117           53 of 3,666
    //     both           0 of 13,100            0 of 3,208
    //
    // The price is that a client whose handshake the filter drops learns after a second that it is refused.
    match listener {
        Listener::Tcp(listener) => {
            refuse_newcomers(listener);
            thread::sleep(HANDSHAKE_PAUSE);
        }
        // It would refuse them for ever, also on behalf of others who have the socket.
        Listener::Unix(_) if listening.is_given => {}
        Listener::Unix(listener) => refuse_unix_newcomers(listener),
    }
    // At most twice the queue: on a system that cannot keep new connections out they might come for ever.
    for _ in 0..2 * BACKLOG {
        match accept_one(listener) {
            Ok((socket, peer)) => context.admit(socket, peer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || !is_passing(&error) => break,
            // There may be others in the queue behind one that was reset.
            Err(_) => {}
        }
    }
    // Others who have the socket, such as a service manager that starts the program again, get the clients that come from now on.
    if let Listener::Tcp(listener) = listener
        && listening.is_given
    {
        admit_newcomers(listener);
    }
}

/// How long to wait for room, or for a client that needs it, before checking again.
const ROOM_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long a TCP handshake that has begun when the server stops may take.
const HANDSHAKE_PAUSE: Duration = Duration::from_millis(5);

/// Lets no new TCP handshake begin. The client's system tries again after a second, and is then refused.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn refuse_newcomers(listener: &TcpListener) {
    use socket2::SockFilter;
    // The filter sees packets from their TCP header on. Byte 13 holds the flags: packets with SYN and without ACK are dropped.
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
        log::debug!("cannot refuse new handshakes: {error}");
    }
}

/// On other systems, connections made at this moment are reset.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn refuse_newcomers(_: &TcpListener) {}

/// Undoes [`refuse_newcomers`].
#[cfg(any(target_os = "linux", target_os = "android"))]
fn admit_newcomers(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).detach_filter() {
        log::debug!("cannot admit handshakes again: {error}");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn admit_newcomers(_: &TcpListener) {}

/// Has a Unix socket refuse new connections and keep those in its queue.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn refuse_unix_newcomers(listener: &UnixListener) {
    let _ = SockRef::from(listener).shutdown(Shutdown::Read);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn refuse_unix_newcomers(_: &UnixListener) {}

/// Accepts one connection, whose socket does not block.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn accept_one(listener: &Listener) -> io::Result<(OwnedFd, Peer)> {
    use rustix::net::{SocketFlags, accept_with, acceptfrom_with};

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match listener {
        Listener::Tcp(listener) => {
            let (socket, address) = acceptfrom_with(listener, flags)?;
            // A connection without an address has already been reset.
            let address = address.and_then(|address| SocketAddr::try_from(address).ok());
            Ok((socket, Peer::Tcp(address.ok_or(io::ErrorKind::ConnectionAborted)?)))
        }
        Listener::Unix(listener) => Ok((accept_with(listener, flags)?, Peer::Unix)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn accept_one(listener: &Listener) -> io::Result<(OwnedFd, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (socket, address) = listener.accept()?;
            socket.set_nonblocking(true)?;
            Ok((socket.into(), Peer::Tcp(address)))
        }
        Listener::Unix(listener) => {
            let (socket, _) = listener.accept()?;
            socket.set_nonblocking(true)?;
            Ok((socket.into(), Peer::Unix))
        }
    }
}

/// Whether the error is about the one connection, and not about the listener or the process.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

impl Context {
    /// Backs off after `accept` has failed. A lasting error, such as too many open files, is logged once a second, and the loop
    /// pauses so that it does not spin.
    fn back_off(&self, error: &io::Error) {
        if is_passing(error) || self.is_stopping() {
            return;
        }
        self.shared.throttled_log.error(&format!("cannot accept a connection: {}", reason(error)));
        // The descriptor of one connection may be all that is missing.
        self.evictor.make_room(&self.registry, self.grace());
        self.shared.stop.wait_for(Duration::from_millis(50));
    }

    /// Registers a connection that was accepted, and hands it to a worker.
    fn admit(&self, socket: OwnedFd, peer: Peer) {
        let network = peer.network();
        let is_full = |limit| self.registry.count_of(network) >= limit;
        if self.shared.settings.limit_of(peer).is_some_and(is_full)
            && !self.evictor.make_room_of(&self.registry, network, self.grace())
        {
            log::debug!("{peer}: refused, too many connections from its network");
            return;
        }
        let tls = match self.tls.as_ref().map(TlsStream::new).transpose() {
            Ok(tls) => tls,
            Err(error) => {
                self.shared.throttled_log.error(&format!("cannot begin a TLS connection: {error}"));
                return;
            }
        };
        let socket = Arc::new(Socket::new(socket));
        let Some(token) = self.registry.insert(&socket, network) else { return };
        let connection =
            Box::new(Connection::new(Arc::clone(&self.shared), Arc::clone(&self.registry), token, socket, peer, tls));
        self.accepted.0.send(connection).expect("the server holds a receiver itself");
        self.shared.notifier.notify();
    }

    /// Waits while as many connections are open as are allowed. For each client that waits, an open connection is evicted.
    fn make_room(&self, listener: impl AsFd) {
        let has_room = |count: usize| count < self.shared.settings.max_connections;
        while !has_room(self.registry.count()) && !self.is_stopping() {
            if socket::wait_for_client(&listener, &self.shared.stop_notifier, Some(ROOM_CHECK_INTERVAL)) {
                self.evictor.make_room(&self.registry, self.grace());
                self.registry.wait_for_fewer(ROOM_CHECK_INTERVAL, |count| has_room(count) || self.is_stopping());
            }
        }
    }

    /// How many milliseconds a client may keep the server waiting before its rate counts.
    fn grace(&self) -> u64 {
        let grace = self.shared.settings.rate_grace;
        if grace.is_zero() { u64::MAX } else { u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) }
    }
}
