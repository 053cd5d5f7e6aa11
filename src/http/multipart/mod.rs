//! Forms with files (`multipart/form-data`, RFC 7578 and RFC 2046 §5.1): parsing them while they arrive, making them for tests.

mod boundary;
mod form_data;
mod parser;
mod part_head;

pub use form_data::FormData;

pub(crate) use boundary::boundary;
pub(crate) use parser::{Content, FormError, FormParser, NextPart};
pub(crate) use part_head::PartHead;

/// The media type of these forms.
pub(crate) const FORM_DATA: &str = "multipart/form-data";
