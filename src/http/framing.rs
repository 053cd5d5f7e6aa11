//! The framing of a request (RFC 9112 §3.2, §6 and §9.3): the length of its body, and whether its connection persists.
//! A head that two recipients could frame differently is refused, because that allows request smuggling.

use super::body::BodyLength;
use super::error::HttpError;
use super::headers::list_members;
use super::host::is_host;
use super::method::Method;
use super::persistence::Persistence;
use super::request_head::RequestHead;
use super::version::Version;

/// The framing of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) body: BodyLength,
    /// Whether the client wants to send another request on the connection.
    pub(crate) persistence: Persistence,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub(crate) expects_continue: bool,
}

/// Reads the framing of a request. After an error, nothing that follows on its connection can be trusted.
pub(crate) fn read(head: &RequestHead) -> Result<Framing, HttpError> {
    let mut fields = FramingFields::default();
    for (name, value) in head.fields() {
        fields.add(name, value)?;
    }
    fields.framing(head.method(), head.version())
}

/// The fields of a request that decide its framing, as far as they have been read.
#[derive(Debug, Default)]
struct FramingFields {
    has_host: bool,
    content_length: Option<u64>,
    codings: Option<TransferCodings>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

/// The transfer codings of a request, read in the order in which they were applied (RFC 9112 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransferCodings {
    /// No `chunked` so far; `any` tells whether there were other codings.
    Others { any: bool },
    /// `chunked`, with nothing after it; `alone` tells whether nothing came before it.
    ChunkedLast { alone: bool },
    /// A coding after `chunked`, possibly another `chunked`.
    AfterChunked,
}

