//! A blocking HTTP and HTTPS client, for `hearken-client` and for the tests of programs that embed the server.
//!
//! Needs the feature `client`.

#[expect(clippy::module_inception, reason = "it is named for `Client`")]
mod client;
mod error;
mod request;
mod response;
mod sender;
mod url;

pub use client::{Client, ClientBuilder};
pub use error::ClientError;
pub use request::Request;
pub use response::Response;
