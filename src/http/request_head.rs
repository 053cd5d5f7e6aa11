//! The head of a request: bytes in, decisions out, in whatever pieces they arrive (RFC 9112 §2 to §5).

use std::ops::Range;

use super::error::HttpError;
use super::field_line::{LINE_END, LineError, LineScanner, split_field};
use super::headers::is_token;
use super::method::Method;
use super::target::{Target, TargetError};
use super::version::Version;

/// The most that a head may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes in all, from the request line to the empty line.
    pub(crate) max_head: usize,
    /// Header fields.
    pub(crate) max_fields: usize,
    /// Bytes of the target.
    pub(crate) max_target: usize,
}

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// More empty lines than are borne with come before the request line.
    EmptyLines,
    /// The request line is not a method, a target and a version with one space between them.
    RequestLine,
    /// The request line has no version, or one before 1.0.
    OldVersion,
    /// The request is of another major version than 1.
    OtherVersion,
    /// The target is not one.
    Target(TargetError),
    /// A line is not well formed.
    Line(LineError),
    /// The target is longer than this many bytes.
    TargetTooLong(usize),
    /// The head is too long, or has too many fields.
    TooLarge,
}

impl From<HeadError> for HttpError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::EmptyLines => Self::bad_request("too many empty lines come before the request"),
            HeadError::RequestLine => {
                Self::bad_request("the request line is not a method, a target and a version with single spaces")
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

/// Reads a head as it arrives. Nothing is kept of its bytes but where the parts are, and but for the request line, in which the
/// end of the target is looked for each time, each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    /// Where the request line starts, behind the empty lines.
    start: usize,
    /// Where the line starts that is arriving.
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
    /// Where the target stands in the head.
    place: Range<usize>,
}

/// Where the name and the value of a field stand in the head.
#[derive(Clone, Copy, Debug)]
struct FieldSpan {
    name: (u32, u32),
    value: (u32, u32),
}

/// What a head gives back for the next one.
#[derive(Debug)]
pub(crate) struct HeadBuffers(Vec<FieldSpan>);

/// RFC 9112 §2.2: a server should ignore at least one.
const MAX_EMPTY_LINES: usize = 4;

/// How much of a request line is shown in a log.
const MAX_SHOWN: usize = 8 * 1024;

impl HeadParser {
    /// Reads on. `input` starts with the same byte each time, and has grown. How many bytes the head has, once it is whole.
    ///
    /// The result is the same however the bytes are divided, and what is wrong first decides.
    pub(crate) fn advance(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        loop {
            let line = &input[self.line..];
            let (most, too_long) = self.most_of_line(line, limits);
            let Some(length) = self.scanner.find_end(&line[..line.len().min(most)])? else {
                return if line.len() >= most { Err(too_long) } else { Ok(None) };
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

    /// Whether anything but empty lines has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.request_line.is_some() || self.scanner.scanned() > 0
    }

    /// The request line as far as it has arrived in the input, for showing.
    pub(crate) fn request_line<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        let line = &input[self.start.min(input.len())..];
        let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
        &line[..end.min(MAX_SHOWN)]
    }

    /// The head whose bytes these are: all that [`HeadParser::advance`] has said it has. The parser is then as new.
    ///
    /// # Panics
    ///
    /// When the head was not read to its end.
    pub(crate) fn finish(&mut self, bytes: Vec<u8>) -> RequestHead {
        let HeadParser { request_line, fields, .. } = std::mem::take(self);
        let RequestLine { method, version, target, place } = request_line.expect("a head is finished when it is whole");
        let head = RequestHead { method, version, target, place, text: String::new(), fields, raw: Vec::new() };
        match String::from_utf8(bytes) {
            Ok(text) => RequestHead { text, ..head },
            Err(error) => head.with_lossy_text(error.as_bytes()),
        }
    }

    /// Takes what an earlier head gave back. Nothing must have arrived yet.
    pub(crate) fn reuse(&mut self, buffers: HeadBuffers) {
        self.fields = buffers.0;
    }

    /// How many bytes of the line that is arriving may be there before it ends, and what it is when there are.
    fn most_of_line(&self, line: &[u8], limits: &HeadLimits) -> (usize, HeadError) {
        let left = limits.max_head.saturating_sub(self.line - self.start);
        if self.request_line.is_none()
            && let Some(space) = line.iter().position(|byte| *byte == b' ')
        {
            let target = &line[space + 1..];
            let most = limits.max_target + 1;
            let ends = target.iter().take(most).any(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
            // Where the whole head ends first, that is what is too long, whatever is still to come of the target.
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
            // That is how HTTP/0.9 asks.
            None if !rest.is_empty() => return Err(HeadError::OldVersion),
            _ => return Err(HeadError::RequestLine),
        };
        let start = self.line + (text.len() - rest.len());
        let place = start..start + target.len();
        let target = Target::parse(&method, target).map_err(HeadError::Target)?;
        self.request_line = Some(RequestLine { method, version, target, place });
        Ok(())
    }

    fn read_field(&mut self, line: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
        let (name, value) = split_field(line)?;
        if self.fields.len() >= limits.max_fields {
            return Err(HeadError::TooLarge);
        }
        let place = |at: usize| u32::try_from(self.line + at).map_err(|_| HeadError::TooLarge);
        let span = |range: Range<usize>| Ok::<_, HeadError>((place(range.start)?, place(range.end)?));
        let field = FieldSpan { name: span(name)?, value: span(value)? };
        self.fields.push(field);
        Ok(())
    }
}

/// RFC 9112 §2.3: `HTTP/d.d`, in capitals. A higher minor version is served as the highest one that we know (RFC 9110 §6.2).
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

/// The head of a request, well formed. What its fields mean is another question.
#[derive(Debug)]
pub(crate) struct RequestHead {
    method: Method,
    version: Version,
    target: Target,
    place: Range<usize>,
    text: String,
    fields: Vec<FieldSpan>,
    /// The values that are not UTF-8, by the index of their field.
    raw: Vec<(usize, Vec<u8>)>,
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
        &self.text[self.place.clone()]
    }

    /// What the target is made of.
    pub(crate) fn target_parts(&self) -> &Target {
        &self.target
    }

    /// The name and the value of a field, by its place among them. Of a value, what is not UTF-8 is replaced.
    pub(crate) fn field(&self, index: usize) -> Option<(&str, &str)> {
        self.fields.get(index).map(|field| (self.part(field.name), self.part(field.value)))
    }

    /// All fields, as [`RequestHead::field`] gives them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.part(field.name), self.part(field.value)))
    }

