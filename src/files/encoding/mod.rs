//! Which content coding a file is sent in: stored beside it, or made as it is sent.

#[cfg(feature = "compress")]
pub(super) mod gzip;
#[cfg(not(feature = "compress"))]
#[path = "no_gzip.rs"]
pub(super) mod gzip;
pub(super) mod variants;
