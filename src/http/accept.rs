//! The `Accept` field: which media types a client prefers (RFC 9110 §12.5.1).

use super::field_value::{self, ValueParser};

/// Whether the client prefers JSON to HTML. At equal weight the more specific media range decides, and HTML wins a tie.
/// A field that is not a valid list of media ranges is ignored.
pub(crate) fn prefers_json(accept: Option<&str>) -> bool {
    let Some([json, html]) = accept.and_then(|accept| preferences(accept, [("application", "json"), ("text", "html")]))
    else {
        return false;
    };
    json.weight > 0 && json > html
}

/// Whether the client accepts `text/html` by name, as browsers do.
pub(crate) fn names_html(accept: Option<&str>) -> bool {
    let preferences = accept.and_then(|accept| preferences(accept, [("text", "html")]));
    preferences.is_some_and(|[html]| html.weight > 0 && html.specificity == Specificity::Type)
}

/// A form that a short text can be sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// `text/plain`
    Plain,
    /// `text/html`
    Html,
    /// `application/json`
    Json,
}

/// The form of a text that the client prefers. A page is only for clients that name `text/html`, as browsers do, and JSON for those
/// that prefer it to HTML; plain text is for everyone else, and for those that weigh it more.
pub(crate) fn preferred_text(accept: Option<&str>) -> TextForm {
    let types = [("text", "plain"), ("text", "html"), ("application", "json")];
    let Some([plain, html, json]) = accept.and_then(|accept| preferences(accept, types)) else {
        return TextForm::Plain;
    };
    let is_wanted = |form: Preference, other: Preference| form.weight > 0 && form >= plain && form >= other;
    if html.specificity == Specificity::Type && is_wanted(html, json) {
        TextForm::Html
    } else if json.specificity > Specificity::Any && json > html && is_wanted(json, html) {
        TextForm::Json
    } else {
        TextForm::Plain
    }
}

/// How much the client wants a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// In thousandths.
    weight: u16,
    /// How specific the media range is that gives the weight.
    specificity: Specificity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// `*/*`, or no range matches
    Any,
    /// `type/*`
    AnyOfType,
    /// `type/subtype`
    Type,
}

/// The client's preference for each media type, `None` if the field does not parse.
fn preferences<const N: usize>(accept: &str, types: [(&str, &str); N]) -> Option<[Preference; N]> {
    const NOT_NAMED: Preference = Preference { weight: 0, specificity: Specificity::Any };
    let mut preferences = [NOT_NAMED; N];
    let is_list = field_value::parse_list(accept, |parser| {
        let (main, sub, weight) = media_range(parser)?;
        for ((wanted_main, wanted_sub), preference) in types.iter().zip(&mut preferences) {
            let specificity = match (main, sub) {
                ("*", _) => Specificity::Any,
                (main, _) if !main.eq_ignore_ascii_case(wanted_main) => continue,
                (_, "*") => Specificity::AnyOfType,
                (_, sub) if sub.eq_ignore_ascii_case(wanted_sub) => Specificity::Type,
                _ => continue,
            };
            // The most specific range decides, whatever a more general one allows.
            if (specificity, weight) > (preference.specificity, preference.weight) {
                *preference = Preference { weight, specificity };
            }
        }
        Some(())
    });
    is_list.then_some(preferences)
}

/// A media range with its parameters: the type, the subtype, and the weight in thousandths. A parameter `q` is the
/// weight, whatever its place among the parameters (RFC 9110 §12.5.1).
fn media_range<'a>(parser: &mut ValueParser<'a>) -> Option<(&'a str, &'a str, u16)> {
    let main = parser.token()?;
    let sub = if parser.skip(b'/') { parser.token()? } else { return None };
    if main == "*" && sub != "*" {
        return None;
    }
    let mut weight = 1000;
    while parser.skip_semicolon() {
        // RFC 9110 §5.6.6: nothing need follow a semicolon.
        let Some(name) = parser.token() else { continue };
        if !parser.skip(b'=') {
            return None;
        }
        if name.eq_ignore_ascii_case("q") {
            weight = parser.weight()?;
        } else {
            parser.token().or_else(|| parser.quoted_string())?;
        }
    }
    Some((main, sub, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_prefer_json_are_recognized() {
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
            (Some("nonsense, application/json"), false),
            (Some("application/json, nonsense"), false),
            (Some("application/json x"), false),
            (Some("application/json/x"), false),
            (Some("application/"), false),
            (Some("*/json"), false),
            (Some("application/json, text/html;q=x"), false),
            (Some("application/json, text/html;q=0.5x"), false),
            (Some("application/json;a"), false),
            (Some("application/json;a=\"b"), false),
            (Some("application/json;a=\"b, c;q=0\";;q=0.5 ;b=c, ,"), true),
            (Some("application/json;q=0.5;a=b, text/html;a=b;Q=0.6"), false),
            // Java's own clients.
            (Some("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"), false),
            (Some("text/*, application/json;q=0.5"), false),
        ];
        for (accept, expected) in table {
            assert_eq!(prefers_json(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn texts_are_sent_in_the_form_that_the_client_prefers() {
        use TextForm::{Html, Json, Plain};
        let table = [
            (None, Plain, "a program"),
            (Some(""), Plain, "nothing"),
            (Some("*/*"), Plain, "curl"),
            (Some("text/*"), Plain, "any text"),
            (Some("text/plain"), Plain, "the script of a listing"),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"), Html, "a browser"),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Html, "another browser"),
            (Some("text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"), Html, "Lynx"),
            (Some("text/html, text/*;q=0.5, image/*, application/*"), Html, "w3m"),
            (Some("image/avif,image/webp,*/*;q=0.8"), Plain, "a browser, for an image"),
            (Some("application/json"), Json, "a program that reads JSON"),
            (Some("application/json, text/plain, */*"), Json, "axios"),
            (Some("application/*"), Json, "as for listings"),
            (Some("application/json, */*;q=0.5"), Json, "JSON best"),
            (Some("application/json;q=0.5, */*"), Plain, "anything rather than JSON"),
            (Some("text/html;q=0.5, text/plain"), Plain, "text rather than HTML"),
            (Some("text/html;q=0.5, */*"), Plain, "anything rather than HTML"),
            (Some("text/html, application/json"), Html, "both, named"),
            (Some("text/html;q=0.9, application/json"), Json, "JSON rather than HTML"),
            (Some("text/plain;q=0.9, text/html;q=0.8, application/json;q=0.7"), Plain, "text first"),
            (Some("text/html;q=0"), Plain, "no HTML"),
            (Some("application/json;q=0, text/html;q=0"), Plain, "neither"),
            (Some("text/html, nonsense"), Plain, "no list of media ranges"),
        ];
        for (accept, expected, why) in table {
            assert_eq!(preferred_text(accept), expected, "{accept:?}: {why}");
        }
    }

    #[test]
    fn clients_that_accept_html_by_name_are_recognized() {
        let table = [
            (None, false),
            (Some("*/*"), false),
            (Some("text/*"), false),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            (Some("Text/HTML;q=0.001"), true),
            (Some("text/html;q=0"), false),
            (Some("text/html, nonsense"), false),
            (Some("text/htmlx"), false),
        ];
        for (accept, expected) in table {
            assert_eq!(names_html(accept), expected, "{accept:?}");
        }
    }
}
