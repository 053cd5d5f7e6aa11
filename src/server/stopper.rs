//! Stopping a server from elsewhere.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use super::stop_signal::StopSignal;

/// Stops a server from another thread, or from one of its own handlers.
///
/// It can be had before the server starts ([`Builder::stopper`](crate::Builder::stopper)), and may outlive it: it keeps neither the
/// server nor the application alive.
///
/// ```
/// use std::time::Duration;
/// use hearken::{Request, Response, Server};
///
/// let builder = Server::bind("127.0.0.1:0")?;
/// let stopper = builder.stopper();
/// let server = builder.serve(move |_: &mut Request| {
///     stopper.stop(Duration::from_secs(5));
///     Response::text("Bye!")
/// })?;
/// # server.stopper().stop(Duration::ZERO);
/// server.join(); // until a request has come
/// # Ok::<(), hearken::Error>(())
/// ```
#[derive(Clone)]
pub struct Stopper {
    signal: Arc<StopSignal>,
}

impl Stopper {
    pub(super) fn new(signal: &Arc<StopSignal>) -> Self {
        Self { signal: Arc::clone(signal) }
    }

    /// Begins to stop the server, as [`Server::shutdown`](crate::Server::shutdown) does, and returns at once. A later call can
    /// only shorten the grace.
    ///
    /// If the server has not started yet, it stops as soon as it starts: [`Builder::serve`](crate::Builder::serve) succeeds, and
    /// [`Server::join`](crate::Server::join) returns. The grace counts from this call.
    pub fn stop(&self, grace: Duration) {
        self.signal.begin(grace);
    }
}

impl Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}
