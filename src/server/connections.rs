//! The open connections: who they are, what each is doing, and the means to end them from outside.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SendFlags};
use socket2::SockRef;

use super::descriptor::{self, Accepted, Lent, Traffic};
use super::guard::Watch;

/// An open connection, as everyone but its worker sees it.
pub(super) struct Connection {
    socket: Lent,
    local: SocketAddr,
    peer: SocketAddr,
    secure: bool,
    /// The phase and when it began, in one number so that they change together.
    state: AtomicU64,
    /// Set when the body that is being read was given up from outside.
    late: AtomicBool,
    worker: OnceLock<ThreadId>,
    /// The guard's notes.
    watch: Mutex<Watch>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing was asked yet: the first request, and the TLS handshake before it, are awaited.
    Fresh,
    /// Everything that was asked is answered: another request is awaited.
    Idle,
    /// A body is being read.
    Reading,
    /// A handler is at work.
    Handling,
    /// An answer is being written.
    Writing,
    /// Ended from outside while it was waiting: its worker should be back at once.
    Closing,
    /// Ended from outside while it was busy: its worker will be back when it has done its part.
    Ended,
}

/// A phase, and the millisecond since the table was made in which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) since: u64,
}

impl State {
    const PHASES: [Phase; 7] =
        [Phase::Fresh, Phase::Idle, Phase::Reading, Phase::Handling, Phase::Writing, Phase::Closing, Phase::Ended];

    fn pack(self) -> u64 {
        self.since << 3 | self.phase as u64
    }

    fn unpack(number: u64) -> Self {
        let phase = Self::PHASES.get((number & 7) as usize).copied().unwrap_or(Phase::Ended);
        Self { phase, since: number >> 3 }
    }

    /// Whether the worker waits for a request.
    pub(super) fn is_waiting(self) -> bool {
        matches!(self.phase, Phase::Fresh | Phase::Idle)
    }

    /// Whether it was ended from outside.
    pub(super) fn is_over(self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Ended)
    }
}

impl Connection {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn socket(&self) -> &Lent {
        &self.socket
    }

    pub(super) fn state(&self) -> State {
        State::unpack(self.state.load(Ordering::SeqCst))
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        // The guard's notes are its own to keep whole, and it does not panic.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes that have gone over it, and how many of those received nobody has read yet.
    pub(super) fn traffic(&self) -> Option<(Traffic, u64)> {
        self.socket.with(|socket| {
            let unread = rustix::io::ioctl_fionread(socket).ok()?;
            Some((descriptor::traffic(socket)?, unread))
        })?
    }

    /// Whether bytes have arrived that nobody has read yet.
    pub(super) fn has_unread(&self) -> bool {
        self.socket.with(|socket| rustix::io::ioctl_fionread(socket).is_ok_and(|unread| unread > 0)).unwrap_or(false)
    }

    /// Whether the peer has ended its side and everything it sent was read.
    pub(super) fn is_at_end(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let peeked = self.socket.with(|socket| rustix::net::recv(socket, &mut [0_u8][..], flags));
        matches!(peeked, Some(Ok((_, 0))))
    }

    /// Whether the body that is being read was given up because it came too slowly.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(Ordering::SeqCst)
    }

