//! The `Content-Disposition` of what is to be saved as a file (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand for itself in an extended value: `attr-char` (RFC 8187 §3.2.1).
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

/// The field's value that has a client save the content under this name.
///
/// The name in `filename` is plain ASCII, for clients of old (RFC 6266 Appendix D); where that is not the whole name,
/// `filename*` has it in UTF-8. Characters that no name should have become `_` in both.
pub(crate) fn attachment(name: &[u8]) -> String {
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| if is_deceptive(c) || matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    // A percent sign is left out as well: some clients decode it here.
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '%');
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if fallback == name {
        return format!("attachment; filename=\"{fallback}\"");
    }
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ATTRIBUTE))
}

/// Whether a character has no shape of its own and makes a name look like another: control characters, those that turn the
/// direction of writing, and those that take no space.
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
    fn names_survive_in_utf_8_and_have_an_ascii_twin() {
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
    fn no_name_breaks_the_header() {
        for byte in 0..=255_u8 {
            let value = attachment(&[b'a', byte, b'b']);
            assert!(value.is_ascii() && is_field_value(&value), "{byte}: {value:?}");
            assert_eq!(value.matches('"').count(), 2, "{byte}: {value:?}");
        }
    }
}
