//! Which files are text that can be edited in a page, and their text.

use std::fs::File;
use std::io::{self, Read as _};

use crate::http::media_type;

/// The most bytes of a file that is edited in a page.
pub(super) const MAX_TEXT: u64 = 1 << 20;

/// The text of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// With `\n` at the end of each line.
    pub(super) text: String,
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

/// Reads the text of a file.
pub(super) fn read(file: &File) -> io::Result<Result<Text, NotEditable>> {
    let mut bytes = Vec::new();
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > MAX_TEXT { Err(NotEditable::TooLarge) } else { parse(bytes) })
}

fn parse(bytes: Vec<u8>) -> Result<Text, NotEditable> {
    // A NUL byte is UTF-8, but no page can show it.
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(NotEditable::NotText)?;
    let count = |end: &str| text.matches(end).count();
    match (count("\r\n"), count("\r"), count("\n")) {
        (_, 0, _) => Ok(Text { text, line_end: LineEnd::Lf }),
        (both, cr, lf) if both == cr && both == lf => {
            Ok(Text { text: text.replace("\r\n", "\n"), line_end: LineEnd::CrLf })
        }
        _ => Err(NotEditable::MixedLineEnds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_of_one_kind_or_the_file_is_not_edited() {
        let text = |text: &str, line_end| Ok(Text { text: text.into(), line_end });
        let table: [(&[u8], _); 12] = [
            (b"", text("", LineEnd::Lf)),
            (b"a", text("a", LineEnd::Lf)),
            (b"a\n\nb\n", text("a\n\nb\n", LineEnd::Lf)),
            (b"a\r\n\r\nb", text("a\n\nb", LineEnd::CrLf)),
            ("\u{feff}größe\t\u{c}".as_bytes(), text("\u{feff}größe\t\u{c}", LineEnd::Lf)),
            (b"a\r\nb\n", Err(NotEditable::MixedLineEnds)),
            (b"a\r\nb\r", Err(NotEditable::MixedLineEnds)),
            (b"a\rb", Err(NotEditable::MixedLineEnds)),
            (b"a\r\r\nb", Err(NotEditable::MixedLineEnds)),
            (b"a\n\rb", Err(NotEditable::MixedLineEnds)),
            (b"a\0b", Err(NotEditable::NotText)),
            (b"gr\xf6\xdfe", Err(NotEditable::NotText)),
        ];
        for (bytes, expected) in table {
            assert_eq!(parse(bytes.to_vec()), expected, "{bytes:?}");
        }
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
