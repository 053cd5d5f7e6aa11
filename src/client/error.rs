//! Why there is no response.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no response, or none that can be used. An error status comes with a response, and is an error only for who asks by
/// [`Response::error_for_status`](super::Response::error_for_status).
///
/// `Debug` prints the same line as `Display`, so that a `main` that returns it prints a readable message.
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not an http or https one.
    Url(String),
    /// The request is not valid: its method, a header field, or a body that cannot be JSON.
    Request {
        /// The requested URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The server cannot be reached.
    Connect {
        /// The requested URL.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The server's certificate is not trusted, or TLS fails for another reason.
    Tls {
        /// The requested URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The response took longer than the timeout.
    Timeout(String),
    /// The exchange failed before the response was complete.
    Exchange {
        /// The requested URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The body of the response is incomplete.
    Body(String),
    /// The body of the response is not JSON, or not of the expected type.
    Json {
        /// The requested URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The status code is not in the 200s.
    Status {
        /// The requested URL.
        url: String,
        /// The status code.
        status: u16,
        /// The status line, such as `404 Not Found`.
        status_line: String,
        /// How the body begins, in one line, if it is plain text or JSON.
        text: String,
    },
    /// The file with the certificates to trust cannot be used.
    Authority {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user name and password cannot be sent: the name holds a colon, or one of them a control character.
    Credentials,
}

impl ClientError {
    pub(super) fn of(url: &str, error: ureq::Error) -> Self {
        use ureq::Error as E;
        let (url, text) = (url.to_owned(), error.to_string());
        match error {
            E::Io(error) => Self::of_io(url, &error),
            E::HostNotFound => Self::Connect { url, reason: "there is no such host".into() },
            E::ConnectionFailed => Self::Connect { url, reason: "no connection could be made".into() },
            E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => Self::Connect { url, reason: text },
            E::Timeout(_) => Self::Timeout(url),
            E::Tls(reason) => Self::Tls { url, reason: reason.into() },
            E::Rustls(error) => Self::Tls { url, reason: error.to_string() },
            E::BadUri(_) | E::Http(_) => Self::Url(url),
            E::RedirectFailed => {
                Self::Exchange { url, reason: "after a redirect it would have to be sent again".into() }
            }
            _ => Self::Exchange { url, reason: text },
        }
    }

    fn of_io(url: String, error: &io::Error) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls { url, reason: error.to_string() };
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable => Self::Connect { url, reason: error.kind().to_string() },
            // A failed name lookup has no `ErrorKind` of its own.
            _ if error.to_string().starts_with("failed to lookup address") => {
                Self::Connect { url, reason: "there is no such host".into() }
            }
            _ => Self::Exchange { url, reason: error.to_string() },
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url} is not an http or https URL"),
            Self::Request { url, reason } => write!(f, "cannot send the request to {url}: {reason}"),
            Self::Connect { url, reason } => write!(f, "cannot connect to {url}: {reason}"),
            Self::Tls { url, reason } => write!(f, "no secure connection to {url}: {reason}"),
            Self::Timeout(url) => write!(f, "{url} did not answer in time"),
            Self::Exchange { url, reason } => write!(f, "the exchange with {url} failed: {reason}"),
            Self::Body(reason) => write!(f, "the response broke off: {reason}"),
            Self::Json { url, reason } => write!(f, "the response of {url} is not the JSON expected: {reason}"),
            Self::Status { url, status_line, text, .. } if text.is_empty() => write!(f, "{url}: {status_line}"),
            Self::Status { url, status_line, text, .. } => write!(f, "{url}: {status_line}: {text}"),
            Self::Authority { path, reason } => write!(f, "cannot trust {}: {reason}", path.display()),
            Self::Credentials => f.write_str("the user name or the password holds a character that cannot be sent"),
        }
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ClientError {}
