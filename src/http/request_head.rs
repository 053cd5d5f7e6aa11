//! Parsing of request heads (RFC 9112 §2 to §5): bytes in, a head or an error out, however the input is divided.

use std::ops::Range;

use super::error::HttpError;
use super::field_line::{LINE_END, LineError, LineScanner, split_field};
use super::headers::is_token;
use super::method::Method;
use super::target::{Target, TargetError};
use super::version::Version;

/// The limits on a request head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// The most bytes of the head, from the request line to the empty line.
    pub(crate) max_head: usize,
    /// The most header fields.
    pub(crate) max_fields: usize,
    /// The most bytes of the target.
    pub(crate) max_target: usize,
}

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// More than four empty lines come before the request line.
    EmptyLines,
    /// The request line is not a method, a target and a version with one space between them.
    RequestLine,
    /// The request line has no version, or one before 1.0.
    OldVersion,
    /// The major version is greater than 1.
    OtherVersion,
    /// The target is not valid.
    Target(TargetError),
    /// A line is malformed.
    Line(LineError),
    /// The target is longer than the limit of this many bytes.
    TargetTooLong(usize),
    /// The head is too long or has too many fields.
    TooLarge,
}

impl From<HeadError> for HttpError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::EmptyLines => Self::bad_request("too many empty lines come before the request"),
            HeadError::RequestLine => {
                Self::bad_request("the request line is not a method, a target and a version separated by single spaces")
            }
            HeadError::OldVersion => Self::bad_request("the HTTP version is neither 1.0 nor 1.1"),
            HeadError::OtherVersion => Self::VersionNotSupported,
            HeadError::Target(error) => Self::bad_request(error.explain()),
            HeadError::Line(error) => Self::bad_request(error.explain()),
            HeadError::TargetTooLong(limit) => Self::UriTooLong(limit),
            HeadError::TooLarge => Self::HeadTooLarge,
        }
    }
}

impl From<LineError> for HeadError {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

/// Parses a head while it arrives. The parser keeps only the positions of the parts, not the bytes. Each byte is
/// scanned once, except in the request line, where each call searches for the end of the target again.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    /// The position of the request line, after empty lines.
    start: usize,
    /// The position of the current line.
    line: usize,
    scanner: LineScanner,
    empty_lines: usize,
    request_line: Option<RequestLine>,
    fields: Vec<FieldSpan>,
}

#[derive(Debug)]
struct RequestLine {
    method: Method,
    version: Version,
    target: Target,
    /// The position of the target in the head.
    target_span: Range<usize>,
}

/// The positions of the name and the value of a field in the head.
#[derive(Clone, Copy, Debug)]
struct FieldSpan {
    name: (u32, u32),
    value: (u32, u32),
}

/// The buffers of a head, for the next one to reuse.
#[derive(Debug)]
pub(crate) struct HeadBuffers(Vec<FieldSpan>);

/// The most empty lines before the request line. RFC 9112 §2.2: a server should ignore at least one.
const MAX_EMPTY_LINES: usize = 4;

/// The most bytes of a refused request line that the log shows.
const MAX_SHOWN: usize = 8 * 1024;

impl HeadParser {
    /// Parses the new bytes of `input`, which starts with the same byte in each call and has grown since the last.
    /// Returns the length of the head once it is complete.
    ///
    /// The result does not depend on how the input is divided; the first fault in it decides the error.
    pub(crate) fn advance(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        loop {
            let line = &input[self.line..];
            let (limit, too_long) = self.line_limit(line, limits);
            let Some(length) = self.scanner.find_end(&line[..line.len().min(limit)])? else {
                return if line.len() >= limit { Err(too_long) } else { Ok(None) };
            };
            let (line, next) = (&line[..length], self.line + length + LINE_END);
            if self.request_line.is_some() {
                if line.is_empty() {
                    return Ok(Some(next));
                }
                self.read_field(line, limits)?;
            } else if line.is_empty() {
                self.empty_lines += 1;
                if self.empty_lines > MAX_EMPTY_LINES {
                    return Err(HeadError::EmptyLines);
                }
                self.start = next;
            } else {
                self.read_request_line(line)?;
            }
            self.line = next;
        }
    }

