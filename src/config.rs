//! The settings of a server and their defaults. Nothing here reads arguments or the environment.

use std::time::Duration;

/// What a server allows and how long it waits.
///
/// ```
/// use std::time::Duration;
/// use hearken::Settings;
///
/// let settings = Settings::default().max_body(1024 * 1024).idle_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) max_body: u64,
    pub(crate) max_workers: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) read_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body: 10 * 1024 * 1024,
            max_workers: 512,
            idle_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// The most bytes that the body of a request may have; a longer one is answered 413. Defaults to 10 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// The most worker threads, which is the most connections that are served at the same time; at least 1. Threads are
    /// started as connections need them and leave when they have had nothing to do for some seconds. Defaults to 512.
    #[must_use]
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = workers.max(1);
        self
    }

    /// How long a connection may be without a request, measured from its start or its last answer, before it is closed;
    /// a request must have arrived up to the end of its head by then. Zero is for ever. Defaults to 15 s.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long a client may pause while it sends the body of a request, which is then answered 408. Zero is for ever.
    /// Defaults to 30 s.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// The socket's own timeout between requests. It only has to strike should the guard fail, which ends idle connections
    /// in time and without a word, where tiny_http answers the timeout with a 400.
    pub(crate) fn head_backstop(&self) -> Option<Duration> {
        limit(self.idle_timeout.saturating_mul(2))
    }

    /// How long a client may take nothing of an answer that is being sent before it is disconnected. Zero is for ever.
    /// Defaults to 30 s.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }
}

/// A timeout for a socket, for which `None` and not zero is for ever.
pub(crate) fn limit(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero()).then_some(timeout)
}
