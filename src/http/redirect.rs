//! What a redirect may be: its status, and where it leads (RFC 9110 §10.2.2 and §15.4).

use super::status::Status;

/// Why a redirect with this status to this place cannot be sent; `None` if it can.
pub(crate) fn fault(status: Status, location: &str) -> Option<String> {
    if !matches!(status.code(), 300..=303 | 307 | 308) {
        return Some(format!("{} is no status of a redirect", status.code()));
    }
    (!is_uri_reference(location))
        .then(|| format!("{location:?} is no URI reference: it may have to be percent-encoded"))
}

/// Whether browsers take the text as a URI reference (RFC 3986 §4.1): visible ASCII, without a backslash in its path, which they take
/// for a slash, and with a well-formed scheme if it has one. Other characters that RFC 3986 would have encoded are let through: browsers
/// send some of them in queries, and a redirect often repeats the query that came.
fn is_uri_reference(text: &str) -> bool {
    let before_query = text.split(['?', '#']).next().unwrap_or("");
    let first_segment = before_query.split('/').next().unwrap_or("");
    let has_good_scheme = first_segment.split_once(':').is_none_or(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    });
    let is_visible = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    !text.is_empty() && is_visible && has_good_scheme && !before_query.contains('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_uri_references() {
        let table = [
            ("/", true),
            ("/a/b?c=d#e", true),
            ("b", true),
            ("./a:b", true),
            ("?page=2", true),
            ("#top", true),
            ("//other.example/", true),
            ("https://[::1]:4040/gr%C3%B6%c3%9fe", true),
            ("mailto:ada@example.com", true),
            ("/dir/?a={b|c}^`%&d=\\\"<", true),
            ("", false),
            ("/a b", false),
            ("/größe", false),
            ("/a\r\nX: y", false),
            ("/\\evil.example", false),
            ("1a:b", false),
            (":b", false),
        ];
        for (location, expected) in table {
            assert_eq!(is_uri_reference(location), expected, "{location:?}");
        }
    }

    #[test]
    fn a_redirect_has_a_status_of_one() {
        for code in 200..=599 {
            let status = Status::new(code).unwrap();
            let expected = matches!(code, 300..=303 | 307 | 308);
            assert_eq!(fault(status, "/").is_none(), expected, "{code}");
        }
    }
}
