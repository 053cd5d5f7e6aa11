//! The reasons why a server cannot start.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::reason::reason;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why a server cannot start. Each error displays as one line that names the thing and the reason.
///
/// `Debug` gives the same line, so that a `main` that returns the error prints a readable message.
#[non_exhaustive]
pub enum Error {
    /// The address is malformed, or its host name does not resolve.
    Resolve {
        /// The address as it was given.
        address: String,
        /// Why it does not resolve.
        source: io::Error,
    },
    /// The server cannot listen on the address: it is taken, privileged, or not this machine's.
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The server cannot listen on a Unix socket at the path: something else is there, or the socket cannot be made.
    BindUnix {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The listener that the program has given is not a bound stream socket, TCP or Unix.
    Listener(io::Error),
    /// The system has no file descriptor left for the event queue.
    Poll(io::Error),
    /// The system cannot start another thread.
    Thread(io::Error),
    /// A setting is invalid, for this reason.
    Setting(String),
    /// The certificate or its key cannot be used.
    #[cfg(feature = "tls")]
    Tls(TlsError),
}

#[cfg(feature = "tls")]
impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { address, source } => write!(f, "cannot resolve {address}: {source}"),
            Self::Bind { address, source } => write!(f, "cannot bind {address}: {}", reason(source)),
            Self::BindUnix { path, source } => write!(f, "cannot bind {}: {}", path.display(), reason(source)),
            Self::Listener(source) => write!(f, "cannot use the listener: {}", reason(source)),
            Self::Poll(source) => write!(f, "cannot wait for connections: {}", reason(source)),
            Self::Thread(source) => write!(f, "cannot start a thread: {}", reason(source)),
            Self::Setting(reason) => f.write_str(reason),
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Resolve { source, .. }
            | Self::Bind { source, .. }
            | Self::BindUnix { source, .. }
            | Self::Listener(source)
            | Self::Poll(source)
            | Self::Thread(source) => Some(source),
            Self::Setting(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.source(),
        }
    }
}
