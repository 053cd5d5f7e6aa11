//! HTTP/1.1 spoken by hand: requests byte by byte, and answers as they came.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::connections::Stream;
use super::waiting::PATIENCE;

/// A connection on which HTTP is spoken by hand.
pub(crate) struct Wire {
    pub(crate) stream: BufReader<Stream>,
}

/// An answer as it came over a connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self::over(Stream::Tcp(stream))
    }

    pub(crate) fn over(stream: Stream) -> Self {
        stream.set_timeouts(Some(PATIENCE));
        Self { stream: BufReader::new(stream) }
    }

    /// Sends these bytes. The peer may have closed already.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Reads the head of an answer, and leaves its body where it is.
    pub(crate) fn head(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).unwrap();
            assert!(read > 0, "the connection ended in a head: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head, body: Vec::new() }
    }

    /// Reads one answer, unless the connection ends before it begins.
    #[track_caller]
    pub(crate) fn try_reply_to(&mut self, method: &str) -> Option<Reply> {
        match self.stream.fill_buf() {
            Err(error) if is_timeout(&error) => panic!("the server neither answers nor ends the connection"),
            Ok([]) | Err(_) => None,
            Ok(_) => Some(self.reply_to(method)),
        }
    }

    #[track_caller]
    pub(crate) fn try_reply(&mut self) -> Option<Reply> {
        self.try_reply_to("GET")
    }

    /// Reads one answer to a request of this method, framed as its head says.
    pub(crate) fn reply_to(&mut self, method: &str) -> Reply {
        let mut reply = self.head();
        let status = reply.status;
        if method == "HEAD" || status == 204 || status == 304 || status < 200 {
            return reply;
        }
        if let Some(length) = reply.header("Content-Length") {
            reply.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut reply.body).unwrap();
        } else if reply.header("Transfer-Encoding") == Some("chunked") {
            reply.body = self.chunks();
        } else {
            self.stream.read_to_end(&mut reply.body).unwrap();
        }
        reply
    }

    pub(crate) fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            let mut end = [0; 2];
            self.stream.read_exact(&mut end).unwrap();
            assert_eq!(&end, b"\r\n");
            if length == 0 {
                return body;
            }
        }
    }

    /// Whether the server ends the connection, be it by a reset, without sending anything more.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) -> bool {
        let (rest, end) = read_until_closed(&mut self.stream);
        match end {
            Ok(()) => rest.is_empty(),
            Err(error) => {
                // What TLS still had to say finds nobody.
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) && rest.is_empty()
            }
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads until the peer ends the connection: what it sent, and how the connection ended. Fails when the peer falls silent
/// and leaves the connection open, which must not pass for an end.
#[track_caller]
pub(crate) fn read_until_closed(stream: &mut impl Read) -> (Vec<u8>, io::Result<()>) {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).map(drop);
    assert!(!end.as_ref().is_err_and(is_timeout), "the server leaves the connection open");
    (received, end)
}

/// Writes these bytes again and again until the server ends the connection; how many it took. Fails when it takes too many,
/// and when it takes no more and leaves the connection open.
#[track_caller]
pub(crate) fn write_until_closed(stream: &mut impl Write, bytes: &[u8], at_most: usize) -> usize {
    let mut sent = 0;
    loop {
        match stream.write_all(bytes) {
            Ok(()) => sent += bytes.len(),
            Err(error) if is_timeout(&error) => panic!("the server takes no more and leaves the connection open"),
            Err(_) => return sent,
        }
        assert!(sent < at_most, "the server took {sent} bytes");
    }
}

/// Whether a read or write was given up because of the stream's timeout.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Sends one request on a connection of its own and reads the answer.
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in fields {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    let mut wire = Wire::connect(address);
    wire.send(request);
    wire.send(body);
    wire.reply_to(method)
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Reply {
    ask(address, "GET", target, &[], b"")
}
