//! Field lines (RFC 9112 §5): where a line of a header or trailer section ends, and its name and value.

use std::ops::Range;

/// Why a line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    /// A carriage return without a line feed, or a line feed without a carriage return (RFC 9112 §2.2).
    BareLineEnd,
    /// A control character other than the tab (RFC 9110 §5.5).
    Control,
    /// White space at the start of the line: obsolete line folding (RFC 9112 §5.2).
    Folded,
    /// No colon (RFC 9112 §5).
    NoColon,
    /// The name is empty, is not a token, or has white space after it (RFC 9112 §5.1).
    Name,
}

impl LineError {
    /// The reason, as the client reads it.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::BareLineEnd => "a line does not end with CR and LF",
            Self::Control => "a line contains a control character",
            Self::Folded => "a header field is folded over two lines",
            Self::NoColon => "a header field has no colon",
            Self::Name => "the name of a header field is not a token",
        }
    }
}

/// Finds the end of a line while its bytes arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineScanner {
    /// How many bytes of the line have been scanned.
    scanned: usize,
}

impl LineScanner {
    /// The length of the line without its CRLF, once that has arrived. `line` starts with the first byte of the line
    /// and may be longer each time.
    ///
    /// Bytes that a line may not contain are refused as soon as they arrive. Each byte is scanned once, however the
    /// line is divided.
    pub(crate) fn find_end(&mut self, line: &[u8]) -> Result<Option<usize>, LineError> {
        let mut at = self.scanned;
        while let Some(&byte) = line.get(at) {
            if ORDINARY[usize::from(byte)] {
                at += 1;
                continue;
            }
            match (byte, line.get(at + 1)) {
                (b'\r', Some(b'\n')) => {
                    self.scanned = 0;
                    return Ok(Some(at));
                }
                // The line feed has not arrived yet.
                (b'\r', None) => break,
                (b'\r' | b'\n', _) => return Err(LineError::BareLineEnd),
                _ => return Err(LineError::Control),
            }
        }
        self.scanned = at;
        Ok(None)
    }

    /// How many bytes of the line have been scanned.
    pub(crate) fn scanned(&self) -> usize {
        self.scanned
    }
}

/// The length of CRLF.
pub(crate) const LINE_END: usize = 2;

/// The bytes that a line may contain: space, tab, visible ASCII, and bytes beyond ASCII.
static ORDINARY: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = false;
        byte += 1;
    }
    table[b'\t' as usize] = true;
    table[0x7f] = false;
    table
};

/// The positions of the name and the value in a field line without its CRLF, as [`LineScanner`] found it.
pub(crate) fn split_field(line: &[u8]) -> Result<(Range<usize>, Range<usize>), LineError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(LineError::Folded);
    }
    let name = line.iter().position(|byte| !super::headers::is_token_byte(*byte)).unwrap_or(line.len());
    match line.get(name) {
        Some(b':') if name > 0 => {}
        Some(_) if line.contains(&b':') => return Err(LineError::Name),
        _ => return Err(LineError::NoColon),
    }
    let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    let start = name + 1 + line[name + 1..].iter().take_while(is_blank).count();
    let end = line.len() - line[start..].iter().rev().take_while(is_blank).count();
    Ok((0..name, start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf_only() {
        let table: &[(&[u8], Result<Option<usize>, LineError>, &str)] = &[
            (b"", Ok(None), "nothing yet"),
            (b"abc", Ok(None), "no end yet"),
            (b"abc\r", Ok(None), "half an end"),
            (b"abc\r\n", Ok(Some(3)), "a line"),
            (b"\r\nabc", Ok(Some(0)), "an empty line"),
            (b"a\t \xff\x80\r\n", Ok(Some(5)), "a tab and bytes beyond ASCII"),
            (b"abc\n", Err(LineError::BareLineEnd), "a bare line feed"),
            (b"a\rb\r\n", Err(LineError::BareLineEnd), "a bare carriage return"),
            (b"a\r\r\n", Err(LineError::BareLineEnd), "two carriage returns"),
            (b"a\0", Err(LineError::Control), "NUL"),
            (b"\x0b", Err(LineError::Control), "VT"),
            (b"\x0c\r\n", Err(LineError::Control), "FF"),
            (b"a\x7f", Err(LineError::Control), "DEL"),
        ];
        for (line, expected, why) in table {
            assert_eq!(LineScanner::default().find_end(line), *expected, "{why}");
            let mut scanner = LineScanner::default();
            let mut results = (0..=line.len()).map(|length| scanner.find_end(&line[..length]));
            let first = results.find(|result| *result != Ok(None)).unwrap_or(Ok(None));
            assert_eq!(first, *expected, "{why}, a byte at a time");
        }
    }

    #[test]
    fn field_lines_are_split_into_name_and_value_or_refused() {
        let table: &[(&[u8], Result<(&[u8], &[u8]), LineError>, &str)] = &[
            (b"Host: a", Ok((b"Host", b"a")), "a field"),
            (b"Host:a", Ok((b"Host", b"a")), "without white space"),
            (b"X: \t a\tb \t", Ok((b"X", b"a\tb")), "white space around the value"),
            (b"X:", Ok((b"X", b"")), "an empty value"),
            (b"X: \t ", Ok((b"X", b"")), "nothing but white space"),
            (b"X: a:b", Ok((b"X", b"a:b")), "a colon in the value"),
            (b"!#$%&'*+-.^_`|~09aZ: a", Ok((b"!#$%&'*+-.^_`|~09aZ", b"a")), "all of a token"),
            (b"X: \xff", Ok((b"X", b"\xff")), "a byte beyond ASCII"),
            (b" X: a", Err(LineError::Folded), "folded by a space"),
            (b"\tX: a", Err(LineError::Folded), "folded by a tab"),
            (b"X : a", Err(LineError::Name), "white space before the colon"),
            (b": a", Err(LineError::Name), "an empty name"),
            (b"X(: a", Err(LineError::Name), "not a token"),
            (b"\xc3\xb6: a", Err(LineError::Name), "beyond ASCII"),
            (b"X", Err(LineError::NoColon), "no colon"),
            (b"X a", Err(LineError::NoColon), "no colon"),
        ];
        for (line, expected, why) in table {
            let seen = split_field(line).map(|(name, value)| (&line[name], &line[value]));
            assert_eq!(seen, *expected, "{why}");
        }
    }
}
