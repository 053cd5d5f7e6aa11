//! Binds addresses and starts a server on them.

use std::fmt::{self, Debug};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};

use crossbeam_channel::unbounded;

use super::bind_addresses::BindAddresses;
use super::clock::Clock;
use super::context::Context;
use super::evictor::Evictor;
use super::listener::{Bound, no_address};
use super::notifier::Notifier;
use super::poller::Poller;
use super::registry::Registry;
use super::server::Server;
use super::shared::Shared;
use super::socket_file;
use super::stop_signal::StopSignal;
use super::stopper::Stopper;
use super::thread::Thread;
use super::throttled_log::ThrottledLog;
use super::watchdog;
use super::watchdog_signal::WatchdogSignal;
use super::worker;
use super::worker_pool::WorkerPool;
use crate::access_log::AccessLog;
use crate::config::Settings;
use crate::error::Error;
use crate::handler::Handler;
use crate::semaphore::Semaphore;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// A server that is being set up: its addresses are bound, and nothing answers there yet.
pub struct Builder {
    bound: Vec<Bound>,
    ipv6_only: bool,
    socket_mode: u32,
    stop: Arc<StopSignal>,
    settings: Settings,
    access_log: Option<AccessLog>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Server {
    /// Binds one address, or each address of a list. Port 0 is any free port, another one for each address.
    ///
    /// Of a host name that resolves to several addresses, such as `localhost`, the first that can be bound is bound, as by
    /// [`TcpListener::bind`](std::net::TcpListener::bind). [`BindAddresses`] says what else may be given. [`Builder::bind`] adds
    /// further addresses.
    ///
    /// `[::]` is for IPv6 and IPv4, whatever the system's default. If an IPv4 address with the same port is bound as well, before or
    /// after it, or after [`Builder::ipv6_only`], it is for IPv6 alone.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] when one is no address, [`Error::Bind`] when one cannot be bound, [`Error::Setting`] when the list is
    /// empty.
    pub fn bind(addresses: impl BindAddresses) -> Result<Builder, Error> {
        Builder::new().bind(addresses)
    }

    /// Binds a Unix socket to a path. A socket at that path where connecting is refused, left by a server that has ended, is
    /// replaced; anything else there is an error. When the server stops, it removes the file if it is still its own.
    ///
    /// Clients can connect from now on, and wait until the server serves them. Users who may write to the file may connect: see
    /// [`Builder::socket_mode`]. The parent directory must be readable: it is locked for a moment, so that only one of several
    /// servers that start at the same time gets the path.
    ///
    /// # Errors
    ///
    /// [`Error::BindUnix`] when it cannot be bound.
    pub fn bind_unix(path: impl AsRef<Path>) -> Result<Builder, Error> {
        Builder::new().bind_unix(path)
    }

    /// Takes a socket that the program has bound or that it was started with: a [`TcpListener`](std::net::TcpListener), a
    /// [`UnixListener`](std::os::unix::net::UnixListener), or an [`OwnedFd`] with either of them, as service managers pass on.
    /// [`Builder::listener`] adds further ones.
    ///
    /// If it does not listen yet, [`Builder::serve`] has it listen. It makes the socket non-blocking, and with it all duplicates, which
    /// other servers may use at the same time. When the server stops, the clients in the queue are answered, and the socket is
    /// closed; duplicates go on listening. The file of a Unix socket stays.
    ///
    /// ```
    /// use std::net::TcpListener;
    /// use hearken::{Request, Server};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let server = Server::from_listener(listener)?.serve(|_: &mut Request| "hello")?;
    /// println!("Listening on {}", server.url());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Listener`] when it is not a bound stream socket, TCP or Unix, or when it is connected.
    pub fn from_listener(listener: impl Into<OwnedFd>) -> Result<Builder, Error> {
        Builder::new().listener(listener)
    }
}

impl Builder {
    /// A server without an address yet. [`Server::bind`] is this and [`Builder::bind`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            bound: Vec::new(),
            ipv6_only: false,
            socket_mode: socket_file::DEFAULT_MODE,
            stop: Arc::default(),
            settings: Settings::default(),
            access_log: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Binds one more address, or each address of a list.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub fn bind(mut self, addresses: impl BindAddresses) -> Result<Self, Error> {
        let resolved = addresses.resolve()?;
        if resolved.is_empty() {
            return Err(no_address());
        }
        for candidates in resolved {
            let bound = Bound::bind(candidates, &mut self.bound, self.ipv6_only)?;
            self.bound.push(bound);
        }
        Ok(self)
    }

