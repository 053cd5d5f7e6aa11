//! For the tests of programs that embed hearken: a [server](TestServer) on a free port, with a client of its own.
//!
//! A handler is tested without a socket by `Router::respond`. A [`TestServer`] is for what needs one: the settings and limits of the
//! server, the framing of messages, several clients at once.

mod client;
mod test_server;

pub use test_server::TestServer;
