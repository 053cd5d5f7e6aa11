//! The response for an [`HttpError`]: the one place with the texts that a client reads.

use super::error::HttpError;
use super::method::{Method, method_list};
use super::request::Request;
use super::response::Response;

impl HttpError {
    /// The response to this request for the error.
    pub fn into_response(self, request: &Request) -> Response {
        let (method, path) = (request.method(), request.path());
        let text = match &self {
            Self::BadRequest(reason) => format!("Bad request: {reason}."),
            Self::Unauthorized { reason, .. } => format!("Unauthorized: {reason}."),
            Self::Forbidden => format!("Forbidden: {method}, {path}"),
            Self::Denied(reason) => format!("Forbidden: {reason}."),
            Self::NotFound => format!("Not found: {method}, {path}"),
            Self::MethodNotAllowed(_) => format!("Unsupported request: {method}."),
            Self::NotAcceptable => "There is no content in a coding that the request accepts.".into(),
            Self::RequestTimeout => "The request took too long.".into(),
            Self::Conflict(reason) => format!("Conflict: {reason}."),
            Self::LengthRequired => "The request needs a Content-Length or a chunked body.".into(),
            Self::PreconditionFailed => "A precondition of the request does not hold.".into(),
            Self::ContentTooLarge(limit) => format!("The request body is longer than {limit} bytes."),
            Self::UriTooLong(limit) => format!("The request target is longer than {limit} bytes."),
            Self::ExpectationFailed => "The only expectation that the server supports is 100-continue.".into(),
            Self::Misdirected(reason) => format!("Misdirected request: {reason}."),
            Self::VersionNotSupported => "This server speaks HTTP/1.1 and HTTP/1.0.".into(),
            Self::TooManyRequests(seconds) => format!("Too many requests: try again in {seconds} s."),
            Self::Unavailable(seconds) => format!("The server is busy: try again in {seconds} s."),
            Self::HeadTooLarge => "The request has too many header fields, or they are too large.".into(),
            Self::UnsupportedMediaType(accepted) => {
                let sent = request.header("Content-Type").unwrap_or("no media type");
                format!("Unsupported request: {method} of {sent}; {} is accepted.", accepted.replace(", ", " or "))
            }
            Self::RangeNotSatisfiable(length) => format!("The range lies outside the {length} bytes of the content."),
            Self::Internal(_) => "Something went wrong here.".into(),
            Self::NotImplemented(what) => format!("Not implemented: {what}."),
            Self::InsufficientStorage => "There is no space left to store it.".into(),
        };
        let response = Response::text(text).with_status(self.status()).with_header("X-Content-Type-Options", "nosniff");
        match self {
            Self::MethodNotAllowed(allowed) => response.with_header("Allow", method_list(&allowed)),
            Self::UnsupportedMediaType(accepted) if *method == Method::Post => {
                // RFC 9110 §15.5.16: Accept in the response lists the media types that the server would have accepted.
                response.with_header("Accept", accepted)
            }
            Self::Unauthorized { challenge, .. } => response.with_header("WWW-Authenticate", challenge),
            Self::TooManyRequests(seconds) | Self::Unavailable(seconds) => {
                response.with_header("Retry-After", seconds.to_string())
            }
            Self::NotAcceptable => response.with_header("Vary", "Accept-Encoding"),
            Self::RangeNotSatisfiable(length) => response.with_header("Content-Range", format!("bytes */{length}")),
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::http::body::BodyError;

    #[test]
    fn each_error_has_its_status_and_text() {
        let request = Request::new(Method::Post, "/a%20b?c").with_header("Content-Type", "text/plain");
        let table: Vec<(HttpError, u16, &str)> = vec![
            (HttpError::NotFound, 404, "Not found: POST, /a b"),
            (HttpError::MethodNotAllowed(vec![Method::Get, Method::Head].into()), 405, "Unsupported request: POST."),
            (
                HttpError::UnsupportedMediaType("application/json"),
                415,
                "Unsupported request: POST of text/plain; application/json is accepted.",
            ),
            (HttpError::internal("the secret path /etc/x"), 500, "Something went wrong here."),
            (HttpError::ContentTooLarge(10), 413, "The request body is longer than 10 bytes."),
            (io::Error::from(io::ErrorKind::StorageFull).into(), 507, "There is no space left to store it."),
            (io::Error::from(io::ErrorKind::PermissionDenied).into(), 403, "Forbidden: POST, /a b"),
            (io::Error::from(BodyError::TooLarge(9)).into(), 413, "The request body is longer than 9 bytes."),
            (io::Error::from(BodyError::TimedOut).into(), 408, "The request took too long."),
        ];
        for (error, code, text) in table {
            let mut response = error.into_response(&request);
            assert_eq!(response.status().code(), code, "{text}");
            assert_eq!(response.read_text().unwrap(), text);
        }
    }

    #[test]
    fn a_405_lists_the_allowed_methods() {
        let response = HttpError::MethodNotAllowed(vec![Method::Get, Method::Head].into())
            .into_response(&Request::new(Method::Put, "/"));
        assert_eq!(response.header("Allow"), Some("GET, HEAD"));
    }
}
