//! A blocking HTTP and HTTPS client, for `hearken-client` and for the tests of programs that embed the server.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::http::{self, HeaderValue, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader, SendBody};

use crate::reason::reason;
use crate::tls::install_provider;

/// Sends requests and keeps connections open between them. Redirects are followed, at most 10.
///
/// ```no_run
/// use hearken::client::Client;
///
/// let client = Client::new();
/// let response = client.post_json("http://127.0.0.1:4040/notes", r#"{"myNote": "hello"}"#)?;
/// println!("{}", response.text()?);
/// # Ok::<(), hearken::client::ClientError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    authorization: Option<HeaderValue>,
    retries: u32,
}

/// The settings of a [`Client`].
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    timeout: Option<Duration>,
    authorities: Vec<Certificate<'static>>,
    authorization: Option<HeaderValue>,
    retries: u32,
}

/// A response: status, header fields, and a body that has not been read yet.
#[derive(Debug)]
pub struct Response(http::Response<Body>);

/// Why there is no response, or no complete one. An error status is not among these: it comes with a response.
///
/// `Debug` prints the same line as `Display`, so that a `main` that returns it prints a readable message.
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not an http or https one.
    Url(String),
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

impl Client {
    /// A client with the default settings.
    pub fn new() -> Self {
        ClientBuilder::default().build()
    }

    /// The settings of a new client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Fetches a URL.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when there is no response.
    pub fn get(&self, url: &str) -> Result<Response, ClientError> {
        self.send("GET", url, &[], Outgoing::Nothing)
    }

