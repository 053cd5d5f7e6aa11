//! Writing a response: its head and the beginning of its body in one write, the rest in large ones.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write as _};
use std::time::SystemTime;

use super::connection::Connection;
use super::pace::Pace;
use crate::http::body_writer::{WriteBody, Written, write_body};
use crate::http::channel_body::ChannelBody;
use crate::http::connection::{ClientLeft, Connection as Handle};
use crate::http::date;
use crate::http::method::Method;
use crate::http::persistence::Persistence;
use crate::http::response::{BodyStream, Response, ResponseBody};
use crate::http::response_head::{self, BodyFraming};
use crate::http::version::Version;

/// A response, and what must be known of its request to frame it.
pub(crate) struct Outgoing<'a> {
    pub(crate) response: Response,
    pub(crate) method: &'a Method,
    pub(crate) version: Version,
    pub(crate) persistence: Persistence,
}

/// What was sent of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Bytes of the body, without its framing.
    pub(crate) body: u64,
    pub(crate) persistence: Persistence,
}

/// Why a response was cut short.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The client has left or does not read.
    Connection(io::Error),
    /// Its body could not be read, or is not as long as was announced.
    Body(io::Error),
}

impl SendError {
    /// The error of reading the body.
    fn of_body(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(ClientLeft) => Self::Connection(error),
            None => Self::Body(error),
        }
    }
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

/// Where a response is written to: a connection, that of a tiny_http server, or a buffer in a test.
pub(crate) trait Sink {
    /// Writes all of the slices.
    fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// How many bytes of a body of this length are read before they are written.
    fn read_at_once(&self, length: u64) -> usize;

    /// The connection, for a body to ask whether the client is still there.
    fn handle(&self) -> Handle;
}

/// Bodies of at most this many bytes are copied behind the head, which costs less than a write of two slices.
const COPY_LIMIT: usize = 2 * 1024;
/// Without TLS, a stream of at most this many bytes is written at once with its head; the system keeps it until the client takes
/// it.
const SHORT_STREAM: usize = 128 * 1024;
/// Of a longer stream this many bytes are held at a time: fewer than would be fastest, because there may be many slow clients.
const LONG_STREAM: usize = 64 * 1024;
/// Over TLS this many bytes are held, head included: as many as are encrypted at once.
const TLS_STREAM: usize = super::tls_stream::ENCRYPTED_AT_ONCE;
/// A body of unknown length is sent in chunks of at most this many bytes.
const CHUNK: usize = 32 * 1024;
/// The largest buffer that is kept for the next response.
const MAX_KEPT: usize = SHORT_STREAM + 4 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Sends a response over a connection.
///
/// After an error the response is cut short: the connection must then be aborted, so that the client notices.
pub(super) fn send(connection: &mut Connection, outgoing: Outgoing<'_>) -> Result<Sent, SendError> {
    let mut buffer = BUFFER.take();
    let result = send_to(&mut ConnectionSink { connection, pace: None }, &mut buffer, outgoing);
    buffer.clear();
    if buffer.capacity() <= MAX_KEPT {
        BUFFER.set(buffer);
    }
    result
}

