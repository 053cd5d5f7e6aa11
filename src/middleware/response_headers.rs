//! The layer that puts header fields on every response.

use crate::error::Error;
use crate::handler::{Layer, Next};
use crate::http::headers::{self, is_field_value, is_token};
use crate::http::request::Request;
use crate::http::response::Response;

/// A layer that puts header fields on every response, failures included.
///
/// A field replaces the handler's fields of the same name, except that `Vary` and `Set-Cookie` are added to them. When several
/// fields of one name are given, all are sent.
///
/// ```
/// use hearken::{Request, ResponseHeaders, Router};
///
/// let app = Router::new()
///     .layer(ResponseHeaders::new().add("Strict-Transport-Security", "max-age=31536000")?)
///     .get("/", |_| "hello");
/// let response = app.respond(&mut Request::get("/"));
/// assert_eq!(response.header("Strict-Transport-Security"), Some("max-age=31536000"));
/// # Ok::<(), hearken::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseHeaders {
    fields: Vec<(String, String)>,
}

impl ResponseHeaders {
    /// Adds no fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when the name is not a token or the value holds a control character (RFC 9110 §5), and for `Date`,
    /// `Content-Length`, `Transfer-Encoding` and `Connection`, which only the server sets.
    pub fn add(mut self, name: &str, value: &str) -> Result<Self, Error> {
        if !is_token(name) {
            return Err(Error::Setting(format!("{name:?} is not the name of a header field")));
        }
        if !is_field_value(value) {
            return Err(Error::Setting(format!("the value of the header field {name} holds a control character")));
        }
        if headers::is_reserved(name) {
            return Err(Error::Setting(format!("the header field {name} is the server's own to set")));
        }
        self.fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        Ok(self)
    }
}

impl Layer for ResponseHeaders {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        let mut response = next.respond(request);
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let is_added = ["Vary", "Set-Cookie"].iter().any(|other| other.eq_ignore_ascii_case(name))
                || self.fields[..index].iter().any(|(before, _)| before.eq_ignore_ascii_case(name));
            response = if is_added {
                response.with_added_header(name.clone(), value.clone())
            } else {
                response.with_header(name.clone(), value.clone())
            };
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Handler as _;
    use crate::http::error::HttpError;

    #[test]
    fn every_response_has_the_fields() {
        let inner = |request: &mut Request| match request.path() {
            "/" => Ok(Response::text("").with_header("Vary", "Accept").with_header("Cache-Control", "no-cache")),
            _ => Err(HttpError::NotFound),
        };
        let fields =
            [("Vary", "Origin"), ("X-A", "1"), ("x-a", " 2 "), ("cache-control", "max-age=1"), ("X-Empty", "")];
        let app = fields
            .iter()
            .fold(ResponseHeaders::new(), |all, (name, value)| all.add(name, value).unwrap())
            .around(inner);
        let found = app.handle(&mut Request::get("/"));
        let all = |name: &str| found.headers().all(name).collect::<Vec<_>>();
        assert_eq!(all("Vary"), ["Accept", "Origin"]);
        assert_eq!(all("X-A"), ["1", "2"]);
        assert_eq!(all("Cache-Control"), ["max-age=1"]);
        assert_eq!(all("X-Empty"), [""]);
        let missing = app.handle(&mut Request::get("/missing"));
        assert_eq!((missing.status().code(), missing.header("X-A")), (404, Some("1")));
    }

    #[test]
    fn fields_that_would_break_a_response_are_refused() {
        let table = [
            ("", "a", "\"\" is not the name of a header field"),
            ("X A", "a", "\"X A\" is not the name of a header field"),
            ("X-A", "a\r\nX-B: b", "the value of the header field X-A holds a control character"),
            ("content-length", "1", "the header field content-length is the server's own to set"),
            ("Connection", "close", "the header field Connection is the server's own to set"),
        ];
        for (name, value, expected) in table {
            assert_eq!(ResponseHeaders::new().add(name, value).unwrap_err().to_string(), expected);
        }
    }
}
