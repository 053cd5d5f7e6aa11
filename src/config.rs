//! The settings of a server and their defaults. Nothing here reads arguments or the environment.

use std::time::Duration;

use crate::http::trusted_proxies::TrustedProxies;

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
    pub(crate) max_head: usize,
    pub(crate) max_headers: usize,
    pub(crate) max_target: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) min_rate: u64,
    pub(crate) rate_grace: Duration,
    pub(crate) batch_scheduling: bool,
    pub(crate) trusted_proxies: TrustedProxies,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body: 10 * 1024 * 1024,
            max_head: 32 * 1024,
            max_headers: 100,
            max_target: 8 * 1024,
            max_connections: 4096,
            max_connections_per_address: 0,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            min_rate: 1024,
            rate_grace: Duration::from_secs(10),
            batch_scheduling: false,
            trusted_proxies: TrustedProxies::none(),
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

    /// The most bytes that the head of a request may have, request line and header fields together; a longer one is answered
    /// 431 or, while it is still coming, cut off. Defaults to 32 KiB.
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// The most header fields that a request may have; one with more is answered 431. Defaults to 100.
    #[must_use]
    pub fn max_headers(mut self, fields: usize) -> Self {
        self.max_headers = fields;
        self
    }

    /// The most bytes that the target of a request may have; a longer one is answered 414. Defaults to 8 KiB.
    #[must_use]
    pub fn max_target(mut self, bytes: usize) -> Self {
        self.max_target = bytes;
        self
    }

    /// The most connections that are open at the same time; at least 1. When there are as many, those that have been idle for
    /// longest are closed to make room, and each answer is the last of its connection; when none is idle, new ones wait in the
    /// system's queue. Whatever is set here, there are no more than the process's limit on open files allows: one each, and a
    /// quarter of them (at most 1024) is left for other things. Defaults to 4096.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The most connections that are open at the same time from one address; more are closed at once. Behind a reverse proxy
    /// all come from one. Zero is no limit. Defaults to no limit.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.max_connections_per_address = connections;
        self
    }

    /// How long a TLS handshake may take. Whoever takes longer is disconnected. Zero is for ever. Defaults to 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How long the head of a request may take from its first byte to its last, and a new connection until the first byte of
    /// its first request. Whoever takes longer for a head gets 408, and is disconnected. Zero is for ever. Defaults to 10 s.
    #[must_use]
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// How long a connection may be without a request after an answer before it is closed; at most two seconds of it while
    /// three quarters of the connections are taken. Zero is for ever. Defaults to 15 s.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The fewest bytes a second at which a body may be sent or an answer taken, averaged over stretches of
    /// [`Settings::rate_grace`] in which the server waits for the client. What counts of an answer is what the client's system
    /// has acknowledged. A slower body is answered 408, a slower reader is cut off. Zero is any rate. Defaults to 1 KiB/s.
    #[must_use]
    pub fn min_rate(mut self, bytes_per_second: u64) -> Self {
        self.min_rate = bytes_per_second;
        self
    }

    /// How long a body or an answer may keep the server waiting before its rate is looked at, and then again after each three
    /// times as long. Zero is for ever. Defaults to 10 s.
    #[must_use]
    pub fn rate_grace(mut self, grace: Duration) -> Self {
        self.rate_grace = grace;
        self
    }

    /// Whether Linux is asked to schedule the worker threads as batch work (`SCHED_BATCH`, sched(7)): one that is woken lets
    /// another finish that is running. Measured with small files and a client on the same machine, there are 18 to 29 % more
    /// answers a second. Threads and programs that handlers start inherit it. Defaults to false.
    #[must_use]
    pub fn batch_scheduling(mut self, batch: bool) -> Self {
        self.batch_scheduling = batch;
        self
    }

    /// The reverse proxies that are believed what they say about their clients: [`Request::client_address`],
    /// [`Request::host`] and [`Request::is_secure`] follow their word, and so do the access log and the counting of wrong
    /// passwords. Defaults to none.
    ///
    /// [`Request::client_address`]: crate::Request::client_address
    /// [`Request::host`]: crate::Request::host
    /// [`Request::is_secure`]: crate::Request::is_secure
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }
}
