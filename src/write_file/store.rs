//! Storing content of any kind: what `PUT` and [`WriteFile::store`](super::WriteFile::store) have in common.

use std::io::Read;

use super::body::{buffer, receive};
use super::preconditions::Preconditions;
use super::writable_dir::WritableDir;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::storage::FileId;

/// What storing a file has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// There was no file at the path.
    Created,
    /// The file replaced another one.
    Replaced,
}

/// Stores the content at a path that may be written to. `length` is its size in bytes, if that is known.
pub(super) fn store(
    dir: &WritableDir,
    path: &RelativePath,
    preconditions: &Preconditions,
    length: Option<u64>,
    content: impl Read,
) -> Result<(Stored, FileId), HttpError> {
    let mut file = dir.destination(path, preconditions)?.begin(length)?;
    receive(content, buffer(length), |bytes| Ok(file.write(bytes)?))?;
    let persisted = file.persist(|existing| preconditions.check(existing))?;
    let stored = if persisted.replaced { Stored::Replaced } else { Stored::Created };
    let file = persisted.file_id;
    persisted.sync()?;
    Ok((stored, file))
}
