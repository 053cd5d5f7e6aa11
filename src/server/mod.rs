//! The server: it owns the threads and the sockets, and is the only part that waits.
//!
//! Acceptors take connections from the listeners and hand them to the workers. A worker does what can be done for a connection
//! and parks it in the registry while it waits for its client, which takes no thread; the poller tells when it goes on, the
//! watchdog when it has waited for too long.

mod body;
mod connection;
mod context;
mod eviction;
mod exchange;
mod lingering;
mod link;
mod listener;
mod lock;
mod notifier;
mod pace;
mod phase;
mod poller;
mod progress;
mod registry;
mod scheduling;
mod socket;
mod socket_file;
mod standing;
mod thread;
mod throttled_log;
mod timers;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls_stream;
#[cfg(feature = "tls")]
mod tls_stream;
mod token;
mod watchdog;
mod worker;
mod workers;
pub(crate) mod writer;

use std::fmt::{self, Debug};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use tiny_http::Listener;

use crate::access_log::AccessLog;
use crate::config::Settings;
use crate::error::Error;
use crate::handler::Handler;
use crate::http::request_head::HeadLimits;
#[cfg(feature = "tls")]
use crate::tls::Tls;

use context::Context;
use listener::{Address, Bound};
use notifier::Notifier;
use poller::Poller;
use registry::Registry;
use thread::Thread;
use throttled_log::ThrottledLog;
use watchdog::Watchdog;
use workers::Workers;

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

/// A server that is about to be: its addresses are taken, and nothing answers there yet.
pub struct Builder {
    bound: Vec<Bound>,
    socket_mode: u32,
    settings: Settings,
    access_log: Option<AccessLog>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
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

/// Stops a server from another thread, or from one of its own handlers.
#[derive(Clone)]
pub struct Stopper {
    context: Arc<Context>,
}

impl Server {
    /// Takes an address: the first of those given that can be taken. Port 0 is any free port.
    ///
    /// `[::]` is for IPv6 and IPv4, unless an IPv4 address with the same port is taken as well, before or after it: then it is
    /// for IPv6 alone.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] when it is no address, [`Error::Bind`] when it cannot be taken.
    pub fn bind(address: impl ToSocketAddrs + Debug) -> Result<Builder, Error> {
        Builder::new().and_bind(address)
    }

    /// Takes a path for a Unix socket. What a server left there that has ended, a socket where connecting is refused, is
    /// replaced; anything else there is an error. When the server stops, it removes the file if it is still its own.
    ///
    /// Connections wait from now on until the server serves them. Whoever may write to the file may connect: see
    /// [`Builder::socket_mode`]. The parent directory must be readable: it is locked for a moment, so that of several servers
    /// that start at the same time one gets the path.
    ///
    /// # Errors
    ///
    /// [`Error::BindUnix`] when it cannot be taken.
    pub fn bind_unix(path: impl AsRef<Path>) -> Result<Builder, Error> {
        Builder::new().and_bind_unix(path)
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
        Stopper { context: Arc::clone(&self.context) }
    }