    /// The value of a field as it was sent, by its place among them.
    pub(crate) fn field_bytes(&self, index: usize) -> Option<&[u8]> {
        let raw = self.raw.iter().find(|(other, _)| *other == index);
        raw.map(|(_, value)| value.as_slice()).or_else(|| self.field(index).map(|(_, value)| value.as_bytes()))
    }

    /// What the next head can use: the bytes, and what a parser takes.
    pub(crate) fn into_buffers(mut self) -> (Vec<u8>, HeadBuffers) {
        self.fields.clear();
        (self.text.into_bytes(), HeadBuffers(self.fields))
    }

    fn part(&self, (start, end): (u32, u32)) -> &str {
        &self.text[start as usize..end as usize]
    }

    /// With the parts of these bytes, in which values are not UTF-8.
    fn with_lossy_text(mut self, bytes: &[u8]) -> Self {
        let target = self.place.len();
        self.text.push_str(&String::from_utf8_lossy(&bytes[self.place.clone()]));
        self.place = 0..target;
        for (index, field) in self.fields.iter_mut().enumerate() {
            for (span, is_value) in [(&mut field.name, false), (&mut field.value, true)] {
                let part = &bytes[span.0 as usize..span.1 as usize];
                if is_value && std::str::from_utf8(part).is_err() {
                    self.raw.push((index, part.to_vec()));
                }
                let place = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
                let start = place(&self.text);
                self.text.push_str(&String::from_utf8_lossy(part));
                *span = (start, place(&self.text));
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

    /// What the parser says of these bytes, given all at once.
    fn whole(input: &[u8]) -> Result<Option<usize>, HeadError> {
        HeadParser::default().advance(input, &LIMITS)
    }

    /// What it says when they arrive in pieces that end at these places.
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
    fn each_rule_has_its_answer() {
        let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n").into_bytes();
        let fields = |fields: &[u8]| [b"GET / HTTP/1.1\r\n", fields, b"\r\n"].concat();
        let bad = HeadError::RequestLine;
        let refused = |error| Err(HeadError::Line(error));
        let table: Vec<(Vec<u8>, Result<(), HeadError>, &str)> = vec![
            // RFC 9112 §3.
            (line("GET / HTTP/1.1"), Ok(()), "a request"),
            (line("GET / HTTP/1.0"), Ok(()), "of the older version"),
            (line("GET / HTTP/1.9"), Ok(()), "of a version that is still to come"),
            (line("BR3W!#$%&'*+-.^_`|~ / HTTP/1.1"), Ok(()), "a method is a token"),
            (line(" GET / HTTP/1.1"), Err(bad), "leading space"),
            (line("GET  / HTTP/1.1"), Err(bad), "two spaces"),
            (line("GET /  HTTP/1.1"), Err(bad), "two spaces"),
            (line("GET / HTTP/1.1 "), Err(bad), "trailing space"),
            (line("GET / HTTP/1.1 x"), Err(bad), "another word"),
            (line("GET\t/ HTTP/1.1"), Err(bad), "a tab"),
            (line("GET /\tHTTP/1.1"), Err(HeadError::OldVersion), "a tab before the version: it has none"),
            (line("GET( / HTTP/1.1"), Err(bad), "not a token"),
            (line("GET"), Err(bad), "a word"),
            (line("GET "), Err(bad), "a word and a space"),
            (line("G\u{e9}T / HTTP/1.1"), Err(bad), "beyond ASCII"),
            // RFC 9112 §2.3.
            (line("GET / http/1.1"), Err(bad), "a version in small letters"),
            (line("GET / HTTP/11"), Err(bad), "no point"),
            (line("GET / HTTP/1.10"), Err(bad), "two digits"),
            (line("GET /"), Err(HeadError::OldVersion), "HTTP/0.9"),
            (line("GET / HTTP/0.9"), Err(HeadError::OldVersion), "HTTP/0.9 by name"),
            (line("GET / HTTP/2.0"), Err(HeadError::OtherVersion), "HTTP/2 in words"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Err(HeadError::OtherVersion), "the preface of HTTP/2"),
            (line("GET / HTTP/3.0"), Err(HeadError::OtherVersion), "HTTP/3"),
            (line("GET / HTTP/9.9"), Err(HeadError::OtherVersion), "a version that nobody knows"),
            // RFC 9112 §3.2.
            (line("GET a HTTP/1.1"), Err(HeadError::Target(TargetError::Form)), "no target"),
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
            (fields(b" a: b\r\n"), refused(LineError::Folded), "folded behind the request line"),
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
            (fields(b"a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n"), Ok(()), "as many fields as may be"),
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
            ("G".repeat(600).into_bytes(), Err(HeadError::TooLarge), "a method without end"),
            (
                line(&format!("{} /{} HTTP/1.1", "G".repeat(420), "x".repeat(99))),
                Err(HeadError::TooLarge),
                "all in all",
            ),
            (
                line(&format!("{} /{} HTTP/1.1", "G".repeat(420), "x".repeat(80))),
                Err(HeadError::TooLarge),
                "though it ends",
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
    fn values_that_are_not_utf8_are_kept_as_they_are() {
        let head = parsed(b"GET /a HTTP/1.1\r\nHost: h\r\nX: a\xffb\r\nY: \xc3\xb6\r\n\r\n");
        assert_eq!(head.target(), "/a");
        assert_eq!(head.fields().collect::<Vec<_>>(), [("Host", "h"), ("X", "a\u{fffd}b"), ("Y", "\u{f6}")]);
        assert_eq!(head.field_bytes(1), Some(&b"a\xffb"[..]));
        assert_eq!(head.field_bytes(2), Some("\u{f6}".as_bytes()));
    }

    #[test]
    fn buffers_are_used_again() {
        let (bytes, buffers) = parsed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").into_buffers();
        assert_eq!(bytes.len(), 27);
        let mut parser = HeadParser::default();
        parser.reuse(buffers);
        let input = b"GET /b HTTP/1.1\r\n\r\n";
        assert_eq!(parser.advance(input, &LIMITS), Ok(Some(input.len())));
        assert_eq!(parser.finish(input.to_vec()).fields().count(), 0);
    }

    #[test]
    fn what_is_known_of_a_refused_head_can_be_shown() {
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
    fn a_head_has_begun_with_its_first_byte_that_is_no_empty_line() {
        for (input, begun) in [("", false), ("\r\n", false), ("\r\n\r\n", false), ("G", true), ("\r\nG", true)] {
            let mut parser = HeadParser::default();
            parser.advance(input.as_bytes(), &LIMITS).unwrap();
            assert_eq!(parser.has_begun(), begun, "{input:?}");
        }
    }

    /// Bytes of the kind that heads are made of, and of the kinds that break them.
    fn soup() -> impl Strategy<Value = Vec<u8>> {
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
        fn any_split_gives_the_same(input in soup(), mut ends in proptest::collection::vec(0_usize..400, 0..8)) {
            ends.iter_mut().for_each(|end| *end = (*end).min(input.len()));
            ends.sort_unstable();
            prop_assert_eq!(whole(&input), pieces(&input, ends));
            prop_assert_eq!(whole(&input), pieces(&input, 0..input.len()));
        }

        #[test]
        fn whatever_is_read_can_be_taken_apart(input in soup()) {
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
