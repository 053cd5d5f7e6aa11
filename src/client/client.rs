//! The client and its settings.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::Agent;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::error::ClientError;
use super::request::Request;
use super::response::Response;
use super::sender::Sender;
use crate::http::method::Method;
use crate::reason::reason;
use crate::tls::install_provider;

/// Sends requests and keeps connections open between them. Redirects are followed, at most 10.
/// One after which a body, or a `DELETE`, would have to be sent again is a [`ClientError::Exchange`].
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
    sender: Sender,
}

/// The settings of a [`Client`].
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    timeout: Option<Duration>,
    authorities: Vec<Certificate<'static>>,
    authorization: Option<HeaderValue>,
    retries: u32,
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

    /// A request of this method for this URL, to be completed and sent. Spaces, letters with accents and other characters that
    /// no URL contains are percent-encoded.
    ///
    /// ```no_run
    /// use hearken::Method;
    /// use hearken::client::Client;
    ///
    /// let client = Client::new();
    /// client.request(Method::Delete, "http://127.0.0.1:4040/old.txt").send()?.error_for_status()?;
    /// let languages = client.request(Method::Get, "http://127.0.0.1:4040/").with_header("Accept-Language", "de, en;q=0.5").send()?;
    /// # Ok::<(), hearken::client::ClientError>(())
    /// ```
    pub fn request(&self, method: Method, url: &str) -> Request<'_> {
        Request::new(&self.sender, method, url)
    }

    /// Fetches a URL: short for [`Client::request`] with `GET`.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when there is no response.
    pub fn get(&self, url: &str) -> Result<Response, ClientError> {
        self.request(Method::Get, url).send()
    }

    /// Posts JSON, which is sent unchanged. [`Request::with_json`] sends other values as JSON.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn post_json(&self, url: &str, json: impl AsRef<[u8]>) -> Result<Response, ClientError> {
        let request = self.request(Method::Post, url).with_header("Content-Type", "application/json");
        request.with_borrowed_body(json.as_ref()).send()
    }

    /// Puts what the reader yields: short for [`Client::request`] with `PUT` and [`Request::with_reader`].
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn put(&self, url: &str, body: &mut dyn Read, length: Option<u64>) -> Result<Response, ClientError> {
        self.request(Method::Put, url).with_reader(body, length).send()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
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
            .allow_non_standard_methods(true)
            .timeout_global(self.timeout)
            .user_agent(concat!("hearken-client/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let sender = Sender { agent: config.new_agent(), authorization: self.authorization, retries: self.retries };
        Client { sender }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_would_be_read_otherwise_are_refused() {
        for (user, password, accepted) in
            [("ada", "a:b", true), ("ada", "", true), ("a:b", "c", false), ("ada", "a\nb", false)]
        {
            assert_eq!(Client::builder().basic_auth(user, password).is_ok(), accepted, "{user:?} {password:?}");
        }
    }
}
