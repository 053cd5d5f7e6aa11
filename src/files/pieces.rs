//! Bodies that are generated piece by piece, while they are sent.

use std::io::{self, Read};

/// Generates the pieces.
pub(super) trait Pieces: Send + 'static {
    /// Appends the next piece; false at the end. A piece may be empty.
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool>;

    /// Whether [`Pieces::wants_flush`] may ever be true: then the body is not compressed, which would hold bytes back.
    const FLUSHES: bool = false;

    /// Whether the pieces so far are sent now, however few they are. Defaults to false.
    fn wants_flush(&mut self) -> bool {
        false
    }
}

/// How much of a list has been generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Head,
    Rows,
    End,
}

/// Reads the pieces one after the other, as one stream of bytes.
pub(super) struct PieceReader<P> {
    pieces: P,
    /// The bytes that are generated, and how many of them have been read.
    generated: Vec<u8>,
    read: usize,
    ended: bool,
}

/// How a body begins.
pub(super) enum Beginning<P> {
    /// It is short: these are all of its bytes.
    Whole(Vec<u8>),
    /// It is longer: the reader yields all of it.
    Part(PieceReader<P>),
}

/// About how many bytes are generated at a time.
const ENOUGH: usize = 64 * 1024;

impl<P: Pieces> PieceReader<P> {
    pub(super) fn new(pieces: P) -> Self {
        Self { pieces, generated: Vec::new(), read: 0, ended: false }
    }

    /// Generates the first pieces.
    pub(super) fn begin(mut self) -> io::Result<Beginning<P>> {
        self.fill()?;
        Ok(if self.ended { Beginning::Whole(self.generated) } else { Beginning::Part(self) })
    }

    fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.generated.len() < ENOUGH {
            self.ended = !self.pieces.next(&mut self.generated)?;
            if !self.generated.is_empty() && self.pieces.wants_flush() {
                break;
            }
        }
        Ok(())
    }
}

impl<P: Pieces> Read for PieceReader<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.generated.len() {
            self.generated.clear();
            self.read = 0;
            self.fill()?;
        }
        let length = buffer.len().min(self.generated.len() - self.read);
        buffer[..length].copy_from_slice(&self.generated[self.read..self.read + length]);
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
    fn a_short_body_is_generated_at_once() {
        let Ok(Beginning::Whole(body)) = PieceReader::new(Count(50)).begin() else { panic!("50 lines fit") };
        assert_eq!(body, expected(50).into_bytes());
    }

    #[test]
    fn a_long_body_is_generated_while_it_is_read() {
        let Ok(Beginning::Part(mut reader)) = PieceReader::new(Count(50_000)).begin() else {
            panic!("50,000 lines do not fit")
        };
        assert!(reader.generated.len() < ENOUGH + 16);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected(50_000));
    }
}
