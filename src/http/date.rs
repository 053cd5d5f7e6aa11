//! HTTP dates (RFC 9110 §5.6.7): written in one form, read in three.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that the four-digit year of an HTTP date can name: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// The time as an IMF-fixdate. Times before 1970 and after 9999 are moved to the nearest that can be written.
pub fn format(time: SystemTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds(time)))
}

/// The time that a date in any of the three forms names, to the second; `None` when it is not a date.
pub fn parse(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim_matches([' ', '\t'])).ok()
}

/// Whole seconds since 1970, kept within what an HTTP date can say.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_even_when_the_clock_is_odd() {
        let table = [
            (UNIX_EPOCH + Duration::from_secs(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_EPOCH - Duration::from_secs(5), "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + Duration::from_secs(LAST + 9), "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (time, expected) in table {
            assert_eq!(format(time), expected);
        }
    }

    #[test]
    fn all_three_forms_are_read() {
        let expected = Some(UNIX_EPOCH + Duration::from_secs(784_111_777));
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in ["", "yesterday", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 36 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
