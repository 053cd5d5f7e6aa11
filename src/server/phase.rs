//! What a connection can wait for while no worker has it.

/// What a parked connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its TLS handshake.
    Handshake,
    /// Its first request; nothing of it has arrived.
    Fresh,
    /// The rest of a head.
    Head,
    /// Another request: everything that was asked is answered.
    Idle,
    /// The rest of a body that no handler wanted, the request being answered.
    Discard,
    /// Its turn: more requests have arrived than one connection gets answered at a time.
    Turn,
    /// The client's end, everything having been said.
    Linger,
}
