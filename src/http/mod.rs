//! HTTP as values and pure functions: no sockets, no files, no clock. Functions that need the time take it as an
//! argument.

pub(crate) mod accept;
#[cfg(feature = "auth")]
pub(crate) mod authorization;
pub(crate) mod body;
pub(crate) mod body_channel;
pub(crate) mod body_writer;
pub(crate) mod byte_size;
pub(crate) mod channel_body;
mod charset;
pub(crate) mod chunked;
pub mod conditional;
pub(crate) mod connection;
pub(crate) mod content_coding;
pub(crate) mod content_disposition;
#[cfg(feature = "cookies")]
pub(crate) mod cookie;
pub(crate) mod cors;
pub(crate) mod date;
pub(crate) mod error;
mod error_response;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod field_line;
pub(crate) mod field_value;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod host_policy;
pub(crate) mod json;
pub(crate) mod media_type;
pub(crate) mod method;
pub(crate) mod multipart;
pub(crate) mod multipart_byteranges;
pub(crate) mod origin;
mod parameters;
pub(crate) mod path;
pub(crate) mod peer;
pub(crate) mod persistence;
pub(crate) mod query;
pub(crate) mod range;
mod redirect;
pub(crate) mod request;
pub(crate) mod request_head;
pub(crate) mod request_writer;
pub(crate) mod response;
pub(crate) mod response_head;
pub(crate) mod response_parser;
pub(crate) mod sniffing;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod trusted_proxies;
pub(crate) mod upload_filename;
pub(crate) mod validators;
pub(crate) mod version;
