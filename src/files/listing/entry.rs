//! One entry of a directory, as it is listed.

use rustix::fs::{FileType, Stat};

/// One entry, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: Kind,
    pub(crate) details: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

impl Kind {
    pub(super) fn of(file_type: FileType) -> Option<Self> {
        match file_type {
            FileType::Directory => Some(Self::Directory),
            FileType::RegularFile => Some(Self::File),
            _ => None,
        }
    }
}

impl Details {
    /// Stands in for details that were not read.
    pub(super) const UNKNOWN: Self = Self { size: 0, modified: 0 };

    #[allow(clippy::useless_conversion, reason = "the types differ between systems")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self { size: u64::try_from(stat.st_size).unwrap_or(0), modified: i64::from(stat.st_mtime) }
    }
}
