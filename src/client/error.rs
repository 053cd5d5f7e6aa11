//! Why there is no response.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;

use crate::http::date;
use crate::reason::reason;

/// Why there is no response, or none that can be used. An error status comes with a response, and is an error only for who asks by
/// [`Response::error_for_status`](super::Response::error_for_status).
///
/// `Debug` prints the same line as `Display`, so that a `main` that returns it prints a readable message.
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not an http or https one.
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
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
    /// The server's certificate is signed by no authority that the client trusts: see
    /// [`ClientBuilder::trust`](super::ClientBuilder::trust).
    Untrusted(String),
    /// The server's certificate is not valid, or TLS fails for another reason.
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
        let url = url.to_owned();
        let exchange = |reason: &str| Self::Exchange { url: url.clone(), reason: reason.into() };
        match error {
            E::Io(error) => Self::of_io(url, &error),
            E::HostNotFound => Self::Connect { url, reason: "there is no such host".into() },
            E::ConnectionFailed => Self::Connect { url, reason: "no connection could be made".into() },
            E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Self::Connect { url, reason: error.to_string() }
            }
            E::Timeout(_) => Self::Timeout(url),
            E::Tls(reason) => Self::Tls { url, reason: reason.into() },
            E::Rustls(error) => Self::of_tls(url, &error),
            // The requested URL has been checked: this one is the target of a redirect.
            E::BadUri(_) => exchange("it redirects to what is not an http or https URL"),
            E::RedirectFailed => exchange("after a redirect it would have to be sent again"),
            E::TooManyRedirects => exchange("it redirects too often"),
            E::LargeResponseHeader(..) => exchange("the head of the response is too large"),
            error => exchange(&protocol_fault(&url, &error)),
        }
    }

    fn of_io(url: String, error: &io::Error) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(url, error);
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
            // What reads the body that is sent may fail like this too, with a message of its own.
            io::ErrorKind::UnexpectedEof
                if ["Peer disconnected", "unexpected end of file"].contains(&&*error.to_string()) =>
            {
                Self::Exchange { url, reason: "the server closed the connection without a response".into() }
            }
            _ => Self::Exchange { url, reason: reason(error) },
        }
    }

    fn of_tls(url: String, error: &rustls::Error) -> Self {
        use rustls::{CertificateError as C, Error as E};
        let reason = match error {
            E::InvalidCertificate(C::UnknownIssuer) => return Self::Untrusted(url),
            E::InvalidCertificate(error) => certificate_fault(error),
            // This is how the first byte of a response that is not encrypted looks.
            E::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => match url.strip_prefix("https://") {
                Some(rest) => format!("the server seems to speak plain HTTP, not HTTPS: use http://{rest}"),
                None => "the server seems to speak plain HTTP, not HTTPS".into(),
            },
            E::AlertReceived(alert) => format!("the server refuses the handshake: {alert:?}"),
            error => error.to_string(),
        };
        Self::Tls { url, reason }
    }

    /// Why the body of a response cannot be read.
    pub(super) fn of_body(error: io::Error) -> Self {
        use ureq::Error as E;
        Self::Body(match E::from(error) {
            E::Timeout(_) => "it takes longer than the timeout".into(),
            E::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the server closed the connection before its end".into()
            }
            E::Io(error) => reason(&error),
            error => without_origin(&error),
        })
    }
}

/// Why a certificate is not valid.
fn certificate_fault(error: &rustls::CertificateError) -> String {
    use rustls::CertificateError as C;
    let date = |time: &UnixTime| date::format(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    match error {
        C::Expired => "its certificate has expired".into(),
        C::ExpiredContext { not_after, .. } => format!("its certificate expired on {}", date(not_after)),
        C::NotValidYet => "its certificate is not valid yet".into(),
        C::NotValidYetContext { not_before, .. } => format!("its certificate is not valid before {}", date(not_before)),
        C::NotValidForName => "its certificate is for another host".into(),
        C::NotValidForNameContext { expected, .. } => format!("its certificate is not for {}", expected.to_str()),
        C::Revoked => "its certificate has been revoked".into(),
        C::Other(error) if error.to_string() == "CaUsedAsEndEntity" => {
            "its certificate is one of an authority, not of a server".into()
        }
        error => format!("its certificate is not valid: {error}"),
    }
}

/// What is wrong with a response that cannot be understood.
fn protocol_fault(url: &str, error: &ureq::Error) -> String {
    let fault = without_origin(error);
    match fault.as_str() {
        "missing a location header" => return "it redirects to nowhere".into(),
        "http parse resulted in too many headers" => return "the response has too many header fields".into(),
        fault if !fault.starts_with("http parse fail") => return fault.into(),
        _ => {}
    }
    match url.strip_prefix("http://") {
        // Such as an alert of TLS.
        Some(rest) => format!("the response is not HTTP; if the server speaks HTTPS, use https://{rest}"),
        None => "the response is not HTTP".into(),
    }
}

/// The message of an error of ureq, without the part of ureq that it comes from.
fn without_origin(error: &ureq::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("protocol: ").unwrap_or(&text).to_owned()
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, reason } => write!(f, "{url} is not an http or https URL: {reason}"),
            Self::Request { url, reason } => write!(f, "cannot send the request to {url}: {reason}"),
            Self::Connect { url, reason } => write!(f, "cannot connect to {url}: {reason}"),
            Self::Untrusted(url) => {
                write!(f, "no secure connection to {url}: its certificate is signed by no authority that is trusted")
            }
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
