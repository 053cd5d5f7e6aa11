//! The validators of a representation (RFC 9110 §8.8): its entity tag and its modification time.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::content_coding::ContentCoding;
use super::date;

/// The validators of a representation. Each can be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag with its quotes, and with `W/` if it is weak.
    pub etag: Option<String>,
    /// The time of the last modification.
    pub modified: Option<SystemTime>,
}

/// The validators of a file with this length in bytes, modification time and inode, as of `now`.
///
/// Two files have the same entity tag only if all three are equal, the time to the nanosecond. The tag is weak until
/// the clock that files get their timestamps from has ticked, because another change could leave the same timestamp
/// before (RFC 9110 §8.8.1). A time in the future is replaced by `now`, because an origin server must not send it
/// (§8.8.2.1).
pub(crate) fn file_validators(length: u64, modified: SystemTime, inode: u64, now: SystemTime) -> Validators {
    let prefix = if is_settled(modified, now) { "" } else { "W/" };
    Validators { etag: Some(file_tag(prefix, length, modified, inode)), modified: Some(modified.min(now)) }
}

/// As [`file_validators`], with a strong entity tag whatever the file's age: for a tag that is compared later, after the clock has
/// ticked.
pub(crate) fn strong_file_validators(length: u64, modified: SystemTime, inode: u64) -> Validators {
    Validators { etag: Some(file_tag("", length, modified, inode)), modified: Some(modified) }
}

fn file_tag(prefix: &str, length: u64, modified: SystemTime, inode: u64) -> String {
    let mut etag = String::with_capacity(48);
    let (sign, since) = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    write!(etag, "{prefix}\"{length:x}-{sign}{:x}-{inode:x}\"", since.as_nanos())
        .expect("writing to a String does not fail");
    etag
}

/// The validators of content that is known only by its bytes: a strong entity tag made from length and hash, and no modification
/// time.
///
/// The tag is the same in each run of a program, because `DefaultHasher::new` always has the same keys. Built with another version
/// of Rust, the program may hash otherwise; that costs each client one download. 64 bits suffice: the author of the program
/// chooses the content, nobody who looks for collisions, and two versions of a file that are equally long have the same tag with a
/// probability of 2⁻⁶⁴.
pub(crate) fn content_validators(content: &[u8]) -> Validators {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    Validators { etag: Some(format!("\"{:x}-{:016x}\"", content.len(), hasher.finish())), modified: None }
}

impl Validators {
    /// The validators of the same content, encoded with this coding for each response. The tag is weak, because another
    /// version of the encoder may give other bytes (RFC 9110 §8.8.1).
    pub(crate) fn in_dynamic_coding(self, coding: ContentCoding) -> Self {
        let etag = self.in_coding(coding);
        let weak = etag.etag.map(|etag| if etag.starts_with("W/") { etag } else { format!("W/{etag}") });
        Self { etag: weak, ..etag }
    }

    /// The validators of a file with content in this coding. Two variants never have the same tag (RFC 9110 §8.8.3.3).
    pub(crate) fn in_coding(self, coding: ContentCoding) -> Self {
        let etag = self.etag.map(|etag| match etag.strip_suffix('"') {
            Some(open) => format!("{open}-{}\"", coding.name()),
            None => etag,
        });
        Self { etag, modified: self.modified }
    }
}

/// Whether the clock for timestamps has ticked since the modification, so that a later change gets another timestamp.
fn is_settled(modified: SystemTime, now: SystemTime) -> bool {
    let age = now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
    let whole_seconds = date::subsecond_nanos(modified) == 0;
    age >= if whole_seconds { COARSE_SETTLING_TIME } else { SETTLING_TIME }
}

/// How long a timestamp takes to settle: two ticks of the clock that Linux takes it from, which ticks at least a
/// hundred times a second.
const SETTLING_TIME: Duration = Duration::from_millis(20);
/// How long a timestamp takes to settle that may be in whole seconds: some file systems keep only every other second.
const COARSE_SETTLING_TIME: Duration = Duration::from_secs(2);

