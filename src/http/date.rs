//! Dates: HTTP dates (RFC 9110 §5.6.7), which are written in one format and parsed in three, and RFC 3339 dates, which
//! are written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the last year with four digits: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Formats a time as an IMF-fixdate. Times before 1970 or after 9999 become the nearest time within.
pub(crate) fn format(time: SystemTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds(time)))
}

/// Parses a date in any of the three formats, to the second; `None` if it is not a date.
///
/// A two-digit year is in the century of `now`, or in the one before if it would be more than 50 years after `now`.
pub(crate) fn parse(text: &str, now: SystemTime) -> Option<SystemTime> {
    let text = text.trim_matches([' ', '\t']);
    if let Some(date) = with_century(text, now) {
        return httpdate::parse_http_date(&date).ok();
    }
    httpdate::parse_http_date(text).ok()
}

/// Rewrites a date such as `Sunday, 06-Nov-94 08:49:37 GMT` with a four-digit year; `None` if it is in another format.
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
    // IMF-fixdate abbreviates the names of days to their first three letters.
    let weekday = format!("{weekday}day");
    let short = WEEKDAYS.iter().find(|name| **name == weekday)?.get(..3)?;
    Some(format!("{short}, {day} {month} {year} {time}"))
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Whole seconds since 1970, at least 0 and at most the last that an HTTP date can hold.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST_SECOND))
}

/// The nanoseconds within the second of a time.
pub(crate) fn subsecond_nanos(time: SystemTime) -> u32 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.subsec_nanos(),
        Err(before) => before.duration().subsec_nanos(),
    }
}

/// Formats a time in seconds since 1970 as RFC 3339 §5.6 does, in UTC: `1994-11-06T08:49:37Z`. Times outside the years
/// 0000 to 9999 become the nearest time within.
pub(crate) fn rfc3339(seconds: i64) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let seconds = seconds.clamp(FIRST_SECOND, LAST_SECOND.cast_signed());
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// The first second of the year 0.
const FIRST_SECOND: i64 = -62_167_219_200;

/// The year, month and day this many days after 1 January 1970, in the Gregorian calendar, from the year 0 on.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Counted from 1 March of the year 0, so that a leap day is the last day of its year. The calendar repeats every
    // 146,097 days, which are 400 years: an era. January and February of the year 0 belong to the era before.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    // The centuries of an era have 36,524 days, and the last one has the era's leap day as well.
    let century = (day_of_era / 36_524).min(3);
    let day_of_century = day_of_era - century * 36_524;
    let (four_years, day_of_four) = (day_of_century / 1461, day_of_century % 1461);
    let year_of_four = (day_of_four / 365).min(3);
    let day_of_year = day_of_four - year_of_four * 365;
    // From March on, every five months have 153 days: 31, 30, 31, 30, 31.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + century * 100 + four_years * 4 + year_of_four;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_dates_follow_the_gregorian_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (-2_208_988_800, "1900-01-01T00:00:00Z"),
            (FIRST_SECOND, "0000-01-01T00:00:00Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
            (LAST_SECOND.cast_signed(), "9999-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in table {
            assert_eq!(rfc3339(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn rfc_3339_dates_and_http_dates_name_the_same_days() {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        // Each day of 400 years, after which the calendar repeats.
        for day in 0..146_097_u64 {
            let http = format(UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_723));
            let written = rfc3339((day * 86_400 + 3_723).cast_signed());
            let month = MONTHS.iter().position(|month| *month == &http[8..11]).unwrap() + 1;
            assert_eq!(written, format!("{}-{month:02}-{}T01:02:03Z", &http[12..16], &http[5..7]));
        }
    }

    #[test]
    fn times_that_no_http_date_can_hold_become_the_nearest_that_one_can() {
        let table = [
            (UNIX_EPOCH + Duration::from_secs(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_EPOCH - Duration::from_secs(5), "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 9), "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (time, expected) in table {
            assert_eq!(format(time), expected);
        }
    }

    /// A Sunday in 2026.
    const NOW: Duration = Duration::from_secs(1_795_348_800);

    #[test]
    fn all_three_formats_are_parsed() {
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
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
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
