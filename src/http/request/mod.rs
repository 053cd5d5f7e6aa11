//! Requests, as a handler sees them: received over a connection, or made in memory to try a handler with.

mod added_fields;
mod body;
#[cfg(feature = "cookies")]
mod cookies;
mod extensions;
mod in_memory;
mod mount;
mod multipart;
mod part;
#[expect(clippy::module_inception, reason = "it is named for `Request`")]
mod request;
mod shortened;
mod text;
mod typed;

pub use body::Body;
pub use multipart::Multipart;
pub use part::Part;
pub use request::Request;

pub(crate) use request::{RequestSource, Trailers};
