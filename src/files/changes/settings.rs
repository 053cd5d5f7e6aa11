//! Which changes pages offer.

use std::sync::Arc;

use crate::http::path::RelativePath;

/// What is offered for uploads.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    /// Whether text files can be edited.
    pub(crate) edit: bool,
    /// Whether files and empty directories can be deleted.
    pub(crate) delete: bool,
    /// The paths that nothing is offered for.
    pub(crate) except: Option<Arc<dyn Fn(&RelativePath) -> bool + Send + Sync>>,
}

impl Changes {
    /// Whether anything is offered.
    pub(super) fn any(&self) -> bool {
        self.edit || self.delete
    }

    /// Whether nothing is offered for this path.
    pub(super) fn is_excepted(&self, path: &RelativePath) -> bool {
        self.except.as_ref().is_some_and(|except| except(path))
    }
}
