//! The method of a request, as a type.

use std::fmt;

/// A request method (RFC 9110 §9).
///
/// Methods are case-sensitive: `get` is not [`Method::Get`] but an unknown method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `GET`: the representation of the target.
    Get,
    /// `HEAD`: as `GET`, without the body.
    Head,
    /// `POST`: process the body in the target's own way.
    Post,
    /// `PUT`: make the body the target's content.
    Put,
    /// `DELETE`: remove the target.
    Delete,
    /// `OPTIONS`: what the target allows.
    Options,
    /// `PATCH` (RFC 5789): change part of the target.
    Patch,
    /// `TRACE`: never served by hearken.
    Trace,
    /// `CONNECT`: never served by hearken.
    Connect,
    /// Any other method name.
    Other(Box<str>),
}

impl Method {
    /// The method's name as it stands in a request line.
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

    /// The method of this name.
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

    /// Whether the method only reads (RFC 9110 §9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Methods as the value of an `Allow` field.
pub(crate) fn method_list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "BREW"] {
            assert_eq!(Method::from_name(name).as_str(), name);
        }
        assert_eq!(Method::from_name("get"), Method::Other("get".into()), "methods are case-sensitive");
    }
}