    /// Waits until a [`Stopper`] stops the server, and then until it has stopped, as [`Server::shutdown`] does. Without one it
    /// waits for ever.
    pub fn join(mut self) -> Stopped {
        self.context.wait_for_stop();
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

    fn start_accepting(&mut self, listener: Listener, address: Address) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let waker = match &listener {
            Listener::Tcp(listener) => listener.try_clone().map(OwnedFd::from),
            Listener::Unix(listener) => listener.try_clone().map(OwnedFd::from),
        };
        let waker = waker.map_err(|source| address.error(source))?;
        let context = Arc::clone(&self.context);
        running.listeners.push((waker.into(), address));
        running.accepting.push(Thread::spawn("hearken-accept", move || listener::accept(&listener, &context))?);
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
        context.end_connections(&running.accepting);

        let deadline = Instant::now() + FOR_THREADS;
        context.watchdog.end();
        context.workers.close();
        context.notifier.notify();
        for thread in running.accepting.into_iter().chain([running.watchdog]) {
            thread.join_until(deadline);
        }
        let left_behind = context.workers.join_until(deadline);
        for request in &left_behind {
            log::warn!("left behind, for it does not return: {request}");
        }
        let cut = context.cut_answers.load(Ordering::SeqCst) + context.registry.answering();
        // Nobody is left who would take them.
        while context.arrivals.1.try_recv().is_ok() {}
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

impl Builder {
    fn new() -> Self {
        Self {
            bound: Vec::new(),
            socket_mode: socket_file::DEFAULT_MODE,
            settings: Settings::default(),
            access_log: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Takes one more address.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub fn and_bind(mut self, address: impl ToSocketAddrs + Debug) -> Result<Self, Error> {
        let bound = Bound::bind(address, &mut self.bound)?;
        self.bound.push(bound);
        Ok(self)
    }

    /// Takes one more path for a Unix socket.
    ///
    /// # Errors
    ///
    /// As [`Server::bind_unix`].
    pub fn and_bind_unix(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        self.bound.push(Bound::bind_unix(path.as_ref())?);
        Ok(self)
    }

    /// The permissions of the files of Unix sockets, whatever the umask: who may write to one may connect, such as a reverse
    /// proxy of the same group with `0o660`. Defaults to `0o600`, which they have from the moment they are made.
    #[must_use]
    pub fn socket_mode(mut self, mode: u32) -> Self {
        self.socket_mode = mode;
        self
    }

    /// Whether only this machine can reach the addresses that were taken: they are loopback addresses or Unix sockets.
    pub fn is_loopback(&self) -> bool {
        let mut addresses = self.bound.iter().filter_map(|bound| bound.address().as_tcp());
        addresses.all(|address| address.ip().to_canonical().is_loopback())
    }

    /// Sets what the server allows. Defaults to [`Settings::default`].
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Logs each request. Defaults to no log.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Serves HTTPS instead of HTTP. Defaults to HTTP.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Starts to serve. The threads start here, and when this returns connections are accepted.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] when an address was taken since it was bound, [`Error::BindUnix`] when the file of a socket is gone,
    /// [`Error::Setting`] when its mode is greater than `0o777`, [`Error::Thread`] when the system has no thread left,
    /// [`Error::Poll`] when it has no descriptor left.
    pub fn serve(self, app: impl Handler) -> Result<Server, Error> {
        let socket_mode = self.socket_mode;
        if socket_mode > socket_file::MOST_MODE {
            return Err(Error::Setting(format!("{socket_mode:o} is not a mode for a socket: 777 is the greatest")));
        }
        let addresses: Vec<_> = self.bound.iter().map(|bound| bound.address().clone()).collect();
        let tcp_addresses = addresses.iter().filter_map(Address::as_tcp).collect();
        let listeners = self.bound.into_iter().map(|bound| bound.listen(socket_mode)).collect::<Result<Vec<_>, _>>()?;
        let mut settings = self.settings;
        settings.max_connections = affordable_connections(settings.max_connections);
        let max_connections = settings.max_connections;
        let head_limits = HeadLimits {
            max_head: settings.max_head,
            max_fields: settings.max_headers,
            max_target: settings.max_target,
        };
        let notifier = Arc::new(Notifier::new().map_err(Error::Poll)?);
        let poller = Poller::new(&notifier).map_err(Error::Poll)?;
        let stop_notifier = Notifier::new().map_err(Error::Poll)?;
        let context = Arc::new_cyclic(|context: &Weak<Context>| Context {
            app: Box::new(app),
            settings,
            head_limits,
            #[cfg(feature = "tls")]
            tls: self.tls.map(Tls::into_config),
            #[cfg(not(feature = "tls"))]
            tls: None,
            access_log: self.access_log,
            // Each thread that accepts may be about to take one more.
            registry: Registry::new(max_connections + listeners.len()),
            poller,
            notifier,
            arrivals: unbounded(),
            workers: Workers::new(workers_wanted(), max_connections, worker::IDLE_WORKER_TIME, worker::runner(context)),
            watchdog: Watchdog::default(),
            throttled_log: ThrottledLog::default(),
            stop_notifier,
            cut_answers: AtomicUsize::new(0),
            stop: Mutex::new(None),
            stopping: AtomicBool::new(false),
            stop_changed: Condvar::new(),
        });
        let watching = Arc::clone(&context);
        let watchdog = Thread::spawn("hearken-watchdog", move || Watchdog::run(&watching))?;
        // Should anything fail from here on, the server is dropped, which ends the threads that were started.
        let running = Running { listeners: Vec::new(), accepting: Vec::new(), watchdog };
        let mut server = Server { context, addresses, tcp_addresses, running: Some(running) };
        // At least one must start; others are added when they are needed.
        server.context.workers.add().map_err(Error::Thread)?;
        for (index, listener) in listeners.into_iter().enumerate() {
            server.start_accepting(listener, server.addresses[index].clone())?;
        }
        Ok(server)
    }
}

impl Stopper {
    /// Begins to stop the server, as [`Server::shutdown`] does, and returns at once. A later call can only shorten the grace.
    pub fn stop(&self, grace: Duration) {
        self.context.stop(grace);
    }
}

/// How long the threads of a server have to end after what they did was cut off.
const FOR_THREADS: Duration = Duration::from_millis(400);

/// How many descriptors are left for other things than connections: the files that are being served, and the program's own.
const RESERVED_FILES: std::ops::RangeInclusive<u64> = 64..=1024;

/// As many connections as the limit on open files allows: one descriptor each, less a reserve.
fn affordable_connections(wanted: usize) -> usize {
    let Some(files) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else { return wanted };
    let reserve = (files / 4).clamp(*RESERVED_FILES.start(), *RESERVED_FILES.end());
    let affordable = usize::try_from(files.saturating_sub(reserve)).unwrap_or(usize::MAX).max(1);
    if affordable < wanted {
        log::debug!("{affordable} connections at most: the limit is {files} open files");
    }
    wanted.min(affordable)
}

/// How many workers are to work at the same time. Twice as many as processors: with fewer, processors are idle while a worker
/// is about to wait; with more, the system switches between them.
fn workers_wanted() -> usize {
    2 * std::thread::available_parallelism().map_or(2, usize::from)
}

impl Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("secure", &self.context.is_secure())
            .finish_non_exhaustive()
    }
}

impl Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}
