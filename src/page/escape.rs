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
    fn a_value_stays_what_it_is() {
        assert_eq!(escape_value("a\u{202e}\u{200b}<\"'>&\n"), "a\u{202e}\u{200b}&lt;&quot;&#39;&gt;&amp;\n");
    }
}
