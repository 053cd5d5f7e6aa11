//! Atomic, durable writes to a directory: temporary file, fsync, rename. A path has its new file, complete, or stays as it was.
//!
//! Knows nothing of HTTP except the type of a checked path. `write_file` decides who may write, under which conditions, and which
//! status a failure has.

mod atomic_write;
mod directory_id;
mod disk;
mod durability;
mod error;
mod file_id;
mod free_space;
mod group_fsync;
pub(crate) mod once_per_second;
mod parent_dirs;
mod path_locks;
mod quota;
mod root_dir;
mod shared;
mod store;
mod sweep;
mod temp_file;
#[cfg(test)]
mod tests;
mod unsynced_dirs;

pub(crate) use atomic_write::{AtomicWrite, Persisted};
#[cfg(feature = "demo")]
pub(crate) use disk::SystemDisk;
pub use durability::Durability;
pub(crate) use error::StoreError;
pub(crate) use file_id::FileId;
pub(crate) use free_space::{Claim, MinFree};
pub(crate) use root_dir::{RootDir, open_anywhere};
pub(crate) use store::{Destination, Store};
pub use store::{Room, RoomLimit};
pub(crate) use temp_file::is_unfinished;
