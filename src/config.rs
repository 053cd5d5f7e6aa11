//! The settings of a server and their defaults. Nothing here reads arguments or the environment.

use std::time::Duration;

use crate::http::body::DEFAULT_MAX_BODY;
use crate::http::peer::Peer;
use crate::http::request_head::HeadLimits;
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
    max_streams: Option<usize>,
    per_address: PerAddress,
    pub(crate) handshake_timeout: Duration,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) min_rate: u64,
    pub(crate) rate_grace: Duration,
    pub(crate) trusted_proxies: TrustedProxies,
}

/// How many connections one address may have.
#[derive(Clone, Copy, Debug)]
enum PerAddress {
    NoLimit,
    FairShare,
    Limit(usize),
}

/// The smallest fair share.
const MIN_SHARE: usize = 16;

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body: DEFAULT_MAX_BODY,
            max_head: 32 * 1024,
            max_headers: 100,
            max_target: 8 * 1024,
            max_connections: 4096,
            max_streams: None,
            per_address: PerAddress::NoLimit,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            min_rate: 1024,
            rate_grace: Duration::from_secs(10),
            trusted_proxies: TrustedProxies::none(),
        }
    }
}

impl Settings {
    /// The most bytes that the body of a request may have; a longer one gets 413. `u64::MAX` means no limit, also
    /// for handlers that keep the whole body in memory. Defaults to 10 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// The most bytes that the head of a request may have, request line and header fields together; a longer one gets 431. Defaults
    /// to 32 KiB.
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// The most header fields that a request may have; one with more gets 431. Defaults to 100.
    #[must_use]
    pub fn max_headers(mut self, fields: usize) -> Self {
        self.max_headers = fields;
        self
    }

    /// The most bytes that the target of a request may have; a longer one gets 414. Defaults to 8 KiB.
    #[must_use]
    pub fn max_target(mut self, bytes: usize) -> Self {
        self.max_target = bytes;
        self
    }

