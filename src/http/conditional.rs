//! Conditional requests (RFC 9110 §13): whether a request is to be carried out, given what is there now.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::date;
use super::encoding::Coding;
use super::list;
use super::method::Method;

/// The validators of a representation, `None` where nothing is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag, quoted and with its `W/` if weak.
    pub etag: Option<String>,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
}

/// The precondition fields of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Preconditions<'a> {
    /// `If-Match`
    pub if_match: Option<&'a str>,
    /// `If-None-Match`
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<&'a str>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<&'a str>,
    /// `If-Range`
    pub if_range: Option<&'a str>,
}

/// What the preconditions say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Carry it out.
    Proceed,
    /// Answer 304: the client has what is there.
    NotModified,
    /// Answer 412 and change nothing.
    Failed,
}

/// Judges a request's preconditions in the order of RFC 9110 §13.2.2.
///
/// `current` is `None` when there is no representation. Fields that do not parse as dates are ignored (§13.1.3); `now` is for
/// those that leave out the century (§5.6.7).
pub fn evaluate(
    method: &Method,
    preconditions: &Preconditions<'_>,
    current: Option<&Validators>,
    now: SystemTime,
) -> Verdict {
    let reads = matches!(method, Method::Get | Method::Head);
    let etag = current.and_then(|validators| validators.etag.as_deref());
    let modified = current.and_then(|validators| validators.modified);

    if let Some(field) = preconditions.if_match {
        if !names_current(field, current.is_some(), etag, strongly_equal) {
            return Verdict::Failed;
        }
    } else if let Some(since) = preconditions.if_unmodified_since.and_then(|since| date::parse(since, now))
        && modified.is_none_or(|modified| date::seconds(modified) > date::seconds(since))
    {
        return Verdict::Failed;
    }

    if let Some(field) = preconditions.if_none_match {
        if names_current(field, current.is_some(), etag, weakly_equal) {
            return if reads { Verdict::NotModified } else { Verdict::Failed };
        }
    } else if reads
        && let Some(since) = preconditions.if_modified_since.and_then(|since| date::parse(since, now))
        && modified.is_some_and(|modified| date::seconds(modified) <= date::seconds(since))
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a `Range` field counts, given the `If-Range` beside it (RFC 9110 §13.1.5): only when the client's part is of
/// exactly what is there now. One that is neither a tag nor a date takes the range with it. A date counts as strong when it is at
/// least a second older than `now` (§8.8.2.2).
pub fn range_applies(if_range: Option<&str>, current: &Validators, now: SystemTime) -> bool {
    let Some(field) = if_range.map(|field| field.trim_matches([' ', '\t'])) else { return true };
    if field.starts_with('"') || field.starts_with("W/") {
        return current.etag.as_deref().is_some_and(|etag| strongly_equal(field, etag));
    }
    let (Some(date), Some(modified)) = (date::parse(field, now), current.modified) else { return false };
    date::seconds(date) == date::seconds(modified) && date::seconds(now) > date::seconds(modified)
}

/// The validators of a file of this length in bytes, time of change and inode, as they are `now`.
///
/// Two files share an entity tag only when all three agree, the time to the nanosecond. It is weak while the file is younger
/// than the grain of the clock that files are stamped with: until then another change could leave the same stamp (RFC 9110
/// §8.8.1). A time to come is replaced by `now`, for an origin server must not send it (§8.8.2.1).
pub fn file_validators(length: u64, modified: SystemTime, inode: u64, now: SystemTime) -> Validators {
    let weak = if is_settled(modified, now) { "" } else { "W/" };
    let mut etag = String::with_capacity(48);
    let (sign, since) = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    write!(etag, "{weak}\"{length:x}-{sign}{:x}-{inode:x}\"", since.as_nanos())
        .expect("writing to a String does not fail");
    Validators { etag: Some(etag), modified: Some(modified.min(now)) }
}

impl Validators {
    /// Those of the same content in this coding, made anew each time, so that the tag is weak: another version of the coder may
    /// make other bytes of it (RFC 9110 §8.8.1).
    pub(crate) fn made_in(self, coding: Coding) -> Self {
        let etag = self.in_coding(coding);
        let weak = etag.etag.map(|etag| if etag.starts_with("W/") { etag } else { format!("W/{etag}") });
        Self { etag: weak, ..etag }
    }

    /// Those of a file that holds content in this coding: two variants never share a tag (RFC 9110 §8.8.3.3).
    pub(crate) fn in_coding(self, coding: Coding) -> Self {
        let etag = self.etag.map(|etag| match etag.strip_suffix('"') {
            Some(open) => format!("{open}-{}\"", coding.name()),
            None => etag,
        });
        Self { etag, modified: self.modified }
    }
}

/// Whether the clock that stamps files has moved on since, so that a later change has another stamp.
fn is_settled(modified: SystemTime, now: SystemTime) -> bool {
    let age = now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
    let whole_seconds = date::subsecond_nanos(modified) == 0;
    age >= if whole_seconds { COARSE_GRAIN } else { GRAIN }
}

/// Linux stamps files with a clock that moves on a hundred times a second or more often.
const GRAIN: Duration = Duration::from_millis(20);
/// File systems that keep whole seconds only, some every other one.
const COARSE_GRAIN: Duration = Duration::from_secs(2);

/// Whether the field names what is there: `*` where anything is, or a list with its entity tag.
///
/// What is neither names nothing. "Otherwise, the condition is false" of `If-Match` then (RFC 9110 §13.1.1), and "otherwise,
/// the condition is true" of `If-None-Match` (§13.1.2), as if it were not there.
fn names_current(field: &str, exists: bool, etag: Option<&str>, equal: fn(&str, &str) -> bool) -> bool {
    if field.trim_matches([' ', '\t']) == "*" {
        return exists;
    }
    let mut is_named = false;
    let is_list = list::read(field, |input| {
        let tag = input.entity_tag()?;
        is_named |= etag.is_some_and(|etag| equal(tag, etag));
        Some(())
    });
    is_list && is_named
}

/// RFC 9110 §8.8.3.2: strong comparison, both strong and the same.
fn strongly_equal(a: &str, b: &str) -> bool {
    a == b && !a.starts_with("W/")
}

/// RFC 9110 §8.8.3.2: weak comparison, the same but for `W/`.
fn weakly_equal(a: &str, b: &str) -> bool {
    a.strip_prefix("W/").unwrap_or(a) == b.strip_prefix("W/").unwrap_or(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn at(text: &str) -> SystemTime {
        date::parse(text, UNIX_EPOCH).unwrap()
    }

    fn current(etag: &str) -> Validators {
        // Half a second past the full one: dates compare to the second.
        let modified = at(NOW) + Duration::from_millis(500);
        Validators { etag: Some(etag.into()), modified: Some(modified) }
    }

    #[test]
    fn the_order_of_section_13_2_2() {
        use Verdict::{Failed, NotModified, Proceed};
        let none = Preconditions::default();
        let table: &[(Preconditions<'_>, [Verdict; 3], &str)] = &[
            // expected for GET of what is there, PUT of what is there, PUT of what is not there
            (none, [Proceed, Proceed, Proceed], "unconditional"),
            (Preconditions { if_match: Some("\"a\""), ..none }, [Proceed, Proceed, Failed], "matches"),
            (Preconditions { if_match: Some("\"b\", \"a\""), ..none }, [Proceed, Proceed, Failed], "matches in a list"),
            (Preconditions { if_match: Some("\"b,\"a\""), ..none }, [Failed, Failed, Failed], "a comma inside quotes"),
            (Preconditions { if_match: Some("W/\"a\""), ..none }, [Failed, Failed, Failed], "If-Match is strong"),
            (Preconditions { if_match: Some("*"), ..none }, [Proceed, Proceed, Failed], "anything there"),
            (Preconditions { if_match: Some("a"), ..none }, [Failed, Failed, Failed], "not a tag"),
            (Preconditions { if_match: Some(""), ..none }, [Failed, Failed, Failed], "an empty list matches nothing"),
            (Preconditions { if_match: Some("\"a\"1234"), ..none }, [Failed, Failed, Failed], "no list to its end"),
            (Preconditions { if_match: Some("\"a\", x"), ..none }, [Failed, Failed, Failed], "no list to its end"),
            (Preconditions { if_match: Some("\"a\" \"b\""), ..none }, [Failed, Failed, Failed], "no comma"),
            (Preconditions { if_match: Some("*, \"a\""), ..none }, [Failed, Failed, Failed], "neither * nor a list"),
            (Preconditions { if_none_match: Some("\"a\""), ..none }, [NotModified, Failed, Proceed], "matches"),
            (Preconditions { if_none_match: Some("W/\"a\""), ..none }, [NotModified, Failed, Proceed], "weakly"),
            (Preconditions { if_none_match: Some("\"b\""), ..none }, [Proceed, Proceed, Proceed], "another"),
            (Preconditions { if_none_match: Some("*"), ..none }, [NotModified, Failed, Proceed], "create only"),
            (Preconditions { if_none_match: Some("\"a\"1234"), ..none }, [Proceed, Proceed, Proceed], "no list"),
            (
                Preconditions { if_none_match: Some("\"a\"x"), if_modified_since: Some(NOW), ..none },
                [Proceed, Proceed, Proceed],
                "it silences If-Modified-Since even so (§13.1.3)",
            ),
            (Preconditions { if_modified_since: Some(NOW), ..none }, [NotModified, Proceed, Proceed], "reads only"),
            (Preconditions { if_modified_since: Some(AFTER), ..none }, [NotModified, Proceed, Proceed], "later"),
            (Preconditions { if_modified_since: Some(BEFORE), ..none }, [Proceed, Proceed, Proceed], "changed since"),
            (Preconditions { if_modified_since: Some("soon"), ..none }, [Proceed, Proceed, Proceed], "not a date"),
            (Preconditions { if_unmodified_since: Some(NOW), ..none }, [Proceed, Proceed, Failed], "unchanged"),
            (Preconditions { if_unmodified_since: Some(BEFORE), ..none }, [Failed, Failed, Failed], "changed"),
            (Preconditions { if_unmodified_since: Some("x"), ..none }, [Proceed, Proceed, Proceed], "not a date"),
            (
                Preconditions { if_match: Some("\"a\""), if_unmodified_since: Some(BEFORE), ..none },
                [Proceed, Proceed, Failed],
                "If-Match silences If-Unmodified-Since",
            ),
            (
                Preconditions { if_none_match: Some("\"b\""), if_modified_since: Some(NOW), ..none },
                [Proceed, Proceed, Proceed],
                "If-None-Match silences If-Modified-Since",
            ),
            (
                Preconditions { if_match: Some("\"b\""), if_none_match: Some("\"a\""), ..none },
                [Failed, Failed, Failed],
                "If-Match comes first",
            ),
        ];
        let there = current("\"a\"");
        for (preconditions, expected, why) in table {
            let seen = [
                evaluate(&Method::Get, preconditions, Some(&there), at(AFTER)),
                evaluate(&Method::Put, preconditions, Some(&there), at(AFTER)),
                evaluate(&Method::Put, preconditions, None, at(AFTER)),
            ];
            assert_eq!(seen, *expected, "{why}: {preconditions:?}");
        }
    }

    #[test]
    fn if_range_wants_exactly_what_is_there() {
        let later = at(AFTER);
        let table = [
            (None, "\"a\"", true, "no If-Range"),
            (Some("\"a\""), "\"a\"", true, "the same strong tag"),
            (Some("\"b\""), "\"a\"", false, "another tag"),
            (Some("W/\"a\""), "W/\"a\"", false, "weak tags never do"),
            (Some("\"a\"1234"), "\"a\"", false, "no tag"),
            (Some("\"a\", \"a\""), "\"a\"", false, "a list"),
            (Some(NOW), "\"a\"", true, "the same date"),
            (Some(AFTER), "\"a\"", false, "a later date is not the same"),
            (Some("soon"), "\"a\"", false, "neither tag nor date"),
        ];
        for (field, etag, expected, why) in table {
            assert_eq!(range_applies(field, &current(etag), later), expected, "{why}");
        }
        let same_second = at(NOW) + Duration::from_millis(900);
        assert!(!range_applies(Some(NOW), &current("\"a\""), same_second), "it may yet change within this second");
    }

    #[test]
    fn comparison_is_strong_or_weak_as_in_section_8_8_3_2() {
        let table = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (a, b, strong, weak) in table {
            assert_eq!((strongly_equal(a, b), weakly_equal(a, b)), (strong, weak), "{a} and {b}");
        }
        // A weak tag is there for If-None-Match (§13.1.2) and never for If-Match (§13.1.1).
        let young = current("W/\"a\"");
        let none = Preconditions::default();
        let table = [
            (Preconditions { if_none_match: Some("W/\"a\""), ..none }, Verdict::NotModified),
            (Preconditions { if_none_match: Some("\"b\", \"a\""), ..none }, Verdict::NotModified),
            (Preconditions { if_match: Some("W/\"a\""), ..none }, Verdict::Failed),
            (Preconditions { if_match: Some("\"a\""), ..none }, Verdict::Failed),
            (Preconditions { if_match: Some("*"), ..none }, Verdict::Proceed),
        ];
        for (preconditions, expected) in table {
            assert_eq!(evaluate(&Method::Get, &preconditions, Some(&young), at(AFTER)), expected, "{preconditions:?}");
        }
    }

    #[test]
    fn lists_of_tags_follow_section_5_6_1() {
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
            let preconditions = Preconditions { if_none_match: Some(field), ..Preconditions::default() };
            let verdict = evaluate(&Method::Head, &preconditions, Some(&current("\"a\"")), at(AFTER));
            assert_eq!(verdict == Verdict::NotModified, matches, "{field}");
        }
    }

    #[test]
    fn dates_of_all_three_forms_are_compared() {
        for since in [NOW, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            let none = Preconditions::default();
            let table = [
                (Preconditions { if_modified_since: Some(since), ..none }, Verdict::NotModified),
                (Preconditions { if_unmodified_since: Some(since), ..none }, Verdict::Proceed),
            ];
            for (preconditions, expected) in table {
                let verdict = evaluate(&Method::Get, &preconditions, Some(&current("\"a\"")), at(AFTER));
                assert_eq!(verdict, expected, "{preconditions:?}");
            }
            assert!(range_applies(Some(since), &current("\"a\""), at(AFTER)), "{since}");
        }
    }

    fn etag(length: u64, modified: SystemTime, inode: u64) -> String {
        file_validators(length, modified, inode, at(NOW)).etag.unwrap()
    }

    #[test]
    fn etags_differ_with_each_ingredient() {
        let time = UNIX_EPOCH + Duration::new(5, 1);
        let first = etag(1, time, 7);
        assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
        assert_ne!(first, etag(2, time, 7));
        assert_ne!(first, etag(1, time + Duration::from_nanos(1), 7));
        assert_ne!(first, etag(1, time, 8));
        assert_ne!(first, etag(1, UNIX_EPOCH - Duration::new(5, 1), 7), "before 1970 is a time like any other");
        assert_ne!(etag(1, UNIX_EPOCH - Duration::new(5, 1), 7), etag(1, UNIX_EPOCH - Duration::new(6, 1), 7));
    }

    #[test]
    fn etags_are_weak_while_the_same_stamp_may_come_again() {
        let odd = at(NOW) - Duration::from_millis(1500);
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let table = [
            (odd, odd, true, "just changed"),
            (odd, odd + GRAIN - millisecond, true, "within a tick"),
            (odd, odd + GRAIN, false, "the clock has moved on"),
            (odd, odd - millisecond, true, "a stamp a little ahead of our clock"),
            (odd, odd - second * 3600, false, "a time to come, which no clock has stamped"),
            (at(NOW), at(NOW) + second, true, "it may be that only whole seconds are kept"),
            (at(NOW), at(NOW) + second * 2, false, "and those have passed"),
            (UNIX_EPOCH, at(NOW), false, "old"),
            (UNIX_EPOCH - second * 5, at(NOW), false, "older than 1970"),
        ];
        for (modified, now, weak, why) in table {
            let etag = file_validators(1, modified, 2, now).etag.unwrap();
            assert_eq!(etag.starts_with("W/"), weak, "{why}: {etag}");
        }
    }

    #[test]
    fn variants_have_tags_of_their_own() {
        let table = [
            ("\"a\"", Coding::Brotli, "\"a-br\"", "W/\"a-br\""),
            ("W/\"a\"", Coding::Gzip, "W/\"a-gzip\"", "W/\"a-gzip\""),
        ];
        for (etag, coding, stored, made) in table {
            assert_eq!(current(etag).in_coding(coding), current(stored));
            assert_eq!(current(etag).made_in(coding), current(made));
        }
    }

    #[test]
    fn a_time_to_come_is_not_sent() {
        let (now, later) = (at(NOW), at(AFTER));
        assert_eq!(file_validators(1, later, 2, now).modified, Some(now), "RFC 9110 §8.8.2.1");
        assert_eq!(file_validators(1, now, 2, later).modified, Some(now));
    }
}
