//! When a write counts as done.

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Once content and name are on the disk: the file survives a loss of power. Concurrent writes share the fsync that they
    /// wait for.
    #[default]
    Full,
    /// Once the file has its name: it survives the end of the process. After a loss of power the path may hold the old file,
    /// the new one or, on some file systems, an empty one.
    Rename,
}
