//! Gzip on the fly, on a bounded number of processors.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::read::GzEncoder;

use crate::http::media_type;
use crate::semaphore::{Semaphore, processors};

/// Compresses with gzip on at most half of the processors at a time. Each of these serves at most eight responses; while there are
/// more, further ones are sent uncompressed.
pub(crate) struct Compressor {
    /// One permit for each thread that may compress.
    threads: Semaphore,
    /// How many responses are being compressed, those included that wait for a slow client.
    responses: AtomicUsize,
    max_responses: usize,
}

/// The right to compress one response, given back when dropped.
pub(crate) struct Slot(Arc<Compressor>);

/// Compresses what another reader yields.
pub(crate) struct GzipReader<R> {
    encoder: GzEncoder<R>,
    slot: Arc<Slot>,
}

/// Shorter content is not compressed: it fits one packet anyway.
pub(crate) const MIN_LENGTH: u64 = 1025;
/// How many responses may be under way for each thread that may compress.
const RESPONSES_PER_THREAD: usize = 8;

impl Compressor {
    pub(crate) fn new() -> Self {
        Self::with_threads((processors() / 2).max(1))
    }

    fn with_threads(threads: usize) -> Self {
        let max_responses = threads * RESPONSES_PER_THREAD;
        Self { threads: Semaphore::new(threads), responses: AtomicUsize::new(0), max_responses }
    }

    /// Whether content of this media type and length becomes much shorter.
    pub(crate) fn suits(&self, media_type: &str, length: u64) -> bool {
        length >= MIN_LENGTH && is_text(media_type)
    }

    /// The right to compress one more response; `None` if there are too many.
    pub(crate) fn take_slot(self: &Arc<Self>) -> Option<Slot> {
        let slot = Slot(Arc::clone(self));
        let before = self.responses.fetch_add(1, Ordering::Relaxed);
        (before < self.max_responses).then_some(slot)
    }
}

impl Slot {
    /// These bytes in gzip.
    pub(crate) fn compress(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut compressed = Vec::with_capacity(bytes.len() / 2);
        self.work(|| GzEncoder::new(bytes, Compression::default()).read_to_end(&mut compressed))?;
        Ok(compressed)
    }

    /// What the reader yields, compressed piece by piece as it is read.
    pub(crate) fn reader<R: Read>(self: Arc<Self>, reader: R) -> GzipReader<R> {
        GzipReader { encoder: GzEncoder::new(reader, Compression::default()), slot: self }
    }

    /// Waits for a permit to compress, and does this piece of work.
    fn work<T>(&self, work: impl FnOnce() -> T) -> T {
        let _permit = self.0.threads.acquire(usize::MAX).expect("any number may wait, and the slots bound it");
        work()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.responses.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { encoder, slot } = self;
        slot.work(|| encoder.read(buffer))
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

    use std::thread;

    use super::*;

    #[test]
    fn text_is_told_from_content_that_is_compressed_already() {
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
    fn compressed_content_decompresses_to_the_original() {
        let compressor = Arc::new(Compressor::new());
        let text = "hearken to this, and then to this again. ".repeat(1000);
        let compressed = compressor.take_slot().unwrap().compress(text.as_bytes()).unwrap();
        assert!(compressed.len() < text.len() / 10);
        let mut seen = String::new();
        GzDecoder::new(compressed.as_slice()).read_to_string(&mut seen).unwrap();
        assert!(seen == text);
    }

    #[test]
    fn no_more_threads_compress_than_there_are_permits() {
        let compressor = Arc::new(Compressor::with_threads(2));
        let slots: Vec<_> = std::iter::from_fn(|| compressor.take_slot()).collect();
        assert_eq!(slots.len(), 2 * RESPONSES_PER_THREAD);
        assert!(compressor.take_slot().is_none());
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for slot in &slots {
                scope.spawn(|| {
                    slot.work(|| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
        drop(slots);
        assert!(compressor.take_slot().is_some(), "what was taken is given back");
    }

    #[test]
    fn a_piece_of_work_that_panics_gives_its_permit_back() {
        let compressor = Arc::new(Compressor::with_threads(1));
        let slot = compressor.take_slot().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| slot.work(|| panic!("for the test"))));
        assert!(panicked.is_err());
        assert_eq!(slot.work(|| 7), 7);
    }
}
