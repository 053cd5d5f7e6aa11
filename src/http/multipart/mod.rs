//! Forms with files (`multipart/form-data`, RFC 7578 and RFC 2046 §5.1): making them for tests.

mod form_data;

pub use form_data::FormData;
