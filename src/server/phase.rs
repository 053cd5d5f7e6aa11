//! What a parked connection waits for.

/// What a parked connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its TLS handshake.
    Handshake,
    /// Its first request, of which nothing has arrived.
    Fresh,
    /// The rest of a head.
    Head,
    /// Its next request: all requests so far are answered.
    Idle,
    /// The rest of the body of an answered request, which no handler has read.
    Discard,
    /// Its turn: more requests have arrived than are answered at a time.
    Turn,
    /// The end of what the client sends, after the last response (RFC 9112 §9.6).
    Linger,
}
