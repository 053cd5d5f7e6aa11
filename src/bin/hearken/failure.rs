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
    /// The library's server cannot start: an address, a certificate, a thread.
    Server(hearken::Error),
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
            Self::Server(error) => error.fmt(f),
        }
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
