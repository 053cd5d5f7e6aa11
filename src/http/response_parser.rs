//! Parsing of responses (RFC 9112 §4 to §7): bytes in, a response or an error out, however the input is divided.

use std::fmt;

use super::chunked::{ChunkError, ChunkedDecoder};
use super::field_line::{LINE_END, LineError, LineScanner, split_field};
use super::headers::{Headers, list_members};
use super::method::Method;
use super::response::Response;
use super::status::Status;
use super::version::Version;

/// Parses a response while it arrives. Interim responses before it are skipped, and so are trailer fields. What follows the response
/// is ignored.
pub(crate) struct ResponseParser {
    /// The method of the request.
    method: Method,
    max_body: u64,
    head: HeadReader,
    /// `None` until the head of the final response has arrived.
    body: Option<BodyReader>,
}

/// Whether more bytes are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The response is not complete, or ends with the connection.
    Incomplete,
    Complete,
}

/// Why there is no response, or no complete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseError {
    /// The connection ended before the first byte of the response.
    Missing,
    /// The connection ended within the head.
    HeadTruncated,
    /// The connection ended within the body, after `received` bytes. `announced` is unknown if the body is chunked.
    BodyTruncated { received: u64, announced: Option<u64> },
    /// The first line is not the status line of an HTTP/1 response (RFC 9112 §4).
    StatusLine,
    /// The status is not one that a final response can have here.
    Status(u16),
    /// A line is malformed.
    Line(LineError),
    /// The heads, including those of interim responses, are longer than [`MAX_HEAD`], or one has more than [`MAX_FIELDS`] fields.
    HeadTooLarge,
    /// The framing of the body is invalid or ambiguous, for this reason (RFC 9112 §6.3).
    Framing(&'static str),
    /// The chunked coding is malformed.
    Chunk(ChunkError),
    /// The body is longer than the limit of this many bytes.
    BodyTooLarge(u64),
}

/// The most bytes of the heads of a response and of the interim responses before it, and of the trailer section.
const MAX_HEAD: usize = 64 * 1024;
/// The most header fields of a head, and of the trailer section.
const MAX_FIELDS: usize = 256;

impl ResponseParser {
    /// A parser for the response to a request with this method, whose body may have this many bytes.
    pub(crate) fn new(method: Method, max_body: u64) -> Self {
        Self { method, max_body, head: HeadReader::default(), body: None }
    }

    /// Parses the bytes that have arrived since the last call.
    pub(crate) fn receive(&mut self, input: &[u8]) -> Result<Progress, ResponseError> {
        if let Some(body) = &mut self.body {
            return body.receive(input);
        }
        self.head.bytes.extend_from_slice(input);
        while let Some(head) = self.head.read()? {
            if let Some(status) = head.final_status()? {
                let rest = body_rest(&self.method, status, &head, self.max_body)?;
                let body = BodyReader { status, headers: head.headers, bytes: Vec::new(), max: self.max_body, rest };
                return self.body.insert(body).receive(&std::mem::take(&mut self.head.bytes));
            }
        }
        Ok(Progress::Incomplete)
    }

    /// Whether the response has arrived completely, so that it does not matter how the connection ends.
    pub(crate) fn is_complete(&self) -> bool {
        self.body.as_ref().is_some_and(|body| matches!(body.rest, BodyRest::Nothing))
    }

    /// The response, once it is complete or the connection has ended.
    ///
    /// # Errors
    ///
    /// If the end of the connection has cut the response short.
    pub(crate) fn finish(self) -> Result<Response, ResponseError> {
        let Some(body) = self.body else {
            return Err(if self.head.bytes.is_empty() { ResponseError::Missing } else { ResponseError::HeadTruncated });
        };
        let received = body.bytes.len() as u64;
        match body.rest {
            BodyRest::Nothing | BodyRest::UntilClose => Ok(Response::received(body.status, body.headers, body.bytes)),
            BodyRest::Length(left) => Err(ResponseError::BodyTruncated { received, announced: Some(received + left) }),
            BodyRest::Chunked(_) => Err(ResponseError::BodyTruncated { received, announced: None }),
        }
    }
}

