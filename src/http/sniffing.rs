//! Which bytes are text, for content that nothing else tells the media type of.

/// How many bytes from the beginning of the content are looked at.
pub(crate) const BEGINNING: usize = 4096;

/// Whether content that begins with these bytes, or is these bytes if there are fewer than [`BEGINNING`], is text in UTF-8. Empty
/// content is.
///
/// Control characters make it binary, except the tab, line breaks, form feeds and escapes: the same are the binary data bytes of the
/// WHATWG MIME Sniffing Standard (§3).
pub(crate) fn is_text(beginning: &[u8]) -> bool {
    let is_binary = |byte: &u8| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if beginning.iter().any(is_binary) {
        return false;
    }
    match std::str::from_utf8(beginning) {
        Ok(_) => true,
        // The last character goes on behind the beginning.
        Err(error) => error.error_len().is_none() && beginning.len() >= BEGINNING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_without_binary_control_characters() {
        let table: [(&[u8], bool, &str); 21] = [
            (b"", true, "empty"),
            (b"plain\n", true, "ASCII"),
            ("größe 日本 👩\u{200d}💻".as_bytes(), true, "UTF-8"),
            (b"\xef\xbb\xbfwith a mark", true, "a byte order mark in UTF-8"),
            (b"a\tb\r\nc\x0cd", true, "tab, line break, form feed"),
            (b"\x1b[31mred\x1b[0m", true, "colours of a terminal"),
            (b"<script>alert(1)</script>", true, "markup is text; it is sent as such"),
            (b"a\x7fb", true, "delete is no binary data byte"),
            (b"a\0b", false, "NUL"),
            (b"a\x08", false, "backspace"),
            (b"a\x0bb", false, "vertical tab"),
            (b"a\x0eb", false, "shift out"),
            (b"a\x1a", false, "end of file in DOS"),
            (b"a\x1fb", false, "unit separator"),
            (b"\x7fELF\x02\x01\x01\0", false, "a program"),
            (b"\x89PNG\r\n\x1a\n", false, "an image"),
            (b"gr\xf6\xdfe", false, "Latin-1"),
            (b"\xff\xfea\0", false, "UTF-16"),
            (b"\xed\xa0\x80", false, "a surrogate"),
            (b"\xc0\xaf", false, "an overlong form"),
            (b"cut \xc3", false, "a character that is cut off at the end of the content"),
        ];
        for (content, expected, why) in table {
            assert_eq!(is_text(content), expected, "{why}");
        }
    }

    #[test]
    fn the_last_character_may_go_on_behind_the_beginning() {
        let spaces = |count: usize| vec![b' '; count];
        for (character, cut) in [("ß", 1), ("日", 1), ("日", 2), ("👩", 1), ("👩", 2), ("👩", 3)] {
            let bytes = &character.as_bytes()[..cut];
            assert!(is_text(&[spaces(BEGINNING - cut), bytes.to_vec()].concat()), "{character} after {cut}");
            assert!(!is_text(&[spaces(BEGINNING - cut - 1), bytes.to_vec()].concat()), "{character}, whole content");
        }
        assert!(!is_text(&[spaces(BEGINNING - 1), b"\xff".to_vec()].concat()), "not the beginning of a character");
        assert!(!is_text(&[b"\xc3".to_vec(), spaces(BEGINNING - 1)].concat()), "not the last one");
    }
}