    /// Binds a Unix socket to one more path.
    ///
    /// # Errors
    ///
    /// As [`Server::bind_unix`].
    pub fn bind_unix(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        self.bound.push(Bound::bind_unix(path.as_ref())?);
        Ok(self)
    }

    /// Takes one more socket that was bound elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Server::from_listener`].
    pub fn listener(mut self, listener: impl Into<OwnedFd>) -> Result<Self, Error> {
        self.bound.push(Bound::given(listener.into())?);
        Ok(self)
    }

    /// Whether `[::]` is for IPv6 alone, in all addresses that the server binds; a given listener stays as it is. Defaults to
    /// `false`: `[::]` is for IPv4 too, except beside an IPv4 address with the same port.
    ///
    /// An address that is bound already is bound again by [`Builder::serve`] if need be, which fails if another program takes the
    /// port meanwhile. Where another program has the IPv4 port, call this before binding:
    ///
    /// ```no_run
    /// let builder = hearken::Builder::new().ipv6_only(true).bind("[::]:4040")?;
    /// # Ok::<(), hearken::Error>(())
    /// ```
    #[must_use]
    pub fn ipv6_only(mut self, ipv6_only: bool) -> Self {
        self.ipv6_only = ipv6_only;
        self
    }

    /// The mode of the files of Unix sockets that the server has bound, whatever the umask: users who may write to the file may
    /// connect, such as a reverse proxy of the same group with `0o660`. Defaults to `0o600`, which the file has from the moment it
    /// exists.
    #[must_use]
    pub fn socket_mode(mut self, mode: u32) -> Self {
        self.socket_mode = mode;
        self
    }

    /// The first TCP address that was bound. Where port 0 was asked for, it has the port that the system chose.
    ///
    /// # Panics
    ///
    /// When there are Unix sockets only.
    pub fn address(&self) -> SocketAddr {
        *self.addresses().first().expect("address() is for servers that listen on TCP")
    }

    /// All TCP addresses that were bound, in the order they were given, with the ports that the system chose. Nothing listens there
    /// before [`Builder::serve`].
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().filter_map(|bound| bound.address().as_tcp()).collect()
    }

    /// The paths of all Unix sockets, in the order they were given.
    pub fn unix_paths(&self) -> impl Iterator<Item = &Path> {
        self.bound.iter().filter_map(|bound| bound.address().as_path())
    }

