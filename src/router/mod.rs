//! Dispatches on host, method and path to a handler. Makes the responses that need no handler: 404, 405 with `Allow`, `OPTIONS`, 421.

mod around;
mod mounted;
mod route;
#[expect(clippy::module_inception, reason = "it is named for `Router`")]
mod router;
#[cfg(test)]
mod tests;

pub use router::Router;
