//! The validators of a representation (RFC 9110 §8.8): its entity tag, and when it was last modified.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::content_coding::ContentCoding;
use super::date;

/// The validators of a representation, `None` where nothing is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag, quoted and with its `W/` if weak.
    pub etag: Option<String>,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
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
    pub(crate) fn in_dynamic_coding(self, coding: ContentCoding) -> Self {
        let etag = self.in_coding(coding);
        let weak = etag.etag.map(|etag| if etag.starts_with("W/") { etag } else { format!("W/{etag}") });
        Self { etag: weak, ..etag }
    }

    /// Those of a file that holds content in this coding: two variants never share a tag (RFC 9110 §8.8.3.3).
    pub(crate) fn in_coding(self, coding: ContentCoding) -> Self {
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

/// RFC 9110 §8.8.3.2: strong comparison, both strong and the same.
pub(crate) fn strongly_equal(a: &str, b: &str) -> bool {
    a == b && !a.starts_with("W/")
}

/// RFC 9110 §8.8.3.2: weak comparison, the same but for `W/`.
pub(crate) fn weakly_equal(a: &str, b: &str) -> bool {
    a.strip_prefix("W/").unwrap_or(a) == b.strip_prefix("W/").unwrap_or(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn at(text: &str) -> SystemTime {
        date::parse(text, UNIX_EPOCH).unwrap()
    }

    fn current(etag: &str) -> Validators {
        // Half a second past the full one: dates compare to the second.
        let modified = at(NOW) + Duration::from_millis(500);
        Validators { etag: Some(etag.into()), modified: Some(modified) }
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
            ("\"a\"", ContentCoding::Brotli, "\"a-br\"", "W/\"a-br\""),
            ("W/\"a\"", ContentCoding::Gzip, "W/\"a-gzip\"", "W/\"a-gzip\""),
        ];
        for (etag, coding, stored, made) in table {
            assert_eq!(current(etag).in_coding(coding), current(stored));
            assert_eq!(current(etag).in_dynamic_coding(coding), current(made));
        }
    }

    #[test]
    fn a_time_to_come_is_not_sent() {
        let (now, later) = (at(NOW), at(AFTER));
        assert_eq!(file_validators(1, later, 2, now).modified, Some(now), "RFC 9110 §8.8.2.1");
        assert_eq!(file_validators(1, now, 2, later).modified, Some(now));
    }
}
