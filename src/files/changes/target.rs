//! The entry of a directory of uploads that a page is about.

use std::fs::{File, Metadata};
use std::io;
use std::sync::Arc;

use super::super::error::unreadable;
use super::super::lookup::{Roots, is_missing};
use super::settings::Changes;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::storage::RootDir;

/// A file or a directory among the uploads.
pub(super) struct Target {
    /// The directory that it is in.
    pub(super) directory: RelativePath,
    /// Its name, which is UTF-8 without control characters.
    pub(super) name: String,
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

impl Target {
    /// Finds the entry of this name, if a visitor may change it.
    pub(super) fn find(
        changes: &Changes,
        roots: &Roots,
        directory: &RelativePath,
        name: &str,
    ) -> Result<Option<Self>, HttpError> {
        let path = directory.join_checked(name.as_bytes()).and_then(|path| path.check_removable(roots.include_hidden));
        let Ok(path) = path else { return Ok(None) };
        if roots.hides(&path) || changes.is_excepted(&path) || roots.owns(&path) {
            return Ok(None);
        }
        let Some((_, file)) = tree_of_uploads(roots, &path) else { return Ok(None) };
        let metadata = file.metadata().map_err(unreadable)?;
        let is_either = metadata.is_file() || metadata.is_dir();
        let target = Self { directory: directory.clone(), name: name.to_owned(), file, metadata };
        Ok(is_either.then_some(target))
    }

    /// Whether it may be written to as well, and not only removed.
    pub(super) fn is_writable_file(&self) -> bool {
        let path = self.directory.join(self.name.as_bytes());
        self.metadata.is_file() && path.check_writable().is_ok()
    }
}

/// The tree of uploads that has something at this path which can be opened without following a link, and what that is.
pub(super) fn tree_of_uploads<'a>(roots: &'a Roots, path: &RelativePath) -> Option<(&'a Arc<RootDir>, File)> {
    let uploads = roots.roots.iter().filter(|root| root.uploads).filter_map(|root| root.tree.root_dir());
    for root_dir in uploads {
        match root_dir.open_without_links(path) {
            Ok(file) => return Some((root_dir, file)),
            Err(error) if is_missing(&error) || error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => log::warn!("cannot look for uploads in {}: {error}", root_dir.path().display()),
        }
    }
    None
}

/// The error if there is no such entry: the request's own path names a directory that is there.
pub(super) fn nothing_to_change() -> HttpError {
    HttpError::not_found("there is nothing of this name here that can be changed.")
}
