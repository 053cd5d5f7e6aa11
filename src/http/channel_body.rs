//! A reader for a body that another thread sends, as long as its connection is open.

use std::io::{self, Read};

use super::body_channel::{BodyReceiver, Piece};
use super::connection::{ClientLeft, Connection};

/// Reads the pieces of a body as one stream.
pub(crate) struct ChannelBody<'a> {
    receiver: &'a BodyReceiver,
    connection: Connection,
    /// The last piece, and how far it has been read.
    piece: io::Cursor<Vec<u8>>,
}

impl<'a> ChannelBody<'a> {
    /// The body from this receiver, for the client of this connection.
    pub(crate) fn new(receiver: &'a BodyReceiver, connection: Connection) -> Self {
        Self { receiver, connection, piece: io::Cursor::default() }
    }
}

impl Read for ChannelBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.piece.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        match self.connection.next_piece(self.receiver) {
            Piece::Bytes(piece) => {
                self.piece = io::Cursor::new(piece);
                self.piece.read(buffer)
            }
            Piece::End => Ok(0),
            Piece::Disconnected => Err(ClientLeft.into()),
            Piece::Broken => Err(io::Error::other("the thread that sends the body has panicked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::body_channel::body_channel;
    use super::*;

    fn read(receiver: &BodyReceiver) -> io::Result<String> {
        let mut text = String::new();
        ChannelBody::new(receiver, Connection::default()).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn pieces_arrive_in_order_and_the_end_is_seen() {
        let (sender, receiver) = body_channel(1);
        let sending = thread::spawn(move || {
            for piece in ["a", "", "bcd", "e"] {
                sender.send(piece).unwrap();
            }
        });
        assert_eq!(read(&receiver).unwrap(), "abcde");
        sending.join().unwrap();
    }

    #[test]
    fn a_panic_does_not_look_like_the_end() {
        let (sender, receiver) = body_channel(1);
        let sending = thread::spawn(move || {
            sender.send("a").unwrap();
            panic!("on purpose");
        });
        assert!(read(&receiver).unwrap_err().to_string().contains("panicked"));
        sending.join().unwrap_err();
    }
}