/// Strong comparison (RFC 9110 §8.8.3.2): both tags are strong and the same.
pub(crate) fn strongly_equal(a: &str, b: &str) -> bool {
    a == b && !a.starts_with("W/")
}

/// Weak comparison (RFC 9110 §8.8.3.2): both tags are the same but for `W/`.
pub(crate) fn weakly_equal(a: &str, b: &str) -> bool {
    a.strip_prefix("W/").unwrap_or(a) == b.strip_prefix("W/").unwrap_or(b)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    pub(crate) const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    pub(crate) fn at(text: &str) -> SystemTime {
        date::parse(text, UNIX_EPOCH).unwrap()
    }

    pub(crate) fn current(etag: &str) -> Validators {
        // Half a second past the second: dates compare to the second.
        let modified = at(NOW) + Duration::from_millis(500);
        Validators { etag: Some(etag.into()), modified: Some(modified) }
    }

    fn etag(length: u64, modified: SystemTime, inode: u64) -> String {
        file_validators(length, modified, inode, at(NOW)).etag.unwrap()
    }

    #[test]
    fn etags_differ_by_length_time_and_inode() {
        let time = UNIX_EPOCH + Duration::new(5, 1);
        let first = etag(1, time, 7);
        assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
        assert_ne!(first, etag(2, time, 7));
        assert_ne!(first, etag(1, time + Duration::from_nanos(1), 7));
        assert_ne!(first, etag(1, time, 8));
        assert_ne!(first, etag(1, UNIX_EPOCH - Duration::new(5, 1), 7), "times before 1970 count too");
        assert_ne!(etag(1, UNIX_EPOCH - Duration::new(5, 1), 7), etag(1, UNIX_EPOCH - Duration::new(6, 1), 7));
    }

    #[test]
    fn etags_are_weak_while_another_change_could_get_the_same_timestamp() {
        let odd = at(NOW) - Duration::from_millis(1500);
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let table = [
            (odd, odd, true, "just changed"),
            (odd, odd + SETTLING_TIME - millisecond, true, "within a tick"),
            (odd, odd + SETTLING_TIME, false, "the clock has moved on"),
            (odd, odd - millisecond, true, "a timestamp a little ahead of the clock"),
            (odd, odd - second * 3600, false, "a timestamp far in the future, which no clock has given"),
            (at(NOW), at(NOW) + second, true, "the file system may keep only whole seconds"),
            (at(NOW), at(NOW) + second * 2, false, "whole seconds have passed"),
            (UNIX_EPOCH, at(NOW), false, "old"),
            (UNIX_EPOCH - second * 5, at(NOW), false, "older than 1970"),
        ];
        for (modified, now, weak, why) in table {
            let etag = file_validators(1, modified, 2, now).etag.unwrap();
            assert_eq!(etag.starts_with("W/"), weak, "{why}: {etag}");
            let strong = strong_file_validators(1, modified, 2).etag.unwrap();
            assert_eq!(strong, etag.trim_start_matches("W/"), "{why}");
        }
    }

    #[test]
    fn etags_of_content_differ_by_each_byte() {
        let etag = |content: &[u8]| content_validators(content).etag.unwrap();
        let first = etag(b"content");
        assert!(first.starts_with("\"7-") && first.ends_with('"'), "{first} is strong");
        assert_eq!(first, etag(b"content"), "the same bytes");
        for other in [&b"Content"[..], b"contenu", b"content\0", b"conten", b""] {
            assert_ne!(first, etag(other), "{other:?}");
        }
        assert_eq!(content_validators(b"content").modified, None);
    }

    #[test]
    fn variants_have_etags_of_their_own() {
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
    fn a_modification_time_in_the_future_is_not_sent() {
        let (now, later) = (at(NOW), at(AFTER));
        assert_eq!(file_validators(1, later, 2, now).modified, Some(now), "RFC 9110 §8.8.2.1");
        assert_eq!(file_validators(1, now, 2, later).modified, Some(now));
    }
}
