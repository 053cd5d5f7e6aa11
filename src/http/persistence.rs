//! Whether a connection persists after a response (RFC 9112 §9.3).

/// Whether a connection persists after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// The client may send another request.
    KeepAlive,
    /// This response is the last on the connection.
    Close,
}
