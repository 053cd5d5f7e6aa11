//! Writing of requests (RFC 9112 §3, §5 and §6): a request as the bytes that a client sends.

use std::io::{self, Read as _};

use super::headers::list_members;
use super::request::Request;

/// The bytes of a request to the server at this authority.
///
/// `Host`, `Content-Length` and `Connection: close` are added unless the request has these fields; with a `Transfer-Encoding` that
/// ends with `chunked` the body is chunked instead.
///
/// # Errors
///
/// The errors of reading the body of the request.
pub(crate) fn request_bytes(request: &mut Request, authority: &str) -> io::Result<Vec<u8>> {
    // The limit is for those who receive the body.
    request.set_max_body(u64::MAX);
    let mut body = Vec::new();
    request.body().read_to_end(&mut body)?;

    let mut bytes = format!("{} {} {}\r\n", request.method(), request.target(), request.version().as_str());
    let mut add = |name: &str, value: &str| bytes.extend([name, ": ", value, "\r\n"]);
    if request.header("Host").is_none() {
        // RFC 9112 §3.2.2: with a target in absolute form, the host of the target.
        add("Host", request.host().unwrap_or(authority));
    }
    request.headers().for_each(|(name, value)| add(name, value));
    let codings = request.header_list("Transfer-Encoding");
    if request.has_body() && codings.is_none() && request.header("Content-Length").is_none() {
        add("Content-Length", &body.len().to_string());
    }
    if request.header("Connection").is_none() {
        add("Connection", "close");
    }
    let mut bytes = [bytes.as_bytes(), b"\r\n"].concat();
    let last_coding = codings.as_deref().and_then(|codings| list_members(codings).last());
    if last_coding.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        for chunk in body.chunks(CHUNK) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else {
        bytes.append(&mut body);
    }
    Ok(bytes)
}

/// The most bytes of a chunk.
const CHUNK: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::method::Method;

    #[test]
    fn what_a_request_lacks_is_added_and_what_it_has_is_kept() {
        let post = || Request::new(Method::Post, "/a");
        let table = [
            (Request::get("/a?b"), "GET /a?b HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n", "nothing"),
            (
                Request::get("/").with_header("host", "x").with_header("A", "").with_header("connection", "keep-alive"),
                "GET / HTTP/1.1\r\nhost: x\r\nA: \r\nconnection: keep-alive\r\n\r\n",
                "its own fields",
            ),
            (
                Request::get("http://x:2/a"),
                "GET http://x:2/a HTTP/1.1\r\nHost: x:2\r\nConnection: close\r\n\r\n",
                "an absolute target",
            ),
            (post(), "POST /a HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n", "no body"),
            (
                post().with_body(""),
                "POST /a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                "an empty body",
            ),
            (
                post().with_body("four").with_header("A", "b"),
                "POST /a HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfour",
                "a body",
            ),
            (
                post().with_body("four").with_header("content-length", "9"),
                "POST /a HTTP/1.1\r\nHost: h:1\r\ncontent-length: 9\r\nConnection: close\r\n\r\nfour",
                "a length of its own",
            ),
            (
                post().with_body("four").with_header("Transfer-Encoding", "Chunked"),
                "POST /a HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n\
                 4\r\nfour\r\n0\r\n\r\n",
                "a chunked body",
            ),
            (
                post().with_header("Transfer-Encoding", "chunked"),
                "POST /a HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
                "an empty chunked body",
            ),
            (
                post().with_body("four").with_header("Transfer-Encoding", "gzip"),
                "POST /a HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\nfour",
                "another coding",
            ),
        ];
        for (mut request, expected, why) in table {
            let bytes = request_bytes(&mut request, "h:1").unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{why}");
        }
    }

    #[test]
    fn long_bodies_are_sent_whole_whatever_a_server_would_accept() {
        let body = vec![b'x'; 11 * 1024 * 1024];
        let mut request = Request::new(Method::Put, "/").with_body(body.clone());
        assert!(request_bytes(&mut request, "h").unwrap().ends_with(&body));
        let mut request =
            Request::new(Method::Put, "/").with_header("Transfer-Encoding", "chunked").with_body(&body[..CHUNK + 1]);
        let bytes = request_bytes(&mut request, "h").unwrap();
        assert!(bytes.ends_with(b"x\r\n1\r\nx\r\n0\r\n\r\n"));
    }
}
