//! Conditional requests (RFC 9110 §13): whether to perform a request, given the current representation.
//!
//! [`Files`](crate::Files) and [`WriteFile`](crate::WriteFile) do this by themselves. A handler does it for content of its own, to
//! spare clients what they have already, and to lose no change that two clients make at the same time:
//!
//! ```
//! use std::time::SystemTime;
//! use hearken::conditional::{Conditions, Evaluation, Validators};
//! use hearken::{HttpError, Request, Response, Router, Status};
//!
//! fn price(request: &mut Request) -> Result<Response, HttpError> {
//!     let (price, version) = (42, 7);
//!     let validators = Validators { etag: Some(format!("\"{version}\"")), modified: None };
//!     let response = match Conditions::of(request, SystemTime::now()).evaluate(Some(&validators)) {
//!         Evaluation::Proceed => Response::json(&price),
//!         Evaluation::NotModified => Response::new(Status::NOT_MODIFIED),
//!         Evaluation::PreconditionFailed => return Err(HttpError::PreconditionFailed),
//!     };
//!     Ok(response.with_header("ETag", format!("\"{version}\"")))
//! }
//!
//! let app = Router::new().get("/price", price);
//! assert_eq!(app.respond(&mut Request::get("/price")).read_text().unwrap(), "42");
//! let mut request = Request::get("/price").with_header("If-None-Match", "\"7\"");
//! assert_eq!(app.respond(&mut request).status(), Status::NOT_MODIFIED);
//! ```

use std::borrow::Cow;
use std::time::SystemTime;

use super::date;
use super::field_value;
use super::method::Method;
use super::request::Request;
pub use super::validators::Validators;
use super::validators::{strongly_equal, weakly_equal};

/// The conditions of a request: its method and its conditional fields, parsed once.
///
/// A field that is sent several times counts as one list (RFC 9110 §5.3), which is neither a date nor a single entity
/// tag.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Whether the method is `GET` or `HEAD`.
    reads: bool,
    if_match: Option<String>,
    if_none_match: Option<String>,
    /// `None` also when the field is not a date, because it is then ignored (RFC 9110 §13.1.3).
    if_modified_since: Option<SystemTime>,
    /// `None` also when the field is not a date, because it is then ignored (RFC 9110 §13.1.4).
    if_unmodified_since: Option<SystemTime>,
    range: Option<Range>,
}

/// The `Range` field of a `GET` request and its `If-Range` condition.
#[derive(Clone, Debug)]
struct Range {
    field: String,
    condition: Option<IfRange>,
}

/// The validator in `If-Range` (RFC 9110 §13.1.5).
#[derive(Clone, Debug)]
enum IfRange {
    EntityTag(String),
    Date(SystemTime),
    /// Neither an entity tag nor a date.
    Invalid,
}

/// The result of evaluating the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// Perform the request.
    Proceed,
    /// Respond with 304: the client has the current representation.
    NotModified,
    /// Respond with 412 and change nothing.
    PreconditionFailed,
}

impl Conditions {
    /// Parses the conditions of this request. `now` decides the century of dates with a two-digit year (RFC 9110
    /// §5.6.7).
    pub fn of(request: &Request, now: SystemTime) -> Self {
        let field = |name| request.header_list(name);
        let date = |name| field(name).and_then(|field| date::parse(&field, now));
        // RFC 9110 §14.2: ranges are defined for GET only.
        let range = if *request.method() == Method::Get { field("Range") } else { None };
        Self {
            reads: matches!(request.method(), Method::Get | Method::Head),
            if_match: field("If-Match").map(Cow::into_owned),
            if_none_match: field("If-None-Match").map(Cow::into_owned),
            if_modified_since: date("If-Modified-Since"),
            if_unmodified_since: date("If-Unmodified-Since"),
            range: range.map(|range| Range {
                field: range.into_owned(),
                condition: field("If-Range").map(|field| IfRange::parse(&field, now)),
            }),
        }
    }

    /// As of a request that changes something and has this `If-Match` and no other condition.
    pub(crate) fn if_match(tags: String) -> Self {
        Self {
            reads: false,
            if_match: Some(tags),
            if_none_match: None,
            if_modified_since: None,
            if_unmodified_since: None,
            range: None,
        }
    }

