//! Range requests (RFC 9110 §14): what part of a representation a `Range` field asks for.

/// What to send of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range was asked for, or the field is to be ignored.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Part {
        /// The first byte's position.
        first: u64,
        /// The last byte's position, below the length.
        last: u64,
    },
    /// Nothing: the range lies beyond the end, which is 416.
    Unsatisfiable,
}

/// What a `Range` field selects of `length` bytes.
///
/// | field | of 10 bytes | why |
/// |---|---|---|
/// | `bytes=2-4` | 2 to 4 | |
/// | `bytes=2-`, `bytes=2-99` | 2 to 9 | open or clamped end (§14.1.2) |
/// | `bytes=-3` | 7 to 9 | suffix |
/// | `bytes=-99` | all ten, as a part | a suffix longer than the whole |
/// | `bytes=10-` , `bytes=-0` | unsatisfiable | |
/// | `lines=1-2`, `bytes=4-2`, `bytes=x` | whole | unknown unit or invalid: ignored (§14.2) |
/// | `bytes=0-1,4-5` | whole | several ranges: a server may send the whole (§14.2) |
pub fn select(field: &str, length: u64) -> Selection {
    let Some((unit, set)) = field.split_once('=') else { return Selection::Whole };
    if !unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let Some((first, last)) = set.trim_matches([' ', '\t']).split_once('-') else { return Selection::Whole };
    match (position(first), position(last)) {
        (Position::None, Position::At(suffix)) => match length.checked_sub(1) {
            Some(end) if suffix > 0 => Selection::Part { first: length.saturating_sub(suffix), last: end },
            _ => Selection::Unsatisfiable,
        },
        (Position::At(first), Position::None) => part(first, u64::MAX, length),
        (Position::At(first), Position::At(last)) if first <= last => part(first, last, length),
        _ => Selection::Whole,
    }
}

fn part(first: u64, last: u64, length: u64) -> Selection {
    if first >= length {
        return Selection::Unsatisfiable;
    }
    Selection::Part { first, last: last.min(length - 1) }
}

enum Position {
    None,
    At(u64),
    Invalid,
}

/// A position of digits only. One too large for 64 bits lies beyond every end, so it saturates.
fn position(text: &str) -> Position {
    if text.is_empty() {
        return Position::None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Position::Invalid;
    }
    Position::At(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_section_14() {
        let part = |first, last| Selection::Part { first, last };
        let table = [
            ("bytes=0-0", 10, part(0, 0), "one byte"),
            ("bytes=2-4", 10, part(2, 4), "a middle"),
            ("bytes=2-", 10, part(2, 9), "open end"),
            ("bytes=2-99", 10, part(2, 9), "clamped end"),
            ("bytes=0-99999999999999999999999", 10, part(0, 9), "an end beyond 64 bits is clamped"),
            ("bytes=-3", 10, part(7, 9), "suffix"),
            ("bytes=-99", 10, part(0, 9), "oversized suffix"),
            ("Bytes=2-4", 10, part(2, 4), "units compare without case"),
            ("bytes = 2-4", 10, part(2, 4), "white space around the equals sign"),
            ("bytes=10-", 10, Selection::Unsatisfiable, "starts at the end"),
            ("bytes=99999999999999999999999-", 10, Selection::Unsatisfiable, "a start beyond 64 bits"),
            ("bytes=-0", 10, Selection::Unsatisfiable, "empty suffix"),
            ("bytes=0-", 0, Selection::Unsatisfiable, "nothing to select from"),
            ("bytes=-5", 0, Selection::Unsatisfiable, "nothing to take a suffix of"),
            ("bytes=4-2", 10, Selection::Whole, "backwards is invalid, so ignored"),
            ("bytes=", 10, Selection::Whole, "invalid"),
            ("bytes=-", 10, Selection::Whole, "invalid"),
            ("bytes=a-b", 10, Selection::Whole, "invalid"),
            ("bytes=+1-2", 10, Selection::Whole, "a sign is not a digit"),
            ("bytes=--3", 10, Selection::Whole, "invalid"),
            ("bytes 0-1", 10, Selection::Whole, "no equals sign"),
            ("lines=0-1", 10, Selection::Whole, "unknown unit"),
            ("bytes=0-1,4-5", 10, Selection::Whole, "several"),
            ("", 10, Selection::Whole, "empty"),
        ];
        for (field, length, expected, why) in table {
            assert_eq!(select(field, length), expected, "{field:?} of {length}: {why}");
        }
    }
}
