//! The server: it owns the threads and the sockets, and is the only part that names tiny_http.
//!
//! Listeners accept connections and queue them for the pool; a worker takes one and runs its exchanges; the guard watches
//! them all. `connections` is what they share.

mod adapter;
mod connections;
mod descriptor;
mod exchange;
mod fields;
mod guard;
mod listener;
mod pool;
mod scheduling;
mod writer;

use std::fmt::{self, Debug};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::Socket;
use tiny_http::SslContextWrap;

use crate::access_log::AccessLog;
use crate::config::Settings;
use crate::error::Error;
use crate::handlers::Handler;
#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsError};

use connections::{Connection, Connections};
use exchange::Requests;
use listener::Bound;
use pool::Pool;

/// A running server. Dropping it stops it, cutting what it is doing; [`Server::shutdown`] stops it with more patience.
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
    addresses: Vec<SocketAddr>,
    secure: bool,
    /// `None` once the server has been stopped.
    running: Option<Running>,
}

/// The threads of a server, and what ends them.
struct Running {
    /// Second descriptors of the listening sockets, to wake the threads that accept from them.
    listeners: Vec<Socket>,
    accepting: Vec<JoinHandle<()>>,
    guard: JoinHandle<()>,
    pool: Arc<Pool<Job>>,
}

/// A server that is about to be: its addresses are taken, and nothing answers there yet.
pub struct Builder {
    bound: Vec<Bound>,
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
}

/// Stops a server from another thread, or from one of its own handlers.
#[derive(Clone)]
pub struct Stopper {
    context: Arc<Context>,
}

impl Server {
    /// Takes an address: the first of those given that can be taken. Port 0 is any free port.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] when it is no address, [`Error::Bind`] when it cannot be taken.
    pub fn bind(address: impl ToSocketAddrs + Debug) -> Result<Builder, Error> {
        let builder = Builder {
            bound: Vec::new(),
            settings: Settings::default(),
            access_log: None,
            #[cfg(feature = "tls")]
            tls: None,
        };
        builder.and_bind(address)
    }

    /// The first address that the server listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses that the server listens on, in the order they were given.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The URL of the first address, such as `http://127.0.0.1:4040/`.
    pub fn url(&self) -> String {
        url(self.secure, self.address())
    }

