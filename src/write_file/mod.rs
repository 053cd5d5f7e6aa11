//! The write-file service ([`WriteFile`]): what clients send is stored under the path of the request.

mod error;
mod form;
mod service;

pub use service::WriteFile;
