//! A request's connection as a handler sees it: whether anybody still waits for the answer. What knows is the server's.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::body_channel::{BodyReceiver, Piece};

/// The connection that a request came over, to ask whether anybody still waits for the answer.
///
/// It can be kept, cloned and asked from any thread, for as long as one likes. A handler or a stream that takes its time asks it
/// now and then, and ends when nobody is there to hear the rest:
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

/// What a server knows of a connection.
pub(crate) trait Link: Send + Sync {
    fn is_open(&self) -> bool;
    fn is_stopping(&self) -> bool;
    /// Waits for this long, or until the client leaves or the server begins to stop.
    fn wait(&self, time: Duration);
    /// Waits for a piece of a body, or until the client leaves or the server cuts the connection off.
    fn next_piece(&self, receiver: &BodyReceiver) -> Piece;
}

impl Connection {
    pub(crate) fn new(link: impl Link + 'static) -> Self {
        Self(Some(Arc::new(link)))
    }

    /// Whether the client is still there, and the server has not cut it off.
    ///
    /// A client that has ended its side of the connection counts as gone, though it could still read: most have left for good.
    /// One that vanished without a word, as by a broken cable, is noticed when the server writes to it. Of a request that came
    /// over no connection this is always true.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|link| link.is_open())
    }

    /// Whether the server has begun to stop: answers have as long to finish as the grace of that stop, and are then cut off.
    pub fn is_stopping(&self) -> bool {
        self.0.as_ref().is_some_and(|link| link.is_stopping())
    }

    /// Waits for this long, or less when the client leaves or the server begins to stop; whether to go on: neither is so.
    ///
    /// Meanwhile another thread takes the place of the worker whose thread this is.
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

/// Why a body is not read on: nobody is there to take the rest.
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