    /// The most connections that may be open at the same time; at least 1.
    ///
    /// At the limit, each response is the last one of its connection, and for each new connection an open one is closed, the first
    /// of these that exists:
    ///
    /// 1. The connection that has been idle longest.
    /// 2. Of the address with the most connections, the slowest one that has kept the server waiting for
    ///    [`Settings::rate_grace`], or that has not sent a whole request within a second.
    /// 3. Of an address with more than half of all connections, the slowest one, or else the one whose response has been waiting
    ///    longest for the program (`Response::channel`, `Connection::wait`).
    ///
    /// If there is none, new connections wait in the system's queue. The process's limit on open files bounds this setting: each
    /// connection takes one, and a quarter of them, at most 1024, is kept for other uses. Defaults to 4096.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The most responses at the same time whose body the program makes while it is sent: those of
    /// [`Response::writer`](crate::Response::writer), [`Response::events`](crate::Response::events) and
    /// [`Response::channel`](crate::Response::channel), and those of [`Response::reader`](crate::Response::reader) without a length.
    /// Each occupies a thread for as long as it runs. A further one does not begin: its client gets 503 with `Retry-After: 5`, and
    /// other requests are served as usual. Defaults to half of the connections that may be open.
    #[must_use]
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.max_streams = Some(streams);
        self
    }

    /// The most connections that one address may have open at the same time. When it opens another one, its longest idle connection
    /// is closed, or else its slowest one that has kept the server waiting for [`Settings::rate_grace`]; if there is neither, the
    /// new one is closed at once.
    ///
    /// An IPv4 address counts as the same over IPv6. Of other IPv6 addresses the first 64 bits count, of link-local ones all bits.
    /// All Unix sockets count as one address. [Trusted proxies](Settings::trusted_proxies) have no limit, because all clients of a
    /// proxy come from its address. Zero means no limit. Defaults to no limit.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.per_address = if connections == 0 { PerAddress::NoLimit } else { PerAddress::Limit(connections) };
        self
    }

    /// Limits each address, as [`Settings::max_connections_per_address`] does, to a quarter of all connections, but at least 16. The
    /// addresses of this machine (loopback, Unix sockets) have no limit: a reverse proxy may run there.
    #[must_use]
    pub fn fair_share(mut self) -> Self {
        self.per_address = PerAddress::FairShare;
        self
    }

    /// How many streams there may be at the same time.
    pub(crate) fn stream_limit(&self) -> usize {
        self.max_streams.unwrap_or((self.max_connections / 2).max(1))
    }

    /// What the head of a request may have.
    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits { max_head: self.max_head, max_fields: self.max_headers, max_target: self.max_target }
    }

    /// How many connections this peer's address may have; `None` if there is no limit.
    pub(crate) fn limit_of(&self, peer: Peer) -> Option<usize> {
        match self.per_address {
            PerAddress::NoLimit => None,
            _ if self.trusted_proxies.contains(peer) => None,
            PerAddress::FairShare if peer.is_local() => None,
            PerAddress::FairShare => Some((self.max_connections / 4).max(MIN_SHARE)),
            PerAddress::Limit(connections) => Some(connections),
        }
    }

    /// How long a TLS handshake may take before the client is disconnected. Zero means no limit. Defaults to 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How long the head of a request may take from its first byte to its last; a slower client gets 408 and is disconnected. Also
    /// how long a new connection may take until its first byte. Zero means no limit. Defaults to 10 s.
    #[must_use]
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// How long a connection may be idle after a response before it is closed: two seconds at most while three quarters of the
    /// allowed connections are open. Zero means no limit. Defaults to 15 s.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The fewest bytes a second at which a client must send a body or read a response, averaged over periods of
    /// [`Settings::rate_grace`] in which the server waits for it. Of a response, the bytes that the client's system has
    /// acknowledged count. A slower sender gets 408, a slower reader is disconnected. Zero means any rate. Defaults to 1 KiB/s.
    #[must_use]
    pub fn min_rate(mut self, bytes_per_second: u64) -> Self {
        self.min_rate = bytes_per_second;
        self
    }

    /// How long a client may keep the server waiting during a body or a response before its rate is checked. Later checks follow at
    /// three times this interval. Zero means never. Defaults to 10 s.
    #[must_use]
    pub fn rate_grace(mut self, grace: Duration) -> Self {
        self.rate_grace = grace;
        self
    }

    /// The reverse proxies whose word about their clients is taken: by [`Request::client_address`], [`Request::host`] and
    /// [`Request::is_secure`], the access log, and the count of wrong passwords. Defaults to none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_counted_and_how_many_each_may_have() {
        let proxies = TrustedProxies::none().trust("10.0.0.0/8").unwrap();
        let with = |settings: Settings| settings.max_connections(400).trusted_proxies(proxies.clone());
        let (none, share) = (with(Settings::default()), with(Settings::default().fair_share()));
        let limit = with(Settings::default().fair_share().max_connections_per_address(7));
        let few = share.clone().max_connections(40);
        let zero = with(Settings::default().fair_share().max_connections_per_address(0));
        let table = [
            // no limit, a fair share, a limit, a fair share of few, a limit of zero
            ("192.0.2.1:5", [None, Some(100), Some(7), Some(16), None], "from elsewhere"),
            ("[2001:db8::1]:5", [None, Some(100), Some(7), Some(16), None], "over IPv6"),
            ("127.0.0.1:5", [None, None, Some(7), None, None], "loopback"),
            ("[::1]:5", [None, None, Some(7), None, None], "loopback"),
            ("[::ffff:127.0.0.1]:5", [None, None, Some(7), None, None], "loopback over a socket of IPv6"),
            ("10.1.2.3:5", [None; 5], "a trusted proxy"),
        ];
        for (peer, expected, why) in table {
            let peer = Peer::Tcp(peer.parse().unwrap());
            assert_eq!([&none, &share, &limit, &few, &zero].map(|settings| settings.limit_of(peer)), expected, "{why}");
        }
        assert_eq!([&share, &limit].map(|settings| settings.limit_of(Peer::Unix)), [None, Some(7)]);
    }
}