    /// Evaluates the preconditions in the order of RFC 9110 §13.2.2. `current` is `None` if there is no representation.
    pub fn evaluate(&self, current: Option<&Validators>) -> Evaluation {
        let etag = current.and_then(|validators| validators.etag.as_deref());
        let modified = current.and_then(|validators| validators.modified);

        if let Some(field) = &self.if_match {
            if !matches_current(field, current.is_some(), etag, strongly_equal) {
                return Evaluation::PreconditionFailed;
            }
        } else if let Some(since) = self.if_unmodified_since
            // RFC 9110 §13.1.4: ignored if there is a representation without a date. What is missing is not unmodified.
            && modified.map_or(current.is_none(), |modified| date::seconds(modified) > date::seconds(since))
        {
            return Evaluation::PreconditionFailed;
        }

        if let Some(field) = &self.if_none_match {
            if matches_current(field, current.is_some(), etag, weakly_equal) {
                return if self.reads { Evaluation::NotModified } else { Evaluation::PreconditionFailed };
            }
        } else if self.reads
            && let Some(since) = self.if_modified_since
            && modified.is_some_and(|modified| date::seconds(modified) <= date::seconds(since))
        {
            return Evaluation::NotModified;
        }
        Evaluation::Proceed
    }

    /// The `Range` field of a `GET`, if it applies: there is no `If-Range`, or its validator strongly matches
    /// `current`. A `Range` whose `If-Range` is neither an entity tag nor a date is ignored (RFC 9110 §13.1.5).
    pub fn range(&self, current: &Validators, now: SystemTime) -> Option<&str> {
        let Range { field, condition } = self.range.as_ref()?;
        let applies = match condition {
            None => true,
            Some(IfRange::EntityTag(tag)) => current.etag.as_deref().is_some_and(|etag| strongly_equal(tag, etag)),
            // A date is a strong validator only once it is at least a second old (RFC 9110 §8.8.2.2).
            Some(IfRange::Date(date)) => current.modified.is_some_and(|modified| {
                date::seconds(*date) == date::seconds(modified) && date::seconds(now) > date::seconds(modified)
            }),
            Some(IfRange::Invalid) => false,
        };
        applies.then_some(field)
    }
}

impl IfRange {
    fn parse(field: &str, now: SystemTime) -> Self {
        let field = field.trim_matches([' ', '\t']);
        if field.starts_with('"') || field.starts_with("W/") {
            return Self::EntityTag(field.to_owned());
        }
        date::parse(field, now).map_or(Self::Invalid, Self::Date)
    }
}