impl FramingFields {
    fn add(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        // Names of other lengths need no comparison.
        match name.len() {
            4 if name.eq_ignore_ascii_case("Host") => self.add_host(value),
            6 if name.eq_ignore_ascii_case("Expect") => self.add_expect(value),
            10 if name.eq_ignore_ascii_case("Connection") => {
                for token in list_members(value) {
                    self.close |= token.eq_ignore_ascii_case("close");
                    self.keep_alive |= token.eq_ignore_ascii_case("keep-alive");
                }
                Ok(())
            }
            14 if name.eq_ignore_ascii_case("Content-Length") => self.add_content_length(value),
            17 if name.eq_ignore_ascii_case("Transfer-Encoding") => {
                let codings = self.codings.get_or_insert(TransferCodings::Others { any: false });
                *codings = list_members(value).fold(*codings, TransferCodings::followed_by);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// RFC 9112 §3.2: exactly one `Host` field, which may be empty.
    fn add_host(&mut self, value: &str) -> Result<(), HttpError> {
        if std::mem::replace(&mut self.has_host, true) {
            return Err(HttpError::bad_request("there is more than one Host field"));
        }
        if value.is_empty() || is_host(value) {
            Ok(())
        } else {
            Err(HttpError::bad_request("the Host field is not a host"))
        }
    }

    /// RFC 9110 §10.1.1: the only defined expectation is `100-continue`.
    fn add_expect(&mut self, value: &str) -> Result<(), HttpError> {
        for expectation in list_members(value) {
            if !expectation.eq_ignore_ascii_case("100-continue") {
                return Err(HttpError::ExpectationFailed);
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    /// RFC 9110 §8.6: digits only. Several fields with the same length count as one. A list in one field is refused, as
    /// RFC 9112 §6.3 allows.
    fn add_content_length(&mut self, value: &str) -> Result<(), HttpError> {
        let refused = || HttpError::bad_request("the Content-Length is not one number of bytes");
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let length = value.parse().map_err(|_| refused())?;
        if *self.content_length.get_or_insert(length) == length { Ok(()) } else { Err(refused()) }
    }

    fn framing(&self, method: &Method, version: Version) -> Result<Framing, HttpError> {
        if !self.has_host && version == Version::Http11 {
            return Err(HttpError::bad_request("there is no Host field"));
        }
        let body = self.body_length(version)?;
        if matches!(method, Method::Trace | Method::Connect) {
            return Err(HttpError::MethodNotAllowed(
                (&[Method::Get, Method::Head, Method::Post, Method::Put, Method::Options]).into(),
            ));
        }
        let persists = !self.close && (version == Version::Http11 || self.keep_alive);
        Ok(Framing {
            body,
            persistence: if persists { Persistence::KeepAlive } else { Persistence::Close },
            expects_continue: self.expects_continue && version == Version::Http11,
        })
    }

    /// The length of the body by RFC 9112 §6.3.
    fn body_length(&self, version: Version) -> Result<BodyLength, HttpError> {
        match (self.codings, self.content_length) {
            (None, None) => Ok(BodyLength::Absent),
            (None, Some(length)) => Ok(BodyLength::Known(length)),
            (Some(_), Some(_)) => Err(HttpError::bad_request("there are both Transfer-Encoding and Content-Length")),
            (Some(_), None) if version == Version::Http10 => {
                Err(HttpError::bad_request("HTTP/1.0 has no Transfer-Encoding"))
            }
            (Some(TransferCodings::ChunkedLast { alone: true }), None) => Ok(BodyLength::Chunked),
            (Some(TransferCodings::ChunkedLast { alone: false }), None) => {
                Err(HttpError::NotImplemented("a Transfer-Encoding other than chunked".into()))
            }
            (Some(TransferCodings::Others { .. } | TransferCodings::AfterChunked), None) => {
                Err(HttpError::bad_request("the Transfer-Encoding does not end with chunked, once"))
            }
        }
    }
}

impl TransferCodings {
    /// The codings with this one applied after them.
    fn followed_by(self, coding: &str) -> Self {
        match self {
            Self::Others { any } if coding.eq_ignore_ascii_case("chunked") => Self::ChunkedLast { alone: !any },
            Self::Others { .. } => Self::Others { any: true },
            Self::ChunkedLast { .. } | Self::AfterChunked => Self::AfterChunked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request_head::{HeadLimits, HeadParser};

    /// The framing of a request with this request line and these fields, or the status that refuses it.
    fn framing(line: &str, fields: &str) -> Result<Framing, u16> {
        let limits = HeadLimits { max_head: 8192, max_fields: 100, max_target: 1024 };
        let bytes = format!("{line}\r\n{fields}\r\n").into_bytes();
        let mut parser = HeadParser::default();
        assert_eq!(parser.advance(&bytes, &limits), Ok(Some(bytes.len())), "{fields:?}");
        read(&parser.finish(bytes)).map_err(|error| error.status().code())
    }

    #[test]
    fn bodies_have_one_framing_or_are_refused() {
        use BodyLength::{Absent, Chunked, Known};
        let table = [
            ("", Ok(Absent), "no body"),
            ("Content-Length: 0\r\n", Ok(Known(0)), "an empty body"),
            ("content-length:5\r\n", Ok(Known(5)), "a length"),
            ("Content-Length: 18446744073709551615\r\n", Ok(Known(u64::MAX)), "the largest"),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Ok(Known(5)), "the same length twice"),
            ("Content-Length: 5\r\nContent-Length: 05\r\n", Ok(Known(5)), "the same number"),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(400), "two lengths"),
            ("Content-Length: 5, 5\r\n", Err(400), "a list"),
            ("Content-Length: +5\r\n", Err(400), "a sign"),
            ("Content-Length: -5\r\n", Err(400), "a sign"),
            ("Content-Length: 5 5\r\n", Err(400), "white space"),
            ("Content-Length: 0x5\r\n", Err(400), "not decimal"),
            ("Content-Length: \r\n", Err(400), "empty"),
            ("Content-Length: 18446744073709551616\r\n", Err(400), "beyond 64 bits"),
            ("Transfer-Encoding: chunked\r\n", Ok(Chunked), "chunked"),
            ("Transfer-Encoding: \tChunkeD , ,\r\n", Ok(Chunked), "in any case, with empty members"),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(400), "both"),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501), "another coding before it"),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Err(501), "in another field"),
            ("Transfer-Encoding: identity, chunked\r\n", Err(501), "identity counts as another coding"),
            ("Transfer-Encoding: chunked, gzip\r\n", Err(400), "another coding after it"),
            ("Transfer-Encoding: chunked, chunked\r\n", Err(400), "chunked twice"),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(400), "in two fields"),
            ("Transfer-Encoding: chunked;q=1\r\n", Err(400), "chunked has no parameters"),
            ("Transfer-Encoding: identity\r\n", Err(400), "no chunked"),
            ("Transfer-Encoding: xchunked\r\n", Err(400), "not chunked"),
            ("Transfer-Encoding: \r\n", Err(400), "empty"),
        ];
        for (fields, expected, why) in table {
            let seen = framing("POST / HTTP/1.1", &format!("Host: h\r\n{fields}"));
            assert_eq!(seen.map(|framing| framing.body), expected, "{why}");
        }
        assert_eq!(framing("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), Err(400), "HTTP/1.0 has no chunks");
    }

    #[test]
    fn http_1_1_needs_exactly_one_valid_host() {
        let table = [
            ("HTTP/1.1", "Host: localhost:4040\r\n", true, "a host"),
            ("HTTP/1.1", "hOST: [::1]:4040\r\n", true, "an IPv6 address"),
            ("HTTP/1.1", "Host:\r\n", true, "an empty host"),
            ("HTTP/1.1", "X-Host: a\r\n", false, "missing"),
            ("HTTP/1.1", "Host: a\r\nHost: a\r\n", false, "twice"),
            ("HTTP/1.1", "Host: a, a\r\n", false, "a list"),
            ("HTTP/1.1", "Host: a b\r\n", false, "a space"),
            ("HTTP/1.1", "Host: [::1\r\n", false, "an open bracket"),
            ("HTTP/1.1", "Host: a:99999\r\n", false, "a bad port"),
            ("HTTP/1.0", "", true, "HTTP/1.0 needs none"),
            ("HTTP/1.0", "Host: a\r\nHost: b\r\n", false, "twice"),
        ];
        for (version, fields, accepted, why) in table {
            let seen = framing(&format!("GET / {version}"), fields);
            assert_eq!(seen.map(|_| ()), if accepted { Ok(()) } else { Err(400) }, "{why}");
        }
    }

    #[test]
    fn connections_persist_unless_the_version_or_a_connection_option_says_close() {
        let table = [
            ("HTTP/1.1", "", true),
            ("HTTP/1.1", "Connection: keep-alive\r\n", true),
            ("HTTP/1.1", "Connection: Close\r\n", false),
            ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("HTTP/1.1", "Connection: te, close\r\n", false),
            ("HTTP/1.1", "Connection: xclose, close-x, close=1\r\n", true),
            ("HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", true),
            ("HTTP/1.0", "", false),
            ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
            ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ];
        for (version, fields, persists) in table {
            let expected = if persists { Persistence::KeepAlive } else { Persistence::Close };
            let seen = framing(&format!("GET / {version}"), &format!("Host: h\r\n{fields}")).unwrap();
            assert_eq!(seen.persistence, expected, "{version} {fields:?}");
        }
    }

    #[test]
    fn only_100_continue_is_a_known_expectation() {
        let table = [
            ("HTTP/1.1", "", Ok(false)),
            ("HTTP/1.1", "Expect: 100-continue\r\n", Ok(true)),
            ("HTTP/1.1", "Expect: 100-Continue\r\n", Ok(true)),
            ("HTTP/1.1", "Expect: 100-continue, a miracle\r\n", Err(417)),
            ("HTTP/1.1", "Expect: x100-continue\r\n", Err(417)),
            ("HTTP/1.0", "Expect: 100-continue\r\n", Ok(false)),
        ];
        for (version, fields, expected) in table {
            let seen = framing(&format!("POST / {version}"), &format!("Host: h\r\n{fields}"));
            assert_eq!(seen.map(|framing| framing.expects_continue), expected, "{version} {fields:?}");
        }
    }

    #[test]
    fn trace_and_connect_are_refused() {
        assert_eq!(framing("TRACE / HTTP/1.1", "Host: h\r\n"), Err(405));
        assert_eq!(framing("CONNECT h:1 HTTP/1.1", "Host: h\r\n"), Err(405));
        assert_eq!(framing("TRACE / HTTP/1.1", ""), Err(400), "an invalid head is refused first");
    }
}
