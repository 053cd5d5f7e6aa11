//! The file service: `GET` and `HEAD` of what is below one directory or several, or in the program itself.

#[cfg(feature = "archive")]
mod archive;
mod builder;
mod cache_headers;
mod changes;
mod embedded;
mod encoding;
mod error;
pub(crate) mod file_body;
mod file_cache;
mod listing;
mod lookup;
mod media_types;
mod pieces;
mod representation;
mod response_file;
mod search;
mod service;
#[cfg(test)]
mod tests;
mod upload_limit;

pub use builder::Files;
pub use upload_limit::UploadLimit;
