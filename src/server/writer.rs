//! Writing a response to a connection: the head and the first of the body in one write, the rest in large ones.

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use crate::handlers::files::part::{self, FilePart};
use crate::http::date;
use crate::http::head::{self, BodyFraming, Persistence};
use crate::http::method::{Method, Version};
use crate::http::response::{Payload, Response, ResponseBody};

/// Where a response goes.
pub(super) struct Sink<'a> {
    /// tiny_http's writer.
    pub(super) out: &'a mut dyn Write,
    /// The socket under it, where what is written goes to it as it is.
    pub(super) socket: Option<BorrowedFd<'a>>,
}

/// What a response took on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Bytes of the body, without its framing.
    pub(super) body: u64,
    pub(super) persistence: Persistence,
}

/// How many bytes of a stream are collected before they are written. Over TLS, answers of 100 KiB are twice as many with this
/// than with 256 KiB, which do not stay in the processor's cache; 64 and 128 KiB are in between.
const BUFFER: usize = 32 * 1024;
/// How many bytes that are in memory are copied behind the head, to leave in one write with it.
const ONE_WRITE: usize = 64 * 1024;
/// What the buffer may hold while its connection waits for the next request.
const KEPT: usize = 4 * 1024;

/// Sends a response and flushes it. `buffer` is scratch space that may be used again; it is left empty.
///
/// A failure leaves the response cut short: the connection must then be broken off, so that the client notices.
pub(super) fn send(
    sink: &mut Sink<'_>,
    buffer: &mut Vec<u8>,
    response: Response,
    method: &Method,
    version: Version,
    persistence: Persistence,
) -> Result<Sent, Failure> {
    buffer.clear();
    let (framing, mut persistence) =
        with_date(|date| head::write(buffer, &response, method, version, persistence, date));
    let result = match (framing, response.into_body()) {
        (BodyFraming::None, _) => Ok(0),
        (_, ResponseBody::Bytes(bytes)) => send_bytes(sink.out, buffer, &bytes),
        (_, ResponseBody::Shared(bytes, range)) => send_bytes(sink.out, buffer, &bytes[range]),
        (BodyFraming::Chunked, ResponseBody::Stream { reader, .. }) => send_chunks(sink.out, buffer, reader),
        (BodyFraming::Length(length), ResponseBody::Stream { mut reader, .. }) => {
            let sent = send_known(sink, buffer, reader.as_mut(), length);
            // What was announced is not what is there any more, so nothing more is said on this connection.
            if part::has_grown(reader.as_ref()) {
                persistence = Persistence::Close;
            }
            sent
        }
        (BodyFraming::UntilClose, ResponseBody::Stream { reader, .. }) => send_stream(sink.out, buffer, reader, BUFFER),
    };
    let result = result.and_then(|body| {
        sink.out.write_all(buffer)?;
        sink.out.flush()?;
        Ok(Sent { body, persistence })
    });
    buffer.clear();
    buffer.shrink_to(KEPT);
    result
}

/// Why a response was cut short.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client is gone, or does not read.
    Connection(io::Error),
    /// Its body could not be had, or not as it was announced.
    Body(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

fn send_bytes(out: &mut dyn Write, buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<u64, Failure> {
    let (first, rest) = bytes.split_at(bytes.len().min(ONE_WRITE));
    buffer.extend_from_slice(first);
    if !rest.is_empty() {
        out.write_all(buffer)?;
        buffer.clear();
        out.write_all(rest)?;
    }
    Ok(bytes.len() as u64)
}

/// Sends the `length` bytes of the body.
///
/// Files are read and written like any other body, but for copies that nobody can change. The system could send all of them
/// without copying (`sendfile`), but then what has not left yet changes with the file: should that be cut meanwhile, zeros are
/// sent in place of its bytes.
fn send_known(
    sink: &mut Sink<'_>,
    buffer: &mut Vec<u8>,
    reader: &mut dyn Payload,
    length: u64,
) -> Result<u64, Failure> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(socket) = sink.socket
        && let Some(part) = (&mut *reader as &mut dyn Any).downcast_mut::<FilePart>()
        && part.sealed().is_some()
    {
        return send_sealed(socket, buffer, part);
    }
    let full = match usize::try_from(length) {
        _ if sink.socket.is_none() => BUFFER,
        // With its head, and a byte more so that the buffer is not full before the end.
        Ok(length @ ..=SHORT_STREAM) => buffer.len() + length + 1,
        _ => LONG_STREAM,
    };
    let sent = send_stream(sink.out, buffer, reader.take(length), full)?;
    if sent < length {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the body is shorter than its declared length");
        return Err(Failure::Body(error));
    }
    Ok(sent)
}

/// Sends the head and then the file, which the system takes from the file to the socket by itself.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_sealed(socket: BorrowedFd<'_>, buffer: &mut Vec<u8>, part: &mut FilePart) -> Result<u64, Failure> {
    use rustix::net::SendFlags;

    // MORE: the first of the file leaves in one packet with the head.
    let mut head = buffer.as_slice();
    while !head.is_empty() {
        match rustix::net::send(socket, head, SendFlags::MORE | SendFlags::NOSIGNAL) {
            Ok(sent) => head = &head[sent..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::Connection(error.into())),
        }
    }
    buffer.clear();
    let length = part.left();
    while let Some((file, mut position)) = part.sealed().filter(|_| part.left() > 0) {
        match rustix::fs::sendfile(
            socket,
            file,
            Some(&mut position),
            usize::try_from(part.left()).unwrap_or(usize::MAX),
        ) {
            Ok(0) => return Err(Failure::Body(io::ErrorKind::UnexpectedEof.into())),
            Ok(sent) => part.advance(sent as u64),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::Connection(error.into())),
        }
    }
    Ok(length)
}

