//! The write-file service ([`WriteFile`]): what clients send is stored under the path of the request.
//!
//! Owns the methods, the preconditions and the statuses. Putting files in place is left to `storage`.

mod body;
mod delete;
mod directory_form;
mod error;
mod form;
mod json_post;
mod preconditions;
mod put;
mod room;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod writable_dir;

pub use service::WriteFile;
pub use store::Stored;
