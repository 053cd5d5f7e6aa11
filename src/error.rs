//! Why a server cannot start.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::reason::reason;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why a server cannot start. Each is one line of text that names the thing and the reason.
///
/// Its `Debug` is the same line, so that a `main` that returns it says what is wrong in words.
#[non_exhaustive]
pub enum Error {
    /// The address is not one, or its host name has no address.
    Resolve {
        /// What was to be bound, as it was given.
        address: String,
        /// Why it has no address.
        source: io::Error,
    },
    /// The address cannot be listened on: it is taken, privileged, or not this machine's.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The path cannot be listened on with a Unix socket: there is something at it, or it cannot be made there.
    BindUnix {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no descriptor left to wait for connections with.
    Poll(io::Error),
    /// The system has no thread left.
    Thread(io::Error),
    /// A setting makes no sense, for this reason.
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
            | Self::Poll(source)
            | Self::Thread(source) => Some(source),
            Self::Setting(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.source(),
        }
    }
}
