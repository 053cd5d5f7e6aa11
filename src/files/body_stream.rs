//! A body that is made a piece at a time, as it is read.

use std::io::{self, Read};

/// Makes the pieces.
pub(super) trait Pieces: Send + 'static {
    /// Appends the next piece; false when there is none any more. A piece may be empty.
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool>;
}

/// What has been made of a list: nothing, what comes before its rows, some of them, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Nothing,
    Beginning,
    Rows,
    Everything,
}

/// The pieces one after the other, as a reader.
pub(super) struct PieceReader<P> {
    pieces: P,
    /// What has been made, and from where on it has not been read.
    made: Vec<u8>,
    read: usize,
    ended: bool,
}

/// How much is made before it is read, about.
const ENOUGH: usize = 64 * 1024;

impl<P: Pieces> PieceReader<P> {
    pub(super) fn new(pieces: P) -> Self {
        Self { pieces, made: Vec::new(), read: 0, ended: false }
    }

    /// Makes the first pieces. All of the body, where that is everything.
    pub(super) fn begin(mut self) -> io::Result<Result<Vec<u8>, Self>> {
        self.fill()?;
        if self.ended { Ok(Ok(self.made)) } else { Ok(Err(self)) }
    }

    fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.made.len() < ENOUGH {
            self.ended = !self.pieces.next(&mut self.made)?;
        }
        Ok(())
    }
}

impl<P: Pieces> Read for PieceReader<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.made.len() {
            self.made.clear();
            self.read = 0;
            self.fill()?;
        }
        let length = buffer.len().min(self.made.len() - self.read);
        buffer[..length].copy_from_slice(&self.made[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(usize);

    impl Pieces for Count {
        fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
            let Some(left) = self.0.checked_sub(1) else { return Ok(false) };
            self.0 = left;
            // Every third piece is empty, which is not the end.
            if left % 3 != 0 {
                out.extend_from_slice(format!("{left}\n").as_bytes());
            }
            Ok(true)
        }
    }

    fn expected(count: usize) -> String {
        (0..count).rev().filter(|left| left % 3 != 0).map(|left| format!("{left}\n")).collect()
    }

    #[test]
    fn a_short_body_is_made_at_once() {
        let Ok(Ok(body)) = PieceReader::new(Count(50)).begin() else { panic!("50 lines fit") };
        assert_eq!(body, expected(50).into_bytes());
    }

    #[test]
    fn a_long_body_is_made_as_it_is_read() {
        let Ok(Err(mut reader)) = PieceReader::new(Count(50_000)).begin() else { panic!("50,000 lines do not fit") };
        assert!(reader.made.len() < ENOUGH + 16);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected(50_000));
    }
}
