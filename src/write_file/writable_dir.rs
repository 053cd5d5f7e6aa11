//! The directory that clients write to: which paths they may write, and what exists there.

use std::path::PathBuf;

use super::error::unwritable;
use super::preconditions::Preconditions;
use crate::http::error::HttpError;
use crate::http::path::{PathError, RelativePath};
use crate::http::request::Request;
use crate::storage::{self, Destination, Store};

/// A directory with the paths that are excepted from writing.
pub(super) struct WritableDir {
    pub(super) store: Store,
    is_excepted: Box<dyn Fn(&RelativePath) -> bool + Send + Sync>,
}

impl WritableDir {
    /// The directory at this path, with no exceptions.
    pub(super) fn new(directory: impl Into<PathBuf>) -> Self {
        Self { store: Store::new(directory), is_excepted: Box::new(|_| false) }
    }

    /// Excepts the paths for which this is true.
    pub(super) fn except(&mut self, is_excepted: impl Fn(&RelativePath) -> bool + Send + Sync + 'static) {
        self.is_excepted = Box::new(is_excepted);
    }

    /// Whether no client may write to this path.
    pub(super) fn is_excepted(&self, path: &RelativePath) -> bool {
        (self.is_excepted)(path)
    }

    /// The path that a request writes to.
    pub(super) fn path_to_write(&self, request: &Request) -> Result<RelativePath, HttpError> {
        let path = RelativePath::parse_for_writing(request.encoded_path()).map_err(unwritable)?;
        self.refuse_excepted(path)
    }

    /// The path itself, if it may be written to.
    pub(super) fn check_writable(&self, path: &RelativePath) -> Result<RelativePath, HttpError> {
        self.refuse_excepted(path.clone().check_writable().map_err(unwritable)?)
    }

    /// The path itself, if what it names may be removed. With `hidden` its names may start with a dot, except those of unfinished
    /// files.
    pub(super) fn check_removable(
        &self,
        path: RelativePath,
        hidden: bool,
        explain: impl Fn(PathError) -> HttpError,
    ) -> Result<RelativePath, HttpError> {
        let path = path.check_removable(hidden).map_err(&explain)?;
        if path.segments().iter().any(|name| storage::is_unfinished(name)) {
            return Err(explain(PathError::Hidden));
        }
        if path.segments().is_empty() {
            return Err(HttpError::conflict("the root folder cannot be deleted"));
        }
        self.refuse_excepted(path)
    }

    /// Looks up the path and checks the preconditions, so that a request that must fail does so before its body is read.
    pub(super) fn destination(
        &self,
        path: &RelativePath,
        preconditions: &Preconditions,
    ) -> Result<Destination<'_>, HttpError> {
        let destination = self.store.destination(path)?;
        preconditions.check(destination.existing())?;
        Ok(destination)
    }

    /// The path itself, unless it is excepted.
    pub(super) fn refuse_excepted(&self, path: RelativePath) -> Result<RelativePath, HttpError> {
        if self.is_excepted(&path) {
            return Err(HttpError::Conflict("something that cannot be written is served there".into()));
        }
        Ok(path)
    }
}

/// The file's name in a path, for responses.
pub(super) fn last_segment(path: &RelativePath) -> String {
    path.segments().last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default()
}
