//! HTTP dates (RFC 9110 §5.6.7): written in one form, read in three.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that the four-digit year of an HTTP date can name: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// The time as an IMF-fixdate. Times before 1970 and after 9999 are moved to the nearest that can be written.
pub fn format(time: SystemTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds(time)))
}

/// The time that a date in any of the three forms names, to the second; `None` when it is not a date.
///
/// The form with a year of two digits is taken for the year that is at most 50 years after `now`, or else for one in the
/// past.
pub fn parse(text: &str, now: SystemTime) -> Option<SystemTime> {
    let text = text.trim_matches([' ', '\t']);
    if let Some(date) = with_century(text, now) {
        return httpdate::parse_http_date(&date).ok();
    }
    httpdate::parse_http_date(text).ok()
}

/// A date such as `Sunday, 06-Nov-94 08:49:37 GMT` in the form that names its century.
fn with_century(text: &str, now: SystemTime) -> Option<String> {
    let (weekday, rest) = text.split_once("day, ")?;
    let (day, rest) = rest.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let (year, time) = rest.split_once(' ')?;
    if year.len() != 2 {
        return None;
    }
    let this_year: u64 = format(now).get(12..16)?.parse().ok()?;
    let in_this_century = this_year / 100 * 100 + year.parse::<u64>().ok()?;
    let year = if in_this_century > this_year + 50 { in_this_century - 100 } else { in_this_century };
    // The names of the days are told apart by their first three letters.
    let weekday = format!("{weekday}day");
    let short = WEEKDAYS.iter().find(|name| **name == weekday)?.get(..3)?;
    Some(format!("{short}, {day} {month} {year} {time}"))
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Whole seconds since 1970, kept within what an HTTP date can say.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST))
}

/// The nanoseconds past the second that a file's stamp has.
pub(crate) fn subsecond_nanos(time: SystemTime) -> u32 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.subsec_nanos(),
        Err(before) => before.duration().subsec_nanos(),
    }
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

    /// A Sunday in 2026.
    const NOW: Duration = Duration::from_secs(1_795_348_800);

    #[test]
    fn all_three_forms_are_read() {
        let expected = Some(UNIX_EPOCH + Duration::from_secs(784_111_777));
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text, UNIX_EPOCH + NOW), expected, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 36 Nov 1994 08:49:37 GMT",
            "Monday, 06-Nov-94 08:49:37 GMT",
            "Noday, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-9x 08:49:37 GMT",
            "Sunday, 06-Nov-+4 08:49:37 GMT",
            "Sunday, 06-Nov-94",
            "Sunday, ---",
        ] {
            assert_eq!(parse(text, UNIX_EPOCH + NOW), None, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_to_come() {
        let table = [
            ("Monday, 23-Nov-26 00:00:00 GMT", "Mon, 23 Nov 2026 00:00:00 GMT"),
            ("Sunday, 22-Nov-76 00:00:00 GMT", "Sun, 22 Nov 2076 00:00:00 GMT"),
            ("Tuesday, 22-Nov-77 00:00:00 GMT", "Tue, 22 Nov 1977 00:00:00 GMT"),
            ("Monday, 22-Nov-99 00:00:00 GMT", "Mon, 22 Nov 1999 00:00:00 GMT"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text, UNIX_EPOCH + NOW).map(format).as_deref(), Some(expected), "{text}");
        }
    }
}