    /// Posts JSON, which is sent unchanged.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn post_json(&self, url: &str, json: impl AsRef<[u8]>) -> Result<Response, ClientError> {
        self.send("POST", url, &[("Content-Type", "application/json")], Outgoing::Bytes(json.as_ref()))
    }

    /// Puts what the reader yields: with `Content-Length` if the length is known, otherwise in chunks.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn put(&self, url: &str, body: &mut dyn Read, length: Option<u64>) -> Result<Response, ClientError> {
        // `Expect: 100-continue` would save sending a body that is refused. But ureq fails on an interim response that has
        // header fields, as some servers send it.
        let length = length.map(|length| length.to_string());
        let fields: Vec<_> = length.as_deref().map(|length| ("Content-Length", length)).into_iter().collect();
        self.send("PUT", url, &fields, Outgoing::Stream(body))
    }

    /// Sends a request, and retries while the server cannot be reached. Nothing of the body has been read by then.
    fn send(
        &self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        mut body: Outgoing<'_>,
    ) -> Result<Response, ClientError> {
        let mut attempt = 0;
        loop {
            match self.try_send(method, url, fields, &mut body) {
                Err(ClientError::Connect { .. }) if attempt < self.retries => {
                    thread::sleep(backoff(attempt));
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn try_send(
        &self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        body: &mut Outgoing<'_>,
    ) -> Result<Response, ClientError> {
        let uri: Uri = url.parse().map_err(|_| ClientError::Url(url.into()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(ClientError::Url(url.into()));
        }
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let refused = |_| ClientError::Url(url.into());
        let result = match body {
            Outgoing::Nothing => self.agent.run(request.body(()).map_err(refused)?),
            Outgoing::Bytes(bytes) => self.agent.run(request.body(*bytes).map_err(refused)?),
            Outgoing::Stream(reader) => self.agent.run(request.body(SendBody::from_reader(reader)).map_err(refused)?),
        };
        result.map(Response).map_err(|error| ClientError::of(url, error))
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// The body of a request.
enum Outgoing<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Read),
}

/// How long to wait before the next attempt: 200 ms at first, then twice as long each time, up to 5 s.
fn backoff(attempts: u32) -> Duration {
    Duration::from_millis(200).saturating_mul(1 << attempts.min(5)).min(Duration::from_secs(5))
}

impl ClientBuilder {
    /// How long an exchange may take in all, its body included. Defaults to no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often to try again when the server cannot be reached, waiting longer each time. Defaults to never.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Trusts the certificates in this PEM file, and them only. Defaults to Mozilla's list.
    ///
    /// # Errors
    ///
    /// [`ClientError::Authority`] when no certificate can be read from it.
    pub fn trust(mut self, path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref();
        let failed = |reason: String| ClientError::Authority { path: path.into(), reason };
        let pem = fs::read(path).map_err(|error| failed(reason(&error)))?;
        for item in parse_pem(&pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) => self.authorities.push(certificate),
                Ok(_) => {}
                Err(error) => return Err(failed(format!("its PEM is damaged: {error}"))),
            }
        }
        if self.authorities.is_empty() {
            return Err(failed("there is no PEM certificate in it".into()));
        }
        Ok(self)
    }

    /// Sends this user name and password with each request (Basic, RFC 7617), but not to other hosts after a redirect.
    ///
    /// # Errors
    ///
    /// [`ClientError::Credentials`] when they cannot be sent.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, ClientError> {
        if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(ClientError::Credentials);
        }
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::try_from(format!("Basic {credentials}")).map_err(|_| ClientError::Credentials)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// The client.
    pub fn build(self) -> Client {
        install_provider();
        let roots = if self.authorities.is_empty() { RootCerts::WebPki } else { RootCerts::from(self.authorities) };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(self.timeout)
            .user_agent(concat!("hearken-client/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Client { agent: config.new_agent(), authorization: self.authorization, retries: self.retries }
    }
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The status line, such as `404 Not Found`.
    pub fn status_line(&self) -> String {
        self.0.status().to_string()
    }

    /// Whether the status code is in the 200s.
    pub fn is_success(&self) -> bool {
        self.0.status().is_success()
    }

    /// The value of the first header field of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// All header fields as (name, value). Invalid UTF-8 is replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
    }

    /// The length of the body in bytes, if the server sent it.
    pub fn content_length(&self) -> Option<u64> {
        self.0.body().content_length()
    }

    /// The body, read as it arrives. If it breaks off, reading fails with an error that holds a [`ClientError`].
    pub fn into_reader(self) -> impl Read {
        ResponseReader(self.0.into_body().into_reader())
    }

    /// The whole body as text. Invalid UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// [`ClientError::Body`] when the body is incomplete.
    pub fn text(self) -> Result<String, ClientError> {
        let mut body = Vec::new();
        self.into_reader().read_to_end(&mut body).map_err(|error| ClientError::Body(error.to_string()))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// The body of a response. Its errors hold a [`ClientError`], which tells them from those of the writer it is copied to.
struct ResponseReader(BodyReader<'static>);

impl Read for ResponseReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, ClientError::Body(error.to_string())),
        })
    }
}

impl ClientError {
    fn of(url: &str, error: ureq::Error) -> Self {
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
            Self::Connect { url, reason } => write!(f, "cannot connect to {url}: {reason}"),
            Self::Tls { url, reason } => write!(f, "no secure connection to {url}: {reason}"),
            Self::Timeout(url) => write!(f, "{url} did not answer in time"),
            Self::Exchange { url, reason } => write!(f, "the exchange with {url} failed: {reason}"),
            Self::Body(reason) => write!(f, "the response broke off: {reason}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_not_http_are_refused_without_a_connection() {
        for url in ["", "localhost", "ftp://localhost/", "http://", "http:///x", "http://a b/", "/path"] {
            assert!(matches!(Client::new().get(url), Err(ClientError::Url(_))), "{url:?}");
        }
    }

    #[test]
    fn credentials_that_would_be_read_otherwise_are_refused() {
        for (user, password, accepted) in
            [("ada", "a:b", true), ("ada", "", true), ("a:b", "c", false), ("ada", "a\nb", false)]
        {
            assert_eq!(Client::builder().basic_auth(user, password).is_ok(), accepted, "{user:?} {password:?}");
        }
    }

    #[test]
    fn waiting_between_attempts_grows_to_five_seconds() {
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 99].map(|attempts| backoff(attempts).as_millis()).into();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
