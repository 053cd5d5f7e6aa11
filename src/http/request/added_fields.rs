//! Header fields that layers set on a request, in place of those that the client sent.

use crate::http::error::HttpError;
use crate::http::headers::{FieldError, Headers};

/// The fields that were set. Each name stands once.
#[derive(Default)]
pub(super) struct AddedFields(Headers);

impl AddedFields {
    /// Sets a field.
    ///
    /// # Errors
    ///
    /// [`HttpError::Internal`] if the name is not a token, or the value contains a control character (RFC 9110 §5), and for the
    /// fields that frame the body.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        if ["Content-Length", "Transfer-Encoding"].iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
            return Err(HttpError::internal(format!("the header field {name} frames the body, and cannot be set")));
        }
        self.0.set(name.to_owned().into(), value.to_owned().into()).map_err(|error| {
            HttpError::internal(match error {
                FieldError::Name => format!("{name:?} is not the name of a header field"),
                FieldError::Value => format!("the value of the header field {name} holds a control character"),
            })
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// Whether what the client sent by this name does not count.
    pub(super) fn replaces(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter()
    }
}