/// Without TLS, bodies of up to this many bytes leave in one write with their head, for the system to keep until they are taken.
const SHORT_STREAM: usize = 128 * 1024;
/// And of longer ones so many bytes are held at a time: fewer than are fast, for clients may take their time, and be many.
const LONG_STREAM: usize = 64 * 1024;

/// Sends a body, `full` bytes at a time.
fn send_stream(out: &mut dyn Write, buffer: &mut Vec<u8>, mut reader: impl Read, full: usize) -> Result<u64, Failure> {
    let head = buffer.len();
    let mut filled = head;
    let mut written = 0;
    buffer.resize(full.max(head + 1), 0);
    loop {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Body(error)),
        }
        if filled == buffer.len() {
            out.write_all(buffer)?;
            written += filled as u64;
            filled = 0;
        }
    }
    buffer.truncate(filled);
    Ok(written + filled as u64 - head as u64)
}

/// Each read of the body is a chunk of its own and written at once, so that a slow stream arrives as it is made.
fn send_chunks(out: &mut dyn Write, buffer: &mut Vec<u8>, mut reader: impl Read) -> Result<u64, Failure> {
    let mut chunk = vec![0; 32 * 1024];
    let mut sent = 0;
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Body(error)),
        };
        if read == 0 {
            buffer.extend_from_slice(b"0\r\n\r\n");
            return Ok(sent);
        }
        write!(buffer, "{read:x}\r\n")?;
        buffer.extend_from_slice(&chunk[..read]);
        buffer.extend_from_slice(b"\r\n");
        out.write_all(buffer)?;
        out.flush()?;
        buffer.clear();
        sent += read as u64;
    }
}

/// Calls `use_date` with the `Date` of this second. The text is made once a second and thread.
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

    fn sent(response: Response, method: &Method, version: Version) -> (Result<Sent, Failure>, String) {
        let mut out = Vec::new();
        let mut sink = Sink { out: &mut out, socket: None };
        let result = send(&mut sink, &mut Vec::new(), response, method, version, Persistence::KeepAlive);
        (result, String::from_utf8(out).unwrap())
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
        let stream = |length| Response::stream(Slow(b"hello"), length);
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
        for length in [BUFFER - 200, BUFFER, BUFFER + 1, 3 * BUFFER] {
            let text: String = (0..length).map(|i| char::from(b'a' + u8::try_from(i % 26).unwrap())).collect();
            let streamed = Response::stream(io::Cursor::new(text.clone()), Some(length as u64));
            for response in [Response::text(text.clone()), streamed] {
                let (result, seen) = sent(response, &Method::Get, Version::Http11);
                assert_eq!(result.unwrap().body, length as u64);
                assert!(body(&seen) == text, "{length}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn copies_that_nobody_can_change_go_straight_to_the_socket() {
        use std::net::{TcpListener, TcpStream};
        use std::os::fd::AsFd as _;

        use crate::handlers::files::part::OpenedFile;

        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0] ^ 0x55).collect();
        file.write_all(&content).unwrap();
        let metadata = file.metadata().unwrap();
        let copy = OpenedFile::new(file, &metadata).sealed_copy().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let length = content.len() as u64 - 15;
        let response = Response::stream(FilePart::new(copy, 10, length), Some(length));
        let sending = std::thread::spawn(move || {
            let mut out = Vec::new();
            let mut sink = Sink { out: &mut out, socket: Some(server.as_fd()) };
            let (get, version) = (Method::Get, Version::Http11);
            let sent = send(&mut sink, &mut Vec::new(), response, &get, version, Persistence::KeepAlive).unwrap();
            (sent.body, out)
        });
        let mut seen = Vec::new();
        client.read_to_end(&mut seen).unwrap();
        let (sent, out) = sending.join().unwrap();
        assert_eq!((sent, out.len()), (length, 0));
        let head = seen.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert!(seen[head..] == content[10..content.len() - 5]);
    }

    #[test]
    fn a_body_that_falls_short_is_an_error() {
        let (result, _) = sent(Response::stream(Slow(b"hello"), Some(6)), &Method::Get, Version::Http11);
        assert!(matches!(result, Err(Failure::Body(error)) if error.kind() == io::ErrorKind::UnexpectedEof));
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
                sent(Response::stream(Slow(b"hello").chain(Failing), length), &Method::Get, Version::Http11);
            assert!(matches!(result, Err(Failure::Body(_))), "{length:?}");
            assert!(!text.ends_with("0\r\n\r\n"), "{text}");
        }
    }

    #[test]
    fn whose_fault_it_is_is_told() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for response in [Response::text("hello"), Response::stream(Slow(b"hello"), None)] {
            let mut sink = Sink { out: &mut Gone, socket: None };
            let (get, version) = (Method::Get, Version::Http11);
            let result = send(&mut sink, &mut Vec::new(), response, &get, version, Persistence::KeepAlive);
            assert!(matches!(result, Err(Failure::Connection(_))));
        }
    }
}