    /// The URLs that the server will have, as [`Server::urls`] gives them: `https` if `Builder::tls` was called before.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        #[cfg(feature = "tls")]
        let secure = self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        let secure = false;
        self.bound.iter().map(move |bound| bound.address().url(secure))
    }

    /// Whether only this machine can reach the addresses that were bound: all are loopback addresses or Unix sockets.
    pub fn is_loopback(&self) -> bool {
        self.addresses().iter().all(|address| address.ip().to_canonical().is_loopback())
    }

    /// Sets the limits and timeouts of the server. Defaults to [`Settings::default`].
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

    /// Serves HTTPS instead of HTTP. Defaults to HTTP. Needs the feature `tls`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A handle to stop the server with, which handlers and other threads can be given before it starts. If it is used before, the
    /// server stops as soon as it starts.
    pub fn stopper(&self) -> Stopper {
        Stopper::new(&self.stop)
    }

    /// Starts to serve. The threads start here; when this returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] when another program listens on an address since it was bound, [`Error::BindUnix`] when the file of a
    /// socket is gone, [`Error::Setting`] when its mode is greater than `0o777` or there is no address, [`Error::Thread`] when the
    /// system has no thread left, [`Error::Poll`] when it has no descriptor left.
    pub fn serve(mut self, app: impl Handler) -> Result<Server, Error> {
        if self.bound.is_empty() {
            return Err(no_address());
        }
        let socket_mode = self.socket_mode;
        if socket_mode > socket_file::MAX_MODE {
            return Err(Error::Setting(format!("{socket_mode:o} is not a mode for a socket: 777 is the greatest")));
        }
        Bound::settle(&mut self.bound, self.ipv6_only)?;
        let addresses: Vec<_> = self.bound.iter().map(|bound| bound.address().clone()).collect();
        let listeners = self.bound.into_iter().map(|bound| bound.listen(socket_mode)).collect::<Result<Vec<_>, _>>()?;
        let mut settings = self.settings;
        settings.max_connections = affordable_connections(settings.max_connections);
        let max_connections = settings.max_connections;
        let (head_limits, streams) = (settings.head_limits(), settings.stream_limit());
        let notifier = Arc::new(Notifier::new().map_err(Error::Poll)?);
        let poller = Poller::new(&notifier).map_err(Error::Poll)?;
        let stop_notifier = Notifier::new().map_err(Error::Poll)?;
        let clock = Clock::start();
        let context = Arc::new_cyclic(|context: &Weak<Context>| Context {
            app: Box::new(app),
            #[cfg(feature = "tls")]
            tls: self.tls.map(Tls::into_config),
            #[cfg(not(feature = "tls"))]
            tls: None,
            access_log: self.access_log,
            shared: Arc::new(Shared {
                settings,
                head_limits,
                clock,
                poller,
                notifier,
                workers: WorkerPool::new(
                    workers_wanted(),
                    max_connections,
                    worker::IDLE_WORKER_TIME,
                    worker::runner(context),
                ),
                streams: Semaphore::new(streams),
                watchdog: WatchdogSignal::default(),
                stop: Arc::clone(&self.stop),
                stop_notifier,
                throttled_log: ThrottledLog::default(),
            }),
            // Each acceptor may hold one more that is not counted yet.
            registry: Arc::new(Registry::new(max_connections + listeners.len(), clock)),
            evictor: Evictor::default(),
            accepted: unbounded(),
            cut_responses: AtomicUsize::new(0),
        });
        let woken = Arc::downgrade(&context);
        self.stop.wake_by(move || {
            if let Some(context) = woken.upgrade() {
                context.wake();
            }
        });
        let watching = Arc::clone(&context);
        let watchdog = Thread::spawn("hearken-watchdog", move || watchdog::run(&watching))?;
        // If anything fails from here on, the server is dropped, which ends the threads that were started.
        let mut server = Server::new(Arc::clone(&context), addresses, watchdog);
        // One worker must start; others are added when they are needed.
        context.shared.workers.add().map_err(Error::Thread)?;
        for listener in listeners {
            server.start_accepting(listener)?;
        }
        Ok(server)
    }
}

/// How many descriptors are reserved for other uses than connections: the files that are being served, and the program's
/// own.
const RESERVED_FILES: std::ops::RangeInclusive<u64> = 64..=1024;

/// As many of the wanted connections as the limit on open files allows: one descriptor each, less the reserve.
fn affordable_connections(wanted: usize) -> usize {
    let Some(files) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else { return wanted };
    let reserve = (files / 4).clamp(*RESERVED_FILES.start(), *RESERVED_FILES.end());
    let affordable = usize::try_from(files.saturating_sub(reserve)).unwrap_or(usize::MAX).max(1);
    if affordable < wanted {
        log::debug!("{affordable} connections at most: the limit is {files} open files");
    }
    wanted.min(affordable)
}

/// How many workers work at the same time: two for each processor. With fewer, processors are idle while a worker is about to
/// wait; with more, the system switches between them.
fn workers_wanted() -> usize {
    2 * std::thread::available_parallelism().map_or(2, usize::from)
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
