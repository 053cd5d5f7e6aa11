//! Range requests (RFC 9110 §14): which parts of a representation a `Range` field selects.

use super::field_value::{self, ValueParser};

/// The parts of a representation to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The whole representation: the field is ignored.
    Whole,
    /// One part.
    Part(ByteRange),
    /// Several parts in the requested order, each at least [`MIN_GAP`] bytes from the next.
    Several(Vec<ByteRange>),
    /// Nothing: all ranges lie beyond the end, so the response is a 416.
    Unsatisfiable,
}

/// The bytes from one position to another, both included. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    /// The position of the first byte.
    pub(crate) first: u64,
    /// The position of the last byte, less than the length of the representation.
    pub(crate) last: u64,
}

/// The most parts that are sent for one request. For more, the whole representation is sent.
pub(crate) const MAX_PARTS: usize = 16;

/// Parts with fewer bytes than this between them are sent as one, because the head of a part is about as long (RFC 9110
/// §15.3.7.2).
pub(crate) const MIN_GAP: u64 = 128;

/// The most ranges in a field. A field with more is ignored.
const MAX_RANGES: usize = 256;

/// Selects the parts of `length` bytes that a `Range` field asks for.
///
/// | field | of 1,000 bytes | why |
/// |---|---|---|
/// | `bytes=2-4` | 2 to 4 | |
/// | `bytes=2-`, `bytes=2-9999` | 2 to 999 | open or clamped end (RFC 9110 §14.1.2) |
/// | `bytes=-3` | 997 to 999 | suffix |
/// | `bytes=-9999` | all, as a part | a suffix longer than the content |
/// | `bytes=500-599, 0-99` | both, in this order | several (§15.3.7.2) |
/// | `bytes=0-99, 100-199`, `bytes=0-99, 120-199` | 0 to 199 | adjacent, or fewer than 128 bytes apart |
/// | `bytes=0-9, 5000-` | 0 to 9 | unsatisfiable ranges are left out |
/// | `bytes=1000-` , `bytes=-0` | unsatisfiable | |
/// | `lines=1-2`, `bytes=4-2`, `bytes=x` | whole | unknown unit or invalid: ignored (§14.2) |
/// | more than two that overlap, more than 16 parts | whole | a server may ignore such a field (§14.2) |
///
/// Of 0 bytes, a suffix selects the whole: it is satisfiable, by nothing (§14.1.1).
pub(crate) fn select(field: &str, length: u64) -> Selection {
    let Some((unit, set)) = field.split_once('=') else { return Selection::Whole };
    if !unit.eq_ignore_ascii_case("bytes") || set.starts_with([' ', '\t']) {
        return Selection::Whole;
    }
    let (mut wanted, mut seen, mut is_empty_suffix) = (Vec::new(), 0, false);
    let is_list = field_value::parse_list(set, |parser| {
        seen += 1;
        let specifier = Specifier::read(parser).filter(|_| seen <= MAX_RANGES)?;
        // Satisfiable, but no ByteRange can be empty.
        is_empty_suffix |= length == 0 && matches!(specifier, Specifier::Suffix(1..));
        wanted.extend(specifier.of(length));
        Some(())
    });
    if !is_list || is_empty_suffix {
        return Selection::Whole;
    }
    match wanted.as_slice() {
        [] if seen == 0 => Selection::Whole,
        [] => Selection::Unsatisfiable,
        [range] => Selection::Part(*range),
        _ => coalesce(wanted),
    }
}

impl ByteRange {
    /// The length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub(crate) fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of `Content-Range` for this part of `length` bytes (RFC 9110 §14.4).
    pub(crate) fn content_range(self, length: u64) -> String {
        format!("bytes {}-{}/{length}", self.first, self.last)
    }
}

/// Merges ranges that overlap or are near each other. A merged part takes the place of its earliest range in the field.
fn coalesce(wanted: Vec<ByteRange>) -> Selection {
    let mut ranges: Vec<(usize, ByteRange)> = wanted.into_iter().enumerate().collect();
    ranges.sort_by_key(|(_, range)| range.first);
    let mut parts: Vec<(usize, ByteRange)> = Vec::new();
    let mut overlaps = 0;
    for (place, range) in ranges {
        match parts.last_mut() {
            Some((earlier, part)) if range.first <= part.last.saturating_add(MIN_GAP) => {
                overlaps += usize::from(range.first <= part.last);
                part.last = part.last.max(range.last);
                *earlier = place.min(*earlier);
            }
            _ => parts.push((place, range)),
        }
    }
    // RFC 9110 §14.2: more than two overlapping ranges are an error or an attack.
    if overlaps > 1 || parts.len() > MAX_PARTS {
        return Selection::Whole;
    }
    parts.sort_by_key(|(place, _)| *place);
    match parts.as_slice() {
        [(_, part)] => Selection::Part(*part),
        _ => Selection::Several(parts.into_iter().map(|(_, part)| part).collect()),
    }
}