/// Sends a response to the sink, through this empty buffer.
pub(crate) fn send_to(sink: &mut impl Sink, buffer: &mut Vec<u8>, outgoing: Outgoing<'_>) -> Result<Sent, SendError> {
    let Outgoing { response, method, version, persistence } = outgoing;
    let (framing, mut persistence) =
        with_date(|date| response_head::write(buffer, &response, method, version, persistence, date));
    let body = match (framing, response.into_body()) {
        (BodyFraming::None, _) => send_bytes(sink, buffer, &[])?,
        (_, ResponseBody::Bytes(bytes)) => send_bytes(sink, buffer, &bytes)?,
        (_, ResponseBody::Shared(bytes, range)) => send_bytes(sink, buffer, &bytes[range])?,
        (BodyFraming::Chunked, ResponseBody::Stream { reader, .. }) => {
            if reader.is_slow() {
                send_head(sink, buffer)?;
            }
            send_chunks(sink, buffer, reader)?
        }
        (BodyFraming::Chunked, ResponseBody::Channel(receiver)) => {
            if receiver.pieces.is_empty() {
                send_head(sink, buffer)?;
            }
            let reader = ChannelBody::new(&receiver, sink.handle());
            send_chunks(sink, buffer, reader)?
        }
        (BodyFraming::Chunked, ResponseBody::Writer(write)) => {
            send_head(sink, buffer)?;
            let sent = send_written(sink, write, |sink, piece| write_chunk(sink, buffer, piece))?;
            sink.write(&mut [IoSlice::new(LAST_CHUNK)])?;
            sent
        }
        (BodyFraming::Length(length), ResponseBody::Stream { mut reader, .. }) => {
            let sent = send_known(sink, buffer, reader.as_mut(), length)?;
            if reader.ends_connection() {
                persistence = Persistence::Close;
            }
            sent
        }
        (BodyFraming::UntilClose, ResponseBody::Stream { reader, .. }) => {
            let at_once = sink.read_at_once(u64::MAX);
            let send = if reader.is_slow() { send_pieces } else { send_stream };
            send(sink, buffer, reader, at_once)?
        }
        (BodyFraming::Length(_) | BodyFraming::UntilClose, ResponseBody::Channel(receiver)) => {
            let reader = ChannelBody::new(&receiver, sink.handle());
            let at_once = sink.read_at_once(u64::MAX);
            send_pieces(sink, buffer, reader, at_once)?
        }
        (BodyFraming::Length(_) | BodyFraming::UntilClose, ResponseBody::Writer(write)) => {
            send_head(sink, buffer)?;
            send_written(sink, write, |sink, piece| sink.write(&mut [IoSlice::new(piece)]))?
        }
    };
    Ok(Sent { body, persistence })
}

fn send_bytes(sink: &mut impl Sink, buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<u64, SendError> {
    if bytes.len() <= COPY_LIMIT {
        buffer.extend_from_slice(bytes);
        sink.write(&mut [IoSlice::new(buffer)])?;
    } else {
        sink.write(&mut [IoSlice::new(buffer), IoSlice::new(bytes)])?;
    }
    Ok(bytes.len() as u64)
}

/// Sends the `length` bytes of the body.
///
/// Files are read and written like any other body. `sendfile` would save a copy, but pages that are not sent yet change with the
/// file: if it is truncated before they are sent, zeros go out in place of its bytes.
fn send_known(
    sink: &mut impl Sink,
    buffer: &mut Vec<u8>,
    reader: &mut dyn BodyStream,
    length: u64,
) -> Result<u64, SendError> {
    let sent = if reader.is_slow() {
        let at_once = sink.read_at_once(length);
        send_pieces(sink, buffer, reader.take(length), at_once)?
    } else {
        let at_once = sink.read_at_once(length.saturating_add(buffer.len() as u64));
        send_stream(sink, buffer, reader.take(length), at_once)?
    };
    if sent < length {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the body is shorter than its declared length");
        return Err(SendError::Body(error));
    }
    Ok(sent)
}

/// Sends the head and a body, `at_once` bytes at a time.
fn send_stream(
    sink: &mut impl Sink,
    buffer: &mut Vec<u8>,
    mut reader: impl Read,
    at_once: usize,
) -> Result<u64, SendError> {
    let head = buffer.len();
    let mut filled = head;
    let mut written = 0;
    buffer.resize(at_once.max(head + 1), 0);
    loop {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SendError::of_body(error)),
        }
        if filled == buffer.len() {
            sink.write(&mut [IoSlice::new(buffer)])?;
            written += filled as u64;
            filled = 0;
        }
    }
    if filled > 0 {
        sink.write(&mut [IoSlice::new(&buffer[..filled])])?;
    }
    Ok(written + filled as u64 - head as u64)
}

/// Sends each read of the body as a chunk, at once, so that a slow stream arrives as it is produced.
fn send_chunks(sink: &mut impl Sink, buffer: &mut Vec<u8>, mut reader: impl Read) -> Result<u64, SendError> {
    let mut chunk = vec![0; CHUNK];
    let mut sent = 0;
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SendError::of_body(error)),
        };
        if read == 0 {
            buffer.extend_from_slice(LAST_CHUNK);
            sink.write(&mut [IoSlice::new(buffer)])?;
            return Ok(sent);
        }
        write_chunk(sink, buffer, &chunk[..read])?;
        sent += read as u64;
    }
}

