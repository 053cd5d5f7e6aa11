//! Stopping a server from elsewhere.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;

/// Stops a server from another thread, or from one of its own handlers.
#[derive(Clone)]
pub struct Stopper {
    context: Arc<Context>,
}

impl Stopper {
    pub(super) fn new(context: &Arc<Context>) -> Self {
        Self { context: Arc::clone(context) }
    }

    /// Begins to stop the server, as [`Server::shutdown`](crate::Server::shutdown) does, and returns at once. A later call can
    /// only shorten the grace.
    pub fn stop(&self, grace: Duration) {
        self.context.stop(grace);
    }
}

impl Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}
