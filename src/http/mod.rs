//! HTTP as values and pure functions: no sockets, no files, no clock; the time is an argument.

pub(crate) mod accept;
#[cfg(feature = "auth")]
pub(crate) mod authorization;
pub(crate) mod body;
pub(crate) mod byteranges;
pub mod conditional;
pub(crate) mod cors;
pub mod date;
pub(crate) mod disposition;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod filename;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod method;
pub(crate) mod multipart;
pub(crate) mod path;
pub(crate) mod query;
pub mod range;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod status;
pub(crate) mod target;
