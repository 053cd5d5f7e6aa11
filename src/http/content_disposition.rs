//! The `Content-Disposition` field of responses to be saved as files (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything that must be percent-encoded in an extended value: all but `attr-char` (RFC 8187 §3.2.1).
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value of `Content-Disposition` that makes a client save the content under this name.
///
/// `filename` is plain ASCII, for old clients (RFC 6266 Appendix D); if that changes the name, `filename*` adds the
/// name in UTF-8. Deceptive characters and path separators become `_` in both.
pub(crate) fn attachment(name: &[u8]) -> String {
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| if is_deceptive(c) || matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    // A percent sign is replaced as well, because some clients decode it here.
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '%');
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if fallback == name {
        return format!("attachment; filename=\"{fallback}\"");
    }
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ATTRIBUTE))
}

/// Whether a character is invisible and can make one name look like another: control characters, characters that change
/// the writing direction, and characters of zero width.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::is_field_value;

    #[test]
    fn names_are_sent_in_ascii_and_where_needed_also_in_utf_8() {
        let table: [(&[u8], &str); 9] = [
            (b"a.txt", "attachment; filename=\"a.txt\""),
            (b"a b;c=d.txt", "attachment; filename=\"a b;c=d.txt\""),
            ("größe.txt".as_bytes(), "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"),
            ("€ rates".as_bytes(), "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),
            (b"say \"hi\"", "attachment; filename=\"say _hi_\"; filename*=UTF-8''say%20%22hi%22"),
            (b"50%41", "attachment; filename=\"50_41\"; filename*=UTF-8''50%2541"),
            (b"a\\..\\b\r\nX: y", "attachment; filename=\"a_.._b__X: y\""),
            (b"a\xff", "attachment; filename=\"a_\"; filename*=UTF-8''a%EF%BF%BD"),
            ("a\u{202e}gpj.exe".as_bytes(), "attachment; filename=\"a_gpj.exe\""),
        ];
        for (name, expected) in table {
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }

    #[test]
    fn every_name_gives_a_valid_field_value() {
        for byte in 0..=255_u8 {
            let value = attachment(&[b'a', byte, b'b']);
            assert!(value.is_ascii() && is_field_value(&value), "{byte}: {value:?}");
            assert_eq!(value.matches('"').count(), 2, "{byte}: {value:?}");
        }
    }
}
