//! Layers around a handler: they refuse requests, or change the responses.

pub(crate) mod allowed_hosts;
#[cfg(feature = "auth")]
pub(crate) mod basic_auth;
pub(crate) mod cors;
pub(crate) mod response_headers;
