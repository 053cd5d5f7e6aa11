//! A blocking HTTP/1.1 and HTTPS server for programs that have no async runtime and want none.
//!
//! A handler is a function from a [`Request`] to a [`Response`], or to anything that [`IntoResponse`] knows; a [`Router`] picks one
//! by method and path; a [`Layer`] runs around handlers; a [`Server`] runs them on a pool of threads. [`Files`] is a handler that
//! serves files, [`WriteFile`] one that stores them.
//!
//! ```
//! use std::time::Duration;
//! use hearken::{Files, Request, Router, Server};
//!
//! let app = Router::new()
//!     .get("/hello/{name}", |request| request.param::<String>("name").map(|name| format!("Hello, {name}!")))
//!     .fallback(Files::new("www"));
//!
//! // Without a socket, for tests:
//! assert_eq!(app.respond(&mut Request::get("/hello/Ada")).read_text()?, "Hello, Ada!");
//!
//! // And with one:
//! let server = Server::bind("127.0.0.1:0")?.serve(app)?; // threads start here
//! println!("Listening on {}", server.url());
//! server.shutdown(Duration::from_secs(5)); // or: server.join()
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
#![cfg_attr(
    all(doc, feature = "cli", feature = "client", feature = "cookies", feature = "forms", feature = "tiny_http"),
    doc = "The [`guide`] teaches it chapter by chapter.\n"
)]
//! # The way of a request
//!
//! ```text
//! acceptor ──▶ worker ──▶ router ──▶ handler ──▶ writer ──▶ log
//! (crossbeam)  (epoll)   (method, path)  (Request → Response)
//! ```
//!
//! Nothing but the server writes to a socket. What is in `http` touches neither sockets nor files nor the clock.
//!
//! # Features
//!
//! | feature | on by default | |
//! |---|---|---|
//! | `tls` | yes | HTTPS, and the development certificate (`Tls`) |
//! | `auth` | yes | user names and passwords |
//! | `client` | yes | the `client` module; turns on `tls` |
//! | `client-cli` | yes | the `hearken-client` program; turns on `client` |
//! | `demo` | yes | the `demo` module: a greeting, a guessing game and notes |
//! | `charset` | yes | text in other charsets than UTF-8 and US-ASCII (`Request::text`, `Part::text`) |
//! | `cookies` | yes | cookies with their attributes (`Request::cookie`, `Response::with_cookie`) |
//! | `forms` | yes | forms and queries as values of the program's own types (`Request::form`, `Request::query_as`) |
//! | `cli` | yes | the `hearken` program; turns on `archive`, `auth`, `compress`, `demo`, `encrypted-keys`, `markdown` and `tls` |
//! | `archive` | by `cli` | directories as tar archives (`Files::archive`) |
//! | `markdown` | by `cli` | the README of a directory below its listing (`Files::readme`) |
//! | `compress` | by `cli` | listings and text files compressed as they are sent (`Files::compress`) |
//! | `encrypted-keys` | by `cli` | private keys with a password (`Tls::from_files_with_password`); turns on `tls` |
//! | `tiny_http` | no | the `bridge` module, for programs that already have a tiny_http server, over HTTP or HTTPS |
//!
//! A program that embeds the library sets `default-features = false` and picks.
//!
//! Messages about connections and failures go to the `log` facade: without a logger, the reason of a 500 is lost.
//! [`log_to_stderr`] installs one that shows them. A logger that waits for a terminal or a disk delays the thread that logs, even
//! the watchdog; one that writes through a [`LogWriter`] does not.

mod access_log;
#[cfg(feature = "tiny_http")]
pub mod bridge;
#[cfg(feature = "client")]
pub mod client;
mod config;
#[cfg(feature = "demo")]
pub mod demo;
mod error;
mod files;
#[cfg(all(
    any(doc, doctest),
    feature = "cli",
    feature = "client",
    feature = "cookies",
    feature = "forms",
    feature = "tiny_http"
))]
pub mod guide;
mod handler;
mod http;
mod lock;
mod log_writer;
mod middleware;
mod page;
mod reason;
mod router;
mod semaphore;
mod server;
mod stderr_log;
mod storage;
pub mod testing;
#[cfg(feature = "tls")]
mod tls;
mod write_file;

pub use access_log::{AccessLog, LogFormat};
pub use config::Settings;
pub use error::Error;

pub use files::{Files, UploadLimit};
pub use middleware::{AllowedHosts, BodyLimit, Cors, ErrorPages, ResponseHeaders};
#[cfg(feature = "auth")]
pub use middleware::{BasicAuth, CredentialsError, hash_password, verify_password};

pub use handler::{Handler, IntoResponse, Json, Layer, Layered, Next, with_state};
pub use http::body_channel::{BodySender, Disconnected};
pub use http::body_writer::BodyWriter;
pub use http::conditional;
pub use http::connection::Connection;
#[cfg(feature = "cookies")]
pub use http::cookie::{Cookie, SameSite};
pub use http::error::{HttpError, NoRoom};
pub use http::event::Event;
pub use http::events::Events;
pub use http::headers::Headers;
pub use http::host_policy::HostNameError;
pub use http::method::Method;
pub use http::multipart::FormData;
pub use http::origin::OriginError;
pub use http::path::{PathError, RelativePath};
pub use http::peer::Peer;
pub use http::query::Query;
pub use http::request::{Body, Multipart, Part, Request};
pub use http::response::Response;
pub use http::status::Status;
pub use http::trusted_proxies::{NetworkError, TrustedProxies};
pub use http::version::Version;
pub use log_writer::LogWriter;
// For the programs of this crate.
#[doc(hidden)]
pub use reason::reason;
pub use router::Router;
pub use server::{BindAddresses, Builder, Server, Stopped, Stopper};
pub use stderr_log::log_to_stderr;
pub use storage::{Durability, Room, RoomLimit};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
pub use write_file::{Stored, WriteFile};

/// So that the programs on these pages are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
struct Embedding;
