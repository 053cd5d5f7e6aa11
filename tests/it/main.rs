//! The tests that need sockets, processes or a browser, in one program.

mod client;
mod embedding;
mod examples;
mod protocol;
mod server;
mod support;
mod tls;
