//! Parts of a file as the body of a response: sent as they were when the file was opened, or cut short.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use crate::http::response::BodyStream;

/// An open file, and its state when its length was announced to the client.
#[derive(Clone)]
pub(crate) struct OpenedFile {
    file: Arc<File>,
    length: u64,
    modified: Option<SystemTime>,
}

/// A part of a file: the `left` bytes from `position`.
pub(crate) struct FileBody {
    opened: OpenedFile,
    position: u64,
    left: u64,
    grown: bool,
}

/// Several parts of a file, and the texts before, between and after them.
pub(crate) struct MultipartBody<P> {
    texts: std::vec::IntoIter<String>,
    parts: std::vec::IntoIter<P>,
    text: io::Cursor<String>,
    /// The part that follows the text.
    part: Option<P>,
    /// Whether one of the parts before has said so.
    ends_connection: bool,
}

impl OpenedFile {
    pub(crate) fn new(file: File, metadata: &Metadata) -> Self {
        Self { file: Arc::new(file), length: metadata.len(), modified: metadata.modified().ok() }
    }

    /// All of its bytes. Fails if the file has changed since it was opened.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0));
        let mut whole = FileBody::new(self.clone(), 0, self.length);
        whole.read_to_end(&mut bytes)?;
        if whole.grown { Err(io::Error::other("the file was changed while it was read")) } else { Ok(bytes) }
    }

    /// How many bytes it had when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl FileBody {
    pub(crate) fn new(opened: OpenedFile, position: u64, length: u64) -> Self {
        Self { opened, position, left: length, grown: false }
    }

    /// Fails if the file was truncated or overwritten since it was opened, because then the bytes read may be from another version.
    ///
    /// A file that only grew, as logs do, is sent up to the announced length.
    fn check(&mut self) -> io::Result<()> {
        let metadata = self.opened.file.metadata()?;
        if metadata.len() < self.opened.length {
            return Err(truncated());
        }
        if metadata.len() > self.opened.length {
            self.grown = true;
        } else if metadata.modified().ok() != self.opened.modified {
            return Err(io::Error::other("the file was changed while it was sent"));
        }
        Ok(())
    }
}

impl BodyStream for FileBody {
    /// Whether the file grew while it was sent: the announced length is then out of date.
    fn ends_connection(&self) -> bool {
        self.grown
    }
}

/// The error for a file that ends before its announced length.
fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

impl Read for FileBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            return Ok(0);
        }
        let read = self.opened.file.read_at(&mut buffer[..room], self.position)?;
        if read == 0 {
            return Err(truncated());
        }
        // After the read, because bytes read from a file that is being truncated may be zeros.
        self.check()?;
        self.position += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// A part of the program's own bytes.
impl BodyStream for &'static [u8] {}

impl<P: BodyStream> MultipartBody<P> {
    /// These parts of a file, with a text before each of them and one after the last.
    pub(crate) fn new(texts: Vec<String>, parts: Vec<P>) -> Self {
        let (texts, parts) = (texts.into_iter(), parts.into_iter());
        let mut body = Self { texts, parts, text: io::Cursor::default(), part: None, ends_connection: false };
        body.advance();
        body
    }

    /// Moves on to the next text, and to the part after it if there is one. Returns false after the last text.
    fn advance(&mut self) -> bool {
        let Some(text) = self.texts.next() else { return false };
        self.ends_connection = self.ends_connection();
        self.text = io::Cursor::new(text);
        self.part = self.parts.next();
        true
    }
}

impl<P: BodyStream> Read for MultipartBody<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match (self.text.read(buffer)?, &mut self.part) {
                (0, Some(part)) => part.read(buffer)?,
                (read, _) => read,
            };
            if read > 0 || buffer.is_empty() || !self.advance() {
                return Ok(read);
            }
        }
    }
}

impl<P: BodyStream> BodyStream for MultipartBody<P> {
    fn ends_connection(&self) -> bool {
        self.ends_connection || self.part.as_ref().is_some_and(BodyStream::ends_connection)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn opened(path: &std::path::Path) -> OpenedFile {
        let file = File::open(path).unwrap();
        let metadata = file.metadata().unwrap();
        OpenedFile::new(file, &metadata)
    }

    #[test]
    fn a_part_ends_where_it_should() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "0123456789").unwrap();
        for (position, length, expected) in
            [(0, 10, Some("0123456789")), (2, 3, Some("234")), (10, 0, Some("")), (4, 0, Some("")), (8, 5, None)]
        {
            let mut text = String::new();
            let read = FileBody::new(opened(&path), position, length).read_to_string(&mut text);
            assert_eq!(read.ok().map(|_| text.as_str()), expected, "{length} from {position}");
        }
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "0123456789").unwrap();
        let file = opened(&path);
        assert_eq!(file.read().unwrap(), b"0123456789");
        for content in ["012345678", "0123456789+"] {
            fs::write(&path, content).unwrap();
            assert!(file.read().is_err(), "{content}");
        }
    }

    #[test]
    fn parts_alternate_with_their_separators() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "0123456789").unwrap();
        let file = opened(&path);
        let texts = ["<", "", ">"].map(str::to_owned).to_vec();
        let mut parts = MultipartBody::new(texts, vec![FileBody::new(file.clone(), 7, 3), FileBody::new(file, 0, 1)]);
        let mut seen = Vec::new();
        let mut byte = [0];
        while parts.read(&mut byte).unwrap() > 0 {
            seen.push(byte[0]);
        }
        assert_eq!(seen, b"<7890>");
        assert_eq!(parts.read(&mut byte).unwrap(), 0, "the end is the end");
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let table: [(&str, fn(&File), bool, bool); 4] = [
            ("nothing", |_| {}, true, false),
            ("longer", |mut file| file.write_all(b"0123456789+").unwrap(), true, true),
            ("shorter", |file| file.set_len(5).unwrap(), false, false),
            (
                "changed",
                |file| file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(7)).unwrap(),
                false,
                false,
            ),
        ];
        for (what, change, whole, grown) in table {
            fs::write(&path, "0123456789").unwrap();
            let texts = ["", "", ""].map(str::to_owned).to_vec();
            let mut one = FileBody::new(opened(&path), 0, 10);
            let file = opened(&path);
            let parts = vec![FileBody::new(file.clone(), 0, 2), FileBody::new(file, 3, 7)];
            let mut several = MultipartBody::new(texts, parts);
            for body in [&mut one as &mut dyn BodyStream, &mut several] {
                body.read_exact(&mut [0]).unwrap();
            }
            change(&fs::OpenOptions::new().write(true).open(&path).unwrap());
            for body in [&mut one as &mut dyn BodyStream, &mut several] {
                assert_eq!(body.read_to_end(&mut Vec::new()).is_ok(), whole, "{what}");
            }
            assert_eq!((one.ends_connection(), several.ends_connection()), (grown, grown), "{what}");
        }
    }
}
