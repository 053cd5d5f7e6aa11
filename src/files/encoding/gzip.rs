//! Answers compressed as they are sent: which files, and how many processors that may take.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use flate2::Compression;
use flate2::read::GzEncoder;

use super::super::file_body::{FilePart, OpenedFile};
use super::super::representation::Content;
use crate::http::media_type;
use crate::http::response::Response;

/// Compresses with gzip, within bounds: at most half of the processors compress at the same time. An answer that has to wait
/// does so for eight others at most; where more are under way, what could be compressed is sent as it is.
pub(crate) struct Compressor {
    /// How many threads may compress now.
    free: Mutex<usize>,
    freed: Condvar,
    /// How many answers are being compressed, be it that their clients take their time.
    answers: AtomicUsize,
    most_answers: usize,
}

/// The right to compress one answer.
pub(crate) struct Turn(Arc<Compressor>);

/// A file that is compressed as it is sent.
#[derive(Clone)]
pub(crate) struct Made(OpenedFile, Arc<Turn>);

/// What is shorter is not worth the work: it fits one packet as it is.
pub(crate) const SHORTEST: u64 = 1025;
/// How many answers may be under way for each thread that may compress.
const ANSWERS_PER_THREAD: usize = 8;

impl Compressor {
    pub(crate) fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1));
        Self::with_threads(threads)
    }

    fn with_threads(threads: usize) -> Self {
        let (free, freed) = (Mutex::new(threads), Condvar::new());
        Self { free, freed, answers: AtomicUsize::new(0), most_answers: threads * ANSWERS_PER_THREAD }
    }

    /// Whether files of this media type and length become much shorter.
    pub(crate) fn suits(&self, media_type: &str, length: u64) -> bool {
        length >= SHORTEST && is_text(media_type)
    }

    /// The right to compress one more answer; `None` where there are too many.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Turn> {
        let turn = Turn(Arc::clone(self));
        let before = self.answers.fetch_add(1, Ordering::Relaxed);
        (before < self.most_answers).then_some(turn)
    }
}

impl Turn {
    /// The same in gzip: what is in memory at once, what is on disk while it is sent.
    pub(crate) fn make(self, content: Content) -> io::Result<Content> {
        match content {
            Content::Memory(bytes) => Ok(Content::Memory(self.compress(&bytes)?.into())),
            Content::Disk(file) => Ok(Content::Made(Made(file, Arc::new(self)))),
            made @ Content::Made(_) => Ok(made),
        }
    }

    /// These bytes in gzip.
    pub(crate) fn compress(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut compressed = Vec::with_capacity(bytes.len() / 2);
        self.work(|| GzEncoder::new(bytes, Compression::default()).read_to_end(&mut compressed))?;
        Ok(compressed)
    }

    /// 200 with what the reader gives, compressed piece by piece as the client takes it.
    pub(crate) fn stream(self, reader: impl Read + Send + 'static) -> Response {
        stream(reader, Arc::new(self))
    }

    /// Does a piece of work when there is a processor for it.
    fn work<T>(&self, work: impl FnOnce() -> T) -> T {
        let Compressor { free, freed, .. } = &*self.0;
        let mut left = free.lock().unwrap_or_else(PoisonError::into_inner);
        while *left == 0 {
            left = freed.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left -= 1;
        drop(left);
        let _taken = Taken(&self.0);
        work()
    }
}

/// A processor that is in use until this is dropped.
struct Taken<'a>(&'a Compressor);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Made {
    /// 200 with the file, compressed piece by piece as the client takes it.
    pub(crate) fn into_response(self) -> Response {
        let length = self.0.length();
        stream(FilePart::new(self.0, 0, length), self.1)
    }
}

fn stream(reader: impl Read + Send + 'static, turn: Arc<Turn>) -> Response {
    Response::stream(Stream { encoder: GzEncoder::new(reader, Compression::default()), turn }, None)
}

struct Stream<R> {
    encoder: GzEncoder<R>,
    turn: Arc<Turn>,
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { encoder, turn } = self;
        turn.work(|| encoder.read(buffer))
    }
}

/// Whether content of this media type is text of some kind.
fn is_text(media_type: &str) -> bool {
    let essence = media_type::essence(media_type).to_ascii_lowercase();
    let Some((kind, name)) = essence.split_once('/') else { return false };
    let named = ["javascript", "json", "xml", "x-javascript", "x-sh", "toml", "yaml", "sql", "rtf", "wasm", "x-ndjson"];
    match kind {
        "text" => true,
        "application" if named.contains(&name) => true,
        _ => name.ends_with("+json") || name.ends_with("+xml"),
    }
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn text_is_told_from_what_is_compressed_already() {
        let compressor = Compressor::new();
        let table = [
            ("text/html; charset=utf-8", true),
            ("TEXT/plain", true),
            ("text/javascript; charset=utf-8", true),
            ("application/json", true),
            ("application/manifest+json", true),
            ("image/svg+xml; charset=utf-8", true),
            ("application/xhtml+xml", true),
            ("application/wasm", true),
            ("image/png", false),
            ("video/mp4", false),
            ("font/woff2", false),
            ("application/zip", false),
            ("application/gzip", false),
            ("application/octet-stream", false),
            ("", false),
        ];
        for (media_type, expected) in table {
            assert_eq!(compressor.suits(media_type, 10_000), expected, "{media_type}");
            assert!(!compressor.suits(media_type, 1024), "not above 1 KiB");
        }
        assert!(compressor.suits("text/plain", 1025));
    }

    #[test]
    fn what_is_compressed_can_be_had_back() {
        let compressor = Arc::new(Compressor::new());
        let text = "hearken to this, and then to this again. ".repeat(1000);
        let compressed = compressor.begin().unwrap().compress(text.as_bytes()).unwrap();
        assert!(compressed.len() < text.len() / 10);
        let mut seen = String::new();
        GzDecoder::new(compressed.as_slice()).read_to_string(&mut seen).unwrap();
        assert!(seen == text);
    }

    #[test]
    fn no_more_compress_than_may() {
        let compressor = Arc::new(Compressor::with_threads(2));
        let turns: Vec<_> = std::iter::from_fn(|| compressor.begin()).collect();
        assert_eq!(turns.len(), 2 * ANSWERS_PER_THREAD);
        assert!(compressor.begin().is_none());
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for turn in &turns {
                scope.spawn(|| {
                    turn.work(|| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
        drop(turns);
        assert!(compressor.begin().is_some(), "what was taken is given back");
    }

    #[test]
    fn a_piece_of_work_that_panics_gives_its_processor_back() {
        let compressor = Arc::new(Compressor::with_threads(1));
        let turn = compressor.begin().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turn.work(|| panic!("for the test"))));
        assert!(panicked.is_err());
        assert_eq!(turn.work(|| 7), 7);
    }
}
