//! The parameters of a field value, as in `form-data; name="a"` (RFC 9110 §5.6.6).

use super::headers::is_token;

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
                // send it, and before the last quote of a value to a name that ends with it, as all browsers send it.
                '\\' if quoted[at + 1..].starts_with('"') && !ends_value(&quoted[at + 2..]) => {
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

/// Whether the quote before this text is the last one of its value: no quote follows, or a quoted parameter does. Where quotes are
/// escaped, none can follow an equals sign.
fn ends_value(rest: &str) -> bool {
    let Some((before, _)) = rest.split_once('"') else { return true };
    let parameter = before.trim_start().strip_prefix(';').and_then(|parameter| parameter.strip_suffix('='));
    parameter.is_some_and(|name| is_token(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_values_that_were_meant() {
        let table: [(&str, &[(&str, &str)]); 15] = [
            ("form-data", &[]),
            ("form-data; a = b ;c=\"d; e\" ;f=", &[("a", "b"), ("c", "d; e"), ("f", "")]),
            ("form-data;a=\"b;c=d\";e=f", &[("a", "b;c=d"), ("e", "f")]),
            ("form-data; a=\"b\\\"c\"", &[("a", "b\"c")]),
            ("form-data; a=\"b\\c\"", &[("a", "b\\c")]),
            ("form-data; a=\"b\\\"", &[("a", "b\\")]),
            ("form-data; a=\"\\\"", &[("a", "\\")]),
            ("form-data; a=\"b\\\"; c=\"d\"", &[("a", "b\\"), ("c", "d")]),
            ("form-data; a=\"b\\\" ;\tc*=\"d\"", &[("a", "b\\"), ("c*", "d")]),
            ("form-data; a=\"b\\\"; c\"; d=\"e\"", &[("a", "b\"; c"), ("d", "e")]),
            ("form-data; a=\"b\\\"; c d=\"; e=f", &[("a", "b\"; c d="), ("e", "f")]),
            ("form-data; a=\"b\\\"; =\"; e=f", &[("a", "b\"; ="), ("e", "f")]),
            ("form-data; a=\"b\\\"; c=\\\"d\\\"\"", &[("a", "b\"; c=\"d\"")]),
            ("form-data; a=\"b\\\"c=\"; e=f", &[("a", "b\"c="), ("e", "f")]),
            ("form-data; a=\"never ends", &[]),
        ];
        for (value, expected) in table {
            let seen: Vec<_> = Parameters::of(value).collect();
            let seen: Vec<_> = seen.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(seen, expected, "{value}");
        }
    }
}