    /// Whether more than empty lines has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.request_line.is_some() || self.scanner.scanned() > 0
    }

    /// The part of the request line that has arrived in `input`, for the log.
    pub(crate) fn request_line<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        let line = &input[self.start.min(input.len())..];
        let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
        &line[..end.min(MAX_SHOWN)]
    }

    /// Makes the head of its bytes, as many as [`HeadParser::advance`] returned, and resets the parser.
    ///
    /// # Panics
    ///
    /// If the head is not complete.
    pub(crate) fn finish(&mut self, bytes: Vec<u8>) -> RequestHead {
        let HeadParser { request_line, fields, .. } = std::mem::take(self);
        let RequestLine { method, version, target, target_span } =
            request_line.expect("callers finish only a complete head");
        let (text, raw_values) = (String::new(), Vec::new());
        let head = RequestHead { method, version, target, target_span, text, fields, raw_values };
        match String::from_utf8(bytes) {
            Ok(text) => RequestHead { text, ..head },
            Err(error) => head.with_lossy_text(error.as_bytes()),
        }
    }

    /// Reuses the buffers of an earlier head. To be called before the first byte arrives.
    pub(crate) fn reuse(&mut self, buffers: HeadBuffers) {
        self.fields = buffers.0;
    }

    /// The most bytes that may arrive of the current line before its end does, and the error if more do.
    fn line_limit(&self, line: &[u8], limits: &HeadLimits) -> (usize, HeadError) {
        let left = limits.max_head.saturating_sub(self.line - self.start);
        if self.request_line.is_none()
            && let Some(space) = line.iter().position(|byte| *byte == b' ')
        {
            let target = &line[space + 1..];
            let most = limits.max_target + 1;
            let ends = target.iter().take(most).any(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
            // If the head reaches its own limit first, the head is too long, whatever is left of the target.
            if !ends && space + 1 + most < left {
                return (space + 1 + most, HeadError::TargetTooLong(limits.max_target));
            }
        }
        (left, HeadError::TooLarge)
    }

    /// RFC 9112 §3: `method SP request-target SP HTTP-version`, and nothing else.
    fn read_request_line(&mut self, line: &[u8]) -> Result<(), HeadError> {
        let text = std::str::from_utf8(line).map_err(|_| HeadError::RequestLine)?;
        let (method, rest) = text.split_once(' ').ok_or(HeadError::RequestLine)?;
        if !is_token(method) {
            return Err(HeadError::RequestLine);
        }
        let method = Method::from_name(method);
        let (target, version) = match rest.split_once(' ') {
            Some((target, version)) if !target.is_empty() => (target, read_version(version)?),
            // A request line of HTTP/0.9.
            None if !rest.is_empty() => return Err(HeadError::OldVersion),
            _ => return Err(HeadError::RequestLine),
        };
        let start = self.line + (text.len() - rest.len());
        let target_span = start..start + target.len();
        let target = Target::parse(&method, target).map_err(HeadError::Target)?;
        self.request_line = Some(RequestLine { method, version, target, target_span });
        Ok(())
    }

    fn read_field(&mut self, line: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
        let (name, value) = split_field(line)?;
        if self.fields.len() >= limits.max_fields {
            return Err(HeadError::TooLarge);
        }
        let position = |at: usize| u32::try_from(self.line + at).map_err(|_| HeadError::TooLarge);
        let span = |range: Range<usize>| Ok::<_, HeadError>((position(range.start)?, position(range.end)?));
        let field = FieldSpan { name: span(name)?, value: span(value)? };
        self.fields.push(field);
        Ok(())
    }
}

