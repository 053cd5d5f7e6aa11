//! The preconditions of a request that changes a file (RFC 9110 §13): parsed once, checked against the file.

use std::time::SystemTime;

use rustix::fs::Stat;

use crate::http::conditional::{Conditions, Evaluation};
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::validators::{Validators, file_validators, strong_file_validators};
use crate::storage::FileId;

/// The preconditions of one request, or of a write that has none.
pub(super) struct Preconditions(Option<Conditions>);

impl Preconditions {
    /// Reads them from the request.
    pub(super) fn of(request: &Request) -> Self {
        Self(Some(Conditions::of(request, SystemTime::now())))
    }

    /// This `If-Match` and nothing else.
    pub(super) fn if_match(tags: String) -> Self {
        Self(Some(Conditions::if_match(tags)))
    }

    /// None, so that they hold whatever exists.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Checks that they hold for the existing file, `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`HttpError::PreconditionFailed`] if one does not hold.
    pub(super) fn check(&self, existing: Option<&Stat>) -> Result<(), HttpError> {
        let Some(conditions) = &self.0 else { return Ok(()) };
        let current = existing.map(|stat| strong_validators(&FileId::of(stat)));
        match conditions.evaluate(current.as_ref()) {
            Evaluation::Proceed => Ok(()),
            Evaluation::NotModified | Evaluation::PreconditionFailed => Err(HttpError::PreconditionFailed),
        }
    }

    /// Checks that they hold for a directory, which has no validators.
    ///
    /// # Errors
    ///
    /// As [`Preconditions::check`].
    pub(super) fn check_directory(&self) -> Result<(), HttpError> {
        let Some(conditions) = &self.0 else { return Ok(()) };
        match conditions.evaluate(Some(&Validators::default())) {
            Evaluation::Proceed => Ok(()),
            Evaluation::NotModified | Evaluation::PreconditionFailed => Err(HttpError::PreconditionFailed),
        }
    }
}

/// The validators of a file just written, as a `GET` will show them. The store sets the modification time itself, to the
/// nanosecond, so the entity tag is strong at once, except where the file system keeps whole seconds only.
pub(super) fn validators_of_new(file: &FileId) -> Validators {
    if file.has_whole_seconds() { validators(file, SystemTime::now()) } else { strong_validators(file) }
}

/// The validators with a strong entity tag, whatever the file's age.
///
/// A response carries a weak tag while the file is so young that another change could leave the same modification time. A strong
/// tag that a client sends back was made after that time, or for a modification time that no other file gets, so it names the same
/// file.
fn strong_validators(file: &FileId) -> Validators {
    strong_file_validators(file.size(), file.modified(), file.inode())
}

fn validators(file: &FileId, now: SystemTime) -> Validators {
    file_validators(file.size(), file.modified(), file.inode(), now)
}