/// Reads heads, one after another.
struct HeadReader {
    /// What has arrived since the last head.
    bytes: Vec<u8>,
    /// The position of the current line.
    line: usize,
    scanner: LineScanner,
    /// The head, as far as it has been read. `None` before its status line.
    head: Option<Head>,
    /// How many bytes the heads may still have.
    left: usize,
}

impl Default for HeadReader {
    fn default() -> Self {
        Self { bytes: Vec::new(), line: 0, scanner: LineScanner::default(), head: None, left: MAX_HEAD }
    }
}

impl HeadReader {
    /// The next head, once it is complete. Its bytes are removed.
    fn read(&mut self) -> Result<Option<Head>, ResponseError> {
        loop {
            let line = &self.bytes[self.line..];
            let most = self.left - self.line;
            let found = self.scanner.find_end(&line[..line.len().min(most)]).map_err(ResponseError::Line)?;
            let Some(length) = found else {
                return if line.len() >= most { Err(ResponseError::HeadTooLarge) } else { Ok(None) };
            };
            let line = &line[..length];
            self.line += length + LINE_END;
            match self.head.take() {
                None => self.head = Some(Head::from_status_line(line)?),
                Some(head) if line.is_empty() => {
                    self.left -= self.line;
                    self.bytes.drain(..std::mem::take(&mut self.line));
                    return Ok(Some(head));
                }
                Some(mut head) => {
                    head.add_field(line)?;
                    self.head = Some(head);
                }
            }
        }
    }
}

/// The head of a response.
struct Head {
    version: Version,
    code: u16,
    headers: Headers,
    fields: usize,
}

impl Head {
    /// RFC 9112 §4: `HTTP-version SP status-code SP [ reason-phrase ]`.
    fn from_status_line(line: &[u8]) -> Result<Self, ResponseError> {
        let Some(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', digits @ .., b' ']) =
            line.first_chunk::<13>()
        else {
            return Err(ResponseError::StatusLine);
        };
        let digits: [u8; 3] = digits;
        if !minor.is_ascii_digit() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(ResponseError::StatusLine);
        }
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let version = if minor == b'0' { Version::Http10 } else { Version::Http11 };
        Ok(Self { version, code, headers: Headers::new(), fields: 0 })
    }

    fn add_field(&mut self, line: &[u8]) -> Result<(), ResponseError> {
        let (name, value) = split_field(line).map_err(ResponseError::Line)?;
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(ResponseError::HeadTooLarge);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into();
        let pushed = self.headers.push(text(&line[name]), text(&line[value]));
        pushed.map_err(|_| ResponseError::Line(LineError::Control))
    }

    /// The status; `None` for an interim response (RFC 9110 §15.2). No request of this client asks for another protocol, so 101 is
    /// not expected.
    fn final_status(&self) -> Result<Option<Status>, ResponseError> {
        match self.code {
            100 | 102..=199 => Ok(None),
            code => Status::new(code).map(Some).ok_or(ResponseError::Status(code)),
        }
    }
}

/// How the rest of a body is framed.
#[derive(Debug)]
enum BodyRest {
    Nothing,
    /// This many bytes.
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
    /// All bytes until the connection ends.
    UntilClose,
}