/// Ends a chunked body (RFC 9112 §7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes what the buffer holds, and these bytes as a chunk.
fn write_chunk(sink: &mut impl Sink, buffer: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    write!(buffer, "{:x}\r\n", bytes.len())?;
    sink.write(&mut [IoSlice::new(buffer), IoSlice::new(bytes), IoSlice::new(b"\r\n")])?;
    buffer.clear();
    Ok(())
}

/// Sends the head before there is anything of the body.
fn send_head(sink: &mut impl Sink, buffer: &mut Vec<u8>) -> Result<(), SendError> {
    sink.write(&mut [IoSlice::new(buffer)])?;
    buffer.clear();
    Ok(())
}

/// Sends what the function writes, each piece of it by `send`.
fn send_written<S: Sink>(
    sink: &mut S,
    write: WriteBody,
    mut send: impl FnMut(&mut S, &[u8]) -> io::Result<()>,
) -> Result<u64, SendError> {
    match write_body(write, sink.handle(), &mut |piece| send(sink, piece)) {
        Written::Whole(length) => Ok(length),
        Written::Broken(error) => Err(SendError::of_body(error)),
        Written::Unsent(error) => Err(SendError::Connection(error)),
    }
}

/// Sends the head and each read of the body at once, without framing, at most `at_once` bytes at a time.
fn send_pieces(
    sink: &mut impl Sink,
    buffer: &mut Vec<u8>,
    mut reader: impl Read,
    at_once: usize,
) -> Result<u64, SendError> {
    send_head(sink, buffer)?;
    buffer.resize(at_once, 0);
    let mut sent = 0;
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok(sent),
            Ok(read) => {
                sink.write(&mut [IoSlice::new(&buffer[..read])])?;
                sent += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SendError::of_body(error)),
        }
    }
}

struct ConnectionSink<'a> {
    connection: &'a mut Connection,
    /// The rate that the client must keep up while it reads the response.
    pace: Option<Pace>,
}

impl Sink for ConnectionSink<'_> {
    fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.connection.write_all(slices, &mut self.pace)
    }

    fn read_at_once(&self, length: u64) -> usize {
        // One byte more than there is, so that the end is seen before the buffer is full.
        match usize::try_from(length) {
            _ if self.connection.is_secure() => TLS_STREAM,
            Ok(length @ ..=SHORT_STREAM) => length + 1,
            _ => LONG_STREAM,
        }
    }

    fn handle(&self) -> Handle {
        self.connection.handle()
    }
}

