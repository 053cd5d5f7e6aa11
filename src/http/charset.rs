//! Text in the charset that its media type names (RFC 9110 §8.3.2).

use super::error::HttpError;
use super::media_type;

/// How text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Ascii,
    /// One of the WHATWG Encoding Standard.
    #[cfg(feature = "charset")]
    Other(&'static encoding_rs::Encoding),
}

impl Charset {
    /// The one that this value of `Content-Type` names, or else UTF-8.
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedCharset`].
    pub(crate) fn of(content_type: Option<&str>) -> Result<Self, HttpError> {
        match content_type.and_then(media_type::charset) {
            Some(label) => Self::by_label(&label).ok_or_else(|| HttpError::unsupported_charset(&label, ACCEPTED)),
            None => Ok(Self::Utf8),
        }
    }

    /// The one that this label names, whatever its case; `None` if it is not supported.
    pub(crate) fn by_label(label: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(label));
        if is(&["utf-8", "utf8"]) {
            return Some(Self::Utf8);
        }
        // The Encoding Standard takes it for windows-1252.
        if is(&["us-ascii", "ascii"]) {
            return Some(Self::Ascii);
        }
        other(label)
    }

    /// The text. A byte order mark in front of Unicode text is dropped; that of UTF-16 decides the order.
    ///
    /// # Errors
    ///
    /// [`HttpError::BadRequest`] if the bytes are not valid in this charset.
    pub(crate) fn decode(self, bytes: Vec<u8>) -> Result<String, HttpError> {
        let text = match self {
            Self::Utf8 => String::from_utf8(bytes).ok().map(without_mark),
            Self::Ascii => bytes.is_ascii().then(|| String::from_utf8(bytes).ok()).flatten(),
            #[cfg(feature = "charset")]
            Self::Other(encoding) => {
                let (encoding, mark) = match encoding_rs::Encoding::for_bom(&bytes) {
                    Some((by_mark, mark)) if is_utf16(encoding) && is_utf16(by_mark) => (by_mark, mark),
                    _ => (encoding, 0),
                };
                encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]).map(Into::into)
            }
        };
        text.ok_or_else(|| HttpError::bad_request(format!("the text is not valid {}", self.name())))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Ascii => "US-ASCII",
            #[cfg(feature = "charset")]
            Self::Other(encoding) => encoding.name(),
        }
    }
}

#[cfg(feature = "charset")]
const ACCEPTED: &str = "UTF-8, US-ASCII and those of the WHATWG Encoding Standard are";
#[cfg(not(feature = "charset"))]
const ACCEPTED: &str = "UTF-8 and US-ASCII are";

#[cfg(feature = "charset")]
fn other(label: &str) -> Option<Charset> {
    let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())?;
    Some(if encoding == encoding_rs::UTF_8 { Charset::Utf8 } else { Charset::Other(encoding) })
}

#[cfg(not(feature = "charset"))]
fn other(_: &str) -> Option<Charset> {
    None
}

#[cfg(feature = "charset")]
fn is_utf16(encoding: &encoding_rs::Encoding) -> bool {
    encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE
}

fn without_mark(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes text of this media type; an error is its status and what the client reads.
    fn decode(media_type: &str, bytes: &[u8]) -> Result<String, (u16, String)> {
        Charset::of(Some(media_type))
            .and_then(|charset| charset.decode(bytes.to_vec()))
            .map_err(|error| (error.status().code(), error.to_string()))
    }

    #[test]
    fn utf_8_and_ascii_are_always_decoded() {
        let table: [(&str, &[u8], Result<&str, &str>); 14] = [
            ("", "größe".as_bytes(), Ok("größe")),
            ("text/plain", "größe".as_bytes(), Ok("größe")),
            ("text/plain; charset=utf-8", "größe".as_bytes(), Ok("größe")),
            ("text/plain;Charset=\"UTF8\"; format=flowed", "größe".as_bytes(), Ok("größe")),
            ("text/plain", b"", Ok("")),
            ("text/plain", b"\xef\xbb\xbfa", Ok("a")),
            ("text/plain", b"\xef\xbb\xbf\xef\xbb\xbfa", Ok("\u{feff}a")),
            ("text/plain", b"gr\xf6\xdfe", Err("UTF-8")),
            ("text/plain", b"cut \xc3", Err("UTF-8")),
            ("text/plain; charset=utf-8", b"\xed\xa0\x80", Err("UTF-8")),
            ("text/plain; charset=US-ASCII", b"plain\0", Ok("plain\0")),
            ("text/plain; charset=ascii", b"plain", Ok("plain")),
            ("text/plain; charset=us-ascii", "größe".as_bytes(), Err("US-ASCII")),
            ("text/plain; charset=us-ascii", b"\xef\xbb\xbfa", Err("US-ASCII")),
        ];
        for (media_type, bytes, expected) in table {
            let expected = expected.map(str::to_owned);
            let expected = expected.map_err(|name| (400, format!("bad request: the text is not valid {name}")));
            assert_eq!(decode(media_type, bytes), expected, "{media_type} {bytes:?}");
        }
    }

    #[test]
    fn a_charset_that_is_not_known_is_refused_by_name() {
        for label in ["nonsense", "", "utf-7", "iso-2022-kr", "größe"] {
            let refused = decode(&format!("text/plain; charset=\"{label}\""), b"a");
            let text = format!("the charset {label:?} is not supported; {ACCEPTED} accepted");
            assert_eq!(refused, Err((415, text)), "{label}");
        }
        let long = decode(&format!("text/plain; charset={}", "x".repeat(10_000)), b"a").unwrap_err();
        assert!(long.1.len() < 500, "{long:?}");
    }

    #[cfg(not(feature = "charset"))]
    #[test]
    fn others_need_the_feature() {
        assert_eq!(decode("text/plain; charset=iso-8859-1", b"a").unwrap_err().0, 415);
    }

    #[cfg(feature = "charset")]
    #[test]
    fn others_are_decoded_by_the_labels_of_the_encoding_standard() {
        let table: [(&str, &[u8], Result<&str, &str>); 13] = [
            ("ISO-8859-1", b"gr\xf6\xdfe", Ok("größe")),
            ("latin1", b"\xef\xbb\xbf", Ok("ï»¿")),
            ("windows-1252", b"\x80 5", Ok("€ 5")),
            ("iso-8859-15", b"\xa4", Ok("€")),
            ("koi8-r", b"\xcd\xc9\xd2", Ok("мир")),
            ("Shift_JIS", b"\x93\xfa\x96{", Ok("日本")),
            ("Shift_JIS", b"\x93", Err("Shift_JIS")),
            ("gb18030", b"\xd6\xd0", Ok("中")),
            ("unicode-1-1-utf-8", b"\xef\xbb\xbfa", Ok("a")),
            ("utf-16", b"a\0\xf6\0", Ok("aö")),
            ("utf-16", b"\xfe\xff\0a", Ok("a")),
            ("utf-16be", b"\xfe\xff\0a", Ok("a")),
            ("utf-16le", b"\0\xd8", Err("UTF-16LE")),
        ];
        for (label, bytes, expected) in table {
            let expected = expected.map(str::to_owned);
            let expected = expected.map_err(|name| (400, format!("bad request: the text is not valid {name}")));
            assert_eq!(decode(&format!("text/plain; charset={label}"), bytes), expected, "{label} {bytes:?}");
        }
    }
}
