//! Which directory a descriptor is open on.

use std::io;
use std::os::fd::AsFd;

/// A directory by device and inode: the same for all descriptors that are open on it, whatever it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DirectoryId {
    device: u64,
    inode: u64,
}

impl DirectoryId {
    /// The id of an open directory.
    #[allow(
        clippy::useless_conversion,
        clippy::cast_sign_loss,
        trivial_numeric_casts,
        reason = "the types differ between systems"
    )]
    pub(super) fn of(directory: &impl AsFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(directory)?;
        Ok(Self { device: stat.st_dev as u64, inode: stat.st_ino as u64 })
    }
}
