//! What the threads of a server share, and what they do with it together: take connections, make room for them, stop.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::connection::Connection;
use super::lock::lock;
use super::notifier::Notifier;
use super::poller::Poller;
use super::registry::Registry;
use super::socket::{self, Socket};
use super::thread::Thread;
use super::throttled_log::ThrottledLog;
use super::tls_stream::{TlsConfig, TlsStream};
use super::watchdog::Watchdog;
use super::workers::Workers;
use crate::access_log::AccessLog;
use crate::config::Settings;
use crate::handler::Handler;
use crate::http::peer::Peer;
use crate::http::request_head::HeadLimits;

/// What the threads of a server share.
pub(super) struct Context {
    pub(super) app: Box<dyn Handler>,
    pub(super) settings: Settings,
    pub(super) head_limits: HeadLimits,
    pub(super) tls: Option<TlsConfig>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) registry: Registry,
    pub(super) poller: Poller,
    /// Tells the workers that a connection has been accepted, or that they are to end.
    pub(super) notifier: Arc<Notifier>,
    /// The connections that were accepted, for the workers.
    pub(super) arrivals: (Sender<Box<Connection>>, Receiver<Box<Connection>>),
    pub(super) workers: Workers,
    pub(super) watchdog: Watchdog,
    pub(super) throttled_log: ThrottledLog,
    /// Tells those who wait for a client, or for connections, that the server begins to stop.
    pub(super) stop_notifier: Notifier,
    /// How many answers failed because they were cut off.
    pub(super) cut_answers: AtomicUsize,
    /// When the time for running exchanges is up, once the server is to stop.
    pub(super) stop: Mutex<Option<Instant>>,
    pub(super) stopping: AtomicBool,
    pub(super) stop_changed: Condvar,
}

impl Context {
    pub(super) fn stop(&self, grace: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(grace).unwrap_or(now + FOR_EVER);
        let mut stop = self.lock_stop();
        *stop = Some(stop.map_or(deadline, |earlier| earlier.min(deadline)));
        self.stopping.store(true, Ordering::SeqCst);
        self.stop_changed.notify_all();
        drop(stop);
        self.stop_notifier.notify();
        self.registry.wake();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(super) fn wait_for_stop(&self) {
        let stop = self.lock_stop();
        drop(self.stop_changed.wait_while(stop, |stop| stop.is_none()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for as long as this, or until the server is to stop.
    pub(super) fn pause(&self, time: Duration) {
        let stop = self.lock_stop();
        let wait = self.stop_changed.wait_timeout_while(stop, time, |stop| stop.is_none());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// When what runs is to be cut off.
    pub(super) fn deadline(&self) -> Instant {
        self.lock_stop().unwrap_or_else(Instant::now)
    }

    pub(super) fn lock_stop(&self) -> MutexGuard<'_, Option<Instant>> {
        lock(&self.stop)
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether as many connections are open as may be, so that new ones wait.
    pub(super) fn is_full(&self) -> bool {
        self.registry.count() >= self.settings.max_connections
    }

    /// Whether three quarters of the connections that there may be are open.
    pub(super) fn is_pressed(&self) -> bool {
        let most = self.settings.max_connections;
        self.registry.count() >= most - most / 4
    }

    /// Takes a connection that was accepted, and hands it to a worker.
    pub(super) fn arrive(self: &Arc<Self>, socket: OwnedFd, peer: Peer) {
        let network = peer.network();
        let is_full = |limit| self.registry.count_of(network) >= limit;
        if self.settings.limit_of(peer).is_some_and(is_full) && !self.registry.make_room_of(network, self.grace()) {
            log::debug!("{peer}: refused, too many connections from there");
            return;
        }
        let tls = match self.tls.as_ref().map(TlsStream::new).transpose() {
            Ok(tls) => tls,
            Err(error) => {
                self.throttled_log.error(&format!("cannot begin a TLS connection: {error}"));
                return;
            }
        };
        let socket = Arc::new(Socket::new(socket));
        let Some(token) = self.registry.insert(&socket, network) else { return };
        let connection = Box::new(Connection::new(Arc::clone(self), token, socket, peer, tls));
        self.arrivals.0.send(connection).expect("the server holds a receiver itself");
        self.notifier.notify();
    }

    /// Waits while as many connections are open as may be. For each new one that waits, one that is open makes room.
    pub(super) fn make_room(&self, listener: impl AsFd) {
        let has_room = |count: usize| count < self.settings.max_connections;
        while !has_room(self.registry.count()) && !self.is_stopping() {
            if socket::has_arrivals(&listener, &self.stop_notifier, FULL_LOOK) {
                self.registry.make_room(self.grace());
                self.registry.wait_for_fewer(FULL_LOOK, |count| has_room(count) || self.is_stopping());
            }
        }
    }

    /// How many milliseconds a client may keep the server waiting before it is looked at how fast it is.
    pub(super) fn grace(&self) -> u64 {
        let grace = self.settings.rate_grace;
        if grace.is_zero() { u64::MAX } else { u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Ends the connections of a server that is to stop, while the last ones are still being accepted: those that wait for a
    /// request soon, those that are busy when the time is up.
    pub(super) fn end_connections(&self, accepting: &[Thread]) {
        let mut turns = None;
        loop {
            // Under load the next request of a kept-alive connection is on its way: it is answered, as the last one. Where no
            // handler runs, and a client of this machine has not been asking all the time, there is none.
            let now = self.workers.turns();
            let is_calm = now.running == 0 && turns.replace(now) == Some(now);
            let local = if is_calm { QUIET_LOCAL } else { QUIET };
            for mut connection in self.registry.take_quiet(QUIET, local) {
                // Without TLS, closing says the same as ending what is said before.
                if connection.is_secure() {
                    connection.finish();
                }
            }
            let left = self.deadline().saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let none_left = self.registry.wait_for_fewer(left.min(LOOK), |count| count == 0);
            if none_left && accepting.iter().all(Thread::has_ended) && self.registry.count() == 0 {
                return;
            }
        }
        // Those that no worker has taken yet are in the middle of nothing.
        while self.arrivals.1.try_recv().is_ok() {}
        drop(self.registry.cut_all());
    }
}

/// How long to wait for room, or for somebody who wants it, before looking around again.
const FULL_LOOK: Duration = Duration::from_millis(100);

/// What a grace that is longer than can be told counts as.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How many milliseconds a connection that waits for a request must have done so to be closed by a stop; and one of this
/// machine that is in no conversation, where no handler has run between two looks.
const QUIET: u64 = 250;
const QUIET_LOCAL: u64 = 5;

/// How long a stop waits between two looks at what has become quiet.
const LOOK: Duration = Duration::from_millis(3);