/// RFC 9112 §2.3: `HTTP/d.d`, case-sensitive. A higher minor version is served as 1.1 (RFC 9110 §6.2).
fn read_version(text: &str) -> Result<Version, HeadError> {
    match text.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => match (major, minor) {
            (b'1', b'0') => Ok(Version::Http10),
            (b'1', _) => Ok(Version::Http11),
            (b'0', _) => Err(HeadError::OldVersion),
            _ => Err(HeadError::OtherVersion),
        },
        _ => Err(HeadError::RequestLine),
    }
}

/// The head of a request. It is well-formed; what its fields mean has not been checked.
#[derive(Debug)]
pub(crate) struct RequestHead {
    method: Method,
    version: Version,
    target: Target,
    target_span: Range<usize>,
    text: String,
    fields: Vec<FieldSpan>,
    /// The values that are not UTF-8, by the index of their field.
    raw_values: Vec<(usize, Vec<u8>)>,
}

impl RequestHead {
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The target as it was sent.
    pub(crate) fn target(&self) -> &str {
        &self.text[self.target_span.clone()]
    }

    /// The form of the target and the positions of its parts.
    pub(crate) fn target_parts(&self) -> &Target {
        &self.target
    }

    /// The name and the value of the field at this index. Invalid UTF-8 in a value is replaced by U+FFFD.
    pub(crate) fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.fields.get(index).map(|field| (self.part(field.name), self.part(field.value)))
    }

    /// All fields, as [`RequestHead::field`] gives them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.part(field.name), self.part(field.value)))
    }

    /// The value of the field at this index, as it was sent.
    pub(crate) fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        let raw = self.raw_values.iter().find(|(other, _)| *other == index);
        raw.map(|(_, value)| value.as_slice()).or_else(|| self.field(index).map(|(_, value)| value.as_bytes()))
    }

    /// The buffers for the next head: one for its bytes, and those for [`HeadParser::reuse`].
    pub(crate) fn into_buffers(mut self) -> (Vec<u8>, HeadBuffers) {
        self.fields.clear();
        (self.text.into_bytes(), HeadBuffers(self.fields))
    }

    fn part(&self, (start, end): (u32, u32)) -> &str {
        &self.text[start as usize..end as usize]
    }

    /// Fills the head with the parts of these bytes, in which some values are not UTF-8.
    fn with_lossy_text(mut self, bytes: &[u8]) -> Self {
        let target_length = self.target_span.len();
        self.text.push_str(&String::from_utf8_lossy(&bytes[self.target_span.clone()]));
        self.target_span = 0..target_length;
        for (index, field) in self.fields.iter_mut().enumerate() {
            for (span, is_value) in [(&mut field.name, false), (&mut field.value, true)] {
                let part = &bytes[span.0 as usize..span.1 as usize];
                if is_value && std::str::from_utf8(part).is_err() {
                    self.raw_values.push((index, part.to_vec()));
                }
                let end = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
                let start = end(&self.text);
                self.text.push_str(&String::from_utf8_lossy(part));
                *span = (start, end(&self.text));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_head: 512, max_fields: 5, max_target: 100 };

    /// The result of parsing these bytes at once.
    fn whole(input: &[u8]) -> Result<Option<usize>, HeadError> {
        HeadParser::default().advance(input, &LIMITS)
    }

    /// The result of parsing them in pieces that end at these positions.
    fn pieces(input: &[u8], ends: impl IntoIterator<Item = usize>) -> Result<Option<usize>, HeadError> {
        let mut parser = HeadParser::default();
        for end in ends {
            match parser.advance(&input[..end], &LIMITS) {
                Ok(None) => {}
                result => return result,
            }
        }
        parser.advance(input, &LIMITS)
    }

    fn parsed(input: &[u8]) -> RequestHead {
        let mut parser = HeadParser::default();
        let length = parser.advance(input, &LIMITS).unwrap().unwrap();
        parser.finish(input[..length].to_vec())
    }

    #[test]
    fn valid_heads_are_parsed_and_each_fault_is_refused() {
        let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n").into_bytes();
        let fields = |fields: &[u8]| [b"GET / HTTP/1.1\r\n", fields, b"\r\n"].concat();
        let bad = HeadError::RequestLine;
        let refused = |error| Err(HeadError::Line(error));
        let table: Vec<(Vec<u8>, Result<(), HeadError>, &str)> = vec![
            // RFC 9112 §3.
            (line("GET / HTTP/1.1"), Ok(()), "a request"),
            (line("GET / HTTP/1.0"), Ok(()), "an older version"),
            (line("GET / HTTP/1.9"), Ok(()), "a later minor version"),
            (line("BR3W!#$%&'*+-.^_`|~ / HTTP/1.1"), Ok(()), "a method is a token"),
            (line(" GET / HTTP/1.1"), Err(bad), "leading space"),
            (line("GET  / HTTP/1.1"), Err(bad), "two spaces"),
            (line("GET /  HTTP/1.1"), Err(bad), "two spaces"),
            (line("GET / HTTP/1.1 "), Err(bad), "trailing space"),
            (line("GET / HTTP/1.1 x"), Err(bad), "another word"),
            (line("GET\t/ HTTP/1.1"), Err(bad), "a tab"),
            (line("GET /\tHTTP/1.1"), Err(HeadError::OldVersion), "a tab before the version, which is then missing"),
            (line("GET( / HTTP/1.1"), Err(bad), "not a token"),
            (line("GET"), Err(bad), "a word"),
            (line("GET "), Err(bad), "a word and a space"),
            (line("G\u{e9}T / HTTP/1.1"), Err(bad), "beyond ASCII"),
            // RFC 9112 §2.3.
            (line("GET / http/1.1"), Err(bad), "a version in lower case"),
            (line("GET / HTTP/11"), Err(bad), "no point"),
            (line("GET / HTTP/1.10"), Err(bad), "two digits"),
            (line("GET /"), Err(HeadError::OldVersion), "HTTP/0.9"),
            (line("GET / HTTP/0.9"), Err(HeadError::OldVersion), "HTTP/0.9 by name"),
            (line("GET / HTTP/2.0"), Err(HeadError::OtherVersion), "HTTP/2 in a request line"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Err(HeadError::OtherVersion), "the preface of HTTP/2"),
            (line("GET / HTTP/3.0"), Err(HeadError::OtherVersion), "HTTP/3"),
            (line("GET / HTTP/9.9"), Err(HeadError::OtherVersion), "an unknown version"),
            // RFC 9112 §3.2.
            (line("GET a HTTP/1.1"), Err(HeadError::Target(TargetError::Form)), "none of the four forms"),
            (line("GET /# HTTP/1.1"), Err(HeadError::Target(TargetError::Character)), "a fragment"),
            (line("GET * HTTP/1.1"), Err(HeadError::Target(TargetError::Asterisk)), "not for GET"),
            (line("OPTIONS * HTTP/1.1"), Ok(()), "for OPTIONS"),
            (line("CONNECT a:1 HTTP/1.1"), Ok(()), "an authority"),
            // RFC 9112 §2.2.
            ([b"\r\n\r\n\r\n\r\n", line("GET / HTTP/1.1").as_slice()].concat(), Ok(()), "four empty lines"),
            (b"\r\n\r\n\r\n\r\n\r\n".to_vec(), Err(HeadError::EmptyLines), "five empty lines"),
            (b"GET / HTTP/1.1\nHost: a\n\n".to_vec(), refused(LineError::BareLineEnd), "bare line feeds"),
            (b"\nGET / HTTP/1.1\r\n\r\n".to_vec(), refused(LineError::BareLineEnd), "a bare line feed before it"),
            (b"GET / HTTP/1.1\rHost: a\r\n\r\n".to_vec(), refused(LineError::BareLineEnd), "a bare return"),
            (b"\x16\x03\x01".to_vec(), refused(LineError::Control), "a TLS handshake"),
            // RFC 9112 §5, RFC 9110 §5.5.
            (fields(b""), Ok(()), "no fields"),
            (fields(b"a:\r\nb: \t\r\nc:d\r\n"), Ok(()), "empty values"),
            (fields(b"a: \x80\xff\r\n"), Ok(()), "bytes beyond ASCII"),
            (fields(b" a: b\r\n"), refused(LineError::Folded), "folded after the request line"),
            (fields(b"a: b\r\n c: d\r\n"), refused(LineError::Folded), "folded"),
            (fields(b"a: b\r\n\tc\r\n"), refused(LineError::Folded), "folded by a tab"),
            (fields(b"a : b\r\n"), refused(LineError::Name), "white space before the colon"),
            (fields(b": b\r\n"), refused(LineError::Name), "no name"),
            (fields(b"ab\r\n"), refused(LineError::NoColon), "no colon"),
            (fields(b"a: b\x00\r\n"), refused(LineError::Control), "NUL"),
            (fields(b"Content-Length: \x0b5\r\n"), refused(LineError::Control), "VT"),
            (fields(b"Transfer-Encoding: chunked\x0c\r\n"), refused(LineError::Control), "FF"),
            (fields(b"a: b\rc\r\n"), refused(LineError::BareLineEnd), "a bare return in a value"),
            (fields(b"a: b\nc: d\r\n"), refused(LineError::BareLineEnd), "a bare line feed in a value"),
            // The limits.
            (fields(b"a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n"), Ok(()), "the most fields"),
            (fields(b"a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\n"), Err(HeadError::TooLarge), "one too many"),
            (line(&format!("GET /{} HTTP/1.1", "x".repeat(99))), Ok(()), "the longest target"),
            (
                line(&format!("GET /{} HTTP/1.1", "x".repeat(100))),
                Err(HeadError::TargetTooLong(100)),
                "too long a target",
            ),
            (format!("GET /{}", "x".repeat(100)).into_bytes(), Err(HeadError::TargetTooLong(100)), "while it arrives"),
            (fields(format!("a: {}\r\n", "x".repeat(512 - 16 - 2 - 5)).as_bytes()), Ok(()), "the longest head"),
            (
                fields(format!("a: {}\r\n", "x".repeat(512 - 16 - 2 - 4)).as_bytes()),
                Err(HeadError::TooLarge),
                "too long",
            ),
            (
                format!("GET / HTTP/1.1\r\na: {}", "x".repeat(600)).into_bytes(),
                Err(HeadError::TooLarge),
                "while it arrives",
            ),
            ("G".repeat(600).into_bytes(), Err(HeadError::TooLarge), "a method that does not end"),
            (
                line(&format!("{} /{} HTTP/1.1", "G".repeat(420), "x".repeat(99))),
                Err(HeadError::TooLarge),
                "too long in all",
            ),
            (
                line(&format!("{} /{} HTTP/1.1", "G".repeat(420), "x".repeat(80))),
                Err(HeadError::TooLarge),
                "too long in all, with a complete request line",
            ),
        ];
        for (input, expected, why) in table {
            let shown = String::from_utf8_lossy(&input).into_owned();
            let expected = expected.map(|()| Some(input.len()));
            assert_eq!(whole(&input), expected, "{why}: {shown:?}");
            assert_eq!(pieces(&input, 0..input.len()), expected, "{why}, a byte at a time: {shown:?}");
        }
    }

    #[test]
    fn the_parts_of_a_head_are_found() {
        let head = parsed(b"\r\nPUT /a?b HTTP/1.0\r\nHost: h\r\nX:\t a b \r\nx: \r\n\r\nGET /next HTTP/1.1\r\n");
        assert_eq!((head.method(), head.version(), head.target()), (&Method::Put, Version::Http10, "/a?b"));
        assert_eq!(head.target_parts().path, 0..2);
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(fields, [("Host", "h"), ("X", "a b"), ("x", "")]);
        assert_eq!((head.field(1), head.field(3)), (Some(("X", "a b")), None));
        assert_eq!(head.field_bytes(1), Some(&b"a b"[..]));
    }

    #[test]
    fn values_that_are_not_utf8_are_kept_as_they_were_sent() {
        let head = parsed(b"GET /a HTTP/1.1\r\nHost: h\r\nX: a\xffb\r\nY: \xc3\xb6\r\n\r\n");
        assert_eq!(head.target(), "/a");
        assert_eq!(head.fields().collect::<Vec<_>>(), [("Host", "h"), ("X", "a\u{fffd}b"), ("Y", "\u{f6}")]);
        assert_eq!(head.field_bytes(1), Some(&b"a\xffb"[..]));
        assert_eq!(head.field_bytes(2), Some("\u{f6}".as_bytes()));
    }

    #[test]
    fn buffers_of_a_head_are_reused_for_the_next() {
        let (bytes, buffers) = parsed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").into_buffers();
        assert_eq!(bytes.len(), 27);
        let mut parser = HeadParser::default();
        parser.reuse(buffers);
        let input = b"GET /b HTTP/1.1\r\n\r\n";
        assert_eq!(parser.advance(input, &LIMITS), Ok(Some(input.len())));
        assert_eq!(parser.finish(input.to_vec()).fields().count(), 0);
    }

    #[test]
    fn the_request_line_of_a_refused_head_can_be_logged() {
        let table: &[(&[u8], &[u8])] = &[
            (b"HEAD /a HTTP/1.1\r\nX : y\r\n", b"HEAD /a HTTP/1.1"),
            (b"\r\nHEAD /# HTTP/1.1\r\n", b"HEAD /# HTTP/1.1"),
            (b"HEAD /\x01 HTTP/1.1\r\n", b"HEAD /\x01 HTTP/1.1"),
            (b"\x16\x03", b"\x16\x03"),
        ];
        for (input, line) in table {
            let mut parser = HeadParser::default();
            parser.advance(input, &LIMITS).unwrap_err();
            assert_eq!(parser.request_line(input), *line);
        }
    }

    #[test]
    fn empty_lines_do_not_begin_a_head() {
        for (input, begun) in [("", false), ("\r\n", false), ("\r\n\r\n", false), ("G", true), ("\r\nG", true)] {
            let mut parser = HeadParser::default();
            parser.advance(input.as_bytes(), &LIMITS).unwrap();
            assert_eq!(parser.has_begun(), begun, "{input:?}");
        }
    }

    /// Parts of valid heads, in any order, and bytes that break them.
    fn head_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(&b"GET / HTTP/1.1\r\n"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"Host: a\r\n"[..]).prop_map(<[u8]>::to_vec),
            proptest::sample::select(&b"GETPOST /HTP1.0:\r\n\t;=\"\\ \x00\x80*#%x"[..]).prop_map(|byte| vec![byte]),
            proptest::collection::vec(any::<u8>(), 0..4),
            (1_usize..120).prop_map(|length| vec![b'x'; length]),
        ];
        proptest::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_result_does_not_depend_on_how_the_input_is_divided(input in head_bytes(), mut ends in proptest::collection::vec(0_usize..400, 0..8)) {
            ends.iter_mut().for_each(|end| *end = (*end).min(input.len()));
            ends.sort_unstable();
            prop_assert_eq!(whole(&input), pieces(&input, ends));
            prop_assert_eq!(whole(&input), pieces(&input, 0..input.len()));
        }

        #[test]
        fn the_parts_of_every_parsed_head_are_valid(input in head_bytes()) {
            let mut parser = HeadParser::default();
            if let Ok(Some(length)) = parser.advance(&input, &LIMITS) {
                let head = parser.finish(input[..length].to_vec());
                prop_assert!(head.target().len() <= LIMITS.max_target);
                for (index, (name, value)) in head.fields().enumerate() {
                    prop_assert!(is_token(name), "{:?}", name);
                    let bytes = head.field_bytes(index).unwrap();
                    prop_assert_eq!(value, String::from_utf8_lossy(bytes));
                    prop_assert!(!bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                }
            }
        }
    }
}