/// The framing of the body of a response to this method (RFC 9112 §6.3).
fn body_rest(method: &Method, status: Status, head: &Head, max_body: u64) -> Result<BodyRest, ResponseError> {
    let opens_tunnel = *method == Method::Connect && status.is_success();
    if *method == Method::Head || opens_tunnel || status.forbids_body() {
        return Ok(BodyRest::Nothing);
    }
    let length = content_length(&head.headers)?;
    if head.headers.get("Transfer-Encoding").is_none() {
        return match length {
            None => Ok(BodyRest::UntilClose),
            Some(length) if length > max_body => Err(ResponseError::BodyTooLarge(max_body)),
            Some(length) => Ok(BodyRest::Length(length)),
        };
    }
    if length.is_some() {
        return Err(ResponseError::Framing("there are both Transfer-Encoding and Content-Length"));
    }
    if head.version == Version::Http10 {
        return Err(ResponseError::Framing("HTTP/1.0 has no Transfer-Encoding"));
    }
    let codings: Vec<_> = head.headers.all("Transfer-Encoding").flat_map(list_members).collect();
    match codings[..] {
        [coding] if coding.eq_ignore_ascii_case("chunked") => {
            Ok(BodyRest::Chunked(Box::new(ChunkedDecoder::new(MAX_HEAD, MAX_FIELDS))))
        }
        _ => Err(ResponseError::Framing("the Transfer-Encoding is not chunked")),
    }
}

/// RFC 9110 §8.6: digits only. Several fields with the same length count as one.
fn content_length(headers: &Headers) -> Result<Option<u64>, ResponseError> {
    let mut length = None;
    for value in headers.all("Content-Length") {
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if is_number && *length.get_or_insert(number) == number => {}
            _ => return Err(ResponseError::Framing("the Content-Length is not one number of bytes")),
        }
    }
    Ok(length)
}

/// Reads the body of a response whose head has arrived.
struct BodyReader {
    status: Status,
    headers: Headers,
    bytes: Vec<u8>,
    /// The most bytes.
    max: u64,
    rest: BodyRest,
}

impl BodyReader {
    fn receive(&mut self, mut input: &[u8]) -> Result<Progress, ResponseError> {
        match &mut self.rest {
            BodyRest::Nothing => return Ok(Progress::Complete),
            BodyRest::UntilClose => append(&mut self.bytes, input, self.max)?,
            BodyRest::Length(left) => {
                let piece = first(input, *left);
                append(&mut self.bytes, piece, self.max)?;
                *left -= piece.len() as u64;
                if *left > 0 {
                    return Ok(Progress::Incomplete);
                }
                self.rest = BodyRest::Nothing;
                return Ok(Progress::Complete);
            }
            BodyRest::Chunked(decoder) => loop {
                let data = first(input, decoder.left_in_chunk());
                append(&mut self.bytes, data, self.max)?;
                decoder.skip(data.len() as u64);
                // Without room for output, this stops where the data of the next chunk begins.
                let decoded = decoder.decode(&input[data.len()..], &mut []).map_err(ResponseError::Chunk)?;
                input = &input[data.len() + decoded.consumed..];
                if decoded.done {
                    self.rest = BodyRest::Nothing;
                    return Ok(Progress::Complete);
                }
                if input.is_empty() {
                    break;
                }
            },
        }
        Ok(Progress::Incomplete)
    }
}

/// The first bytes of the input, at most this many.
fn first(input: &[u8], most: u64) -> &[u8] {
    &input[..usize::try_from(most).unwrap_or(usize::MAX).min(input.len())]
}

