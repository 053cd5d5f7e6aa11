//! A part of a file as the body of a response: read like any stream, and known to the server for what it is.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// The bytes of a file from a position on, as many as are left.
pub(crate) struct FilePart {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl FilePart {
    pub(crate) fn new(file: Arc<File>, position: u64, length: u64) -> Self {
        Self { file, position, left: length }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the rest starts in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes the rest has.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Notes that so many bytes of the rest have been sent.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        self.left -= bytes;
    }
}

impl Read for FilePart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..room], self.position)?;
        self.advance(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_should() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "0123456789").unwrap();
        for (position, length, expected) in
            [(0, 10, "0123456789"), (2, 3, "234"), (8, 5, "89"), (10, 1, ""), (4, 0, "")]
        {
            let mut text = String::new();
            FilePart::new(Arc::new(File::open(&path).unwrap()), position, length).read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
