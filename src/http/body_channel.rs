//! A response body that another thread sends piece by piece while the response is on its way.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::connection::{ClientLeft, Connection};

/// Sends the body of a response that was made by [`Response::channel`](super::response::Response::channel).
///
/// The body ends when this is dropped. Where that happens in a panic, the client sees that it was cut short.
pub struct BodySender {
    pieces: Sender<Vec<u8>>,
    broken: Arc<AtomicBool>,
}

/// Nobody takes the body any more: the client has left, the server has stopped, or the answer has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// The other end.
pub(crate) struct Pieces {
    pub(crate) pieces: Receiver<Vec<u8>>,
    broken: Arc<AtomicBool>,
}

/// What waiting for a piece gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Some(Vec<u8>),
    /// The body is complete.
    End,
    /// Nobody waits for it any more.
    Disconnected,
    /// Its sender has panicked.
    Broken,
}

/// A channel for a body, in which so many pieces wait at most.
pub(crate) fn body_channel(capacity: usize) -> (BodySender, Pieces) {
    let (sender, receiver) = bounded(capacity);
    let broken = Arc::new(AtomicBool::new(false));
    (BodySender { pieces: sender, broken: Arc::clone(&broken) }, Pieces { pieces: receiver, broken })
}

impl BodySender {
    /// Sends a piece, waiting while as many as may wait are there already. An empty one says nothing.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when nobody takes the body any more. Whoever sends it should end.
    pub fn send(&self, piece: impl Into<Vec<u8>>) -> Result<(), Disconnected> {
        let piece = piece.into();
        if piece.is_empty() {
            return Ok(());
        }
        self.pieces.send(piece).map_err(|_| Disconnected)
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.broken.store(true, Ordering::SeqCst);
        }
    }
}

impl Pieces {
    /// Waits for the next piece.
    pub(crate) fn wait(&self) -> Piece {
        self.pieces.recv().map_or_else(|_| self.end(), Piece::Some)
    }

    /// What it means that nobody sends any more.
    pub(crate) fn end(&self) -> Piece {
        if self.broken.load(Ordering::SeqCst) { Piece::Broken } else { Piece::End }
    }

    /// Reads what is sent for as long as somebody is at the other end of the connection.
    pub(crate) fn read_for(&self, connection: Connection) -> impl Read {
        Reader { pieces: self, connection, piece: io::Cursor::default() }
    }
}

struct Reader<'a> {
    pieces: &'a Pieces,
    connection: Connection,
    /// What has been read of the last piece.
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.piece.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        match self.connection.next_piece(self.pieces) {
            Piece::Some(piece) => {
                self.piece = io::Cursor::new(piece);
                self.piece.read(buffer)
            }
            Piece::End => Ok(0),
            Piece::Disconnected => Err(ClientLeft.into()),
            Piece::Broken => Err(io::Error::other("the thread that sends the body has panicked")),
        }
    }
}

impl fmt::Debug for BodySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodySender")
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody takes the body any more")
    }
}

impl Error for Disconnected {}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn read(pieces: &Pieces) -> io::Result<String> {
        let mut text = String::new();
        pieces.read_for(Connection::default()).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn pieces_arrive_in_order_and_the_end_is_seen() {
        let (sender, pieces) = body_channel(1);
        let sending = thread::spawn(move || {
            for piece in ["a", "", "bcd", "e"] {
                sender.send(piece).unwrap();
            }
        });
        assert_eq!(read(&pieces).unwrap(), "abcde");
        sending.join().unwrap();
    }

    #[test]
    fn a_panic_does_not_look_like_the_end() {
        let (sender, pieces) = body_channel(1);
        let sending = thread::spawn(move || {
            sender.send("a").unwrap();
            panic!("as it is to");
        });
        assert!(read(&pieces).unwrap_err().to_string().contains("panicked"));
        sending.join().unwrap_err();
    }

    #[test]
    fn a_sender_is_told_that_nobody_takes_it() {
        let (sender, pieces) = body_channel(1);
        drop(pieces);
        assert_eq!(sender.send("a"), Err(Disconnected));
        assert_eq!(sender.send(""), Ok(()), "which says nothing");
    }
}