    /// The URLs of all addresses, in the order they were given.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.addresses.iter().map(|address| url(self.secure, *address))
    }

    /// A handle to stop the server with while [`Server::join`] waits.
    pub fn stopper(&self) -> Stopper {
        Stopper { context: Arc::clone(&self.context) }
    }

    /// Waits until a [`Stopper`] stops the server, and then until it has stopped. Without one it waits for ever.
    pub fn join(mut self) -> Stopped {
        self.context.wait_for_stop();
        self.end()
    }

    /// Stops the server: it takes no more connections, closes those that wait for a request, and lets those that are being
    /// answered finish for as long as `grace`; what is left then is cut off. When this returns the addresses are free and
    /// all threads have ended.
    ///
    /// A handler that is still running when its connection is cut off is waited for: a thread cannot be ended from outside.
    pub fn shutdown(mut self, grace: Duration) -> Stopped {
        self.context.stop(grace);
        self.end()
    }

    fn start_accepting(
        &mut self,
        listener: TcpListener,
        address: SocketAddr,
        tls: &Arc<SslContextWrap>,
    ) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let waker = listener.try_clone().map_err(|source| Error::Bind { address, source })?;
        let (context, pool, tls) = (Arc::clone(&self.context), Arc::clone(&running.pool), Arc::clone(tls));
        let thread = spawn("hearken-accept", move || listener::accept(listener, address, &tls, &context, &pool))?;
        running.listeners.push(waker.into());
        running.accepting.push(thread);
        Ok(())
    }

    fn end(&mut self) -> Stopped {
        let Some(running) = self.running.take() else { return Stopped { cut: 0 } };
        for (socket, address) in running.listeners.iter().zip(&self.addresses) {
            listener::wake(socket, *address);
        }
        // The thread that accepts is then the last to hold its socket, and closes it in its own time.
        drop(running.listeners);
        join_all(running.accepting);

        let cut = self.context.end_connections();
        join_all([running.guard]);
        // The threads that shared it have ended, so this is the last hold on the pool.
        if let Some(pool) = Arc::into_inner(running.pool) {
            pool.join();
        }
        if let Some(log) = &self.context.access_log {
            log.flush();
        }
        Stopped { cut }
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
    /// Takes one more address.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub fn and_bind(mut self, address: impl ToSocketAddrs + Debug) -> Result<Self, Error> {
        self.bound.push(Bound::bind(address)?);
        Ok(self)
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
    /// [`Error::Bind`] when an address was taken since it was bound, [`Error::Thread`] when the system has no thread left.
    pub fn serve(self, app: impl Handler) -> Result<Server, Error> {
        #[cfg(feature = "tls")]
        let (secure, tls) = (self.tls.is_some(), secure_context(self.tls.as_ref())?);
        #[cfg(not(feature = "tls"))]
        let (secure, tls) = (false, plain_context());
        let tls = Arc::new(tls);

        let addresses: Vec<_> = self.bound.iter().map(Bound::address).collect();
        let listeners =
            self.bound.into_iter().map(|bound| bound.listen(&self.settings)).collect::<Result<Vec<_>, _>>()?;
        let mut settings = self.settings;
        settings.max_connections = affordable_connections(settings.max_connections);
        let max_connections = settings.max_connections;
        let context = Arc::new(Context {
            app: Box::new(app),
            settings,
            secure,
            access_log: self.access_log,
            connections: Connections::new(),
            stop: Mutex::new(None),
            stopping: AtomicBool::new(false),
            stop_changed: Condvar::new(),
        });
        let pool = Pool::new(max_connections, WAITING_CONNECTIONS, WORKER_LINGER, |mut job: Job| job.run());
        let pool = Arc::new(pool);
        let (watcher, watched) = (Arc::clone(&context), Arc::clone(&pool));
        let guard = spawn("hearken-guard", move || watcher.watch(&watched))?;
        // Should anything fail from here on, the server is dropped, which ends the threads that were started.
        let running = Running { listeners: Vec::new(), accepting: Vec::new(), guard, pool };
        let mut server = Server { context, addresses, secure, running: Some(running) };
        for (index, listener) in listeners.into_iter().enumerate() {
            server.start_accepting(listener, server.addresses[index], &tls)?;
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

/// What the threads of a server share.
struct Context {
    app: Box<dyn Handler>,
    settings: Settings,
    /// Whether it speaks TLS.
    secure: bool,
    access_log: Option<AccessLog>,
    connections: Connections,
    /// When the time for running exchanges is up, once the server is to stop.
    stop: Mutex<Option<Instant>>,
    stopping: AtomicBool,
    stop_changed: Condvar,
}

/// A connection for a worker. However it ends, its drop closes it.
struct Job {
    context: Arc<Context>,
    connection: Arc<Connection>,
    /// What owns the socket; `None` only while it is being dropped.
    requests: Option<Requests>,
}

/// How long a worker waits for a connection before it leaves.
const WORKER_LINGER: Duration = Duration::from_secs(5);
/// How many connections may wait for a worker before the rest waits in the system's queue.
const WAITING_CONNECTIONS: usize = 64;

impl Context {
    fn stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut stop = self.lock_stop();
        *stop = Some(stop.map_or(deadline, |earlier| earlier.min(deadline)));
        self.stopping.store(true, Ordering::SeqCst);
        self.stop_changed.notify_all();
        drop(stop);
        self.connections.wake();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn wait_for_stop(&self) {
        let stop = self.lock_stop();
        drop(self.stop_changed.wait_while(stop, |stop| stop.is_none()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for as long as this, or until the server is to stop.
    fn pause(&self, time: Duration) {
        let stop = self.lock_stop();
        let wait = self.stop_changed.wait_timeout_while(stop, time, |stop| stop.is_none());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// When what runs is to be cut off.
    fn deadline(&self) -> Instant {
        self.lock_stop().unwrap_or_else(Instant::now)
    }

    fn lock_stop(&self) -> MutexGuard<'_, Option<Instant>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guard's thread: sweeps for as long as there are connections, until the last one has ended.
    fn watch(&self, pool: &Pool<Job>) {
        loop {
            let count = self.connections.count();
            if count == 0 {
                if self.is_stopping() {
                    return;
                }
                self.connections.wait_for_first(|| self.is_stopping());
                continue;
            }
            guard::sweep(&self.connections, &self.settings, |worker| pool.give_up(worker));
            // Idle connections keep their workers from those that wait where there can be no more workers.
            for _ in 0..pool.waiting_in_vain() {
                if !self.connections.end_longest_idle() {
                    break;
                }
            }
            thread::sleep(guard::interval(&self.settings, count));
        }
    }

    fn is_pressed(&self) -> bool {
        guard::is_pressed(&self.connections, &self.settings)
    }

    /// Waits while as many connections are open as may be, ending idle ones.
    fn make_room(&self) {
        let has_room = |count: usize| count < self.settings.max_connections;
        while !has_room(self.connections.count()) && !self.is_stopping() {
            self.connections.end_longest_idle();
            self.connections.wait_for_fewer(Duration::from_millis(100), |count| has_room(count) || self.is_stopping());
        }
    }

    /// Ends the connections of a server that is to stop: those that wait for a request soon, those that are busy when the
    /// time is up. How many were cut off.
    fn end_connections(&self) -> usize {
        loop {
            let now = self.connections.now();
            for connection in self.connections.all() {
                let state = connection.state();
                // Under load the next request of a kept-alive connection is on its way: it is answered, as the last one.
                // One whose request has arrived only waits for its worker to be given a processor.
                if now.saturating_sub(state.since) >= QUIET && !connection.has_unread() {
                    connection.end_waiting(state, now, b"");
                }
            }
            let left = self.deadline().saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if self.connections.wait_for_fewer(left.min(Duration::from_millis(20)), |count| count == 0) {
                return 0;
            }
        }
        let mut cut = 0;
        for connection in self.connections.all() {
            let state = connection.state();
            if !connection.end_waiting(state, self.connections.now(), b"") {
                cut += usize::from(!state.is_over());
                connection.cut();
            }
        }
        cut
    }
}

/// How many milliseconds a connection that waits for a request must have done so to be closed by a stop.
const QUIET: u64 = 250;

impl Job {
    fn run(&mut self) {
        self.connection.set_worker();
        if !self.context.secure && exchange::refuse_other_protocol(&self.connection) {
            return;
        }
        if let Some(requests) = &mut self.requests {
            exchange::run(requests, &self.connection, &self.context);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // In this order: see `Lent` and `Connections::remove`.
        self.connection.socket().take_back();
        drop(self.requests.take());
        self.context.connections.remove(&self.connection);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(Error::Thread)
}

fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            log::error!("a thread of the server had panicked");
        }
    }
}

/// As many connections as the limit on open files allows: up to two descriptors each, and one for what it serves.
fn affordable_connections(wanted: usize) -> usize {
    let Some(files) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else { return wanted };
    let affordable = usize::try_from(files.saturating_sub(64) / 3).unwrap_or(usize::MAX).max(1);
    if affordable < wanted {
        log::debug!("{affordable} connections at most: the limit is {files} open files");
    }
    wanted.min(affordable)
}

fn url(secure: bool, address: SocketAddr) -> String {
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{address}/")
}

#[cfg(feature = "tls")]
fn secure_context(tls: Option<&Tls>) -> Result<SslContextWrap, Error> {
    let config = tls.map(|tls| tiny_http::SslConfig {
        certificate: tls.certificates_pem().to_vec(),
        private_key: tls.key_pem().to_vec(),
    });
    // It was checked when it was loaded, so this does not fail for anything that a user did.
    SslContextWrap::build_ssl_capabilities(config).map_err(|error| Error::Tls(TlsError::Context(error.to_string())))
}

#[cfg(not(feature = "tls"))]
fn plain_context() -> SslContextWrap {
    SslContextWrap::build_ssl_capabilities(None).expect("without TLS there is nothing to fail")
}

impl Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("secure", &self.secure)
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
