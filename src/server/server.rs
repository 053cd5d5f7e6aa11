//! A running server, and how it ends.

use std::fmt::{self, Debug};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::acceptor;
use super::address::Address;
use super::connection::Connection;
use super::context::Context;
use super::listener::Listening;
use super::phase::Phase;
use super::registry::Parkable as _;
use super::stopper::Stopper;
use super::thread::Thread;
use crate::error::Error;

/// A running server. Dropping it cuts off what it is doing and waits at most a second for its threads; [`Server::shutdown`]
/// lets running exchanges finish.
///
/// ```
/// use std::time::Duration;
/// use hearken::{Router, Server};
///
/// let app = Router::new().get("/hello", |_| "Hello, world!");
/// let server = Server::bind("127.0.0.1:0")?.serve(app)?;
/// println!("Listening on {}", server.url());
/// server.shutdown(Duration::from_secs(5));
/// # Ok::<(), hearken::Error>(())
/// ```
#[must_use = "the server stops when it is dropped"]
pub struct Server {
    context: Arc<Context>,
    addresses: Vec<Address>,
    /// Those of `addresses` that are TCP.
    tcp_addresses: Vec<SocketAddr>,
    /// `None` once the server has been stopped.
    running: Option<Running>,
}

/// The threads of a server but its workers, and what it takes to end them.
struct Running {
    accepting: Vec<Thread>,
    watchdog: Thread,
}

/// What became of the connections of a server that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// How many connections were cut off in the middle of an exchange because the grace was over.
    pub cut: usize,
    /// How many threads were left behind because a handler or a stream did not return. The log names their requests.
    pub left_behind: usize,
}

impl Server {
    /// A server that does not accept connections yet. Dropping it ends its threads.
    pub(super) fn new(context: Arc<Context>, addresses: Vec<Address>, watchdog: Thread) -> Self {
        let tcp_addresses = addresses.iter().filter_map(Address::as_tcp).collect();
        let running = Running { accepting: Vec::new(), watchdog };
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

    /// The paths of all Unix sockets that the server listens on, in the order they were given.
    pub fn unix_paths(&self) -> impl Iterator<Item = &Path> {
        self.addresses.iter().filter_map(Address::as_path)
    }

    /// The URL of the first address, such as `http://127.0.0.1:4040/`, or for a Unix socket `unix:/its/path`.
    ///
    /// It is for programs on this machine: `http://127.0.0.1:4040/` stands for `0.0.0.0`, and `http://[::1]:4040/` for `::`. To show
    /// people the address that was bound, use [`Server::addresses`]. In the URL of a link-local IPv6 address, `%25` and its scope
    /// follow the address.
    pub fn url(&self) -> String {
        self.addresses[0].url(self.context.is_secure())
    }

    /// The URLs of all addresses, in the order they were given, each as [`Server::url`] gives it.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.addresses.iter().map(|address| address.url(self.context.is_secure()))
    }

    /// A handle to stop the server with while [`Server::join`] waits.
    pub fn stopper(&self) -> Stopper {
        Stopper::new(&self.context.shared.stop)
    }

    /// Waits until a [`Stopper`] stops the server, then stops it as [`Server::shutdown`] does. Without a stopper it waits for
    /// ever.
    pub fn join(mut self) -> Stopped {
        self.context.shared.stop.wait();
        self.end()
    }

    /// Stops the server: it accepts no more connections, closes those that wait for a request, and lets running exchanges
    /// finish within `grace`; what is left then is cut off. This returns at most a second after the grace, and the addresses
    /// are free.
    ///
    /// A handler or a stream that has not returned by then is left behind with its thread, because a thread cannot be ended from
    /// outside: it is counted in the result and named in the log. A long handler can ask [`Request::connection`](
    /// crate::Request::connection) whether the server stops; once it is cut off, reading the body and writing the response fail.
    ///
    /// A handler uses a [`Stopper`] instead: this call would wait for the handler's own thread and leave it behind.
    pub fn shutdown(mut self, grace: Duration) -> Stopped {
        self.context.shared.stop.begin(grace);
        self.end()
    }

    pub(super) fn start_accepting(&mut self, listener: Listening) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let context = Arc::clone(&self.context);
        running.accepting.push(Thread::spawn("hearken-accept", move || acceptor::accept(&listener, &context))?);
        Ok(())
    }

    fn end(&mut self) -> Stopped {
        let Some(running) = self.running.take() else { return Stopped { cut: 0, left_behind: 0 } };
        let context = &self.context;
        for address in &self.addresses {
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
            log::warn!("left behind because it does not return: {request}");
        }
        let cut = context.cut_responses.load(Ordering::SeqCst) + context.registry.answering();
        // No worker is left to take them.
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
            self.context.shared.stop.begin(Duration::ZERO);
            self.end();
        }
    }
}

/// Ends the connections of a stopping server while the last ones are still being accepted: those that wait for a request soon,
/// busy ones when the grace is over.
fn end_connections(context: &Context, accepting: &[Thread]) {
    let mut activity = None;
    loop {
        // Under load the next request of a persistent connection is on its way: it is answered, with `Connection: close`. There
        // is none on its way if no handler runs and a client on this machine has not been sending requests all the time.
        let now = context.shared.workers.handler_activity();
        let is_calm = now.running == 0 && activity.replace(now) == Some(now);
        let local = if is_calm { QUIET_LOCAL } else { QUIET };
        for mut connection in take_quiet(context, QUIET, local) {
            // Without TLS, closing the socket is enough.
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
    // Those that no worker has taken yet have begun no exchange.
    while context.accepted.1.try_recv().is_ok() {}
    drop(context.registry.cut_all());
}

/// Takes the connections that have waited for their client for at least `quiet` milliseconds and have no input left to read.
/// For idle connections whose client is on this machine and sends requests rarely, `local` milliseconds are enough.
#[expect(clippy::vec_box, reason = "they are parked in boxes, and moved as such")]
fn take_quiet(context: &Context, quiet: u64, local: u64) -> Vec<Box<Connection>> {
    let now = context.shared.clock.now();
    context.registry.take_if(|connection, phase, since| {
        let is_local = connection.peer().is_local() && phase == Phase::Idle;
        let quiet = if is_local && !connection.is_conversing(quiet) { local } else { quiet };
        since.saturating_add(quiet) <= now && phase != Phase::Turn && connection.socket().unread() == 0
    })
}

/// How long the threads of a server have to end after their connections were cut off.
const THREAD_GRACE: Duration = Duration::from_millis(400);

/// A stop closes a connection that has waited for a request for this many milliseconds.
const QUIET: u64 = 250;
/// The same for a client on this machine that sends requests rarely, if no handler has run between two checks.
const QUIET_LOCAL: u64 = 5;

/// How long a stop waits between two checks for quiet connections.
const QUIET_CHECK_INTERVAL: Duration = Duration::from_millis(3);

impl Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("secure", &self.context.is_secure())
            .finish_non_exhaustive()
    }
}
