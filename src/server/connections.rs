//! The open connections: who they are, what each is doing, and the means to end them from outside.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use socket2::SockRef;

use super::descriptor::{Accepted, Lent};

/// An open connection, as everyone but its worker sees it.
pub(super) struct Connection {
    socket: Lent,
    local: SocketAddr,
    peer: SocketAddr,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the table was made.
    since: AtomicU64,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Waiting for a request, or for the rest of its head.
    Waiting,
    /// Reading a body, handling, or answering.
    Busy,
    /// Ended from outside: what still arrives is not acted on.
    Ended,
}

impl Phase {
    fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Busy,
            _ => Self::Ended,
        }
    }
}

impl Connection {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The socket; `None` once the worker is done with the connection.
    pub(super) fn socket(&self) -> &Lent {
        &self.socket
    }

    /// Whether the peer has ended its side and everything it sent was read.
    pub(super) fn is_at_end(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let peeked = self.socket.with(|socket| rustix::net::recv(socket, &mut [0_u8][..], flags));
        matches!(peeked, Some(Ok((_, 0))))
    }

    /// How long a read waits for the peer; `None` is for ever.
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.with(|socket| SockRef::from(&socket).set_read_timeout(timeout)).unwrap_or(Ok(()))
    }

    /// Whether reads and writes return at once when they would have to wait.
    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.with(|socket| SockRef::from(&socket).set_nonblocking(nonblocking)).unwrap_or(Ok(()))
    }

    /// Ends the connection if it is waiting. A request that arrives at the same moment is not acted on, so that its client
    /// may safely send it again.
    pub(super) fn end_if_waiting(&self) -> bool {
        let ended = self.step(Phase::Waiting, Phase::Ended);
        if ended {
            self.socket.with(|socket| SockRef::from(&socket).shutdown(Shutdown::Both));
        }
        ended
    }

    /// Ends the connection whatever it is doing.
    pub(super) fn cut(&self) {
        self.phase.store(Phase::Ended as u8, Ordering::Release);
        // Without a lingering send queue the peer is told by a reset that its answer is not whole.
        self.socket.with(|socket| {
            let socket = SockRef::from(&socket);
            let _ = socket.set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        });
    }

    fn step(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// All open connections, by their two ends.
pub(super) struct Connections {
    start: Instant,
    open: Mutex<HashMap<(SocketAddr, SocketAddr), Arc<Connection>>>,
    changed: Condvar,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), open: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn is_open(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.lock().contains_key(&(local, peer))
    }

    /// Takes a new connection into the table, waiting for its first request.
    pub(super) fn add(&self, accepted: Accepted) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            socket: accepted.socket,
            local: accepted.local,
            peer: accepted.peer,
            phase: AtomicU8::new(Phase::Waiting as u8),
            since: AtomicU64::new(self.now()),
        });
        self.lock().insert((connection.local, connection.peer), Arc::clone(&connection));
        connection
    }

    /// Takes a connection out of the table. Its socket must have been taken back, and be closed: one that is not in the
    /// table and still open would be taken for a new one.
    pub(super) fn remove(&self, connection: &Connection) {
        let mut open = self.lock();
        open.remove(&(connection.local, connection.peer));
        if open.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Notes that a request has arrived; false when the connection was ended meanwhile.
    pub(super) fn begin(&self, connection: &Connection) -> bool {
        let begun = connection.step(Phase::Waiting, Phase::Busy);
        connection.since.store(self.now(), Ordering::Relaxed);
        begun
    }

    /// Notes that the request is answered; false when the connection was ended meanwhile.
    pub(super) fn finish(&self, connection: &Connection) -> bool {
        connection.since.store(self.now(), Ordering::Relaxed);
        connection.step(Phase::Busy, Phase::Waiting)
    }

    /// Calls `visit` with each connection, its phase and how long it has been in it.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Connection, Phase, Duration)) {
        // The guard's calls to the system are made outside the lock, which every new connection needs.
        let open: Vec<_> = self.lock().values().map(Arc::clone).collect();
        let now = self.now();
        for connection in open {
            let phase = Phase::from_u8(connection.phase.load(Ordering::Acquire));
            let since = connection.since.load(Ordering::Relaxed);
            visit(&connection, phase, Duration::from_millis(now.saturating_sub(since)));
        }
    }

    /// Waits until no connection is open, at most until the deadline or until `give_up` says so; whether none is.
    pub(super) fn wait_until_none(&self, deadline: Instant, give_up: impl Fn() -> bool) -> bool {
        let mut open = self.lock();
        while !open.is_empty() {
            let now = Instant::now();
            if now >= deadline || give_up() {
                return false;
            }
            // `give_up` is told by nobody, so it is asked ten times a second.
            let wait = (deadline - now).min(Duration::from_millis(100));
            open = self.changed.wait_timeout(open, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(SocketAddr, SocketAddr), Arc<Connection>>> {
        // Each change of the table is one call, so a panic elsewhere leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
