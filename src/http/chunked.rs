//! The chunked transfer coding (RFC 9112 §7.1): encoded bytes in, body bytes out, however the input is divided.

use super::field_line::{LineError, LineScanner, split_field};
use super::headers::is_token_byte;

/// Decodes a chunked body in bounded memory.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: DecoderState,
    /// The size of the current chunk, as far as its digits have arrived.
    size: u64,
    /// Bytes of chunk extensions: of the current chunk, and of all chunks so far.
    extension: usize,
    extensions: usize,
    /// The bytes of the current line of the trailer section that have arrived.
    line: Vec<u8>,
    scanner: LineScanner,
    /// The bytes and fields that the trailer section may still take.
    trailer_bytes: usize,
    trailer_fields: usize,
    trailers: Vec<(String, Vec<u8>)>,
}

/// What the decoder expects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecoderState {
    /// The size of a chunk; this many digits have been read.
    Size(usize),
    Extension(ExtensionState),
    /// The line feed after a size and its extensions.
    SizeEnd,
    /// This many more bytes of chunk data.
    Data(u64),
    /// The carriage return and the line feed after the data.
    DataReturn,
    DataFeed,
    Trailers,
    Done,
    Failed(ChunkError),
}

/// The position in the extensions of a chunk: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExtensionState {
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Token,
    Quoted,
    Escaped,
    AfterQuoted,
}

/// The progress of one call of [`ChunkedDecoder::decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// How many bytes of the input were decoded.
    pub(crate) consumed: usize,
    /// How many bytes of the body were written to the output.
    pub(crate) produced: usize,
    /// Whether the body has ended, including its trailer section.
    pub(crate) done: bool,
}

/// Why a chunked body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkError {
    /// The size is not 1 to 16 hexadecimal digits.
    Size,
    /// The extensions after a size are malformed (RFC 9112 §7.1.1).
    Extension,
    /// The extensions are longer than 1 KiB for one chunk or 16 KiB for a body.
    TooManyExtensions,
    /// No CRLF follows the data of a chunk.
    DataEnd,
    /// A line of the trailer section is malformed.
    Trailer(LineError),
    /// The trailer section is too long, or has too many fields.
    TooManyTrailers,
}

impl ChunkError {
    /// The reason, as the client reads it.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Size => "a chunk size is not 1 to 16 hexadecimal digits",
            Self::Extension => "a chunk extension is malformed",
            Self::TooManyExtensions => "the chunk extensions are too long",
            Self::DataEnd => "a chunk does not end where its size says",
            Self::Trailer(error) => error.explain(),
            Self::TooManyTrailers => "there are too many trailer fields, or they are too large",
        }
    }
}

/// The most digits of a chunk size.
const MAX_DIGITS: usize = 16;
/// The most bytes of extensions, for one chunk and for all chunks of a body.
const MAX_EXTENSION: usize = 1024;
const MAX_ALL_EXTENSIONS: usize = 16 * 1024;

impl ChunkedDecoder {
    /// A decoder that accepts a trailer section of at most this many bytes and this many fields.
    pub(crate) fn new(max_trailer_bytes: usize, max_trailer_fields: usize) -> Self {
        Self {
            state: DecoderState::Size(0),
            size: 0,
            extension: 0,
            extensions: 0,
            line: Vec::new(),
            scanner: LineScanner::default(),
            trailer_bytes: max_trailer_bytes,
            trailer_fields: max_trailer_fields,
            trailers: Vec::new(),
        }
    }

