//! The tests that need sockets, processes or a browser, in one program.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod allowed_hosts;
mod auth;
#[cfg(feature = "tiny_http")]
mod bridge;
mod browser;
mod client;
mod closing;
mod cors;
mod crash;
mod crossed;
mod diagnostics;
mod directories;
mod docs;
mod embedding;
mod error_pages;
mod examples;
mod fairness;
mod layers;
mod limits;
mod listeners;
mod listening;
mod multipart;
mod notes;
mod protocol;
mod proxies;
mod ranges;
mod requests;
mod server;
mod start_up;
mod stopping;
mod streams;
mod support;
mod testing;
mod tls;
mod trusted_proxies;
mod variants;
mod writes;
