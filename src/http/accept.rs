//! Which of two media types a client would rather have (RFC 9110 §12.5.1).

use super::encoding::thousandths;
use super::headers;

/// Whether `Accept` says that JSON is wanted more than HTML. Where it wants both the same, the one that it names wins, and
/// HTML when it names neither.
pub(crate) fn prefers_json(accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return false };
    wish(accept, "application", "json") > wish(accept, "text", "html")
}

/// How much a media type is wanted, in thousandths, and how exactly the range names it that says so.
fn wish(accept: &str, main: &str, sub: &str) -> (u16, u8) {
    let ranges = headers::list(accept).filter_map(|member| {
        let (range, parameters) = member.split_once(';').unwrap_or((member, ""));
        let (range_main, range_sub) = range.trim().split_once('/')?;
        let exactness = match (range_main, range_sub) {
            ("*", "*") => 0,
            (m, "*") if m.eq_ignore_ascii_case(main) => 1,
            (m, s) if m.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub) => 2,
            _ => return None,
        };
        Some((exactness, weight(parameters)))
    });
    // The most exact range decides, whatever a more general one allows.
    match ranges.max() {
        Some((_, 0)) | None => (0, 0),
        Some((exactness, weight)) => (weight, exactness),
    }
}

/// The value of the parameter `q` in thousandths; 1,000 without one, and 0 for one that cannot be read.
fn weight(parameters: &str) -> u16 {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    value.map_or(1000, |value| thousandths(value).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sent_to_those_who_would_rather_have_it() {
        let table = [
            (None, false),
            (Some(""), false),
            (Some("*/*"), false),
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/*"), true),
            (Some("application/json, */*"), true),
            (Some("application/json, text/plain, */*"), true),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"), false),
            (Some("text/html, application/json"), false),
            (Some("text/html;q=0.9, application/json"), true),
            (Some("text/html, application/json;q=0.999"), false),
            (Some("application/json;q=0"), false),
            (Some("application/json;q=0, */*"), false),
            (Some("text/html;q=0, */*"), true),
            (Some("text/html;q=0.001, application/json;Q=0.01"), true),
            (Some("application/json;q=x"), false),
            (Some("application/json;q=1.5, text/html;q=0.1"), false),
            (Some("nonsense, application/json"), true),
            (Some("text/*, application/json;q=0.5"), false),
        ];
        for (accept, expected) in table {
            assert_eq!(prefers_json(accept), expected, "{accept:?}");
        }
    }
}