    /// Decodes until the input is used up, the output is full or the body ends. After an error, each call returns that
    /// error.
    pub(crate) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, ChunkError> {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            match self.state {
                DecoderState::Failed(error) => return Err(error),
                DecoderState::Done => return Ok(Decoded { consumed, produced, done: true }),
                DecoderState::Data(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let length = most.min(input.len() - consumed).min(output.len() - produced);
                    if length == 0 {
                        return Ok(Decoded { consumed, produced, done: false });
                    }
                    output[produced..produced + length].copy_from_slice(&input[consumed..consumed + length]);
                    (consumed, produced) = (consumed + length, produced + length);
                    self.skip(length as u64);
                }
                _ => {
                    let Some(byte) = input.get(consumed) else {
                        return Ok(Decoded { consumed, produced, done: false });
                    };
                    consumed += 1;
                    self.state = self.next_state(*byte).unwrap_or_else(DecoderState::Failed);
                }
            }
        }
    }

    /// How many bytes of chunk data come next in the input. The caller may take them without decoding.
    pub(crate) fn left_in_chunk(&self) -> u64 {
        if let DecoderState::Data(left) = self.state { left } else { 0 }
    }

    /// Notes that the caller took this many bytes of chunk data without decoding.
    pub(crate) fn skip(&mut self, bytes: u64) {
        if let DecoderState::Data(left) = self.state {
            self.state = match left.saturating_sub(bytes) {
                0 => DecoderState::DataReturn,
                left => DecoderState::Data(left),
            };
        }
    }

    /// The trailer fields, without those that are not allowed in a trailer section.
    pub(crate) fn take_trailers(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.trailers)
    }

    /// The state after this byte, which is not chunk data.
    fn next_state(&mut self, byte: u8) -> Result<DecoderState, ChunkError> {
        match self.state {
            DecoderState::Size(digits) => match char::from(byte).to_digit(16) {
                Some(_) if digits == MAX_DIGITS => Err(ChunkError::Size),
                Some(digit) => {
                    self.size = self.size << 4 | u64::from(digit);
                    Ok(DecoderState::Size(digits + 1))
                }
                None if digits == 0 => Err(ChunkError::Size),
                None => match byte {
                    b'\r' => Ok(DecoderState::SizeEnd),
                    b';' => Ok(DecoderState::Extension(ExtensionState::BeforeName)),
                    b' ' | b'\t' => Ok(DecoderState::Extension(ExtensionState::BeforeSemicolon)),
                    _ => Err(ChunkError::Size),
                },
            },
            DecoderState::Extension(extension) => self.after_extension(extension, byte),
            DecoderState::SizeEnd if byte != b'\n' => Err(ChunkError::Extension),
            DecoderState::SizeEnd => {
                self.extension = 0;
                Ok(match std::mem::take(&mut self.size) {
                    0 => DecoderState::Trailers,
                    size => DecoderState::Data(size),
                })
            }
            DecoderState::DataReturn if byte == b'\r' => Ok(DecoderState::DataFeed),
            DecoderState::DataFeed if byte == b'\n' => Ok(DecoderState::Size(0)),
            DecoderState::DataReturn | DecoderState::DataFeed => Err(ChunkError::DataEnd),
            DecoderState::Trailers => self.after_trailer_byte(byte),
            DecoderState::Data(_) | DecoderState::Done | DecoderState::Failed(_) => Ok(self.state),
        }
    }

    fn after_extension(&mut self, extension: ExtensionState, byte: u8) -> Result<DecoderState, ChunkError> {
        use ExtensionState::{
            AfterName, AfterQuoted, BeforeName, BeforeSemicolon, BeforeValue, Escaped, Name, Quoted, Token,
        };

        self.extension += 1;
        self.extensions += 1;
        if self.extension > MAX_EXTENSION || self.extensions > MAX_ALL_EXTENSIONS {
            return Err(ChunkError::TooManyExtensions);
        }
        let is_blank = matches!(byte, b' ' | b'\t');
        let next = match (extension, byte) {
            (Name | Token | AfterQuoted, b'\r') => return Ok(DecoderState::SizeEnd),
            (BeforeSemicolon | Name | AfterName | Token | AfterQuoted, b';') => BeforeName,
            (Name | AfterName, b'=') => BeforeValue,
            (BeforeValue, b'"') => Quoted,
            (Quoted, b'"') => AfterQuoted,
            (Quoted, b'\\') => Escaped,
            // RFC 9110 §5.6.4: tab, space, visible ASCII, and bytes beyond ASCII.
            (Quoted | Escaped, byte) if byte == b'\t' || (byte >= b' ' && byte != 0x7f) => Quoted,
            (BeforeSemicolon | BeforeName | AfterName | BeforeValue, _) if is_blank => extension,
            (Name, _) if is_blank => AfterName,
            (Token | AfterQuoted, _) if is_blank => BeforeSemicolon,
            (BeforeName | Name, byte) if is_token_byte(byte) => Name,
            (BeforeValue | Token, byte) if is_token_byte(byte) => Token,
            _ => return Err(ChunkError::Extension),
        };
        Ok(DecoderState::Extension(next))
    }

    /// The state after this byte of the trailer section: field lines up to an empty line (RFC 9112 §7.1.2).
    fn after_trailer_byte(&mut self, byte: u8) -> Result<DecoderState, ChunkError> {
        self.trailer_bytes = self.trailer_bytes.checked_sub(1).ok_or(ChunkError::TooManyTrailers)?;
        self.line.push(byte);
        let Some(length) = self.scanner.find_end(&self.line).map_err(ChunkError::Trailer)? else {
            return Ok(DecoderState::Trailers);
        };
        let line = &self.line[..length];
        if line.is_empty() {
            return Ok(DecoderState::Done);
        }
        let (name, value) = split_field(line).map_err(ChunkError::Trailer)?;
        self.trailer_fields = self.trailer_fields.checked_sub(1).ok_or(ChunkError::TooManyTrailers)?;
        let name = String::from_utf8_lossy(&line[name]).into_owned();
        if may_be_trailer(&name) {
            self.trailers.push((name, line[value].to_vec()));
        }
        self.line.clear();
        Ok(DecoderState::Trailers)
    }
}

