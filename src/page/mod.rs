//! Pages that the server generates: what they have in common, and what keeps text from others harmless in them.

mod escape;
mod frame;

pub(crate) use escape::{escape, escape_bytes, escape_lines, escape_value, shown};
pub(crate) use frame::Frame;
