//! A stream of server-sent events while it is sent.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use super::body_writer::BodyWriter;
use super::connection::Connection;
use super::event::{Comment, Event};

/// Sends the events of a response that was made by [`Response::events`](crate::Response::events).
#[derive(Debug)]
pub struct Events<'a> {
    out: BodyWriter<'a>,
    /// How long it has waited since something was sent.
    quiet: Duration,
}

/// After this much waiting a comment is sent: proxies keep the connection, and a client that has vanished is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

impl<'a> Events<'a> {
    pub(crate) fn new(out: BodyWriter<'a>) -> Self {
        Self { out, quiet: Duration::ZERO }
    }

    pub(crate) fn into_writer(self) -> BodyWriter<'a> {
        self.out
    }

    /// Sends an event, at once.
    ///
    /// # Errors
    ///
    /// If the client has left or the server has aborted the connection, and [`io::ErrorKind::InvalidInput`] if the name or the id
    /// of the event holds a line break, or the id a NUL. Nothing is sent then.
    pub fn send(&mut self, event: &Event) -> io::Result<()> {
        event.check()?;
        self.write(event)
    }

    /// Sends a comment, which clients ignore.
    ///
    /// # Errors
    ///
    /// If the client has left or the server has aborted the connection.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        self.write(&Comment(text))
    }

    /// Waits for this long, or until the client leaves or the server starts to shut down. Returns whether to go on: false in both
    /// of these cases. After every 15 seconds of waiting in which nothing was sent, it sends an empty comment.
    ///
    /// While a worker waits, another thread takes its place.
    pub fn wait(&mut self, time: Duration) -> bool {
        let mut left = time;
        loop {
            let wait = left.min(HEARTBEAT.saturating_sub(self.quiet));
            if !self.out.wait(wait) {
                return false;
            }
            left -= wait;
            self.quiet += wait;
            if self.quiet >= HEARTBEAT && self.comment("").is_err() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
        }
    }

    /// The connection of the request, which tells whether the client is still there, and whether the server is shutting down.
    pub fn connection(&self) -> &Connection {
        self.out.connection()
    }

    fn write(&mut self, element: &dyn fmt::Display) -> io::Result<()> {
        write!(self.out, "{element}")?;
        self.out.flush()?;
        self.quiet = Duration::ZERO;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::body_channel::{BodyReceiver, Piece};
    use super::super::body_writer::{WriteBody, write_body};
    use super::super::connection::Link;
    use super::*;

    /// A connection on which waiting takes no time.
    struct Timeless(Arc<Mutex<Duration>>);

    impl Link for Timeless {
        fn is_open(&self) -> bool {
            true
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn wait(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }

        fn next_piece(&self, _: &BodyReceiver) -> Piece {
            Piece::End
        }
    }

    /// What is sent, with the time at which it is.
    fn sent(send: impl FnOnce(&mut Events<'_>) + Send + 'static) -> (Vec<(u64, String)>, u64) {
        let clock = Arc::new(Mutex::new(Duration::ZERO));
        let mut pieces = Vec::new();
        let write = for_all(|out| {
            let mut events = Events::new(out);
            send(&mut events);
            (Ok(()), events.into_writer())
        });
        write_body(write, Connection::new(Timeless(Arc::clone(&clock))), &mut |piece| {
            pieces.push((clock.lock().unwrap().as_secs(), String::from_utf8(piece.to_vec()).unwrap()));
            Ok(())
        });
        let end = clock.lock().unwrap().as_secs();
        (pieces, end)
    }

    /// Helps the compiler to see that the closure takes a writer of any lifetime.
    fn for_all(
        write: impl for<'a> FnOnce(BodyWriter<'a>) -> (io::Result<()>, BodyWriter<'a>) + Send + 'static,
    ) -> WriteBody {
        Box::new(write)
    }

    fn piece(second: u64, text: &str) -> (u64, String) {
        (second, text.into())
    }

    #[test]
    fn each_event_is_sent_at_once() {
        let (pieces, _) = sent(|events| {
            events.send(&Event::data("a")).unwrap();
            assert!(events.send(&Event::data("b").id("\n")).is_err());
            events.comment("c").unwrap();
        });
        assert_eq!(pieces, [piece(0, "data: a\n\n"), piece(0, ": c\n\n")]);
    }

    #[test]
    fn a_quiet_stream_has_a_heartbeat() {
        let heartbeat = |second| piece(second, ": \n\n");
        let (pieces, end) = sent(|events| assert!(events.wait(Duration::from_secs(50))));
        assert_eq!((pieces, end), (vec![heartbeat(15), heartbeat(30), heartbeat(45)], 50));
        let (pieces, end) = sent(|events| {
            for _ in 0..4 {
                assert!(events.wait(Duration::from_secs(10)));
            }
            events.send(&Event::data("a")).unwrap();
            assert!(events.wait(Duration::from_secs(14)));
            assert!(events.wait(Duration::from_secs(1)));
        });
        assert_eq!((pieces, end), (vec![heartbeat(15), heartbeat(30), piece(40, "data: a\n\n"), heartbeat(55)], 55));
    }
}
