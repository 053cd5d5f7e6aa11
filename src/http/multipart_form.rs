//! Parsing of forms with files (`multipart/form-data`, RFC 7578 and RFC 2046 §5.1) while they arrive.

use percent_encoding::percent_decode_str;

use super::parameters::Parameters;

/// Parses a form.
///
/// Holds at most one piece of the input, the head of one part and one boundary in memory.
pub(crate) struct FormParser {
    /// The delimiter that ends a part: a line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// Input that has not been parsed.
    held: Vec<u8>,
    state: FormState,
}

/// The next element of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FormEvent<'a> {
    /// The beginning of a part.
    Part(PartHead),
    /// A piece of the part's content.
    Data(&'a [u8]),
    /// The end of the part.
    End,
}

/// The head of a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The name that the client gives the file; `None` for a field that is not a file.
    pub(crate) filename: Option<String>,
}

/// Why a form was refused, as the client reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormError(pub(crate) &'static str);

#[derive(Clone, Copy, PartialEq, Eq)]
enum FormState {
    Preamble,
    /// Right after a delimiter: two hyphens or the rest of its line.
    AfterDelimiter,
    Head,
    Content,
    Epilogue,
}

/// The most bytes of the head of a part.
const MAX_HEAD: usize = 8 * 1024;

const TOO_LONG: FormError = FormError("the head of a part of the form is too long");

/// The boundary in the value of `Content-Type`, if it is valid (RFC 2046 §5.1.1).
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let boundary = Parameters::of(content_type).find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?.1;
    let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    (fits && !boundary.ends_with(' ')).then_some(boundary)
}

impl FormParser {
    pub(crate) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter may lack its line break, at the very beginning.
        Self { delimiter, held: b"\r\n".to_vec(), state: FormState::Preamble }
    }

    /// Parses the next piece of the form and passes each event to `take`.
    pub(crate) fn push<E: From<FormError>>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(FormEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.state == FormState::Epilogue {
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while let Some(left) = self.step(rest, &mut take)? {
            rest = left;
        }
        let kept = match self.state {
            FormState::Epilogue => 0,
            FormState::Preamble | FormState::Content => {
                let kept = rest.len().min(self.delimiter.len() - 1);
                if self.state == FormState::Content && kept < rest.len() {
                    take(FormEvent::Data(&rest[..rest.len() - kept]))?;
                }
                kept
            }
            FormState::AfterDelimiter | FormState::Head => rest.len(),
        };
        if kept > MAX_HEAD {
            return Err(TOO_LONG.into());
        }
        let mut held = held;
        held.drain(..held.len() - kept);
        self.held = held;
        Ok(())
    }

    /// Ends the form.
    ///
    /// # Errors
    ///
    /// If the last boundary has not been parsed.
    pub(crate) fn finish(self) -> Result<(), FormError> {
        if self.state == FormState::Epilogue {
            Ok(())
        } else {
            Err(FormError("the form ends before its last boundary"))
        }
    }

    /// Parses one element and returns the rest of the input; `None` if the element has not arrived whole.
    fn step<'a, E: From<FormError>>(
        &mut self,
        bytes: &'a [u8],
        take: &mut impl FnMut(FormEvent<'_>) -> Result<(), E>,
    ) -> Result<Option<&'a [u8]>, E> {
        match self.state {
            FormState::Preamble | FormState::Content => {
                let Some(at) = find(bytes, &self.delimiter) else { return Ok(None) };
                if self.state == FormState::Content {
                    if at > 0 {
                        take(FormEvent::Data(&bytes[..at]))?;
                    }
                    take(FormEvent::End)?;
                }
                self.state = FormState::AfterDelimiter;
                Ok(Some(&bytes[at + self.delimiter.len()..]))
            }
            FormState::AfterDelimiter => {
                if bytes.starts_with(b"--") {
                    self.state = FormState::Epilogue;
                    return Ok(Some(&[]));
                }
                let Some(line) = find(bytes, b"\r\n") else { return Ok(None) };
                if bytes[..line].iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
                    return Err(FormError("other text follows a boundary on its line").into());
                }
                self.state = FormState::Head;
                // The line break stays in the input, because a head without fields is only the empty line.
                Ok(Some(&bytes[line..]))
            }
            FormState::Head => {
                let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
                if end > MAX_HEAD {
                    return Err(TOO_LONG.into());
                }
                self.state = FormState::Content;
                take(FormEvent::Part(parse_head(&bytes[..end])))?;
                // The delimiter of a part without content begins with a line break of its own.
                Ok(Some(&bytes[end + 4..]))
            }
            FormState::Epilogue => Ok(None),
        }
    }
}

fn parse_head(bytes: &[u8]) -> PartHead {
    let text = String::from_utf8_lossy(bytes);
    let disposition = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Content-Disposition").then(|| value.trim().to_owned())
    });
    let mut head = PartHead::default();
    for (name, value) in Parameters::of(disposition.as_deref().unwrap_or("")) {
        if name.eq_ignore_ascii_case("filename") {
            // Browsers escape only the quote and line breaks, in this way.
            head.filename.get_or_insert(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        } else if name.eq_ignore_ascii_case("filename*")
            && let Some(decoded) = decode_extended(&value)
        {
            // RFC 7578 §4.2 forbids filename*, but some clients send it, and then it is the better name.
            head.filename = Some(decoded);
            break;
        }
    }
    head
}