/// Whether the field matches the current representation: it is `*` and there is one, or it lists its entity tag.
///
/// A malformed field matches nothing: "otherwise, the condition is false" for `If-Match` (RFC 9110 §13.1.1), and
/// "otherwise, the condition is true" for `If-None-Match` (§13.1.2), as if the field had not been sent.
fn matches_current(field: &str, exists: bool, etag: Option<&str>, equal: fn(&str, &str) -> bool) -> bool {
    if field.trim_matches([' ', '\t']) == "*" {
        return exists;
    }
    let mut is_named = false;
    let is_list = field_value::parse_list(field, |parser| {
        let tag = parser.entity_tag()?;
        is_named |= etag.is_some_and(|etag| equal(tag, etag));
        Some(())
    });
    is_list && is_named
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::validators::tests::{AFTER, NOW, at, current};

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    /// The fields of a request.
    #[derive(Clone, Copy, Debug, Default)]
    struct Fields<'a> {
        if_match: Option<&'a str>,
        if_none_match: Option<&'a str>,
        if_modified_since: Option<&'a str>,
        if_unmodified_since: Option<&'a str>,
        if_range: Option<&'a str>,
    }

    impl Fields<'_> {
        fn conditions(&self, method: &Method, now: SystemTime) -> Conditions {
            let fields = [
                ("If-Match", self.if_match),
                ("If-None-Match", self.if_none_match),
                ("If-Modified-Since", self.if_modified_since),
                ("If-Unmodified-Since", self.if_unmodified_since),
                ("If-Range", self.if_range),
                ("Range", Some("bytes=0-")),
            ];
            let request =
                fields.into_iter().fold(Request::new(method.clone(), "/"), |request, (name, value)| match value {
                    Some(value) => request.with_header(name, value),
                    None => request,
                });
            Conditions::of(&request, now)
        }
    }

    fn evaluate(method: &Method, fields: &Fields<'_>, current: Option<&Validators>, now: SystemTime) -> Evaluation {
        fields.conditions(method, now).evaluate(current)
    }

    fn range_applies(if_range: Option<&str>, current: &Validators, now: SystemTime) -> bool {
        Fields { if_range, ..Fields::default() }.conditions(&Method::Get, now).range(current, now).is_some()
    }

    #[test]
    fn preconditions_are_evaluated_in_the_order_of_section_13_2_2() {
        use Evaluation::{NotModified, PreconditionFailed as Failed, Proceed};
        let none = Fields::default();
        let table: &[(Fields<'_>, [Evaluation; 3], &str)] = &[
            // Expected for: GET of a representation, PUT over a representation, PUT where there is none.
            (none, [Proceed, Proceed, Proceed], "unconditional"),
            (Fields { if_match: Some("\"a\""), ..none }, [Proceed, Proceed, Failed], "matches"),
            (Fields { if_match: Some("\"b\", \"a\""), ..none }, [Proceed, Proceed, Failed], "matches in a list"),
            (Fields { if_match: Some("\"b,\"a\""), ..none }, [Failed, Failed, Failed], "a comma inside quotes"),
            (Fields { if_match: Some("W/\"a\""), ..none }, [Failed, Failed, Failed], "If-Match is strong"),
            (Fields { if_match: Some("*"), ..none }, [Proceed, Proceed, Failed], "any representation"),
            (Fields { if_match: Some("a"), ..none }, [Failed, Failed, Failed], "not an entity tag"),
            (Fields { if_match: Some(""), ..none }, [Failed, Failed, Failed], "an empty list matches nothing"),
            (Fields { if_match: Some("\"a\"1234"), ..none }, [Failed, Failed, Failed], "text after the tag"),
            (Fields { if_match: Some("\"a\", x"), ..none }, [Failed, Failed, Failed], "a member that is not a tag"),
            (Fields { if_match: Some("\"a\" \"b\""), ..none }, [Failed, Failed, Failed], "no comma"),
            (Fields { if_match: Some("*, \"a\""), ..none }, [Failed, Failed, Failed], "neither * nor a list"),
            (Fields { if_none_match: Some("\"a\""), ..none }, [NotModified, Failed, Proceed], "matches"),
            (Fields { if_none_match: Some("W/\"a\""), ..none }, [NotModified, Failed, Proceed], "matches weakly"),
            (Fields { if_none_match: Some("\"b\""), ..none }, [Proceed, Proceed, Proceed], "another tag"),
            (Fields { if_none_match: Some("*"), ..none }, [NotModified, Failed, Proceed], "create only"),
            (Fields { if_none_match: Some("\"a\"1234"), ..none }, [Proceed, Proceed, Proceed], "malformed"),
            (
                Fields { if_none_match: Some("\"a\"x"), if_modified_since: Some(NOW), ..none },
                [Proceed, Proceed, Proceed],
                "even a malformed If-None-Match disables If-Modified-Since (§13.1.3)",
            ),
            (Fields { if_modified_since: Some(NOW), ..none }, [NotModified, Proceed, Proceed], "reads only"),
            (Fields { if_modified_since: Some(AFTER), ..none }, [NotModified, Proceed, Proceed], "later"),
            (Fields { if_modified_since: Some(BEFORE), ..none }, [Proceed, Proceed, Proceed], "changed since"),
            (Fields { if_modified_since: Some("soon"), ..none }, [Proceed, Proceed, Proceed], "not a date"),
            (Fields { if_unmodified_since: Some(NOW), ..none }, [Proceed, Proceed, Failed], "unchanged"),
            (Fields { if_unmodified_since: Some(BEFORE), ..none }, [Failed, Failed, Failed], "changed"),
            (Fields { if_unmodified_since: Some("x"), ..none }, [Proceed, Proceed, Proceed], "not a date"),
            (
                Fields { if_match: Some("\"a\""), if_unmodified_since: Some(BEFORE), ..none },
                [Proceed, Proceed, Failed],
                "If-Match disables If-Unmodified-Since",
            ),
            (
                Fields { if_none_match: Some("\"b\""), if_modified_since: Some(NOW), ..none },
                [Proceed, Proceed, Proceed],
                "If-None-Match disables If-Modified-Since",
            ),
            (
                Fields { if_match: Some("\"b\""), if_none_match: Some("\"a\""), ..none },
                [Failed, Failed, Failed],
                "If-Match comes first",
            ),
        ];
        let there = current("\"a\"");
        for (fields, expected, why) in table {
            let seen = [
                evaluate(&Method::Get, fields, Some(&there), at(AFTER)),
                evaluate(&Method::Put, fields, Some(&there), at(AFTER)),
                evaluate(&Method::Put, fields, None, at(AFTER)),
            ];
            assert_eq!(seen, *expected, "{why}: {fields:?}");
        }
    }

    #[test]
    fn dates_are_ignored_where_the_representation_has_none() {
        let undated = Validators { modified: None, ..current("\"a\"") };
        let none = Fields::default();
        let table = [
            (Fields { if_modified_since: Some(AFTER), ..none }, "§13.1.3"),
            (Fields { if_unmodified_since: Some(BEFORE), ..none }, "§13.1.4"),
        ];
        for (fields, section) in table {
            for method in [Method::Get, Method::Put] {
                let seen = evaluate(&method, &fields, Some(&undated), at(AFTER));
                assert_eq!(seen, Evaluation::Proceed, "{section}: {method:?}");
            }
        }
        assert!(!range_applies(Some(NOW), &undated, at(AFTER)), "a date matches no other date (§13.1.5)");
    }

    #[test]
    fn a_range_applies_only_if_if_range_matches_strongly() {
        let later = at(AFTER);
        let table = [
            (None, "\"a\"", true, "no If-Range"),
            (Some("\"a\""), "\"a\"", true, "the same strong tag"),
            (Some("\"b\""), "\"a\"", false, "another tag"),
            (Some("W/\"a\""), "W/\"a\"", false, "weak tags never match"),
            (Some("\"a\"1234"), "\"a\"", false, "text after the tag"),
            (Some("\"a\", \"a\""), "\"a\"", false, "a list"),
            (Some(NOW), "\"a\"", true, "the same date"),
            (Some(AFTER), "\"a\"", false, "a later date is not the same"),
            (Some("soon"), "\"a\"", false, "neither a tag nor a date"),
        ];
        for (field, etag, expected, why) in table {
            assert_eq!(range_applies(field, &current(etag), later), expected, "{why}");
        }
        let same_second = at(NOW) + Duration::from_millis(900);
        assert!(!range_applies(Some(NOW), &current("\"a\""), same_second), "it may yet change within this second");
    }

    #[test]
    fn entity_tags_compare_strongly_or_weakly_as_in_section_8_8_3_2() {
        let table = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (a, b, strong, weak) in table {
            assert_eq!((strongly_equal(a, b), weakly_equal(a, b)), (strong, weak), "{a} and {b}");
        }
        // A weak tag can match If-None-Match (§13.1.2) and never If-Match (§13.1.1).
        let young = current("W/\"a\"");
        let none = Fields::default();
        let table = [
            (Fields { if_none_match: Some("W/\"a\""), ..none }, Evaluation::NotModified),
            (Fields { if_none_match: Some("\"b\", \"a\""), ..none }, Evaluation::NotModified),
            (Fields { if_match: Some("W/\"a\""), ..none }, Evaluation::PreconditionFailed),
            (Fields { if_match: Some("\"a\""), ..none }, Evaluation::PreconditionFailed),
            (Fields { if_match: Some("*"), ..none }, Evaluation::Proceed),
        ];
        for (fields, expected) in table {
            assert_eq!(evaluate(&Method::Get, &fields, Some(&young), at(AFTER)), expected, "{fields:?}");
        }
    }

    #[test]
    fn lists_of_entity_tags_are_parsed_as_in_section_5_6_1() {
        let table = [
            ("\"a\"", true),
            (" \"b\",\"a\" ", true),
            (",, \"b\" ,\t, \"a\",", true),
            ("\"a\" \"b\"", false),
            ("\"a\"\"b\"", false),
            ("\"a\", b", false),
            ("b, \"a\"", false),
            ("\"a\";b", false),
            ("\"a\", *", false),
            ("\"a,b\"", false),
            ("\"b\", W/\"a\"", true),
            ("w/\"a\"", false),
            ("\"a", false),
            ("a", false),
            ("*x", false),
        ];
        for (field, matches) in table {
            let fields = Fields { if_none_match: Some(field), ..Fields::default() };
            let seen = evaluate(&Method::Head, &fields, Some(&current("\"a\"")), at(AFTER));
            assert_eq!(seen == Evaluation::NotModified, matches, "{field}");
        }
    }

    #[test]
    fn dates_in_all_three_formats_are_compared() {
        for since in [NOW, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            let none = Fields::default();
            let table = [
                (Fields { if_modified_since: Some(since), ..none }, Evaluation::NotModified),
                (Fields { if_unmodified_since: Some(since), ..none }, Evaluation::Proceed),
            ];
            for (fields, expected) in table {
                let seen = evaluate(&Method::Get, &fields, Some(&current("\"a\"")), at(AFTER));
                assert_eq!(seen, expected, "{fields:?}");
            }
            assert!(range_applies(Some(since), &current("\"a\""), at(AFTER)), "{since}");
        }
    }
}
