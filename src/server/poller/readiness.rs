//! How a wait for connections ends.

use super::super::token::Token;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Readiness {
    /// This connection is ready for what it was armed for, or has failed.
    Connection {
        token: Token,
        /// Whether the peer has ended its side or the connection has failed, which reading then shows.
        ended: bool,
    },
    /// The notifier was notified.
    Notified,
    /// The time is over.
    TimedOut,
}
