//! A number of bytes in words, for people.

use std::fmt;

/// A number of bytes: `512 bytes`, `10 MiB`, `1.5 GiB`. A fraction is cut after its first digit, so that no more is said than is
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl ByteSize {
    /// The size for a column of sizes, all of one form: `512 B`, `10.0 MiB`, `1.5 GiB`.
    pub(crate) fn in_column(self) -> String {
        match self.in_units() {
            None => format!("{} B", self.0),
            Some((whole, tenths, unit)) => format!("{whole}.{tenths} {unit}"),
        }
    }

    /// The whole units, the tenths and the name of the largest unit that fits; `None` if that is a byte.
    fn in_units(self) -> Option<(u64, u128, &'static str)> {
        let Self(bytes) = self;
        let power = bytes.checked_ilog2()? / 10;
        let unit = UNITS.get(power.checked_sub(1)? as usize)?;
        let one = 1 << (10 * power);
        // Not as floats, in which a large size is not exact.
        Some((bytes / one, u128::from(bytes % one) * 10 / u128::from(one), unit))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.in_units() {
            None => write!(f, "{} {}", self.0, if self.0 == 1 { "byte" } else { "bytes" }),
            Some((whole, 0, unit)) => write!(f, "{whole} {unit}"),
            Some((whole, tenths, unit)) => write!(f, "{whole}.{tenths} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_largest_unit_that_fits() {
        let table = [
            (0, "0 bytes", "0 B"),
            (1, "1 byte", "1 B"),
            (1023, "1023 bytes", "1023 B"),
            (1024, "1 KiB", "1.0 KiB"),
            (1536, "1.5 KiB", "1.5 KiB"),
            (100_000, "97.6 KiB", "97.6 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB", "1023.9 KiB"),
            (10 * 1024 * 1024, "10 MiB", "10.0 MiB"),
            (10 * 1024 * 1024 + 1, "10 MiB", "10.0 MiB"),
            (3 << 30, "3 GiB", "3.0 GiB"),
            (5 << 40, "5 TiB", "5.0 TiB"),
            (1 << 50, "1 PiB", "1.0 PiB"),
            (u64::MAX, "15.9 EiB", "15.9 EiB"),
        ];
        for (bytes, in_text, in_column) in table {
            assert_eq!(ByteSize(bytes).to_string(), in_text, "{bytes}");
            assert_eq!(ByteSize(bytes).in_column(), in_column, "{bytes}");
        }
    }
}
