//! A number of bytes in words, for people.

use std::fmt;

/// A number of bytes: `512 bytes`, `10 MiB`, `1.5 GiB`. A fraction is cut after its first digit, so that no more is said than is
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let power = bytes.checked_ilog2().unwrap_or(0) / 10;
        let Some(unit) = power.checked_sub(1).and_then(|index| UNITS.get(index as usize)) else {
            return write!(f, "{bytes} {}", if bytes == 1 { "byte" } else { "bytes" });
        };
        let one = 1 << (10 * power);
        let (whole, tenths) = (bytes / one, u128::from(bytes % one) * 10 / u128::from(one));
        match tenths {
            0 => write!(f, "{whole} {unit}"),
            tenths => write!(f, "{whole}.{tenths} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_largest_unit_that_fits() {
        let table = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (100_000, "97.6 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (10 * 1024 * 1024, "10 MiB"),
            (10 * 1024 * 1024 + 1, "10 MiB"),
            (3 << 30, "3 GiB"),
            (5 << 40, "5 TiB"),
            (1 << 50, "1 PiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(ByteSize(bytes).to_string(), expected, "{bytes}");
        }
    }
}
