//! A server for a test, on a free port, which stops with the test.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::client::Client;
use crate::error::Error;
use crate::handler::Handler;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::server::{Builder, Server, Stopped};

/// A server for a test: it serves an application on a free loopback port, and stops when it is dropped, also if the test panics.
///
/// Its own client sends the requests that handlers are tried with, and returns the responses that handlers return:
///
/// ```
/// use hearken::testing::TestServer;
/// use hearken::{Request, Router};
///
/// let app = Router::new().get("/hello", |_| "Hello, world!");
/// let server = TestServer::new(app)?;
/// let mut response = server.send(Request::get("/hello").with_header("Accept", "text/plain"))?;
/// assert_eq!(response.status().code(), 200);
/// assert_eq!(response.header("Content-Length"), Some("13"));
/// assert_eq!(response.read_text()?, "Hello, world!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each `TestServer` has its own port, so tests can run at the same time. Several threads can use one. Other clients find it by
/// [`TestServer::url`] or [`TestServer::address`].
#[must_use = "the server stops when it is dropped"]
pub struct TestServer {
    /// `None` once it has been stopped.
    server: Option<Server>,
    client: Client,
}

/// How long a server that is dropped lets running exchanges finish.
const GRACE: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_MAX_RESPONSE: u64 = 64 * 1024 * 1024;

impl TestServer {
    /// Serves an application over HTTP, with default settings.
    ///
    /// # Errors
    ///
    /// If the server cannot start: see [`Builder::serve`].
    pub fn new(app: impl Handler) -> Result<Self, Error> {
        Self::with(app, |server| server)
    }

    /// Serves an application, with a server that `set_up` has set up. The [`Builder`] that it gets is bound to a free loopback port.
    ///
    /// ```
    /// use hearken::testing::TestServer;
    /// use hearken::{Request, Settings};
    ///
    /// let app = |request: &mut Request| request.read_body();
    /// let server = TestServer::with(app, |server| server.settings(Settings::default().max_body(3)))?;
    /// assert_eq!(server.send(Request::post("/").with_body("four"))?.status().code(), 413);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TestServer::new`].
    pub fn with(app: impl Handler, set_up: impl FnOnce(Builder) -> Builder) -> Result<Self, Error> {
        let server = set_up(Server::bind("127.0.0.1:0")?).serve(app)?;
        let address = server.address();
        let client = Client { address, timeout: DEFAULT_TIMEOUT, max_body: DEFAULT_MAX_RESPONSE };
        Ok(Self { server: Some(server), client })
    }

    /// How long [`TestServer::send`] may take, from connecting to the last byte of the response. Defaults to 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.client.timeout = timeout;
        self
    }

    /// The most bytes that the body of a response may have for [`TestServer::send`]. Defaults to 64 MiB.
    pub fn max_response(mut self, bytes: u64) -> Self {
        self.client.max_body = bytes;
        self
    }

    /// Sends a request on a connection of its own, and reads the whole response.
    ///
    /// `Host`, `Content-Length` and `Connection: close` are added unless the request has these fields. With `Transfer-Encoding:
    /// chunked` the body is sent in chunks. What a request only has in memory, such as its user or its peer, is not sent. Redirects
    /// are not followed.
    ///
    /// The response has the fields that were sent, framing included; trailer fields are left out. It cannot be returned from a
    /// handler: that is a 500.
    ///
    /// # Errors
    ///
    /// The message names the request. The kind is [`TimedOut`](io::ErrorKind::TimedOut) after the [timeout](TestServer::timeout),
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the connection ends before the response does,
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the response is malformed, its head has more than 64 KiB or 256 fields, or its
    /// body is [too long](TestServer::max_response), and [`Unsupported`](io::ErrorKind::Unsupported) if the server speaks HTTPS.
    /// Other kinds are those of the connection. An error status is not an error: it comes with a response.
    pub fn send(&self, request: Request) -> io::Result<Response> {
        if self.url().starts_with("https:") {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the client of a TestServer speaks HTTP only"));
        }
        self.client.send(request)
    }

    /// Sends a `GET` request, as [`TestServer::send`] does.
    ///
    /// # Errors
    ///
    /// As [`TestServer::send`].
    ///
    /// # Panics
    ///
    /// If the target is not valid, as [`Request::get`].
    pub fn get(&self, target: &str) -> io::Result<Response> {
        self.send(Request::get(target))
    }

    /// The URL of the server, such as `http://127.0.0.1:4040/`.
    pub fn url(&self) -> String {
        self.server().url()
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.client.address
    }

    /// Stops the server, as [`Server::shutdown`] does, and tells what became of its connections. Dropping the server does the same
    /// with a grace of 1 s, and returns at most a second after that.
    pub fn shutdown(mut self, grace: Duration) -> Stopped {
        self.server.take().expect("it runs until it is stopped here").shutdown(grace)
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs until it is dropped or shut down")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown(GRACE);
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("url", &self.url()).finish_non_exhaustive()
    }
}
