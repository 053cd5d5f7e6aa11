//! The connection of a request, as a handler sees it: whether the client still waits for the response. The server
//! implements it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::body_channel::{BodyReceiver, Piece};

/// The connection that a request came over. It tells whether the client still waits for the response.
///
/// It can be kept, cloned and used from any thread. A slow handler or stream asks it from time to time, and ends early
/// if the client has left:
///
/// ```
/// use std::time::Duration;
/// use hearken::{Request, Response};
///
/// fn watch(request: &mut Request) -> Response {
///     let connection = request.connection();
///     let mut ticks = 0;
///     while ticks < 3 && connection.wait(Duration::from_millis(1)) {
///         ticks += 1;
///     }
///     Response::text(format!("{ticks} ticks"))
/// }
/// # assert_eq!(watch(&mut Request::get("/")).read_text()?, "3 ticks");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Connection(Option<Arc<dyn Link>>);

/// The server's side of a connection.
pub(crate) trait Link: Send + Sync {
    fn is_open(&self) -> bool;
    fn is_stopping(&self) -> bool;
    /// Waits for this long, or until the client leaves or the server starts to shut down.
    fn wait(&self, time: Duration);
    /// Waits for the next piece of a body, or until the client leaves or the server aborts the connection.
    fn next_piece(&self, receiver: &BodyReceiver) -> Piece;
}

impl Connection {
    pub(crate) fn new(link: impl Link + 'static) -> Self {
        Self(Some(Arc::new(link)))
    }

    /// Whether the client is still there, and the server has not aborted the connection.
    ///
    /// A client that has closed its side counts as gone, although it could still read: most such clients have left. A
    /// client that vanished without closing, as with a broken cable, is noticed only when the server writes to it.
    /// Always true for a request without a connection.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|link| link.is_open())
    }

    /// Whether the server is shutting down: responses have the grace period of the shutdown to finish, and are then
    /// aborted.
    pub fn is_stopping(&self) -> bool {
        self.0.as_ref().is_some_and(|link| link.is_stopping())
    }

    /// Waits for this long, or until the client leaves or the server starts to shut down. Returns whether to go on:
    /// false in both of these cases.
    ///
    /// While a worker waits, another thread takes its place.
    pub fn wait(&self, time: Duration) -> bool {
        match &self.0 {
            Some(link) => link.wait(time),
            None => std::thread::sleep(time),
        }
        self.is_open() && !self.is_stopping()
    }

    pub(crate) fn next_piece(&self, receiver: &BodyReceiver) -> Piece {
        match &self.0 {
            Some(link) => link.next_piece(receiver),
            None => receiver.wait(),
        }
    }
}

/// The error of reading a body whose client has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientLeft;

impl fmt::Display for ClientLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has left")
    }
}

impl Error for ClientLeft {}

impl From<ClientLeft> for io::Error {
    fn from(error: ClientLeft) -> Self {
        Self::new(io::ErrorKind::ConnectionAborted, error)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
