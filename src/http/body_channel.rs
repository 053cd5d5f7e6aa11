//! The channel through which another thread sends a response body, piece by piece, while the response is on its way.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Sends the body of a response that was made by [`Response::channel`](crate::Response::channel).
///
/// Dropping it ends the body. If a panic drops it, the client sees that the body was cut short.
pub struct BodySender {
    pieces: Sender<Vec<u8>>,
    broken: Arc<AtomicBool>,
}

/// The error of sending a body that is no longer received: the client has left, the server has stopped, or the response
/// has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// The receiving end.
pub(crate) struct BodyReceiver {
    pub(crate) pieces: Receiver<Vec<u8>>,
    broken: Arc<AtomicBool>,
}

/// The result of waiting for a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The body is complete.
    End,
    /// The client has left, or the server has cut the connection off.
    Disconnected,
    /// Its sender has panicked.
    Broken,
}

/// A channel for a body, with room for this many pieces.
pub(crate) fn body_channel(capacity: usize) -> (BodySender, BodyReceiver) {
    let (sender, receiver) = bounded(capacity);
    let broken = Arc::new(AtomicBool::new(false));
    (BodySender { pieces: sender, broken: Arc::clone(&broken) }, BodyReceiver { pieces: receiver, broken })
}

impl BodySender {
    /// Sends a piece, and waits while the channel is full. An empty piece is not sent.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] if the body is no longer received. The sender should then end.
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

impl BodyReceiver {
    /// Waits for the next piece.
    pub(crate) fn wait(&self) -> Piece {
        self.pieces.recv().map_or_else(|_| self.end(), Piece::Bytes)
    }

    /// What the end of the channel means: the end of the body, or a panic of its sender.
    pub(crate) fn end(&self) -> Piece {
        if self.broken.load(Ordering::SeqCst) { Piece::Broken } else { Piece::End }
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
    use super::*;

    #[test]
    fn a_sender_is_told_that_nobody_takes_it() {
        let (sender, receiver) = body_channel(1);
        drop(receiver);
        assert_eq!(sender.send("a"), Err(Disconnected));
        assert_eq!(sender.send(""), Ok(()), "which says nothing");
    }
}