/// Calls `use_date` with the `Date` of this second. Each thread formats it once a second.
fn with_date<T>(use_date: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    DATE.with_borrow_mut(|(second, text)| {
        let now = SystemTime::now();
        if *second != date::seconds(now) {
            *second = date::seconds(now);
            *text = date::format(now);
        }
        use_date(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, together.
    struct Collected(Vec<u8>);

    impl Sink for Collected {
        fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
            slices.iter().for_each(|slice| self.0.extend_from_slice(slice));
            Ok(())
        }

        fn read_at_once(&self, _: u64) -> usize {
            CHUNK
        }

        fn handle(&self) -> Handle {
            Handle::default()
        }
    }

    fn sent(response: Response, method: &Method, version: Version) -> (Result<Sent, SendError>, String) {
        let mut out = Collected(Vec::new());
        let outgoing = Outgoing { response, method, version, persistence: Persistence::KeepAlive };
        let result = send_to(&mut out, &mut Vec::new(), outgoing);
        (result, String::from_utf8(out.0).unwrap())
    }

    fn body(text: &str) -> &str {
        text.split_once("\r\n\r\n").unwrap().1
    }

    /// Gives its text one byte a read.
    struct Slow(&'static [u8]);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let take = self.0.len().min(buffer.len()).min(1);
            buffer[..take].copy_from_slice(&self.0[..take]);
            self.0 = &self.0[take..];
            Ok(take)
        }
    }

    #[test]
    fn bodies_are_framed_as_the_head_says() {
        let (get, v11, v10) = (Method::Get, Version::Http11, Version::Http10);
        let stream = |length| Response::reader(Slow(b"hello"), length);
        let table = [
            (Response::text("hello"), &get, v11, "hello", 5),
            (Response::text("hello"), &Method::Head, v11, "", 0),
            (stream(Some(5)), &get, v11, "hello", 5),
            (stream(Some(3)), &get, v11, "hel", 3),
            (stream(None), &get, v11, "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n", 5),
            (stream(None), &get, v10, "hello", 5),
            (stream(None), &Method::Head, v11, "", 0),
        ];
        for (response, method, version, expected, length) in table {
            let (result, text) = sent(response, method, version);
            assert_eq!(result.unwrap().body, length);
            assert_eq!(body(&text), expected);
        }
    }

    #[test]
    fn large_bodies_arrive_whole() {
        for length in [CHUNK - 200, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let text: String = (0..length).map(|i| char::from(b'a' + u8::try_from(i % 26).unwrap())).collect();
            let streamed = Response::reader(io::Cursor::new(text.clone()), Some(length as u64));
            for response in [Response::text(text.clone()), streamed] {
                let (result, seen) = sent(response, &Method::Get, Version::Http11);
                assert_eq!(result.unwrap().body, length as u64);
                assert!(body(&seen) == text, "{length}");
            }
        }
    }

    #[test]
    fn a_body_that_falls_short_is_an_error() {
        let (result, _) = sent(Response::reader(Slow(b"hello"), Some(6)), &Method::Get, Version::Http11);
        assert!(matches!(result, Err(SendError::Body(error)) if error.kind() == io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_body_can_end_its_connection() {
        struct Ending(Slow, bool);
        impl Read for Ending {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
        impl BodyStream for Ending {
            fn ends_connection(&self) -> bool {
                self.1
            }
        }
        for (ends, expected) in [(false, Persistence::KeepAlive), (true, Persistence::Close)] {
            let response = Response::body_stream(Ending(Slow(b"hello"), ends), Some(5));
            let (result, text) = sent(response, &Method::Get, Version::Http11);
            assert_eq!(result.unwrap(), Sent { body: 5, persistence: expected });
            assert_eq!(body(&text), "hello");
        }
    }

    #[test]
    fn a_body_that_fails_ends_without_its_last_chunk() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is broken"))
            }
        }
        for length in [None, Some(10)] {
            let (result, text) =
                sent(Response::reader(Slow(b"hello").chain(Failing), length), &Method::Get, Version::Http11);
            assert!(matches!(result, Err(SendError::Body(_))), "{length:?}");
            assert!(!text.ends_with("0\r\n\r\n"), "{text}");
        }
    }

    #[test]
    fn a_failed_write_is_an_error_of_the_connection() {
        struct Gone;
        impl Sink for Gone {
            fn write(&mut self, _: &mut [IoSlice<'_>]) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn read_at_once(&self, _: u64) -> usize {
                CHUNK
            }

            fn handle(&self) -> Handle {
                Handle::default()
            }
        }
        for response in [Response::text("hello"), Response::reader(Slow(b"hello"), None)] {
            let (method, version) = (&Method::Get, Version::Http11);
            let outgoing = Outgoing { response, method, version, persistence: Persistence::KeepAlive };
            let result = send_to(&mut Gone, &mut Vec::new(), outgoing);
            assert!(matches!(result, Err(SendError::Connection(_))));
        }
    }

    #[test]
    fn a_body_whose_client_has_left_is_an_error_of_the_connection() {
        struct Failing(fn() -> io::Error);
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err((self.0)())
            }
        }
        let table: [(fn() -> io::Error, bool); 2] =
            [(|| ClientLeft.into(), true), (|| io::ErrorKind::ConnectionAborted.into(), false)];
        for (error, has_left) in table {
            for (length, version) in [(None, Version::Http11), (None, Version::Http10), (Some(9), Version::Http11)] {
                let (result, _) = sent(Response::reader(Failing(error), length), &Method::Get, version);
                assert_eq!(matches!(result, Err(SendError::Connection(_))), has_left, "{length:?} {result:?}");
            }
        }
    }
}
