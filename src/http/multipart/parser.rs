//! Where the parts of a form begin and end. It holds what has arrived, and says when more must be read.

use memchr::memmem::{self, Finder};
use memchr::memrchr;

use super::part_head::PartHead;

/// Parses a form that is read into its buffer.
///
/// ```text
/// loop {
///     match parser.next_part()? {
///         NextPart::Missing => parser.received(source.read(parser.room())?)?,
///         ...
/// ```
pub(crate) struct FormParser {
    /// The delimiter that ends a part: a line break, two hyphens and the boundary.
    delimiter: Finder<'static>,
    buffer: Vec<u8>,
    /// What has arrived and is not parsed lies between these positions in the buffer.
    start: usize,
    end: usize,
    /// Up to here the buffer holds no delimiter, nor the beginning of one.
    scanned: usize,
    /// Whether a delimiter begins where that ends.
    is_delimited: bool,
    state: FormState,
    /// The most bytes of the head of a part.
    max_head: usize,
    /// Whether the input has ended.
    has_ended: bool,
}

/// What comes after a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextPart {
    /// A part with this head.
    Part(PartHead),
    /// The end of the form, and of the input.
    End,
    /// It is not known before more has been read.
    Missing,
}

/// What comes next in the content of a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// These bytes, at least one.
    Bytes(&'a [u8]),
    /// Its end.
    End,
    /// It is not known before more has been read.
    Missing,
}

/// Why a form was refused, as the client reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormError(pub(crate) &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormState {
    Preamble,
    /// Right after a delimiter: two hyphens or the rest of its line.
    AfterDelimiter,
    Head,
    /// Before the line break of the empty line that ends the head.
    EmptyLine,
    Content,
    Epilogue,
}

/// The most bytes of the head of a part, unless [`FormParser::max_head`] sets another limit.
const DEFAULT_MAX_HEAD: usize = 8 * 1024;

/// The fewest and the most bytes of the buffer, which grows only for a head that is longer.
const BUFFER: std::ops::RangeInclusive<usize> = 16 * 1024..=64 * 1024;