/// One range of the field (RFC 9110 §14.1.1).
enum Specifier {
    From(u64, Option<u64>),
    Suffix(u64),
}

impl Specifier {
    fn read(parser: &mut ValueParser<'_>) -> Option<Self> {
        let first = parser.digits();
        if !parser.skip(b'-') {
            return None;
        }
        match (first, parser.digits()) {
            ("", "") => None,
            ("", suffix) => Some(Self::Suffix(position(suffix))),
            (first, "") => Some(Self::From(position(first), None)),
            (first, last) => {
                let (first, last) = (position(first), position(last));
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The bytes that it selects of `length` bytes; `None` if there are none.
    fn of(self, length: u64) -> Option<ByteRange> {
        let end = length.checked_sub(1)?;
        match self {
            Self::Suffix(0) => None,
            Self::Suffix(suffix) => Some(ByteRange { first: length.saturating_sub(suffix), last: end }),
            Self::From(first, _) if first > end => None,
            Self::From(first, last) => Some(ByteRange { first, last: last.map_or(end, |last| last.min(end)) }),
        }
    }
}

/// The position that these digits name. A number beyond 64 bits saturates, because it lies beyond every end.
fn position(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(first: u64, last: u64) -> Selection {
        Selection::Part(ByteRange { first, last })
    }

    fn several(parts: &[(u64, u64)]) -> Selection {
        Selection::Several(parts.iter().map(|&(first, last)| ByteRange { first, last }).collect())
    }

    #[test]
    fn one_range_selects_bytes_as_in_section_14_1_2() {
        let table = [
            ("bytes=0-0", 10, part(0, 0), "one byte"),
            ("bytes=2-4", 10, part(2, 4), "bytes in the middle"),
            ("bytes=2-", 10, part(2, 9), "open end"),
            ("bytes=2-99", 10, part(2, 9), "clamped end"),
            ("bytes=9-9", 10, part(9, 9), "the last byte"),
            ("bytes=0-99999999999999999999999", 10, part(0, 9), "an end beyond 64 bits is clamped"),
            ("bytes=4294967296-4294967300", 5_000_000_000, part(4_294_967_296, 4_294_967_300), "beyond 32 bits"),
            (
                "bytes=18446744073709551614-",
                u64::MAX,
                part(u64::MAX - 1, u64::MAX - 1),
                "the last of the largest length",
            ),
            ("bytes=-3", 10, part(7, 9), "suffix"),
            ("bytes=-99", 10, part(0, 9), "oversized suffix"),
            ("Bytes=2-4", 10, part(2, 4), "units are case-insensitive"),
            ("bytes=0002-004", 10, part(2, 4), "leading zeros"),
            ("bytes=10-", 10, Selection::Unsatisfiable, "starts at the end"),
            ("bytes=99999999999999999999999-", 10, Selection::Unsatisfiable, "a start beyond 64 bits"),
            ("bytes=-0", 10, Selection::Unsatisfiable, "empty suffix"),
            ("bytes=0-", 0, Selection::Unsatisfiable, "starts at the end of no bytes"),
            ("bytes=-0", 0, Selection::Unsatisfiable, "empty suffix of no bytes"),
            ("bytes=-5", 0, Selection::Whole, "a suffix is satisfiable even of no bytes (§14.1.1)"),
        ];
        for (field, length, expected, why) in table {
            assert_eq!(select(field, length), expected, "{field:?} of {length}: {why}");
        }
    }

    #[test]
    fn unknown_units_and_invalid_ranges_are_ignored_as_in_section_14_2() {
        for field in [
            "bytes=4-2",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--3",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1",
            "bytes=0x1-2",
            "bytes=1 - 2",
            "bytes = 2-4",
            "bytes= 2-4",
            "bytes=0-1x",
            "bytes=0-1 2-3",
            "bytes=0-1, \"",
            "bytes=0-1;2-3",
            "bytes=0-1,4-2",
            "bytes=0-1,x",
            "bytes 0-1",
            "bytes: 0-1",
            "lines=0-1",
            "none=0-1",
            "=0-1",
            "",
        ] {
            assert_eq!(select(field, 1000), Selection::Whole, "{field:?}");
        }
    }

    #[test]
    fn several_ranges_select_parts_as_in_section_15_3_7_2() {
        let table = [
            ("bytes=0-99,500-599", several(&[(0, 99), (500, 599)]), "two"),
            ("bytes=0-0, 500-, ,", several(&[(0, 0), (500, 999)]), "white space and empty members"),
            ("bytes=500-599,0-99", several(&[(500, 599), (0, 99)]), "in the requested order"),
            ("bytes=-1,0-0", several(&[(999, 999), (0, 0)]), "last and first"),
            ("bytes=0-9,10-19", part(0, 19), "adjacent"),
            ("bytes=0-9,137-140", part(0, 140), "nearer than the head of a part is long"),
            ("bytes=0-9,138-140", several(&[(0, 9), (138, 140)]), "just far enough"),
            ("bytes=0-9,5-19", part(0, 19), "two that overlap"),
            ("bytes=0-,5-9", part(0, 999), "one inside another"),
            ("bytes=500-599,0-99,590-610", several(&[(500, 610), (0, 99)]), "in the place of the earliest range"),
            ("bytes=590-610,0-99,500-595", several(&[(500, 610), (0, 99)]), "in the place of the earliest range"),
            ("bytes=0-9,5-14,10-19", Selection::Whole, "three that overlap"),
            ("bytes=0-,0-,0-,0-,0-", Selection::Whole, "the same range five times"),
            ("bytes=0-9,2000-", part(0, 9), "only the satisfiable one"),
            ("bytes=2000-,-0", Selection::Unsatisfiable, "none is satisfiable"),
        ];
        for (field, expected, why) in table {
            assert_eq!(select(field, 1000), expected, "{field:?}: {why}");
        }
        assert_eq!(select("bytes=0-,-5", 0), Selection::Whole);
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let field = |count: u64| {
            let ranges: Vec<String> = (0..count).map(|n| format!("{0}-{0}", n * 1000)).collect();
            format!("bytes={}", ranges.join(","))
        };
        assert!(matches!(select(&field(16), 1 << 40), Selection::Several(parts) if parts.len() == MAX_PARTS));
        assert_eq!(select(&field(17), 1 << 40), Selection::Whole);
        // Ranges that merge count as one part, up to the limit on ranges.
        let adjoining = |count: u64| {
            let ranges: Vec<String> = (0..count).map(|n| format!("{0}-{0}", n)).collect();
            format!("bytes={}", ranges.join(","))
        };
        assert_eq!(select(&adjoining(256), 1000), part(0, 255));
        assert_eq!(select(&adjoining(257), 1000), Selection::Whole);
    }

    /// For each byte, whether one of the specifiers selects it.
    fn selected_bytes(specifiers: &[(Option<u64>, Option<u64>)], length: u64) -> Vec<bool> {
        let is_selected = |at: u64| {
            specifiers.iter().any(|specifier| match *specifier {
                (Some(first), last) => first <= at && last.is_none_or(|last| at <= last),
                (None, suffix) => suffix.is_some_and(|suffix| at + suffix >= length),
            })
        };
        (0..length).map(is_selected).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn valid_ranges_select_the_requested_bytes_at_any_length(
            specifiers in prop::collection::vec(
                (0_u64..1500, prop::option::of(0_u64..1500), any::<bool>()).prop_map(|(a, b, suffix)| match b {
                    _ if suffix => (None, Some(a)),
                    Some(b) => (Some(a.min(b)), Some(a.max(b))),
                    None => (Some(a), None),
                }),
                1..24,
            ),
            length in 0_u64..1200,
        ) {
            let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            let members: Vec<_> = specifiers.iter().map(|(a, b)| format!("{}-{}", text(*a), text(*b))).collect();
            let asked = selected_bytes(&specifiers, length);
            let parts = match select(&format!("bytes={}", members.join(",")), length) {
                Selection::Whole => return Ok(()),
                Selection::Unsatisfiable => {
                    prop_assert!(!asked.contains(&true), "no byte was selected");
                    return Ok(());
                }
                Selection::Part(part) => vec![part],
                Selection::Several(parts) => parts,
            };
            prop_assert!(parts.len() <= MAX_PARTS);
            let mut covered = vec![false; asked.len()];
            for part in &parts {
                for at in part.first..=part.last {
                    let at = usize::try_from(at).unwrap();
                    prop_assert!(!covered[at], "{at} is sent once");
                    covered[at] = true;
                }
                let ends = [part.first, part.last].map(|at| asked[usize::try_from(at).unwrap()]);
                prop_assert_eq!(ends, [true, true], "a part begins and ends with requested bytes");
            }
            prop_assert!(asked.iter().zip(&covered).all(|(asked, covered)| covered >= asked), "each requested byte is sent");
            let mut sorted = parts;
            sorted.sort_by_key(|part| part.first);
            prop_assert!(sorted.windows(2).all(|pair| pair[1].first - pair[0].last > MIN_GAP), "no two are near");
        }

        #[test]
        fn any_text_selects_only_bytes_within_the_length(
            field in prop_oneof!["\\PC{0,40}", "bytes ?= ?[-0-9, ]{0,40}", "bytes=[0-9]{1,22}-[0-9]{0,22}"],
            length in any::<u64>(),
        ) {
            let parts = match select(&field, length) {
                Selection::Part(part) => vec![part],
                Selection::Several(parts) => parts,
                Selection::Whole | Selection::Unsatisfiable => Vec::new(),
            };
            for part in parts {
                prop_assert!(part.first <= part.last && part.last < length, "{part:?} of {length}");
            }
        }
    }
}
