//! The common grammar of field values (RFC 9110 §5.6): lists and their elements, parsed strictly and to the end.

use super::headers::is_token_byte;

/// The part of a field value that has not been parsed. Each method takes what it is named after from the front.
pub(crate) struct ValueParser<'a>(&'a str);

/// Parses a list: elements separated by commas, with optional white space around each; empty elements are skipped.
/// `element` parses one element, and returns `None` if it is invalid. Returns whether the whole value is such a list.
///
/// The form that recipients must accept is `[ element ] *( OWS "," OWS [ element ] )` (§5.6.1.2).
pub(crate) fn parse_list<'a>(value: &'a str, mut element: impl FnMut(&mut ValueParser<'a>) -> Option<()>) -> bool {
    let mut parser = ValueParser(value);
    loop {
        parser.skip_white_space();
        if parser.0.is_empty() {
            return true;
        }
        if parser.skip(b',') {
            continue;
        }
        if element(&mut parser).is_none() {
            return false;
        }
        parser.skip_white_space();
        if !parser.skip(b',') {
            return parser.0.is_empty();
        }
    }
}

impl<'a> ValueParser<'a> {
    /// Skips this ASCII byte; returns whether it came next.
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.0.as_bytes().first() == Some(&byte);
        if is_next {
            self.0 = &self.0[1..];
        }
        is_next
    }

    /// All digits that come next, possibly none.
    pub(crate) fn digits(&mut self) -> &'a str {
        self.take_while(|byte| byte.is_ascii_digit())
    }

    /// The next token (§5.6.2).
    pub(crate) fn token(&mut self) -> Option<&'a str> {
        Some(self.take_while(is_token_byte)).filter(|token| !token.is_empty())
    }

    /// The next quoted string, with its quotes and escapes (§5.6.4).
    pub(crate) fn quoted_string(&mut self) -> Option<&'a str> {
        let mut is_escaped = false;
        let bytes = self.0.as_bytes();
        if bytes.first() != Some(&b'"') {
            return None;
        }
        for (index, byte) in bytes.iter().enumerate().skip(1) {
            match byte {
                _ if byte.is_ascii_control() && *byte != b'\t' => return None,
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => return Some(self.take(index + 1)),
                _ => {}
            }
        }
        None
    }

    /// The next entity tag, with its quotes and its `W/` (§8.8.3). It has no escapes and may contain commas.
    pub(crate) fn entity_tag(&mut self) -> Option<&'a str> {
        let start = if self.0.starts_with("W/") { 2 } else { 0 };
        let inside = self.0[start..].strip_prefix('"')?;
        // Bytes beyond ASCII are obs-text.
        let length = inside.bytes().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
        let is_closed = inside.as_bytes()[length] == b'"';
        is_closed.then(|| self.take(start + 1 + length + 1))
    }

    /// Skips a semicolon and the white space around it; returns whether it came next.
    pub(crate) fn skip_semicolon(&mut self) -> bool {
        let start = self.0;
        self.skip_white_space();
        let is_next = self.skip(b';');
        if is_next {
            self.skip_white_space();
        } else {
            self.0 = start;
        }
        is_next
    }

    /// The next weight, from 0 to 1 with at most three decimals, in thousandths (§12.4.2).
    pub(crate) fn weight(&mut self) -> Option<u16> {
        let whole = self.digits();
        let decimals = if self.skip(b'.') { self.digits() } else { "" };
        if decimals.len() > 3 {
            return None;
        }
        let fraction = decimals.bytes().zip([100, 10, 1]).map(|(digit, unit)| u16::from(digit - b'0') * unit).sum();
        match (whole, fraction) {
            ("0", fraction) => Some(fraction),
            ("1", 0) => Some(1000),
            _ => None,
        }
    }

    fn skip_white_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn take_while(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a str {
        // Only ASCII is taken, so that no character is cut in two.
        let end = self.0.bytes().position(|byte| !byte.is_ascii() || !is_wanted(byte)).unwrap_or(self.0.len());
        self.take(end)
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements<'a>(value: &'a str, one: impl Fn(&mut ValueParser<'a>) -> Option<&'a str>) -> Option<Vec<&'a str>> {
        let mut elements = Vec::new();
        let is_list = parse_list(value, |parser| {
            elements.push(one(parser)?);
            Some(())
        });
        is_list.then_some(elements)
    }

    #[test]
    fn lists_are_parsed_to_their_end() {
        let table: [(&str, Option<&[&str]>, &str); 15] = [
            ("", Some(&[]), "no elements"),
            (" ", Some(&[]), "white space"),
            (",", Some(&[]), "empty elements (§5.6.1.2)"),
            ("foo ,bar,", Some(&["foo", "bar"]), "an example of §5.6.1.2"),
            ("foo , ,bar,charlie", Some(&["foo", "bar", "charlie"]), "an example of §5.6.1.2"),
            (", ,\t,a , \t b", Some(&["a", "b"]), "white space of both kinds"),
            ("a", Some(&["a"]), "one"),
            ("a b", None, "no comma between the first two"),
            ("a, b c", None, "no comma between the last two"),
            ("a;b", None, "text after an element"),
            ("a\"", None, "text after an element"),
            ("a, \"", None, "not an element"),
            ("a\u{a0}, b", None, "a no-break space is not white space"),
            ("ä", None, "not a token"),
            ("a,\n", None, "a control character"),
        ];
        for (value, expected, why) in table {
            assert_eq!(elements(value, ValueParser::token).as_deref(), expected, "{value:?}: {why}");
        }
    }

    #[test]
    fn entity_tags_and_quoted_strings_may_contain_commas() {
        let table: [(&str, Option<&[&str]>, Option<&[&str]>); 13] = [
            // value, as entity tags, as quoted strings
            ("\"a\"", Some(&["\"a\""]), Some(&["\"a\""])),
            ("\"\"", Some(&["\"\""]), Some(&["\"\""])),
            ("\"a,b\", \"c\"", Some(&["\"a,b\"", "\"c\""]), Some(&["\"a,b\"", "\"c\""])),
            ("W/\"a\",\"b\"", Some(&["W/\"a\"", "\"b\""]), None),
            ("w/\"a\"", None, None),
            ("W/", None, None),
            ("\"größe\"", Some(&["\"größe\""]), Some(&["\"größe\""])),
            ("\"a b\"", None, Some(&["\"a b\""])),
            ("\"a\\\"", Some(&["\"a\\\""]), None),
            ("\"a\\\",\"", None, Some(&["\"a\\\",\""])),
            ("\"a\"1234", None, None),
            ("\"a\"\"b\"", None, None),
            ("\"a", None, None),
        ];
        for (value, tags, strings) in table {
            assert_eq!(elements(value, ValueParser::entity_tag).as_deref(), tags, "{value}");
            assert_eq!(elements(value, ValueParser::quoted_string).as_deref(), strings, "{value}");
        }
        assert_eq!(elements("\"a\x7f\"", ValueParser::quoted_string), None);
    }

    #[test]
    fn weights_have_three_decimals_at_most() {
        let table = [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.123", Some(123)),
            ("1", Some(1000)),
            ("1.", Some(1000)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.1234", None),
            ("1.0000", None),
            ("00", None),
            ("2", None),
            (".5", None),
            ("-0", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(ValueParser(text).weight(), expected, "{text:?}");
        }
    }
}
