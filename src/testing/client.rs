//! The client of a test server: one request on one connection, within a timeout.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::request::Request;
use crate::http::request_writer::request_bytes;
use crate::http::response::Response;
use crate::http::response_parser::{Progress, ResponseError, ResponseParser};
use crate::reason::reason;

/// Sends requests to one address.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// How long an exchange may take, from connecting to the last byte of the response.
    pub(super) timeout: Duration,
    /// The most bytes that the body of a response may have.
    pub(super) max_body: u64,
}

impl Client {
    /// Sends a request on a connection of its own, and reads the response. The errors name the request.
    pub(super) fn send(&self, mut request: Request) -> io::Result<Response> {
        self.exchange(&mut request).map_err(|error| {
            io::Error::new(error.kind(), format!("{} {}: {error}", request.method(), request.target()))
        })
    }

    fn exchange(&self, request: &mut Request) -> io::Result<Response> {
        let bytes = request_bytes(request, &self.address.to_string())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let parser = ResponseParser::new(request.method().clone(), self.max_body);
        let deadline = Deadline { start: Instant::now(), timeout: self.timeout };

        let stream = TcpStream::connect_timeout(&self.address, deadline.left()?)
            .map_err(|error| explain(&error, &format!("cannot connect to {}", self.address)))?;
        // Otherwise the end of a long request waits until the server has acknowledged what came before.
        stream.set_nodelay(true)?;
        if bytes.len() <= AT_ONCE {
            let sent = send(&stream, &bytes, &deadline);
            return conclude(sent, receive(&stream, parser, &deadline));
        }
        // The server may answer before it has read everything, and may wait until its answer is read.
        thread::scope(|scope| {
            let sending = thread::Builder::new()
                .name("hearken-test-client".into())
                .spawn_scoped(scope, || send(&stream, &bytes, &deadline))
                .map_err(|error| explain(&error, "cannot start a thread"))?;
            let received = receive(&stream, parser, &deadline);
            // What is left of the request would change nothing any more.
            let _ = stream.shutdown(Shutdown::Both);
            conclude(sending.join().expect("sending does not panic"), received)
        })
    }
}

/// Requests of at most this many bytes fit into the buffers of a connection: sending them does not wait for the server.
const AT_ONCE: usize = 8 * 1024;
/// How many bytes are read at a time.
const PIECE: usize = 16 * 1024;

/// When an exchange must be over.
struct Deadline {
    start: Instant,
    timeout: Duration,
}

impl Deadline {
    /// The time that is left.
    fn left(&self) -> io::Result<Duration> {
        let left = self.timeout.saturating_sub(self.start.elapsed());
        if left.is_zero() { Err(self.passed()) } else { Ok(left) }
    }

    fn passed(&self) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, format!("no complete response within {:?}", self.timeout))
    }
}

fn send(mut stream: &TcpStream, mut bytes: &[u8], deadline: &Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(deadline.left()?))?;
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Err(deadline.passed()),
            Err(error) => return Err(explain(&error, "cannot send the request")),
        }
    }
    Ok(())
}

