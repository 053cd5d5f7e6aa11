//! Times on the command line of both programs.

use std::time::Duration;

/// A time in seconds, such as `10` or `0.5`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    // Adding a year to any point in time does not overflow.
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=31_536_000.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0 to 31536000, such as 10 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_bounded() {
        let table = [
            ("10", Some(Duration::from_secs(10))),
            ("0.5", Some(Duration::from_millis(500))),
            ("0", Some(Duration::ZERO)),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("1e300", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).ok(), expected, "{text:?}");
        }
    }
}
