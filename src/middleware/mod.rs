//! Layers around a handler, which refuse requests or change responses.

mod allowed_hosts;
#[cfg(feature = "auth")]
mod basic_auth;
mod body_limit;
mod cors;
mod error_pages;
mod response_headers;

pub use allowed_hosts::AllowedHosts;
#[cfg(feature = "auth")]
pub use basic_auth::{BasicAuth, CredentialsError, hash_password, verify_password};
pub use body_limit::BodyLimit;
pub use cors::Cors;
pub use error_pages::ErrorPages;
pub use response_headers::ResponseHeaders;
