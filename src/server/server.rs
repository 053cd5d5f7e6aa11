//! A running server, and how it ends.

use std::fmt::{self, Debug};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tiny_http::Listener;

use super::acceptor;
use super::connection::Connection;
use super::context::Context;
use super::listener::Address;
use super::phase::Phase;
use super::registry::Parkable as _;
use super::stopper::Stopper;
use super::thread::Thread;
use crate::error::Error;

/// A running server. Dropping it stops it, cutting what it is doing, and waits at most a second for its threads;
/// [`Server::shutdown`] stops it with more patience.
///
/// ```
/// use std::time::Duration;
/// use hearken::{Request, Response, Router, Server};
///
/// let app = Router::new().get("/hello", |_: &mut Request| Response::text("Hello, world!"));
/// let server = Server::bind("127.0.0.1:0")?.serve(app)?;
/// println!("Listening on {}", server.url());
/// server.shutdown(Duration::from_secs(5));
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct Server {
    context: Arc<Context>,
    addresses: Vec<Address>,
    /// Those that are TCP.
    tcp_addresses: Vec<SocketAddr>,
    /// `None` once the server has been stopped.
    running: Option<Running>,
}

/// The threads of a server, and what ends them.
struct Running {
    /// Second descriptors of the listening sockets, to wake the threads that accept from them.
    listeners: Vec<(socket2::Socket, Address)>,
    accepting: Vec<Thread>,
    watchdog: Thread,
}

/// What became of the connections of a server that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// How many connections were cut off in the middle of an exchange because the time was up.
    pub cut: usize,
    /// How many threads were left behind, because a handler or a stream on them did not return. The log names the requests.
    pub left_behind: usize,
}

impl Server {
    /// A server that does not accept connections yet. When it is dropped, its threads end.
    pub(super) fn new(context: Arc<Context>, addresses: Vec<Address>, watchdog: Thread) -> Self {
        let tcp_addresses = addresses.iter().filter_map(Address::as_tcp).collect();
        let running = Running { listeners: Vec::new(), accepting: Vec::new(), watchdog };
        Self { context, addresses, tcp_addresses, running: Some(running) }
    }

    /// The first TCP address that the server listens on, with the real port.
    ///
    /// # Panics
    ///
    /// When it listens on Unix sockets only.
    pub fn address(&self) -> SocketAddr {
        *self.tcp_addresses.first().expect("address() is for servers that listen on TCP")
    }

    /// All TCP addresses that the server listens on, in the order they were given.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.tcp_addresses
    }

    /// The URL of the first address, such as `http://127.0.0.1:4040/`, or for a Unix socket `unix:/its/path`.
    pub fn url(&self) -> String {
        self.addresses[0].url(self.context.is_secure())
    }

    /// The URLs of all addresses, in the order they were given.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.addresses.iter().map(|address| address.url(self.context.is_secure()))
    }

    /// A handle to stop the server with while [`Server::join`] waits.
    pub fn stopper(&self) -> Stopper {
        Stopper::new(&self.context)
    }

    /// Waits until a [`Stopper`] stops the server, and then until it has stopped, as [`Server::shutdown`] does. Without one it
    /// waits for ever.
    pub fn join(mut self) -> Stopped {
        self.context.shared.stop.wait();
        self.end()
    }

    /// Stops the server: it takes no more connections, closes those that wait for a request, and lets those that are being
    /// answered finish for as long as `grace`; what is left then is cut off. When this returns, at most a second after the
    /// grace, the addresses are free.
    ///
    /// A handler or a stream that has not returned then is left behind with its thread, which cannot be ended from outside: it
    /// is counted in what this returns, and named in the log. One that takes long can ask [`Request::connection`](
    /// crate::Request::connection) whether the server stops; reading a body and writing an answer fail when it is cut off.
    ///
    /// From a handler, use a [`Stopper`]: this would wait for the handler's own thread, and leave it behind.
    pub fn shutdown(mut self, grace: Duration) -> Stopped {
        self.context.stop(grace);
        self.end()
    }

    pub(super) fn start_accepting(&mut self, listener: Listener, address: Address) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let waker = match &listener {
            Listener::Tcp(listener) => listener.try_clone().map(OwnedFd::from),
            Listener::Unix(listener) => listener.try_clone().map(OwnedFd::from),
        };
        let waker = waker.map_err(|source| address.error(source))?;
        let context = Arc::clone(&self.context);
        running.listeners.push((waker.into(), address));
        running.accepting.push(Thread::spawn("hearken-accept", move || acceptor::accept(&listener, &context))?);
        Ok(())
    }

    fn end(&mut self) -> Stopped {
        let Some(running) = self.running.take() else { return Stopped { cut: 0, left_behind: 0 } };
        let context = &self.context;
        for (socket, address) in &running.listeners {
            address.wake(socket);
        }
        // The thread that accepts is then the last to hold its socket, and closes it in its own time.
        for (_, address) in running.listeners {
            if let Address::Unix(file) = address {
                file.remove();
            }
        }
        end_connections(context, &running.accepting);

        let deadline = Instant::now() + THREAD_GRACE;
        context.shared.watchdog.end();
        context.shared.workers.close();
        context.shared.notifier.notify();
        for thread in running.accepting.into_iter().chain([running.watchdog]) {
            thread.join_until(deadline);
        }
        let left_behind = context.shared.workers.join_until(deadline);
        for request in &left_behind {
            log::warn!("left behind, for it does not return: {request}");
        }
        let cut = context.cut_answers.load(Ordering::SeqCst) + context.registry.answering();
        // Nobody is left who would take them.
        while context.accepted.1.try_recv().is_ok() {}
        drop(context.registry.cut_all());
        if let Some(log) = &context.access_log {
            log.flush();
        }
        Stopped { cut, left_behind: left_behind.len() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.context.stop(Duration::ZERO);
            self.end();
        }
    }
}

