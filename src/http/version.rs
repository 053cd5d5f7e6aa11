//! HTTP versions (RFC 9112 §2.3).

/// The HTTP version of a request that hearken serves (RFC 9112 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0: connections close after a request unless `Connection: keep-alive` is sent.
    Http10,
    /// HTTP/1.1: connections persist unless `Connection: close` is sent.
    Http11,
}

impl Version {
    /// The version's name, as in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}
