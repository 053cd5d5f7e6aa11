//! Writing of response heads, which decides the framing of the body (RFC 9112 §4 to §7).

use std::io::Write as _;

use super::method::Method;
use super::persistence::Persistence;
use super::response::Response;
use super::version::Version;

/// The framing of the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// No body: the status forbids it, or the request was HEAD.
    None,
    /// This many bytes.
    Length(u64),
    /// The chunked transfer coding (RFC 9112 §7.1).
    Chunked,
    /// All bytes until the connection closes, for a body of unknown length to an HTTP/1.0 client.
    UntilClose,
}

/// Appends the head of a response to `out`: status line, header fields, empty line.
///
/// `date` is the value of the `Date` field. Returns the framing of the body, and the persistence that the head
/// announces, which is `Close` if only closing the connection ends the body.
pub(crate) fn write(
    out: &mut Vec<u8>,
    response: &Response,
    method: &Method,
    version: Version,
    persistence: Persistence,
    date: &str,
) -> (BodyFraming, Persistence) {
    let status = response.status();
    let (declared, framing) = if status.forbids_body() {
        (BodyFraming::None, BodyFraming::None)
    } else {
        let framing = match (response.content_length(), version) {
            (Some(length), _) => BodyFraming::Length(length),
            (None, Version::Http11) => BodyFraming::Chunked,
            (None, Version::Http10) => BodyFraming::UntilClose,
        };
        // RFC 9110 §9.3.2: the response to HEAD has the same fields as the one to GET.
        (framing, if *method == Method::Head { BodyFraming::None } else { framing })
    };
    let persistence = if framing == BodyFraming::UntilClose { Persistence::Close } else { persistence };

    // The server sends its own version, whatever the client's is (RFC 9112 §2.3).
    out.extend_from_slice(b"HTTP/1.1 ");
    put_number(out, u64::from(status.code()));
    out.push(b' ');
    out.extend_from_slice(status.reason().as_bytes());
    out.extend_from_slice(b"\r\nDate: ");
    out.extend_from_slice(date.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in response.headers().iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    match declared {
        BodyFraming::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            put_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        BodyFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyFraming::None | BodyFraming::UntilClose => {}
    }
    match (persistence, version) {
        (Persistence::Close, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (Persistence::KeepAlive, Version::Http10) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (Persistence::KeepAlive, Version::Http11) => {}
    }
    out.extend_from_slice(b"\r\n");
    (framing, persistence)
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    write!(out, "{number}").expect("writing to a Vec does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::status::Status;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn head(response: &Response, method: &Method, version: Version, persistence: Persistence) -> (String, BodyFraming) {
        let mut out = Vec::new();
        let (framing, _) = write(&mut out, response, method, version, persistence, DATE);
        (String::from_utf8(out).unwrap(), framing)
    }

    #[test]
    fn bodies_are_framed_by_status_method_and_version() {
        use BodyFraming::{Chunked, Length, None as NoBody, UntilClose};
        use Version::{Http10, Http11};
        let stream = || Response::reader(std::io::empty(), None);
        let text = || Response::text("hello");
        let table = [
            (text(), Method::Get, Http11, Length(5), "Content-Length: 5\r\n\r\n"),
            (text(), Method::Head, Http11, NoBody, "Content-Length: 5\r\n\r\n"),
            (text(), Method::Get, Http10, Length(5), "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n"),
            (stream(), Method::Get, Http11, Chunked, "Transfer-Encoding: chunked\r\n\r\n"),
            (stream(), Method::Head, Http11, NoBody, "Transfer-Encoding: chunked\r\n\r\n"),
            (stream(), Method::Get, Http10, UntilClose, "GMT\r\nConnection: close\r\n\r\n"),
            (Response::new(Status::NO_CONTENT), Method::Get, Http11, NoBody, "GMT\r\n\r\n"),
            (text().with_status(Status::NOT_MODIFIED), Method::Get, Http11, NoBody, "charset=utf-8\r\n\r\n"),
            (Response::new(Status::NOT_FOUND), Method::Get, Http11, Length(0), "Content-Length: 0\r\n\r\n"),
        ];
        for (response, method, version, framing, ending) in table {
            let (head, seen) = head(&response, &method, version, Persistence::KeepAlive);
            assert_eq!(seen, framing, "{head}");
            assert!(head.ends_with(ending), "{head}");
        }
    }

    #[test]
    fn a_head_is_a_status_line_and_fields_up_to_an_empty_line() {
        let response = Response::text("hello").with_header("X-A", "b");
        let (head, _) = head(&response, &Method::Get, Version::Http11, Persistence::Close);
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
    }
}
