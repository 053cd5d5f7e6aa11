//! Media types (RFC 9110 §8.3.1): `type/subtype` and parameters.

use super::headers;
use super::parameters::Parameters;

/// The type and subtype, without parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or("").trim_matches([' ', '\t'])
}

/// Whether the parameters name a charset.
pub(crate) fn has_charset(media_type: &str) -> bool {
    charset(media_type).is_some()
}

/// The charset that the parameters name (RFC 9110 §8.3.2).
pub(crate) fn charset(media_type: &str) -> Option<String> {
    Parameters::of(media_type).find(|(name, _)| name.eq_ignore_ascii_case("charset")).map(|(_, value)| value)
}

/// Whether the text is a type and a subtype, with or without parameters, and valid as the value of a field.
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_essence = essence(text).split_once('/').is_some_and(|(a, b)| headers::is_token(a) && headers::is_token(b));
    is_essence && headers::is_field_value(text) && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_essence_is_split_from_the_parameters() {
        let table = [
            ("text/html", "text/html", None),
            ("text/html; charset=utf-8", "text/html", Some("utf-8")),
            ("text/html \t;Charset=\"utf-8\"; charset=b", "text/html", Some("utf-8")),
            ("text/html; a=\"b; charset=x\"", "text/html", None),
            ("text/html; charset", "text/html", None),
            (" text/html;", "text/html", None),
            ("", "", None),
            (";charset=a", "", Some("a")),
        ];
        for (media_type, expected, named) in table {
            assert_eq!((essence(media_type), charset(media_type).as_deref()), (expected, named), "{media_type:?}");
            assert_eq!(has_charset(media_type), named.is_some(), "{media_type:?}");
        }
    }

    #[test]
    fn media_types_are_two_tokens_with_or_without_parameters() {
        for good in ["text/plain", "text/plain; charset=utf-8", "image/svg+xml", "application/vnd.api+json;a=\"b c\""] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "text", "text/", "/plain", "text /plain", "a/b/c", "text/plain\r\nX: y", " text/plain", "a/b; "]
        {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }
}
