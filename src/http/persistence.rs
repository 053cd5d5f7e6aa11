//! Whether a connection outlives a request and its response (RFC 9112 §9.3).

/// What the server says of the connection in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// The client may send another request.
    KeepAlive,
    /// This answer is the connection's last.
    Close,
}