impl FormParser {
    /// A parser for a form with this boundary, and with this many bytes in all, as far as that is known.
    pub(crate) fn new(boundary: &str, length: Option<u64>) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length.clamp(*BUFFER.start(), *BUFFER.end())];
        // The first delimiter may lack its line break, at the very beginning.
        buffer[..2].copy_from_slice(b"\r\n");
        Self {
            delimiter: Finder::new(&format!("\r\n--{boundary}")).into_owned(),
            buffer,
            start: 0,
            end: 2,
            scanned: 0,
            is_delimited: false,
            state: FormState::Preamble,
            max_head: DEFAULT_MAX_HEAD,
            has_ended: false,
        }
    }

    /// Sets the most bytes of the head of a part.
    pub(crate) fn max_head(&mut self, bytes: usize) {
        self.max_head = bytes;
    }

    /// The room for more input, after which [`FormParser::received`] is called. There is some whenever something is missing.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.end, self.scanned) = (self.end - self.start, self.scanned - self.start);
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Notes that this many bytes were read into the room. None are the end of the input.
    ///
    /// # Errors
    ///
    /// If the input ends before the last boundary.
    pub(crate) fn received(&mut self, bytes: usize) -> Result<(), FormError> {
        self.end += bytes;
        self.has_ended = bytes == 0;
        if self.has_ended && self.state != FormState::Epilogue {
            return Err(FormError("the form ends before its last boundary"));
        }
        Ok(())
    }

    /// Skips what is left of the part, and parses the head of the next one.
    ///
    /// # Errors
    ///
    /// If the form is malformed. A further call returns the same error.
    pub(crate) fn next_part(&mut self) -> Result<NextPart, FormError> {
        loop {
            match self.state {
                FormState::Preamble | FormState::EmptyLine | FormState::Content => {
                    self.scan();
                    self.start = self.scanned;
                    if !self.is_delimited {
                        return Ok(NextPart::Missing);
                    }
                    self.advance(self.delimiter.needle().len(), FormState::AfterDelimiter);
                }
                FormState::AfterDelimiter => {
                    let bytes = self.unparsed();
                    if bytes.starts_with(b"--") {
                        self.state = FormState::Epilogue;
                        continue;
                    }
                    let white = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                    match &bytes[white..] {
                        _ if white > self.max_head => return Err(TOO_LONG),
                        [] | [b'\r'] => return Ok(NextPart::Missing),
                        [b'-'] if white == 0 => return Ok(NextPart::Missing),
                        [b'\r', b'\n', ..] => {}
                        _ => return Err(FormError("other text follows a boundary on its line")),
                    }
                    // The line break stays in the input, because a head without fields is only the empty line.
                    self.advance(white, FormState::Head);
                }
                FormState::Head => {
                    let bytes = self.unparsed();
                    match memmem::find(bytes, END_OF_HEAD) {
                        Some(end) if end <= self.max_head => {
                            let head = PartHead::parse(&bytes[..end]);
                            // The empty line may be the beginning of the delimiter already (RFC 2046 §5.1.1).
                            self.advance(end + LINE_BREAK.len(), FormState::EmptyLine);
                            return Ok(NextPart::Part(head));
                        }
                        None if bytes.len() < self.max_head.saturating_add(END_OF_HEAD.len()) => {
                            return Ok(NextPart::Missing);
                        }
                        _ => return Err(TOO_LONG),
                    }
                }
                FormState::Epilogue => {
                    self.advance(self.end - self.start, FormState::Epilogue);
                    return Ok(if self.has_ended { NextPart::End } else { NextPart::Missing });
                }
            }
        }
    }

    /// The content of the part that has arrived.
    pub(crate) fn content(&mut self) -> Content<'_> {
        if !matches!(self.state, FormState::EmptyLine | FormState::Content) {
            return Content::End;
        }
        self.scan();
        match &self.buffer[self.start..self.scanned] {
            [] if self.is_delimited => Content::End,
            [] => Content::Missing,
            bytes => Content::Bytes(bytes),
        }
    }

    /// Notes that this many bytes of the content were used.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = self.scanned.min(self.start + bytes);
    }

    fn unparsed(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn advance(&mut self, bytes: usize, state: FormState) {
        self.start += bytes;
        (self.scanned, self.is_delimited, self.state) = (self.start, false, state);
    }

    /// Looks for a delimiter in what has arrived, once all before it has been used.
    fn scan(&mut self) {
        if self.is_delimited || self.start < self.scanned {
            return;
        }
        let delimiter = self.delimiter.needle();
        if self.state == FormState::EmptyLine {
            let bytes = &self.buffer[self.start..self.end];
            if bytes.len() < delimiter.len() && delimiter.starts_with(bytes) {
                return;
            }
            self.state = FormState::Content;
            if !bytes.starts_with(delimiter) {
                self.start += LINE_BREAK.len();
            }
        }
        let bytes = &self.buffer[self.start..self.end];
        if let Some(at) = self.delimiter.find(bytes) {
            (self.scanned, self.is_delimited) = (self.start + at, true);
            return;
        }
        // The beginning of a delimiter may have arrived. No boundary contains a carriage return, so the last one decides.
        let tail = bytes.len().saturating_sub(delimiter.len() - 1);
        let begun =
            memrchr(b'\r', &bytes[tail..]).map(|at| tail + at).filter(|at| delimiter.starts_with(&bytes[*at..]));
        self.scanned = self.start + begun.unwrap_or(bytes.len());
    }
}

