//! How a run of the program ends, and the exit code for it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use hearken::client::ClientError;

use crate::credentials::PasswordFileError;
use crate::stderr::say;

/// What the server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The status is in the 200s.
    Success,
    /// The status is another one.
    Refused,
}

/// Why there is no response, or why it could not be passed on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, or the environment, is not valid. Clap also reports `--help` and `--version` this way.
    Usage(clap::Error),
    /// A file that the command line names cannot be read.
    File { path: PathBuf, source: io::Error },
    /// The password cannot be read from its file.
    PasswordFile(PasswordFileError),
    /// The exchange failed, or its URL or another setting is not valid.
    Client(ClientError),
    /// Stdin cannot be read.
    Stdin(io::Error),
    /// Stdout cannot be written.
    Stdout(io::Error),
    /// The server does not have the service that the command needs.
    NoService { service: &'static str, url: String },
    /// There is no note with this number.
    NoSuchNote { number: u32 },
    /// The body cannot be saved to the file of `--output`.
    Save { path: PathBuf, source: io::Error },
}

/// The exit code for each way to end.
pub(crate) fn exit_code(result: &Result<Outcome, Failure>) -> ExitCode {
    let code = match result {
        Ok(Outcome::Success) => 0,
        Ok(Outcome::Refused) => 1,
        Err(failure) => failure.exit_code(),
    };
    ExitCode::from(code)
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            // 0 for --help and --version, 2 for bad usage.
            Self::Usage(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Self::Client(ClientError::Url { .. } | ClientError::Credentials) => 2,
            Self::Client(ClientError::Authority { .. }) => 1,
            Self::Client(_) => 3,
            Self::File { .. } | Self::PasswordFile(_) | Self::Stdin(_) | Self::Stdout(_) | Self::Save { .. } => 1,
            Self::NoService { .. } | Self::NoSuchNote { .. } => 1,
        }
    }

    /// Prints it on stderr.
    pub(crate) fn report(&self) {
        match self {
            // If this cannot be printed, nothing can.
            Self::Usage(error) => drop(error.print()),
            _ => say(&format!("hearken-client: {self}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use hearken::reason;
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::File { path, source } => write!(f, "cannot read {}: {}", path.display(), reason(source)),
            Self::PasswordFile(error) => error.fmt(f),
            Self::Client(error @ ClientError::Untrusted(_)) => write!(f, "{error}; --cacert FILE trusts another one"),
            Self::Client(error) => error.fmt(f),
            Self::Stdin(source) => write!(f, "cannot read stdin: {}", reason(source)),
            Self::Stdout(source) => write!(f, "cannot write to stdout: {}", reason(source)),
            Self::NoService { service, url } => {
                write!(f, "the server has no {service} at {url}: hearken offers that if it is started with --demo")
            }
            Self::NoSuchNote { number } => write!(f, "there is no note {number}"),
            Self::Save { path, source } => write!(f, "cannot save {}: {}", path.display(), reason(source)),
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

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_exit_code() {
        let broken = || io::Error::from(io::ErrorKind::StorageFull);
        let url = || "http://a/".to_owned();
        let table = [
            (Failure::Usage(clap::Error::new(clap::error::ErrorKind::DisplayHelp)), 0),
            (Failure::Usage(clap::Error::new(clap::error::ErrorKind::UnknownArgument)), 2),
            (Failure::File { path: "a".into(), source: broken() }, 1),
            (Failure::Client(ClientError::Url { url: url(), reason: "b" }), 2),
            (Failure::Client(ClientError::Authority { path: "a".into(), reason: "b".into() }), 1),
            (Failure::Client(ClientError::Credentials), 2),
            (Failure::Client(ClientError::Connect { url: url(), reason: "b".into() }), 3),
            (Failure::Client(ClientError::Tls { url: url(), reason: "b".into() }), 3),
            (Failure::Client(ClientError::Untrusted(url())), 3),
            (Failure::Client(ClientError::Timeout(url())), 3),
            (Failure::Client(ClientError::Exchange { url: url(), reason: "b".into() }), 3),
            (Failure::Client(ClientError::Body("b".into())), 3),
            (Failure::Stdin(broken()), 1),
            (Failure::Stdout(broken()), 1),
            (Failure::NoService { service: "notes", url: url() }, 1),
            (Failure::NoSuchNote { number: 0 }, 1),
            (Failure::Save { path: "a".into(), source: broken() }, 1),
        ];
        for (failure, code) in table {
            assert_eq!(failure.exit_code(), code, "{failure:?}");
        }
    }
}
