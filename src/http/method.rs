//! Request methods (RFC 9110 §9).

use std::fmt;

/// A request method (RFC 9110 §9).
///
/// Methods are case-sensitive: `get` is another method than [`Method::Get`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `GET`: asks for the representation of the target.
    Get,
    /// `HEAD`: as `GET`, without the body.
    Head,
    /// `POST`: has the target process the body in its own way.
    Post,
    /// `PUT`: replaces the content of the target with the body.
    Put,
    /// `DELETE`: removes the target.
    Delete,
    /// `OPTIONS`: asks what the target allows.
    Options,
    /// `PATCH` (RFC 5789): changes part of the target.
    Patch,
    /// `TRACE`: never served by hearken.
    Trace,
    /// `CONNECT`: never served by hearken.
    Connect,
    /// Any other method name.
    Other(Box<str>),
}

impl Method {
    /// The method's name, as in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Other(name) => name,
        }
    }

    /// The method with this name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "PATCH" => Self::Patch,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            other => Self::Other(other.into()),
        }
    }

    /// Whether the method is safe: it only reads (RFC 9110 §9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// These methods as the value of an `Allow` field.
pub(crate) fn method_list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_keeps_its_name() {
        for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "BREW"] {
            assert_eq!(Method::from_name(name).as_str(), name);
        }
        assert_eq!(Method::from_name("get"), Method::Other("get".into()), "methods are case-sensitive");
    }
}