/// Whether a field is allowed in the trailer section. Fields that frame, route, authenticate or modify a request, or
/// describe its content, are not (RFC 9110 §6.5.1).
fn may_be_trailer(name: &str) -> bool {
    const FORBIDDEN: [&str; 33] = [
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Cache-Control",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "Content-Type",
        "Cookie",
        "Expect",
        "Forwarded",
        "Host",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Keep-Alive",
        "Max-Forwards",
        "Origin",
        "Pragma",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Range",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
        "X-Forwarded-For",
    ];
    let lowered = name.to_ascii_lowercase();
    !FORBIDDEN.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name))
        && !["x-forwarded-", "sec-"].iter().any(|prefix| lowered.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A decoded body: its bytes, its trailers, and the length of its encoding. `None` while it is incomplete.
    type Outcome = Result<Option<(Vec<u8>, Vec<(String, Vec<u8>)>, usize)>, ChunkError>;

    /// Decodes the input in pieces that end at these positions, `room` bytes of output at a time.
    fn decoded(input: &[u8], ends: impl IntoIterator<Item = usize>, room: usize) -> Outcome {
        let mut decoder = ChunkedDecoder::new(200, 3);
        let mut output = vec![0; room];
        let (mut body, mut position) = (Vec::new(), 0);
        for end in ends.into_iter().chain([input.len()]) {
            loop {
                let decoded = decoder.decode(&input[position..end], &mut output)?;
                position += decoded.consumed;
                body.extend_from_slice(&output[..decoded.produced]);
                if decoded.done {
                    return Ok(Some((body, decoder.take_trailers(), position)));
                }
                if decoded.consumed == 0 {
                    break;
                }
            }
        }
        Ok(None)
    }

    fn whole(input: &[u8]) -> Outcome {
        decoded(input, [], 1 << 20)
    }

    #[test]
    fn valid_bodies_are_decoded_and_each_fault_is_refused() {
        let extension = |length: usize| format!("1;{}\r\nx\r\n", "e".repeat(length - 1));
        let table: Vec<(String, Result<Option<&str>, ChunkError>, &str)> = vec![
            ("0\r\n\r\n".into(), Ok(Some("")), "an empty body"),
            ("3\r\nabc\r\n0\r\n\r\n".into(), Ok(Some("abc")), "a chunk"),
            ("1\r\na\r\n00a\r\n0123456789\r\n0\r\n\r\n".into(), Ok(Some("a0123456789")), "two, with leading zeros"),
            ("A\r\n0123456789\r\n000\r\n\r\n".into(), Ok(Some("0123456789")), "in capitals, and more than one zero"),
            ("0000000000000001\r\na\r\n0\r\n\r\n".into(), Ok(Some("a")), "sixteen digits"),
            ("3\r\nabc\r\n0\r\nX: y\r\n\r\n".into(), Ok(Some("abc")), "a trailer"),
            ("1;a\r\nx\r\n0;b=c\r\n\r\n".into(), Ok(Some("x")), "extensions"),
            ("1 ; a = b ;\tc\r\nx\r\n0\r\n\r\n".into(), Ok(Some("x")), "with white space"),
            ("1;a=\"b;\\\"\\\\\t \u{f6}\";c\r\nx\r\n0\r\n\r\n".into(), Ok(Some("x")), "with a quoted string"),
            ("3\r\nab".into(), Ok(None), "not all of it"),
            ("3\r\nabc\r\n0\r\n".into(), Ok(None), "no end"),
            ("".into(), Ok(None), "nothing"),
            ("\r\n".into(), Err(ChunkError::Size), "no digit"),
            ("x\r\n".into(), Err(ChunkError::Size), "not a digit"),
            ("+5\r\n".into(), Err(ChunkError::Size), "a sign"),
            ("-5\r\n".into(), Err(ChunkError::Size), "a sign"),
            (" 5\r\n".into(), Err(ChunkError::Size), "white space"),
            ("0x5\r\n".into(), Err(ChunkError::Size), "a prefix"),
            ("5_\r\n".into(), Err(ChunkError::Size), "not a digit"),
            ("00000000000000001\r\n".into(), Err(ChunkError::Size), "seventeen digits"),
            ("5\n".into(), Err(ChunkError::Size), "a bare line feed"),
            ("5\rx".into(), Err(ChunkError::Extension), "a bare carriage return"),
            ("5 \r\n".into(), Err(ChunkError::Extension), "white space and no extension"),
            ("5;\r\n".into(), Err(ChunkError::Extension), "no name"),
            ("5;=a\r\n".into(), Err(ChunkError::Extension), "no name"),
            ("5;a=\r\n".into(), Err(ChunkError::Extension), "no value"),
            ("5;a b\r\n".into(), Err(ChunkError::Extension), "two names"),
            ("5;a=b c\r\n".into(), Err(ChunkError::Extension), "two values"),
            ("5;a=\"b\r\n".into(), Err(ChunkError::Extension), "an open quote"),
            ("5;a=\"b\"c\r\n".into(), Err(ChunkError::Extension), "text after the quote"),
            ("5;a\nb\r\n".into(), Err(ChunkError::Extension), "a bare line feed"),
            ("5;a=\"\n\"\r\n".into(), Err(ChunkError::Extension), "a line feed in quotes"),
            ("5;a=\"\0\"\r\n".into(), Err(ChunkError::Extension), "NUL in quotes"),
            (extension(MAX_EXTENSION) + "0\r\n\r\n", Ok(Some("x")), "the longest extension"),
            (extension(MAX_EXTENSION + 1), Err(ChunkError::TooManyExtensions), "too long an extension"),
            (extension(1000).repeat(17), Err(ChunkError::TooManyExtensions), "too many extensions"),
            ("2\r\nabc\r\n".into(), Err(ChunkError::DataEnd), "more data than its size"),
            ("2\r\nab\n0\r\n\r\n".into(), Err(ChunkError::DataEnd), "a bare line feed after the data"),
            ("2\r\nab\rx".into(), Err(ChunkError::DataEnd), "a bare carriage return after the data"),
            ("0\r\nX : y\r\n\r\n".into(), Err(ChunkError::Trailer(LineError::Name)), "a trailer that is no field"),
            ("0\r\n X: y\r\n\r\n".into(), Err(ChunkError::Trailer(LineError::Folded)), "a folded trailer"),
            ("0\r\nX: y\n\r\n".into(), Err(ChunkError::Trailer(LineError::BareLineEnd)), "a bare line feed"),
            ("0\r\nX: \0\r\n".into(), Err(ChunkError::Trailer(LineError::Control)), "NUL in a trailer"),
            ("0\r\n".to_owned() + &"a:\r\n".repeat(4), Err(ChunkError::TooManyTrailers), "too many trailers"),
            ("0\r\na:".to_owned() + &"x".repeat(200), Err(ChunkError::TooManyTrailers), "too long a trailer"),
        ];
        for (input, expected, why) in table {
            let seen = whole(input.as_bytes());
            let body = seen.clone().map(|seen| seen.map(|(body, ..)| String::from_utf8(body).unwrap()));
            assert_eq!(body, expected.map(|body| body.map(str::to_owned)), "{why}");
            assert_eq!(decoded(input.as_bytes(), 0..input.len(), 1), seen, "{why}, a byte at a time");
        }
    }

    #[test]
    fn bytes_after_the_body_are_not_consumed() {
        let (body, trailers, length) = whole(b"1\r\na\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n").unwrap().unwrap();
        assert_eq!((body, length), (b"a".to_vec(), 17));
        assert_eq!(trailers, [("X".to_owned(), b"y".to_vec())]);
    }

    #[test]
    fn fields_that_may_not_be_trailers_are_left_out() {
        let table = [
            ("X-Checksum", true),
            ("Server-Timing", true),
            ("content-length", false),
            ("Transfer-Encoding", false),
            ("HOST", false),
            ("Authorization", false),
            ("Cookie", false),
            ("Content-Type", false),
            ("If-None-Match", false),
            ("X-Forwarded-Proto", false),
            ("Sec-Fetch-Site", false),
        ];
        for (name, kept) in table {
            let (_, trailers, _) = whole(format!("0\r\n{name}: x\r\n\r\n").as_bytes()).unwrap().unwrap();
            assert_eq!(trailers.len(), usize::from(kept), "{name}");
        }
    }

    #[test]
    fn a_decoder_that_has_failed_stays_failed() {
        let mut decoder = ChunkedDecoder::new(10, 1);
        for input in ["x", "1\r\na\r\n0\r\n\r\n"] {
            assert_eq!(decoder.decode(input.as_bytes(), &mut [0; 9]), Err(ChunkError::Size));
        }
    }

    #[test]
    fn chunk_data_can_be_taken_without_decoding() {
        let mut decoder = ChunkedDecoder::new(10, 1);
        assert_eq!(decoder.left_in_chunk(), 0);
        decoder.decode(b"a\r\n", &mut []).unwrap();
        assert_eq!(decoder.left_in_chunk(), 10);
        decoder.skip(4);
        assert_eq!(decoder.left_in_chunk(), 6);
        decoder.skip(6);
        let decoded = decoder.decode(b"\r\n0\r\n\r\n", &mut []).unwrap();
        assert_eq!(decoded, Decoded { consumed: 7, produced: 0, done: true });
    }

    /// Pieces of valid encodings, in any order, and bytes that break them.
    fn encoded_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            (1_u8..30).prop_map(|length| [
                format!("{length:x}\r\n").into_bytes(),
                vec![b'x'; length.into()],
                b"\r\n".to_vec()
            ]
            .concat()),
            Just(b"0\r\n".to_vec()),
            Just(b"X: y\r\n".to_vec()),
            Just(b"3;a=\"b\"\r\nabc\r\n".to_vec()),
            proptest::sample::select(&b"0123aF;=\"\\ \t\r\n:x\x00\x80"[..]).prop_map(|byte| vec![byte]),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_result_does_not_depend_on_how_the_input_is_divided(
            input in encoded_bytes(),
            mut ends in proptest::collection::vec(0_usize..300, 0..8),
            room in 1_usize..40,
        ) {
            ends.iter_mut().for_each(|end| *end = (*end).min(input.len()));
            ends.sort_unstable();
            prop_assert_eq!(decoded(&input, ends, room), whole(&input));
        }

        #[test]
        fn every_encoded_body_is_decoded_to_itself(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..8),
            room in 1_usize..100,
        ) {
            let mut input = Vec::new();
            for chunk in &chunks {
                input.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                input.extend_from_slice(chunk);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(b"0\r\n\r\n");
            let length = input.len();
            prop_assert_eq!(decoded(&input, [], room), Ok(Some((chunks.concat(), Vec::new(), length))));
        }
    }
}
