//! What the threads of a server work on: the application, the open connections, and the accepted ones that wait for a worker.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crossbeam_channel::{Receiver, Sender};

use super::connection::Connection;
use super::evictor::Evictor;
use super::registry::Registry;
use super::shared::Shared;
use super::tls_stream::TlsConfig;
use crate::access_log::AccessLog;
use crate::handler::Handler;

/// The top of what the threads of a server share.
pub(super) struct Context {
    pub(super) app: Box<dyn Handler>,
    pub(super) tls: Option<TlsConfig>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Arc<Registry<Connection>>,
    pub(super) evictor: Evictor,
    /// The connections that were accepted and that no worker has taken yet.
    pub(super) accepted: (Sender<Box<Connection>>, Receiver<Box<Connection>>),
    /// How many responses failed because the stop cut them off.
    pub(super) cut_responses: AtomicUsize,
}

impl Context {
    /// Wakes the threads that wait for a descriptor or for room, so that they see that the server stops.
    pub(super) fn wake(&self) {
        self.shared.stop_notifier.notify();
        self.registry.wake();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.shared.stop.is_stopping()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether as many connections are open as are allowed, so that new ones wait.
    pub(super) fn is_full(&self) -> bool {
        self.registry.count() >= self.shared.settings.max_connections
    }

    /// Whether three quarters of the allowed connections are open.
    pub(super) fn is_pressed(&self) -> bool {
        let most = self.shared.settings.max_connections;
        self.registry.count() >= most - most / 4
    }
}