/// Ends the connections of a server that is to stop, while the last ones are still being accepted: those that wait for a
/// request soon, those that are busy when the time is up.
fn end_connections(context: &Context, accepting: &[Thread]) {
    let mut activity = None;
    loop {
        // Under load the next request of a kept-alive connection is on its way: it is answered, as the last one. Where no
        // handler runs, and a client of this machine has not been asking all the time, there is none.
        let now = context.shared.workers.handler_activity();
        let is_calm = now.running == 0 && activity.replace(now) == Some(now);
        let local = if is_calm { QUIET_LOCAL } else { QUIET };
        for mut connection in take_quiet(context, QUIET, local) {
            // Without TLS, closing says the same as ending what is said before.
            if connection.is_secure() {
                connection.finish();
            }
        }
        let left = context.shared.stop.deadline().saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let none_left = context.registry.wait_for_fewer(left.min(QUIET_CHECK_INTERVAL), |count| count == 0);
        if none_left && accepting.iter().all(Thread::has_ended) && context.registry.count() == 0 {
            return;
        }
    }
    // Those that no worker has taken yet are in the middle of nothing.
    while context.accepted.1.try_recv().is_ok() {}
    drop(context.registry.cut_all());
}

/// Takes the connections that wait for the client and have done so for at least `quiet` milliseconds, with nothing of what it
/// sent still to be read; `local` is for idle ones whose client is on this machine and in no conversation.
#[expect(clippy::vec_box, reason = "they are parked in boxes, and moved as such")]
fn take_quiet(context: &Context, quiet: u64, local: u64) -> Vec<Box<Connection>> {
    let now = context.shared.clock.now();
    context.registry.take_if(|connection, phase, since| {
        let is_local = connection.peer().is_local() && phase == Phase::Idle;
        let quiet = if is_local && !connection.is_conversing(quiet) { local } else { quiet };
        since.saturating_add(quiet) <= now && phase != Phase::Turn && connection.socket().unread() == 0
    })
}

/// How long the threads of a server have to end after what they did was cut off.
const THREAD_GRACE: Duration = Duration::from_millis(400);

/// How many milliseconds a connection that waits for a request must have done so to be closed by a stop; and one of this
/// machine that is in no conversation, where no handler has run between two looks.
const QUIET: u64 = 250;
const QUIET_LOCAL: u64 = 5;

/// How long a stop waits between two looks at what has become quiet.
const QUIET_CHECK_INTERVAL: Duration = Duration::from_millis(3);

impl Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("secure", &self.context.is_secure())
            .finish_non_exhaustive()
    }
}
