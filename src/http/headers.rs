//! Header fields as an ordered list, and the rules for their names and values.

use std::borrow::Cow;
use std::fmt;

/// The text of a header field's name or value: borrowed if it is constant, owned otherwise.
pub(crate) type HeaderText = Cow<'static, str>;

/// Header fields in the order in which they were added (RFC 9110 §5). Names are case-insensitive. `Debug` does not show the values of
/// fields that carry credentials or cookies.
#[derive(Clone, Default)]
pub struct Headers {
    fields: Vec<(HeaderText, HeaderText)>,
}

/// Why a header field was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// The name is not a token.
    Name,
    /// The value contains a control character other than a tab.
    Value,
}

impl Headers {
    /// No header fields.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// The values of all fields with this name, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// All fields as (name, value), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Adds a field, and keeps others with the same name.
    pub(crate) fn push(&mut self, name: HeaderText, value: HeaderText) -> Result<(), FieldError> {
        check(&name, &value)?;
        self.append(name, value);
        Ok(())
    }

    /// Adds a field in place of others with the same name.
    pub(crate) fn set(&mut self, name: HeaderText, value: HeaderText) -> Result<(), FieldError> {
        check(&name, &value)?;
        // Usually there is none, and searching is cheaper than moving the fields.
        if self.get(&name).is_some() {
            self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        }
        self.append(name, value);
        Ok(())
    }

    fn append(&mut self, name: HeaderText, value: HeaderText) {
        if self.fields.capacity() == 0 {
            // Enough for the head of a file: one allocation instead of two or three.
            self.fields.reserve_exact(USUAL_FIELDS);
        }
        self.fields.push((name, value));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(name, value)| (name, if is_secret(name) { "..." } else { value })))
            .finish()
    }
}

const USUAL_FIELDS: usize = 8;

/// Whether the text is a token (RFC 9110 §5.6.2), as field names and methods are.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a token may contain this byte.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// The bytes that a token may contain. A table, because every field of every response is checked.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let character = byte as u8;
        table[byte] = character.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

/// Whether the text is valid as the value of a field (RFC 9110 §5.5): it has no control characters but the tab.
///
/// This prevents response splitting by a handler that copies input into a header field.
pub(crate) fn is_field_value(text: &str) -> bool {
    // No early return: this way the compiler checks many bytes with one instruction.
    text.bytes().fold(true, |fine, byte| fine & (byte == b'\t' || (byte >= b' ' && byte != 0x7f)))
}

/// The members of a comma-separated list, without white space around them and without empty ones (RFC 9110 §5.6.1).
///
/// Not for lists whose members may be quoted strings.
pub(crate) fn list_members(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
}

fn check(name: &str, value: &str) -> Result<(), FieldError> {
    if !is_token(name) {
        return Err(FieldError::Name);
    }
    if !is_field_value(value) {
        return Err(FieldError::Value);
    }
    Ok(())
}

/// Whether the server sets this field itself, so that a handler must not.
pub(crate) fn is_reserved(name: &str) -> bool {
    ["Connection", "Content-Length", "Date", "Transfer-Encoding"].iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether the value of this field must not get into a log.
fn is_secret(name: &str) -> bool {
    ["Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie"].iter().any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_secrets() {
        let mut headers = Headers::new();
        for name in ["Accept", "cookie", "SET-COOKIE", "Authorization", "Proxy-Authorization"] {
            headers.push(name.into(), "open-sesame".into()).unwrap();
        }
        let shown = format!("{headers:?}");
        assert!(shown.starts_with("[(\"Accept\", \"open-sesame\"), (\"cookie\", \"...\"), "), "{shown}");
        assert_eq!(shown.matches("open-sesame").count(), 1, "{shown}");
    }

    #[test]
    fn names_must_be_tokens_and_values_without_control_characters() {
        let table = [
            ("X-Note", "a b\tc", Ok(())),
            ("X-Note", "", Ok(())),
            ("X-Note", "größe", Ok(())),
            ("", "a", Err(FieldError::Name)),
            ("X Note", "a", Err(FieldError::Name)),
            ("X:Note", "a", Err(FieldError::Name)),
            ("X\r\nEvil", "a", Err(FieldError::Name)),
            ("X-Note", "a\r\nSet-Cookie: b", Err(FieldError::Value)),
            ("X-Note", "a\nb", Err(FieldError::Value)),
            ("X-Note", "a\0", Err(FieldError::Value)),
            ("X-Note", "a\x7f", Err(FieldError::Value)),
        ];
        for (name, value, expected) in table {
            let mut headers = Headers::new();
            assert_eq!(headers.push(name.into(), value.into()), expected, "{name:?}: {value:?}");
        }
    }

    #[test]
    fn set_replaces_fields_of_the_same_name_and_push_keeps_them() {
        let mut headers = Headers::new();
        headers.push("Vary".into(), "Origin".into()).unwrap();
        headers.push("vary".into(), "Accept".into()).unwrap();
        assert_eq!(headers.all("VARY").collect::<Vec<_>>(), ["Origin", "Accept"]);
        headers.set("Vary".into(), "*".into()).unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("Vary", "*")]);
    }

    #[test]
    fn lists_are_split_without_white_space_and_empty_members() {
        assert_eq!(list_members(" close, ,\tkeep-alive ,").collect::<Vec<_>>(), ["close", "keep-alive"]);
    }
}
