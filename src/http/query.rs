//! The query of a URL, decoded as a form (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The media type of a body that is such a form.
pub(crate) const FORM_URLENCODED: &str = "application/x-www-form-urlencoded";

/// The name and value pairs of a query.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The query, given without its `?`.
    pub fn new(query: &'a str) -> Self {
        Self(query)
    }

    /// The value of the first pair with this name. A name without `=` has an empty value.
    pub fn value(self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Whether all names and values are UTF-8, so that none of them is changed when it is decoded.
    pub(crate) fn is_utf8(self) -> bool {
        percent_decode_str(self.0).decode_utf8().is_ok()
    }

    /// All pairs in order, decoded: `+` is a space and `%XX` is a byte. Invalid UTF-8 is replaced by U+FFFD.
    pub fn pairs(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.0.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_decoded() {
        let table = [
            ("q=7", "q", Some("7")),
            ("a=1&q=7&q=8", "q", Some("7")),
            ("q", "q", Some("")),
            ("q=", "q", Some("")),
            ("q=a+b%20c", "q", Some("a b c")),
            ("%71=x", "q", Some("x")),
            ("q=%ff", "q", Some("\u{fffd}")),
            ("q=%zz", "q", Some("%zz")),
            ("q=a=b", "q", Some("a=b")),
            ("", "q", None),
            ("&&", "q", None),
            ("Q=7", "q", None),
        ];
        for (query, name, expected) in table {
            assert_eq!(Query::new(query).value(name).as_deref(), expected, "{query:?}");
        }
    }

    #[test]
    fn a_query_that_is_no_utf_8_is_told_from_one_with_the_replacement_character() {
        let table = [
            ("q=a+b%20c", true),
            ("q=%EF%BF%BD", true),
            ("q=%C3%B6&%C3%B6", true),
            ("q=%ff", false),
            ("%ff=q", false),
            ("q=%C3&r=%B6", false),
            ("q=%c0%ae", false),
        ];
        for (query, expected) in table {
            assert_eq!(Query::new(query).is_utf8(), expected, "{query}");
        }
    }
}