    /// Whether reads and writes return at once when they would have to wait.
    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.with(|socket| SockRef::from(&socket).set_nonblocking(nonblocking)).unwrap_or(Ok(()))
    }

    /// Ends the connection if it is still waiting as it was in this state, with these last words where they can be said.
    /// A request that arrives at the same moment is not acted on, so that its client may safely send it again.
    pub(super) fn end_waiting(&self, seen: State, now: u64, last_words: &[u8]) -> bool {
        if !seen.is_waiting() || !self.swap(seen, State { phase: Phase::Closing, since: now }) {
            return false;
        }
        self.say(last_words);
        self.socket.with(|socket| SockRef::from(&socket).shutdown(Shutdown::Both));
        true
    }

    /// Sends these words, if they can be sent at once and are not to be encrypted.
    pub(super) fn say(&self, words: &[u8]) {
        if !self.secure && !words.is_empty() {
            self.socket.with(|socket| rustix::net::send(socket, words, SendFlags::DONTWAIT | SendFlags::NOSIGNAL));
        }
    }

    /// Gives up the body that is being read, so that its reader is told that it is late and can still answer.
    pub(super) fn stop_reading(&self) {
        self.late.store(true, Ordering::SeqCst);
        self.socket.with(|socket| SockRef::from(&socket).shutdown(Shutdown::Read));
    }

    /// Ends the connection whatever it is doing.
    pub(super) fn cut(&self) {
        let seen = self.state();
        if seen.phase != Phase::Closing {
            self.state.store(State { phase: Phase::Ended, ..seen }.pack(), Ordering::SeqCst);
        }
        self.reset_when_closed();
    }

    /// Resets the connection at once, though its socket stays open.
    pub(super) fn disconnect(&self) {
        self.socket.with(|socket| rustix::net::connect_unspec(socket));
    }

    /// The worker that runs the connection, once one does.
    pub(super) fn worker(&self) -> Option<ThreadId> {
        self.worker.get().copied()
    }

    /// Notes that this thread runs the connection.
    pub(super) fn set_worker(&self) {
        let _ = self.worker.set(thread::current().id());
    }

    /// What has arrived, as far as there is room, without taking it from tiny_http; waits for the first byte.
    pub(super) fn peek<'a>(&self, buffer: &'a mut [u8]) -> &'a [u8] {
        let Some(socket) = self.socket.for_worker() else { return &[] };
        match rustix::net::recv(socket, &mut *buffer, RecvFlags::PEEK) {
            Ok((_, length)) => &buffer[..length.min(buffer.len())],
            Err(_) => &[],
        }
    }

    fn reset_when_closed(&self) {
        self.socket.with(|socket| {
            let socket = SockRef::from(&socket);
            // Without a lingering send queue the peer is told by a reset that its answer is not whole.
            let _ = socket.set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        });
    }

    fn swap(&self, from: State, to: State) -> bool {
        self.state.compare_exchange(from.pack(), to.pack(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// All open connections, by their two ends.
pub(super) struct Connections {
    start: Instant,
    open: Mutex<Table>,
    /// How many are open, to be asked without the lock.
    count: AtomicUsize,
    /// Told when the first one is opened, for the guard. It is not told more, or it would wake for each connection.
    begun: Condvar,
    /// Told when one is closed.
    closed: Condvar,
}

#[derive(Default)]
struct Table {
    by_ends: HashMap<(SocketAddr, SocketAddr), Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            open: Mutex::default(),
            count: AtomicUsize::new(0),
            begun: Condvar::new(),
            closed: Condvar::new(),
        }
    }

    /// How many connections are open.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many connections are open from this address.
    pub(super) fn count_from(&self, address: IpAddr) -> usize {
        self.lock().by_address.get(&address).copied().unwrap_or(0)
    }

    pub(super) fn is_open(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.lock().by_ends.contains_key(&(local, peer))
    }

    /// Takes a new connection into the table.
    pub(super) fn add(&self, accepted: Accepted, secure: bool) -> Arc<Connection> {
        let state = State { phase: Phase::Fresh, since: self.now() };
        let connection = Arc::new(Connection {
            socket: accepted.socket,
            local: accepted.local,
            peer: accepted.peer,
            secure,
            state: AtomicU64::new(state.pack()),
            late: AtomicBool::new(false),
            worker: OnceLock::new(),
            watch: Mutex::new(Watch::new(state)),
        });
        let mut table = self.lock();
        table.by_ends.insert((connection.local, connection.peer), Arc::clone(&connection));
        *table.by_address.entry(connection.peer.ip()).or_default() += 1;
        self.count.store(table.by_ends.len(), Ordering::Relaxed);
        if table.by_ends.len() == 1 {
            self.begun.notify_all();
        }
        connection
    }

    /// Takes a connection out of the table. Its socket must be closed or disconnected: one that is not in the table and still
    /// connected would be taken for a new one.
    pub(super) fn remove(&self, connection: &Connection) {
        let mut table = self.lock();
        if table.by_ends.remove(&(connection.local, connection.peer)).is_none() {
            return;
        }
        let address = connection.peer.ip();
        if let Some(count) = table.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                table.by_address.remove(&address);
            }
        }
        self.count.store(table.by_ends.len(), Ordering::Relaxed);
        self.closed.notify_all();
    }

    /// Notes that the worker goes on to this phase; false when the connection was ended meanwhile.
    pub(super) fn enter(&self, connection: &Connection, phase: Phase) -> bool {
        let next = State { phase, since: self.now() };
        loop {
            let seen = connection.state();
            if seen.is_over() {
                return false;
            }
            if connection.swap(seen, next) {
                return true;
            }
        }
    }

    /// All connections that are open now.
    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        self.lock().by_ends.values().map(Arc::clone).collect()
    }

    /// Ends the connection that has been idle for longest; whether there was one.
    pub(super) fn end_longest_idle(&self) -> bool {
        let mut idle: Vec<_> = self.all().into_iter().map(|connection| (connection.state(), connection)).collect();
        idle.retain(|(state, _)| state.phase == Phase::Idle);
        idle.sort_by_key(|(state, _)| state.since);
        // One that has just begun to be busy is passed over.
        idle.into_iter().any(|(state, connection)| connection.end_waiting(state, self.now(), b""))
    }

    /// Waits for `time`, or until `few` says of how many connections are open that they are few enough; whether it did.
    pub(super) fn wait_for_fewer(&self, time: Duration, few: impl Fn(usize) -> bool) -> bool {
        let wait = |table: &mut Table| !few(table.by_ends.len());
        let result = self.closed.wait_timeout_while(self.lock(), time, wait);
        let (table, _) = result.unwrap_or_else(PoisonError::into_inner);
        few(table.by_ends.len())
    }

    /// Waits until a connection is open, or `give_up` says so when it is asked, which [`Connections::wake`] brings about.
    pub(super) fn wait_for_first(&self, give_up: impl Fn() -> bool) {
        let wait = |table: &mut Table| table.by_ends.is_empty() && !give_up();
        drop(self.begun.wait_while(self.lock(), wait).unwrap_or_else(PoisonError::into_inner));
    }

    /// Has whoever waits look around.
    pub(super) fn wake(&self) {
        drop(self.lock());
        self.begun.notify_all();
        self.closed.notify_all();
    }

    /// Milliseconds since the table was made.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while the table is being changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_their_packing() {
        for phase in State::PHASES {
            for since in [0, 1, 86_400_000, u64::MAX >> 3] {
                let state = State { phase, since };
                assert_eq!(State::unpack(state.pack()), state);
            }
        }
    }
}
