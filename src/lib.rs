//! A blocking HTTP/1.1 and HTTPS server for programs that have no async runtime and want none.

mod access_log;
#[cfg(feature = "client")]
pub mod client;
mod config;
mod error;
mod handlers;
mod http;
mod router;
mod server;
#[cfg(feature = "tls")]
mod tls;

pub use access_log::{AccessLog, LogFormat};
pub use config::Settings;
pub use error::Error;

pub use handlers::files::Files;
pub use handlers::guess::Guess;
pub use handlers::hello::hello;
pub use handlers::notes::Notes;
pub use handlers::write_file::WriteFile;
pub use handlers::{Handler, IntoOutcome};
pub use http::error::HttpError;
pub use http::headers::Headers;
pub use http::method::{Method, Version};
pub use http::path::{PathError, RelativePath};
pub use http::query::Query;
pub use http::request::{Body, Request};
pub use http::response::Response;
pub use http::status::Status;
pub use http::{conditional, date, range};
pub use router::Router;
pub use server::{Builder, Server, Stopped, Stopper};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
