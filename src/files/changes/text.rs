//! Which files are text that can be edited in a page, and their text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::http::media_type;
use crate::page::escape_bytes;

/// The most bytes of a file that is edited in a page.
pub(super) const MAX_TEXT: u64 = 1 << 20;

/// What is known of a text once it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// In bytes.
    pub(super) length: u64,
    pub(super) line_end: LineEnd,
}

/// What ends the lines of a file. A page cannot tell: browsers turn each end into `\n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    Lf,
    CrLf,
}

/// Why a file cannot be edited in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotEditable {
    TooLarge,
    NotText,
    /// Some lines end in one way and some in another, which would be lost.
    MixedLineEnds,
    /// A change at the same time could go unnoticed.
    JustChanged,
}

impl NotEditable {
    /// The reason in words.
    pub(super) fn explain(self) -> &'static str {
        match self {
            Self::TooLarge => "This file is larger than 1 MiB, so it cannot be edited here.",
            Self::NotText => "This file is not text in UTF-8, so it cannot be edited here.",
            Self::MixedLineEnds => {
                "The lines of this file end in different ways, so it cannot be edited here without changing them."
            }
            Self::JustChanged => "This file was changed a moment ago. Load the page again to edit it.",
        }
    }
}

/// Whether a file of this name and media type may hold text.
pub(super) fn may_be_text(name: &[u8], media_type: &str) -> bool {
    const TEXTUAL: [&str; 10] = [
        "application/javascript",
        "application/json",
        "application/sql",
        "application/toml",
        "application/x-sh",
        "application/x-yaml",
        "application/xhtml+xml",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
    ];
    let essence = media_type::essence(media_type).to_ascii_lowercase();
    let has_extension = name.iter().skip(1).any(|byte| *byte == b'.');
    essence.starts_with("text/") || essence.ends_with("+json") || TEXTUAL.contains(&&*essence) || !has_extension
}

/// How much of a file is read at a time.
const PIECE: usize = 16 * 1024;

/// Reads a file to see whether it is text that can be edited. It is not kept: a page with it is sent for as long as the client takes.
pub(super) fn inspect(file: &File) -> io::Result<Result<Text, NotEditable>> {
    let mut inspector = Inspector::default();
    let mut buffer = [0; PIECE];
    loop {
        // The beginning of a character whose end has not been read is read again.
        let read = file.read_at(&mut buffer, inspector.length)?;
        if read == 0 {
            return Ok(inspector.finish());
        }
        if let Err(reason) = inspector.add(&buffer[..read]) {
            return Ok(Err(reason));
        }
    }
}

/// What has been seen of a text.
#[derive(Default)]
struct Inspector {
    /// The bytes that were whole characters.
    length: u64,
    last: u8,
    carriage_returns: u64,
    line_feeds: u64,
    /// How often one follows the other.
    pairs: u64,
}

impl Inspector {
    /// Looks at the next bytes, up to a character that is not complete.
    fn add(&mut self, bytes: &[u8]) -> Result<(), NotEditable> {
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
            Err(_) => return Err(NotEditable::NotText),
        };
        for byte in &bytes[..whole] {
            match byte {
                // A NUL byte is UTF-8, but no page can show it.
                0 => return Err(NotEditable::NotText),
                b'\r' => self.carriage_returns += 1,
                b'\n' => {
                    self.line_feeds += 1;
                    self.pairs += u64::from(self.last == b'\r');
                }
                _ => {}
            }
            self.last = *byte;
        }
        self.length += whole as u64;
        if self.length > MAX_TEXT { Err(NotEditable::TooLarge) } else { Ok(()) }
    }

    fn finish(self) -> Result<Text, NotEditable> {
        let Self { length, carriage_returns, line_feeds, pairs, .. } = self;
        match carriage_returns {
            0 => Ok(Text { length, line_end: LineEnd::Lf }),
            _ if pairs == carriage_returns && pairs == line_feeds => Ok(Text { length, line_end: LineEnd::CrLf }),
            _ => Err(NotEditable::MixedLineEnds),
        }
    }
}

/// Reads a text that was inspected, and escapes it for a page.
pub(super) struct EscapedText {
    file: File,
    text: Text,
    position: u64,
}