/// Decodes an extended value (RFC 8187 §3.2): character set, language, and percent-encoded text.
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (set, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    set.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(text).decode_utf8_lossy().into_owned())
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == sought[0]) {
        if bytes[from + at..].starts_with(sought) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a form in pieces of this many bytes into its parts, each with its file name and content.
    fn parse(form: &[u8], piece: usize) -> Result<Vec<(Option<String>, Vec<u8>)>, FormError> {
        let mut parser = FormParser::new("X y");
        let (mut parts, mut open) = (Vec::new(), None);
        for piece in form.chunks(piece) {
            parser.push(piece, |event| {
                match event {
                    FormEvent::Part(head) => open = Some((head.filename, Vec::new())),
                    FormEvent::Data(data) => open.as_mut().expect("a part is open").1.extend_from_slice(data),
                    FormEvent::End => parts.push(open.take().expect("a part is open")),
                }
                Ok::<_, FormError>(())
            })?;
            assert!(parser.held.len() <= MAX_HEAD);
        }
        parser.finish()?;
        Ok(parts)
    }

    #[test]
    fn forms_are_parsed_from_pieces_of_any_size() {
        let form = b"preamble\r\n--X y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfield\
            \r\n--X y \t\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a;b\\\"c%22.txt\"\r\nContent-Type: x/y\r\n\r\n\
            \r\n--X\r\n-\r\n--X \r\r\n\r\n--X y\r\nContent-Disposition: form-data; filename=\"\"; name=f\r\n\r\n\
            \r\n--X y\r\n\r\nbare\r\n--X y--\r\nepilogue --X y";
        for piece in 1..form.len() {
            assert_eq!(
                parse(form, piece).unwrap(),
                [
                    (None, b"field".to_vec()),
                    (Some("a;b\"c\".txt".into()), b"\r\n--X\r\n-\r\n--X \r\r\n".to_vec()),
                    (Some(String::new()), Vec::new()),
                    (None, b"bare".to_vec()),
                ],
                "{piece}"
            );
        }
        assert_eq!(parse(b"--X y--", 3), Ok(Vec::new()));
    }

    #[test]
    fn malformed_forms_are_refused() {
        let long = [b"--X y\r\nA: ".as_slice(), &[b'x'; 9000], b"\r\n\r\n--X y--"].concat();
        let table: [(&[u8], &str); 7] = [
            (b"", "ends before"),
            (b"no form at all", "ends before"),
            (b"--X y\r\n", "ends before"),
            (b"--X y\r\n\r\ncut", "ends before"),
            (b"--X y\r\n\r\ncut\r\n--X y", "ends before"),
            (b"--X yz\r\n\r\n\r\n--X y--", "follows a boundary"),
            (&long, "too long"),
        ];
        for (form, reason) in table {
            for piece in [1, 64, 100_000] {
                let error = parse(form, piece).unwrap_err();
                assert!(error.0.contains(reason), "{error:?}");
            }
        }
    }

    #[test]
    fn files_have_the_names_that_the_client_sends() {
        let table = [
            ("form-data; name=a; filename=plain.txt", Some("plain.txt")),
            ("form-data; name=\"a\"; filename=\"C:\\dir\\file.txt\"", Some("C:\\dir\\file.txt")),
            ("form-data; filename=\"größe.txt\"", Some("größe.txt")),
            ("form-data; filename=\"a%22b%0D%0A%41\"", Some("a\"b\r\n%41")),
            ("form-data; filename=\"old\"; filename*=UTF-8''gr%C3%B6%C3%9Fe", Some("größe")),
            ("form-data; filename=\"kept\"; filename*=latin1''x", Some("kept")),
            ("form-data; FILENAME=\"a\"; filename=\"b\"", Some("a")),
            ("form-data; filename=\"dir\\\"", Some("dir\\")),
            ("form-data; filename=\"never ends", None),
            ("form-data; name=\"filename=x\"", None),
            ("form-data", None),
        ];
        for (disposition, expected) in table {
            let head = parse_head(format!("\r\nX: y\r\nContent-Disposition: {disposition}").as_bytes());
            assert_eq!(head.filename.as_deref(), expected, "{disposition}");
        }
    }

    #[test]
    fn the_boundary_is_a_parameter_of_the_media_type() {
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        let table = [
            ("multipart/form-data; boundary=----WebKit1", Some("----WebKit1")),
            ("multipart/form-data;BOUNDARY=\"a b;c\"; charset=utf-8", Some("a b;c")),
            ("multipart/form-data; charset=utf-8; boundary=x", Some("x")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"x \"", None),
            ("multipart/form-data; boundary=größe", None),
            (&long, None),
        ];
        for (content_type, expected) in table {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
    }
}