fn append(body: &mut Vec<u8>, bytes: &[u8], max: u64) -> Result<(), ResponseError> {
    if bytes.len() as u64 > max - body.len() as u64 {
        return Err(ResponseError::BodyTooLarge(max));
    }
    body.extend_from_slice(bytes);
    Ok(())
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the connection ended before a response arrived"),
            Self::HeadTruncated => f.write_str("the connection ended within the head of the response"),
            Self::BodyTruncated { received, announced: Some(announced) } => {
                write!(f, "the connection ended after {received} of {announced} bytes of the body")
            }
            Self::BodyTruncated { received, announced: None } => {
                write!(f, "the connection ended before the last chunk, after {received} bytes of the body")
            }
            Self::StatusLine => f.write_str("the response does not begin with an HTTP/1.1 status line"),
            Self::Status(code) => write!(f, "{code} is not the status of a final response"),
            Self::Line(error) => f.write_str(error.explain()),
            Self::HeadTooLarge => {
                write!(f, "the head of the response has more than {MAX_HEAD} bytes or {MAX_FIELDS} fields")
            }
            Self::Framing(reason) => f.write_str(reason),
            Self::Chunk(error) => f.write_str(error.explain()),
            Self::BodyTooLarge(limit) => write!(f, "the body of the response is longer than {limit} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A response as it was received: status, fields and body.
    type Outcome = Result<(u16, Vec<(String, String)>, Vec<u8>), ResponseError>;

    const MAX_BODY: u64 = 1000;

    /// The response to a request with this method, if the input arrives in pieces that end at these positions and the connection ends
    /// after it.
    fn pieces(method: &Method, input: &[u8], ends: impl IntoIterator<Item = usize>) -> Outcome {
        let mut parser = ResponseParser::new(method.clone(), MAX_BODY);
        let mut start = 0;
        for end in ends.into_iter().chain([input.len()]) {
            let progress = parser.receive(&input[start..end])?;
            assert_eq!(progress == Progress::Complete, parser.is_complete());
            start = end;
        }
        let mut response = parser.finish()?;
        let fields = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok((response.status().code(), fields, response.read_bytes().unwrap()))
    }

    fn whole(method: &Method, input: &[u8]) -> Outcome {
        pieces(method, input, [])
    }

    fn ok(fields: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}")
    }

    fn framing<T>(reason: &'static str) -> Result<T, ResponseError> {
        Err(ResponseError::Framing(reason))
    }

    #[test]
    fn responses_are_read_whole_or_refused() {
        use Method::{Connect, Get, Head};
        use ResponseError::{
            BodyTooLarge, BodyTruncated, Chunk, HeadTooLarge, HeadTruncated, Line, Missing, StatusLine,
        };
        let cut = |received, announced| Err(BodyTruncated { received, announced });
        let both = "there are both Transfer-Encoding and Content-Length";
        let length = "the Content-Length is not one number of bytes";
        let other = "the Transfer-Encoding is not chunked";
        let chunked = |chunks: &str| ok("Transfer-Encoding: chunked\r\n", chunks);
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        let long_interim = format!("HTTP/1.1 103 \r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD / 4));
        let fields = |count: usize| "a:\r\n".repeat(count);
        // Of the longest head: a field with this many bytes in its value.
        let filler = |bytes: usize| format!("a: {}\r\n", "x".repeat(bytes));
        let fits = MAX_HEAD - ok(&filler(0), "").len();
        let table: Vec<(Method, String, Result<(u16, &str), ResponseError>, &str)> = vec![
            // RFC 9112 §4.
            (Get, ok("", "body"), Ok((200, "body")), "until the connection ends"),
            (Get, "HTTP/1.0 404 Not Found\r\n\r\nno".into(), Ok((404, "no")), "HTTP/1.0"),
            (Get, "HTTP/1.9 599 \r\n\r\n".into(), Ok((599, "")), "a later version, without a reason"),
            (Get, "HTTP/1.1 200 \u{f6}\t!\r\n\r\n".into(), Ok((200, "")), "any reason"),
            (Get, "HTTP/1.1 200\r\n\r\n".into(), Err(StatusLine), "no space after the status"),
            (Get, "HTTP/1.1 20 OK\r\n\r\n".into(), Err(StatusLine), "two digits"),
            (Get, "HTTP/1.1 2000 OK\r\n\r\n".into(), Err(StatusLine), "four digits"),
            (Get, "HTTP/1.1 +20 OK\r\n\r\n".into(), Err(StatusLine), "a sign"),
            (Get, "HTTP/1.1  200 OK\r\n\r\n".into(), Err(StatusLine), "two spaces"),
            (Get, "HTTP/1.x 200 OK\r\n\r\n".into(), Err(StatusLine), "no version"),
            (Get, "HTTP/2.0 200 OK\r\n\r\n".into(), Err(StatusLine), "another version"),
            (Get, "http/1.1 200 OK\r\n\r\n".into(), Err(StatusLine), "in lower case"),
            (Get, "ICY 200 OK\r\n\r\n".into(), Err(StatusLine), "another protocol"),
            (Get, "\r\nHTTP/1.1 200 OK\r\n\r\n".into(), Err(StatusLine), "an empty line"),
            (Get, "HTTP/1.1 000 OK\r\n\r\n".into(), Err(ResponseError::Status(0)), "no status"),
            (Get, "HTTP/1.1 099 OK\r\n\r\n".into(), Err(ResponseError::Status(99)), "below the statuses"),
            (Get, "HTTP/1.1 600 OK\r\n\r\n".into(), Err(ResponseError::Status(600)), "beyond the statuses"),
            (Get, "HTTP/1.1 101 Other\r\n\r\n".into(), Err(ResponseError::Status(101)), "another protocol follows"),
            // RFC 9110 §15.2.
            (Get, interim.to_owned() + &ok("", "body"), Ok((200, "body")), "after an interim response"),
            (
                Get,
                format!("{interim}HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n{}", ok("", "body")),
                Ok((200, "body")),
                "after two, which have no body",
            ),
            (Get, interim.into(), Err(Missing), "an interim response only"),
            (Get, long_interim.repeat(3) + &ok("", "body"), Ok((200, "body")), "after long ones"),
            (Get, long_interim.repeat(4) + &ok("", "body"), Err(HeadTooLarge), "after too long ones"),
            // RFC 9112 §5.
            (Get, ok("a : b\r\n", ""), Err(Line(LineError::Name)), "white space before the colon"),
            (Get, ok("a\r\n", ""), Err(Line(LineError::NoColon)), "no colon"),
            (Get, ok(" a: b\r\n", ""), Err(Line(LineError::Folded)), "folded"),
            (Get, ok("a: b\0\r\n", ""), Err(Line(LineError::Control)), "NUL"),
            (Get, ok("a: b\rc\r\n", ""), Err(Line(LineError::BareLineEnd)), "a bare carriage return"),
            (Get, "HTTP/1.1 200 OK\n\n".into(), Err(Line(LineError::BareLineEnd)), "a bare line feed"),
            (Get, ok(&fields(MAX_FIELDS), ""), Ok((200, "")), "the most fields"),
            (Get, ok(&fields(MAX_FIELDS + 1), ""), Err(HeadTooLarge), "one too many"),
            (Get, ok(&filler(fits), "body"), Ok((200, "body")), "the longest head"),
            (Get, ok(&filler(fits + 1), "body"), Err(HeadTooLarge), "too long a head"),
            (Get, "x".repeat(MAX_HEAD), Err(HeadTooLarge), "a line that does not end"),
            (Get, "".into(), Err(Missing), "nothing"),
            (Get, "H".into(), Err(HeadTruncated), "one byte"),
            (Get, "HTTP/1.1 200 OK\r\nA: b\r\n".into(), Err(HeadTruncated), "no end of the head"),
            // RFC 9112 §6.3.
            (Head, ok("Content-Length: 5\r\n", ""), Ok((200, "")), "HEAD"),
            (Head, ok("Transfer-Encoding: chunked\r\n", ""), Ok((200, "")), "HEAD of a chunked body"),
            (Head, ok("Content-Length: 5000\r\n", "12345"), Ok((200, "")), "HEAD, and bytes that do not belong to it"),
            (Connect, ok("Content-Length: 5\r\n", "12345"), Ok((200, "")), "a tunnel"),
            (Connect, "HTTP/1.1 405 \r\nContent-Length: 2\r\n\r\nno".into(), Ok((405, "no")), "no tunnel"),
            (Get, "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n12345".into(), Ok((204, "")), "204"),
            (Get, "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n12345".into(), Ok((304, "")), "304"),
            (Get, ok("Content-Length: 5\r\n", "12345"), Ok((200, "12345")), "a length"),
            (Get, ok("Content-Length: 5\r\n", "1234567"), Ok((200, "12345")), "more than its length"),
            (Get, ok("Content-Length: 0\r\n", ""), Ok((200, "")), "an empty body"),
            (Get, ok("Content-Length: 5\r\ncontent-length:05\r\n", "12345"), Ok((200, "12345")), "a length twice"),
            (Get, ok("Content-Length: 5\r\n", "1234"), cut(4, Some(5)), "less than its length"),
            (Get, ok("Content-Length: 5\r\n", ""), cut(0, Some(5)), "no body"),
            (Get, ok("Content-Length: 5\r\nContent-Length: 4\r\n", "12345"), framing(length), "two lengths"),
            (Get, ok("Content-Length: 5, 5\r\n", "12345"), framing(length), "a list"),
            (Get, ok("Content-Length: +5\r\n", "12345"), framing(length), "a sign"),
            (Get, ok("Content-Length:\r\n", ""), framing(length), "an empty length"),
            (Get, ok("Content-Length: 18446744073709551616\r\n", ""), framing(length), "beyond 64 bits"),
            (Get, ok("Content-Length: 1000\r\n", &"x".repeat(1000)), Ok((200, &*"x".repeat(1000).leak())), "the limit"),
            (Get, ok("Content-Length: 1001\r\n", ""), Err(BodyTooLarge(1000)), "a length beyond the limit"),
            (Get, ok("", &"x".repeat(1001)), Err(BodyTooLarge(1000)), "a body beyond the limit"),
            (Get, chunked(&format!("3e9\r\n{}", "x".repeat(1001))), Err(BodyTooLarge(1000)), "chunks beyond the limit"),
            // RFC 9112 §7.1.
            (Get, chunked("2\r\nab\r\n1;e=f\r\nc\r\n0\r\n\r\n"), Ok((200, "abc")), "chunks"),
            (Get, chunked("2\r\nab\r\n0\r\nX: y\r\nZ:\r\n\r\n"), Ok((200, "ab")), "trailer fields"),
            (Get, chunked("2\r\nab\r\n0\r\n\r\nrest"), Ok((200, "ab")), "bytes after it"),
            (Get, chunked("0\r\n\r\n"), Ok((200, "")), "no chunks"),
            (Get, chunked(""), cut(0, None), "nothing"),
            (Get, chunked("2\r\nab\r\n"), cut(2, None), "no last chunk"),
            (Get, chunked("2\r\nab\r\n0\r\n"), cut(2, None), "no end of the trailer section"),
            (Get, chunked("5\r\nab"), cut(2, None), "part of a chunk"),
            (Get, chunked("2\r\nabc\r\n"), Err(Chunk(ChunkError::DataEnd)), "too long a chunk"),
            (Get, chunked("x\r\n"), Err(Chunk(ChunkError::Size)), "no size"),
            (Get, chunked("0\r\nX : y\r\n"), Err(Chunk(ChunkError::Trailer(LineError::Name))), "a malformed trailer"),
            (Get, ok("transfer-encoding: ,ChunkeD,\r\n", "0\r\n\r\n"), Ok((200, "")), "a list of one coding"),
            (Get, ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), framing(both), "both"),
            (Get, ok("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), framing(other), "two codings"),
            (Get, ok("Transfer-Encoding: gzip\r\n", ""), framing(other), "another coding"),
            (Get, ok("Transfer-Encoding:\r\n", ""), framing(other), "no coding"),
            (
                Get,
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
                framing("HTTP/1.0 has no Transfer-Encoding"),
                "HTTP/1.0",
            ),
        ];
        for (method, input, expected, why) in table {
            let expected = expected.map(|(code, body)| (code, body.as_bytes().to_vec()));
            let seen = whole(&method, input.as_bytes()).map(|(code, _, body)| (code, body));
            assert_eq!(seen, expected, "{why}");
            let seen = pieces(&method, input.as_bytes(), 0..input.len()).map(|(code, _, body)| (code, body));
            assert_eq!(seen, expected, "{why}, a byte at a time");
        }
    }

    #[test]
    fn fields_keep_their_order_and_repetitions() {
        let input = b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length:0\r\nset-cookie: \t b c \r\nX: a\xffb\r\n\r\n";
        let (_, fields, _) = whole(&Method::Get, input).unwrap();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("Set-Cookie", "a"), ("Content-Length", "0"), ("set-cookie", "b c"), ("X", "a\u{fffd}b")]);
    }

    /// Parts of valid responses, in any order, and bytes that break them.
    fn response_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => Just(&b"HTTP/1.1 200 OK\r\n"[..]).prop_map(<[u8]>::to_vec),
            1 => Just(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]).prop_map(<[u8]>::to_vec),
            2 => Just(&b"Content-Length: 3\r\n"[..]).prop_map(<[u8]>::to_vec),
            2 => Just(&b"Transfer-Encoding: chunked\r\n"[..]).prop_map(<[u8]>::to_vec),
            4 => Just(&b"\r\n"[..]).prop_map(<[u8]>::to_vec),
            2 => Just(&b"3\r\nabc\r\n"[..]).prop_map(<[u8]>::to_vec),
            2 => Just(&b"0\r\n\r\n"[..]).prop_map(<[u8]>::to_vec),
            2 => proptest::sample::select(&b"HTP/1.0259 :\r\n\t;=abc\x00\x80"[..]).prop_map(|byte| vec![byte]),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
            1 => (1_usize..600).prop_map(|length| vec![b'x'; length]),
        ];
        proptest::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
    }

    /// A valid response to GET: its bytes, and its body.
    fn response() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let body = proptest::collection::vec(any::<u8>(), 0..300);
        (body, proptest::option::of(1_usize..50), 0_usize..3).prop_map(|(body, chunk, interim)| {
            let mut bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(interim);
            bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nA: b\r\n");
            match chunk {
                None => {
                    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                    bytes.extend_from_slice(&body);
                }
                Some(chunk) => {
                    bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in body.chunks(chunk) {
                        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                        bytes.extend_from_slice(chunk);
                        bytes.extend_from_slice(b"\r\n");
                    }
                    bytes.extend_from_slice(b"0\r\nX: y\r\n\r\n");
                }
            }
            (bytes, body)
        })
    }

    fn method() -> impl Strategy<Value = Method> {
        prop_oneof![4 => Just(Method::Get), 1 => Just(Method::Head), 1 => Just(Method::Connect)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_result_does_not_depend_on_how_the_input_is_divided(
            method in method(),
            input in response_bytes(),
            mut ends in proptest::collection::vec(0_usize..1000, 0..8),
        ) {
            ends.iter_mut().for_each(|end| *end = (*end).min(input.len()));
            ends.sort_unstable();
            let expected = whole(&method, &input);
            prop_assert_eq!(&pieces(&method, &input, ends), &expected);
            prop_assert_eq!(&pieces(&method, &input, 0..input.len()), &expected);
        }

        #[test]
        fn a_response_is_read_whole_and_never_in_part(
            (input, body) in response(),
            cut in any::<proptest::sample::Index>(),
        ) {
            prop_assert_eq!(whole(&Method::Get, &input).map(|(_, _, body)| body), Ok(body));
            let cut = &input[..cut.index(input.len())];
            prop_assert!(whole(&Method::Get, cut).is_err(), "{:?}", String::from_utf8_lossy(cut));
        }
    }
}