impl EscapedText {
    pub(super) fn new(file: File, text: Text) -> Self {
        Self { file, text, position: 0 }
    }

    /// Appends the next part, with `\n` at the end of each line; false at the end. Should the file change meanwhile, the text may be a
    /// mixture, which the entity tag keeps from being saved.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; PIECE];
        let left = usize::try_from(self.text.length - self.position).unwrap_or(PIECE).min(PIECE);
        let read = self.file.read_at(&mut buffer[..left], self.position)?;
        self.position += read as u64;
        let bytes = buffer[..read].iter().copied();
        match self.text.line_end {
            LineEnd::Lf => escape_bytes(bytes, out),
            LineEnd::CrLf => escape_bytes(bytes.filter(|byte| *byte != b'\r'), out),
        }
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn line_ends_are_of_one_kind_or_the_file_is_not_edited() {
        let text = |length, line_end| Ok(Text { length, line_end });
        let table: [(&[u8], _); 14] = [
            (b"", text(0, LineEnd::Lf)),
            (b"a", text(1, LineEnd::Lf)),
            (b"a\n\nb\n", text(5, LineEnd::Lf)),
            (b"a\r\n\r\nb", text(6, LineEnd::CrLf)),
            ("\u{feff}größe\t\u{c}".as_bytes(), text(12, LineEnd::Lf)),
            (b"a\r\nb\n", Err(NotEditable::MixedLineEnds)),
            (b"a\r\nb\r", Err(NotEditable::MixedLineEnds)),
            (b"a\rb", Err(NotEditable::MixedLineEnds)),
            (b"a\r\r\nb", Err(NotEditable::MixedLineEnds)),
            (b"a\n\rb", Err(NotEditable::MixedLineEnds)),
            (b"a\0b", Err(NotEditable::NotText)),
            (b"gr\xf6\xdfe", Err(NotEditable::NotText)),
            (b"cut off \xc3", Err(NotEditable::NotText)),
            (b"\xe2\x82", Err(NotEditable::NotText)),
        ];
        for (bytes, expected) in table {
            assert_eq!(inspect(&file(bytes)).unwrap(), expected, "{bytes:?}");
        }
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_text_is_read_in_parts_and_is_the_same() {
        // Whatever the parts are, some character or line end lies across their border.
        for begins in ["", "1", "12", "123"] {
            let text = begins.to_owned() + &"a\r\n€<\r\n👩&\r\n".repeat(5000);
            let file = file(text.as_bytes());
            let inspected = inspect(&file).unwrap().unwrap();
            assert_eq!(inspected, Text { length: text.len() as u64, line_end: LineEnd::CrLf });
            let (mut escaped, mut out) = (EscapedText::new(file, inspected), Vec::new());
            while escaped.next(&mut out).unwrap() {}
            let expected = text.replace("\r\n", "\n").replace('&', "&amp;").replace('<', "&lt;");
            assert!(out == expected.as_bytes(), "{begins}");
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_while_it_is_sent_ends_early() {
        let file = file(&[b'x'; 3 * PIECE]);
        let text = inspect(&file).unwrap().unwrap();
        let (mut escaped, mut out) = (EscapedText::new(file.try_clone().unwrap(), text), Vec::new());
        assert!(escaped.next(&mut out).unwrap());
        file.set_len(PIECE as u64 + 1).unwrap();
        while escaped.next(&mut out).unwrap() {}
        assert_eq!(out.len(), PIECE + 1);
    }

    #[test]
    fn text_is_told_by_its_media_type_or_by_having_no_extension() {
        let table = [
            ("a.txt", "text/plain; charset=utf-8", true),
            ("a.json", "application/json", true),
            ("a.geojson", "application/geo+json", true),
            ("a.svg", "image/svg+xml; charset=utf-8", true),
            ("Makefile", "application/octet-stream", true),
            (".profile", "application/octet-stream", true),
            ("a.bin", "application/octet-stream", false),
            ("a.png", "image/png", false),
        ];
        for (name, media_type, expected) in table {
            assert_eq!(may_be_text(name.as_bytes(), media_type), expected, "{name}");
        }
    }
}
