//! Handlers that go around another one: they refuse a request, or change the answer to it.

pub(crate) mod allowed_hosts;
#[cfg(feature = "auth")]
pub(crate) mod basic_auth;
pub(crate) mod cors;
pub(crate) mod response_headers;