/// Reads until the response is complete or the connection ends.
fn receive(mut stream: &TcpStream, mut parser: ResponseParser, deadline: &Deadline) -> io::Result<ResponseParser> {
    let mut buffer = vec![0; PIECE];
    loop {
        stream.set_read_timeout(Some(deadline.left()?))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(parser),
            Ok(read) => {
                if parser.receive(&buffer[..read])? == Progress::Complete {
                    return Ok(parser);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Err(deadline.passed()),
            Err(error) => return Err(explain(&error, "cannot read the response")),
        }
    }
}

/// The response, given what became of sending and of receiving. That the request was not sent completely does not matter if the server
/// has answered.
fn conclude(sent: io::Result<()>, received: io::Result<ResponseParser>) -> io::Result<Response> {
    let parser = received?;
    let is_complete = parser.is_complete();
    let response = parser.finish()?;
    // The error of a reset connection is reported once: to the sender, after which the reader sees a proper end. So if only the end
    // of the connection ends the body, it may be cut short.
    if is_complete { Ok(response) } else { sent.map(|()| response) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn explain(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {}", reason(error)))
}

impl From<ResponseError> for io::Error {
    fn from(error: ResponseError) -> Self {
        let kind = match error {
            ResponseError::Missing | ResponseError::HeadTruncated | ResponseError::BodyTruncated { .. } => {
                io::ErrorKind::UnexpectedEof
            }
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use crossbeam_channel::{Receiver, RecvTimeoutError};

    use super::*;
    use crate::http::method::Method;

    /// Long enough for any machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// What a client makes of a server that does this with its connection. Nothing is ever received from the channel that the server
    /// gets: its other end is dropped when the client has left.
    fn exchange(
        timeout: Duration,
        request: Request,
        serve: impl FnOnce(TcpStream, Receiver<()>) + Send,
    ) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client { address: listener.local_addr().unwrap(), timeout, max_body: u64::MAX };
        let (leave, client_left) = crossbeam_channel::bounded(0);
        let seen = thread::scope(|scope| {
            scope.spawn(|| serve(listener.accept().unwrap().0, client_left));
            let seen = client.send(request);
            drop(leave);
            // Wakes the server if the client did not connect.
            drop(TcpStream::connect(client.address));
            seen
        });
        seen?.read_text()
    }

    /// Reads what a client sends, up to these bytes.
    fn read_to(stream: &mut TcpStream, end: &str) {
        let mut received = Vec::new();
        while !received.ends_with(end.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            received.push(byte[0]);
        }
    }

    /// Ends a connection by a reset.
    fn reset(stream: TcpStream) {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    #[test]
    fn a_response_counts_however_its_pieces_and_its_connection_end() {
        let table: [(&[&str], Result<&str, (io::ErrorKind, &str)>, &str); 8] = [
            (&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], Ok("ok"), "at once"),
            (&["HTTP/1.1 200 O", "K\r\nContent-Length: 2\r\n\r", "\no", "k"], Ok("ok"), "in pieces"),
            (&["HTTP/1.1 200 OK\r\n\r\no", "k"], Ok("ok"), "until the connection ends"),
            (
                &["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"],
                Ok("1"),
                "after an interim response",
            ),
            (&[], Err((io::ErrorKind::UnexpectedEof, "the connection ended before a response arrived")), "none"),
            (
                &["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"],
                Err((io::ErrorKind::UnexpectedEof, "the connection ended after 2 of 3 bytes of the body")),
                "a body that is cut short",
            ),
            (
                &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"],
                Err((
                    io::ErrorKind::UnexpectedEof,
                    "the connection ended before the last chunk, after 2 bytes of the body",
                )),
                "chunks without a last one",
            ),
            (
                &["SSH-2.0-OpenSSH_9.9\r\n"],
                Err((io::ErrorKind::InvalidData, "the response does not begin with an HTTP/1.1 status line")),
                "no HTTP",
            ),
        ];
        for (pieces, expected, why) in table {
            let seen = exchange(PATIENCE, Request::get("/a?b"), |mut stream, _| {
                read_to(&mut stream, "\r\n\r\n");
                stream.set_nodelay(true).unwrap();
                for piece in pieces {
                    // A client that has read enough may have left.
                    let _ = stream.write_all(piece.as_bytes());
                }
            });
            let expected = expected.map(str::to_owned).map_err(|(kind, text)| (kind, format!("GET /a?b: {text}")));
            assert_eq!(seen.map_err(|error| (error.kind(), error.to_string())), expected, "{why}");
        }
    }

    #[test]
    fn a_server_that_answers_early_and_leaves_has_answered() {
        let ends: [(fn(TcpStream), &str); 3] = [
            (drop, "closes"),
            (reset, "resets"),
            (
                |mut stream| {
                    stream.shutdown(Shutdown::Write).unwrap();
                    stream.read_exact(&mut vec![0; 1 << 20]).unwrap();
                },
                "lingers",
            ),
        ];
        for (end, how) in ends {
            // More than the buffers of a connection hold.
            let request = Request::new(Method::Put, "/").with_body(vec![b'x'; 64 << 20]);
            let seen = exchange(PATIENCE, request, |mut stream, _| {
                read_to(&mut stream, "\r\n\r\n");
                let answer = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo long";
                stream.write_all(answer).unwrap();
                end(stream);
            });
            assert_eq!(seen.unwrap(), "too long", "the server {how}");
        }
    }

    #[test]
    fn a_body_that_a_reset_may_have_cut_short_is_an_error() {
        for body in ["", "a long body"] {
            let request = Request::new(Method::Put, "/").with_body(body.repeat(1 << 20));
            let seen = exchange(PATIENCE, request, |mut stream, _| {
                read_to(&mut stream, "\r\n\r\n");
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\npart").unwrap();
                reset(stream);
            });
            let error = seen.unwrap_err();
            let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
            assert!(kinds.contains(&error.kind()), "{body}: {error}");
            assert!(error.to_string().starts_with("PUT /: cannot "), "{error}");
        }
    }

    #[test]
    fn a_server_may_send_and_receive_at_the_same_time() {
        let length = 32 << 20;
        let request = Request::new(Method::Post, "/").with_body(vec![b'x'; length]);
        let seen = exchange(PATIENCE, request, |mut stream, _| {
            read_to(&mut stream, "\r\n\r\n");
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
            let mut piece = vec![0; 1 << 16];
            let mut left = length;
            while left > 0 {
                let read = stream.read(&mut piece).unwrap();
                stream.write_all(&piece[..read]).unwrap();
                left -= read;
            }
        });
        let body = seen.unwrap();
        assert!(body.len() == length && body.bytes().all(|byte| byte == b'x'));
    }

    #[test]
    fn no_server_keeps_the_client_for_longer_than_its_timeout() {
        let timeout = Duration::from_millis(50);
        // A server that falls silent, and one that never ends, each also while the rest of the request waits to be sent.
        for (length, falls_silent) in [(0, true), (0, false), (64 << 20, true), (64 << 20, false)] {
            let request = Request::new(Method::Put, "/a").with_body(vec![b'x'; length]);
            let seen = exchange(timeout, request, |mut stream, client_left| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while !falls_silent && stream.write_all(b".").is_ok() {}
                assert_eq!(client_left.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
            });
            let error = seen.unwrap_err();
            let expected = (io::ErrorKind::TimedOut, "PUT /a: no complete response within 50ms".to_owned());
            assert_eq!((error.kind(), error.to_string()), expected, "{length} bytes, falls silent: {falls_silent}");
        }
    }

    #[test]
    fn no_time_is_left_at_the_deadline() {
        let left = |timeout| Deadline { start: Instant::now(), timeout }.left();
        assert_eq!(left(Duration::ZERO).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(left(Duration::MAX).is_ok());
    }

    #[test]
    fn the_longest_timeout_is_one_that_the_system_takes() {
        let seen = exchange(Duration::MAX, Request::get("/"), |mut stream, _| {
            read_to(&mut stream, "\r\n\r\n");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        });
        assert_eq!(seen.unwrap(), "ok");
    }

    #[test]
    fn the_rest_of_a_request_is_not_sent_once_it_is_answered() {
        let request = Request::new(Method::Put, "/").with_body(vec![b'x'; 64 << 20]);
        let seen = exchange(2 * PATIENCE, request, |mut stream, client_left| {
            // The server reads nothing, and keeps the connection open.
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            assert_eq!(client_left.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        });
        assert_eq!(seen.unwrap(), "ok");
    }

    #[test]
    fn a_server_that_is_gone_is_named() {
        // No other test uses this loopback address.
        let address = TcpListener::bind("127.0.0.98:0").unwrap().local_addr().unwrap();
        let client = Client { address, timeout: PATIENCE, max_body: 0 };
        let error = client.send(Request::get("/a")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("GET /a: cannot connect to {address}: ")), "{error}");
    }
}
