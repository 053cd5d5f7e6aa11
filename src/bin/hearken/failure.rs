//! Why the program fails: the message and the exit code for each reason.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use hearken::CredentialsError;

use crate::credentials::PasswordFileError;
use crate::logger;

/// Why the program fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, or the environment, is not valid. Clap also reports `--help` and `--version` this way.
    Usage(clap::Error),
    /// ROOT cannot be read.
    Root { path: PathBuf, source: io::Error },
    /// The `--write` directory cannot be made or read.
    WriteDirectory { path: PathBuf, source: io::Error },
    /// A file of users cannot be used.
    UserFile { path: PathBuf, reason: String },
    /// A user's password cannot be read from its file.
    PasswordFile(PasswordFileError),
    /// A user cannot be added.
    User { name: String, source: CredentialsError },
    /// The two passwords that were typed differ.
    PasswordsDiffer,
    /// The password cannot be hashed.
    Hash(CredentialsError),
    /// The password cannot be read from stdin.
    Stdin(io::Error),
    /// Stdout cannot be written.
    Stdout(io::Error),
    /// Signals cannot be caught.
    Signals(io::Error),
    /// The library's server cannot start: an address whose port is that of `--port`, a certificate, a thread.
    Server(hearken::Error),
    /// An address whose port was given in `--bind` cannot be bound.
    OwnPort(hearken::Error),
}

impl Failure {
    /// The exit code of the program. A successful run ends with 0.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            // 0 for --help and --version, 2 for bad usage.
            Self::Usage(error) => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
            _ => ExitCode::FAILURE,
        }
    }

    /// Prints one line on stderr, or the message of clap.
    pub(crate) fn report(&self) {
        match self {
            // If this cannot be printed, nothing can.
            Self::Usage(error) => drop(error.print()),
            _ => logger::say(format_args!("hearken: {self}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use hearken::reason;
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Root { path, source } => write!(f, "cannot serve {}: {}", path.display(), reason(source)),
            Self::WriteDirectory { path, source } => {
                write!(f, "cannot write to {}: {}", path.display(), reason(source))
            }
            Self::UserFile { path, reason } => write!(f, "cannot read users from {}: {reason}", path.display()),
            Self::PasswordFile(error) => error.fmt(f),
            Self::User { name, source } => write!(f, "cannot add the user {name:?}: {source}"),
            Self::PasswordsDiffer => f.write_str("the two passwords differ"),
            Self::Hash(error) => write!(f, "cannot make a hash: {error}"),
            Self::Stdin(source) => write!(f, "cannot read the password: {}", reason(source)),
            Self::Stdout(source) => write!(f, "cannot write to stdout: {}", reason(source)),
            Self::Signals(source) => write!(f, "cannot catch signals: {}", reason(source)),
            Self::Server(error) => write!(f, "{error}{}", tip(error, "--port N").unwrap_or_default()),
            Self::OwnPort(error) => write!(f, "{error}{}", tip(error, "--bind ADDR:N").unwrap_or_default()),
        }
    }
}

/// What to do about an address that cannot be bound, by the option that chooses the port.
fn tip(error: &hearken::Error, option: &str) -> Option<String> {
    let hearken::Error::Bind { address, source } = error else { return None };
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            Some(format!(" (another program listens there; choose a port with {option}, or 0 for a free one)"))
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            Some(format!(" (ports below 1024 need privileges; choose a higher one with {option})"))
        }
        io::ErrorKind::AddrNotAvailable => Some(" (no interface of this machine has that address)".into()),
        _ => None,
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<PasswordFileError> for Failure {
    fn from(error: PasswordFileError) -> Self {
        Self::PasswordFile(error)
    }
}

impl From<hearken::Error> for Failure {
    fn from(error: hearken::Error) -> Self {
        Self::Server(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_bound_comes_with_a_tip() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, Other, PermissionDenied};
        let bind = |port: u16, kind: io::ErrorKind| hearken::Error::Bind {
            address: ([127, 0, 0, 1], port).into(),
            source: kind.into(),
        };
        let table = [
            (
                Failure::Server(bind(4040, AddrInUse)),
                "127.0.0.1:4040: address already in use (another program listens there; choose a port with --port N, or 0 for a \
                 free one)",
            ),
            (
                Failure::OwnPort(bind(4040, AddrInUse)),
                "127.0.0.1:4040: address already in use (another program listens there; choose a port with --bind ADDR:N, or 0 \
                 for a free one)",
            ),
            (
                Failure::Server(bind(80, PermissionDenied)),
                "127.0.0.1:80: permission denied (ports below 1024 need privileges; choose a higher one with --port N)",
            ),
            (Failure::Server(bind(8080, PermissionDenied)), "127.0.0.1:8080: permission denied"),
            (
                Failure::Server(bind(1, AddrNotAvailable)),
                "127.0.0.1:1: address not available (no interface of this machine has that address)",
            ),
            (Failure::Server(bind(1, Other)), "127.0.0.1:1: other error"),
        ];
        for (failure, expected) in table {
            assert_eq!(failure.to_string(), format!("cannot bind {expected}"));
        }
    }
}
