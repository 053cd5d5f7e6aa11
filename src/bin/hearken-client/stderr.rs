//! Lines for the user, on stderr.

use std::io::{self, Write as _};

/// Prints a line. A server may have put control characters into it, to steer the terminal: replacement characters stand for them.
pub(crate) fn say(line: &str) {
    // If this cannot be printed, nothing can.
    let _ = writeln!(io::stderr(), "{}", harmless(line));
}

fn harmless(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let table = [
            ("404 Not Found: größe", "404 Not Found: größe"),
            ("x-a: \u{9b}31mred\u{1b}[0m", "x-a: \u{fffd}31mred\u{fffd}[0m"),
            ("two\r\nlines\t\u{7f}", "two\u{fffd}\u{fffd}lines\u{fffd}\u{fffd}"),
        ];
        for (line, expected) in table {
            assert_eq!(harmless(line), expected);
        }
    }
}