const LINE_BREAK: &[u8] = b"\r\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const TOO_LONG: FormError = FormError("the head of a part of the form is too long");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts of a form, each with its head and content.
    type Parts = Vec<(PartHead, Vec<u8>)>;

    /// Parses a form that is read up to each of these positions, and whose content is used this many bytes at a time.
    fn parse(form: &[u8], ends: impl IntoIterator<Item = usize>, used: usize) -> Result<Parts, FormError> {
        let mut parser = FormParser::new("X y", Some(0));
        let (mut rest, mut ends, mut parts) = (form, ends.into_iter(), Parts::new());
        let mut read = |parser: &mut FormParser| {
            let position = form.len() - rest.len();
            let end = ends.find(|end| *end > position).unwrap_or(form.len()).min(form.len());
            let room = parser.room();
            assert!(!room.is_empty());
            let length = room.len().min(end - position);
            room[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            parser.received(length)
        };
        loop {
            match parser.next_part() {
                Ok(NextPart::Part(head)) => parts.push((head, Vec::new())),
                Ok(NextPart::End) => return Ok(parts),
                Ok(NextPart::Missing) => {
                    read(&mut parser)?;
                    continue;
                }
                Err(error) => {
                    assert_eq!(parser.next_part(), Err(error), "the error stays");
                    return Err(error);
                }
            }
            loop {
                match parser.content() {
                    Content::Bytes(bytes) => {
                        let length = bytes.len().min(used);
                        parts.last_mut().expect("a part is open").1.extend_from_slice(&bytes[..length]);
                        parser.consume(length);
                    }
                    Content::End => break,
                    Content::Missing => read(&mut parser)?,
                }
            }
        }
    }

    fn pieces(form: &[u8], piece: usize) -> Result<Parts, FormError> {
        parse(form, (piece..).step_by(piece), usize::MAX)
    }

    const FORM: &[u8] = b"preamble\r\n--X y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfield\
        \r\n--X y \t\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a;b\\\"c%22.txt\"\r\nContent-Type: x/y\r\n\r\n\
        \r\n--X\r\n-\r\n--X \r\r\n\r\n--X y\r\nContent-Disposition: form-data; filename=\"\"; name=f\r\n\r\n\
        \r\n--X y\r\n\r\nbare\r\n--X y--\r\nepilogue --X y";

    #[test]
    fn forms_are_parsed_from_pieces_of_any_size() {
        let part = |name: Option<&str>, filename: Option<&str>, media_type: Option<&str>, content: &[u8]| {
            (name.map(str::to_owned), filename.map(str::to_owned), media_type.map(str::to_owned), content.to_vec())
        };
        let expected = [
            part(Some("a"), None, None, b"field"),
            part(Some("f"), Some("a;b\"c\".txt"), Some("x/y"), b"\r\n--X\r\n-\r\n--X \r\r\n"),
            part(Some("f"), Some(""), None, b""),
            part(None, None, None, b"bare"),
        ];
        for piece in 1..FORM.len() {
            for used in [1, 5, usize::MAX] {
                let parts = parse(FORM, (piece..).step_by(piece), used).unwrap().into_iter().map(|(head, content)| {
                    let media_type = head.field("Content-Type").map(str::to_owned);
                    (head.name, head.filename, media_type, content)
                });
                assert_eq!(parts.collect::<Vec<_>>(), expected, "{piece} {used}");
            }
        }
        assert_eq!(pieces(b"--X y--", 3), Ok(Vec::new()));
    }

    #[test]
    fn a_part_may_end_with_its_head() {
        let table: [(&[u8], &[&[u8]]); 6] = [
            (b"--X y\r\n\r\n--X y--", &[b""]),
            (b"--X y\r\nA: b\r\n\r\n--X y \r\n\r\n--X y\r\n\r\nc\r\n--X y--", &[b"", b"", b"c"]),
            (b"--X y\r\n\r\n\r\n--X y--", &[b""]),
            (b"--X y\r\n\r\n--X\r\n--X y--", &[b"--X"]),
            (b"--X y\r\n\r\n\r\n\r\n--X y--", &[b"\r\n"]),
            (b"--X y\r\n\r\n \r\n--X y--", &[b" "]),
        ];
        for (form, expected) in table {
            for piece in 1..=form.len() {
                let contents: Vec<_> = pieces(form, piece).unwrap().into_iter().map(|(_, content)| content).collect();
                assert_eq!(contents, expected, "{} {piece}", form.escape_ascii());
            }
        }
    }

    #[test]
    fn malformed_forms_are_refused() {
        let long = [b"--X y\r\nA: ".as_slice(), &[b'x'; 9000], b"\r\n\r\n--X y--"].concat();
        let endless = [b"--X y\r\nA: ".as_slice(), &[b'x'; 90_000]].concat();
        let line = [b"--X y".as_slice(), &[b' '; 90_000]].concat();
        let table: [(&[u8], &str); 11] = [
            (b"", "ends before"),
            (b"no form at all", "ends before"),
            (b"--X y\r\n", "ends before"),
            (b"--X y\r\n\r\ncut", "ends before"),
            (b"--X y\r\n\r\ncut\r\n--X y", "ends before"),
            (b"--X yz\r\n\r\n\r\n--X y--", "follows a boundary"),
            (b"--X y-\r\n\r\n\r\n--X y--", "follows a boundary"),
            (b"--X y --\r\n\r\n\r\n--X y--", "follows a boundary"),
            (&long, "too long"),
            (&endless, "too long"),
            (&line, "too long"),
        ];
        for (form, reason) in table {
            for piece in [1, 64, 100_000] {
                let error = pieces(form, piece).unwrap_err();
                assert!(error.0.contains(reason), "{error:?}");
            }
        }
    }

    #[test]
    fn the_longest_head_fits() {
        let head = |length: usize| {
            let field = format!("\r\nA: {}", "x".repeat(length - 5));
            [b"--X y".as_slice(), field.as_bytes(), b"\r\n\r\n\r\n--X y--"].concat()
        };
        for piece in [1, 4096, 100_000] {
            let parts = pieces(&head(DEFAULT_MAX_HEAD), piece).unwrap();
            let [(head_of_part, content)] = &parts[..] else { panic!("{} parts", parts.len()) };
            assert_eq!(head_of_part.field("A").map(str::len), Some(DEFAULT_MAX_HEAD - 5), "{piece}");
            assert_eq!(content, b"");
            assert_eq!(pieces(&head(DEFAULT_MAX_HEAD + 1), piece), Err(TOO_LONG), "{piece}");
        }
    }

    #[test]
    fn content_is_passed_on_as_it_arrives() {
        let mut parser = FormParser::new("X y", None);
        let mut arrive = |bytes: &str| {
            parser.room()[..bytes.len()].copy_from_slice(bytes.as_bytes());
            parser.received(bytes.len()).unwrap();
            if parser.state != FormState::Content {
                assert!(matches!(parser.next_part(), Ok(NextPart::Part(_))));
            }
            match parser.content() {
                Content::Bytes(bytes) => {
                    let (length, text) = (bytes.len(), String::from_utf8(bytes.to_vec()).unwrap());
                    parser.consume(length);
                    text
                }
                other => format!("{other:?}"),
            }
        };
        let table = [
            ("--X y\r\n\r\na", "a", "no part of a delimiter waits"),
            ("b\rc", "b\rc", "a carriage return that begins none does not wait"),
            ("\r\n-", "Missing", "the beginning of a delimiter waits"),
            ("-b\r", "\r\n--b", "until it is none, and another one waits"),
            ("\r\n--X ", "\r", "a carriage return is the beginning of the last one only"),
            ("y", "End", "a whole one has arrived"),
        ];
        for (bytes, expected, why) in table {
            assert_eq!(arrive(bytes), expected, "{why}");
        }
    }

    /// Parts of forms, in any order, and bytes that break them.
    fn form_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(&b"\r\n--X y"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"\r\n--X y\r\nContent-Disposition: form-data; name=a\r\n\r\n"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"\r\n--X y--"[..]).prop_map(<[u8]>::to_vec),
            proptest::sample::select(&b"\r\n-X y:;=\"a"[..]).prop_map(|byte| vec![byte]),
            proptest::collection::vec(any::<u8>(), 0..4),
            (1_usize..9000).prop_map(|length| vec![b'x'; length]),
        ];
        proptest::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_result_does_not_depend_on_how_the_input_is_divided(
            form in form_bytes(),
            mut ends in proptest::collection::vec(0_usize..40_000, 0..8),
            used in 1_usize..100,
        ) {
            ends.sort_unstable();
            let whole = parse(&form, [], usize::MAX);
            prop_assert_eq!(&whole, &parse(&form, ends, used));
            prop_assert_eq!(&whole, &pieces(&form, 1));
        }

        #[test]
        fn any_content_without_the_delimiter_is_a_part(contents in proptest::collection::vec(form_bytes(), 0..4), piece in 1_usize..5000) {
            let is_plain = |content: &Vec<u8>| memmem::find(&[LINE_BREAK, content].concat(), b"\r\n--X y").is_none();
            let contents: Vec<_> = contents.into_iter().filter(is_plain).collect();
            let mut form = Vec::new();
            for content in &contents {
                form.extend([b"\r\n--X y\r\n\r\n", content.as_slice()].concat());
            }
            form.extend(b"\r\n--X y--\r\n");
            let parts = pieces(&form, piece).unwrap();
            prop_assert_eq!(parts.into_iter().map(|(_, content)| content).collect::<Vec<_>>(), contents);
        }
    }
}
