//! The parameters of a field value, as in `form-data; name="a"` (RFC 9110 §5.6.6).

/// The parameters after the first semicolon of a field value, by name and unquoted value.
pub(crate) struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    pub(crate) fn of(value: &'a str) -> Self {
        Self(value.find(';').map_or("", |at| &value[at..]))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches([' ', '\t', ';']);
        let (name, rest) = rest.split_once('=')?;
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(';').unwrap_or(rest.len());
            self.0 = &rest[end..];
            return Some((name.trim_end(), rest[..end].trim().to_owned()));
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some((name.trim_end(), value));
                }
                // A backslash escapes only a quote. Before any other character it belongs to a path, as old browsers
                // send it.
                '\\' if quoted[at + 1..].starts_with('"') && quoted[at + 2..].contains('"') => {
                    value.push('"');
                    characters.next();
                }
                character => value.push(character),
            }
        }
        self.0 = "";
        None
    }
}
