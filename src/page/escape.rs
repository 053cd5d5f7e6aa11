//! Text from others, made harmless for HTML.

use crate::http::content_disposition::is_deceptive;

/// A name as text for a page, escaped.
pub(crate) fn shown(name: &[u8]) -> String {
    escape(&String::from_utf8_lossy(name))
}

/// Escapes the characters that have a meaning in HTML text and quoted attributes. Invisible characters, and those that make others
/// look like what they are not, become replacement characters.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => escaped.push_str(entity),
            None if is_deceptive(c) => escaped.push('\u{fffd}'),
            None => escaped.push(c),
        }
    }
    escaped
}

/// As [`escape`], for a text of several lines: line breaks stay, without the CR before them, and so do tabs.
pub(crate) fn escape_lines(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\t']) {
        let words = line.trim_end_matches(['\n', '\t']);
        escaped.push_str(&escape(words.trim_end_matches('\r')));
        escaped.push_str(&line[words.len()..]);
    }
    escaped
}

/// Escapes the characters that have a meaning in HTML text and quoted attributes, and no others: for a value that a form sends back.
pub(crate) fn escape_value(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(c),
        }
    }
    escaped
}

/// As [`escape_value`], for text in UTF-8 that is read in parts: a part may end within a character.
pub(crate) fn escape_bytes(bytes: impl IntoIterator<Item = u8>, out: &mut Vec<u8>) {
    for byte in bytes {
        match entity(byte.into()) {
            Some(entity) => out.extend_from_slice(entity.as_bytes()),
            None => out.push(byte),
        }
    }
}

/// What stands for a character that has a meaning.
fn entity(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_replaced() {
        let table = [
            ("a\u{202e}gpj.exe\n", "a\u{fffd}gpj.exe\u{fffd}"),
            ("<a href=\"'\">&amp;", "&lt;a href=&quot;&#39;&quot;&gt;&amp;amp;"),
            ("zero\u{200b}width\u{feff}", "zero\u{fffd}width\u{fffd}"),
            ("👩\u{200d}💻 größe", "👩\u{200d}💻 größe"),
        ];
        for (text, expected) in table {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn lines_and_tabs_stay() {
        let table = [
            ("", ""),
            ("a\n\tb\r\n<c>\r\n", "a\n\tb\n&lt;c&gt;\n"),
            ("a\rb\u{202e}", "a\u{fffd}b\u{fffd}"),
            ("a\r", "a"),
        ];
        for (text, expected) in table {
            assert_eq!(escape_lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_stays_what_it_is() {
        assert_eq!(escape_value("a\u{202e}\u{200b}<\"'>&\n"), "a\u{202e}\u{200b}&lt;&quot;&#39;&gt;&amp;\n");
    }

    #[test]
    fn parts_of_a_text_become_the_whole() {
        let text = "größe \u{2026}<\"'>&€";
        for cut in 0..text.len() {
            let mut out = Vec::new();
            let (before, after) = text.as_bytes().split_at(cut);
            escape_bytes(before.iter().copied(), &mut out);
            escape_bytes(after.iter().copied(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), escape_value(text));
        }
    }
}
