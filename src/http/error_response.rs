//! What the response for an [`HttpError`] says to the client: the text, and the header field that goes with the status.

use super::error::HttpError;
use super::headers::HeaderText;
use super::method::{Method, method_list};
use super::request::Request;

impl HttpError {
    /// The text of the response to this request. Errors about the request's own method, path or media type name them; the others
    /// say what [`Display`](std::fmt::Display) says, as a sentence.
    pub(crate) fn text(&self, request: &Request) -> String {
        let (method, path) = (request.method(), request.shown_path());
        match self {
            Self::Forbidden => format!("Forbidden: {method}, {path}"),
            Self::NotFound => format!("Not found: {method}, {path}"),
            Self::Gone => format!("Gone: {method}, {path}"),
            Self::MethodNotAllowed(_) => format!("Unsupported request: {method}."),
            Self::UnsupportedMediaType(accepted) => {
                let sent = request.header("Content-Type").unwrap_or("no media type");
                format!("Unsupported request: {method} of {sent}; {} is accepted.", accepted.replace(", ", " or "))
            }
            Self::Other(_, text) => text.clone().into_owned(),
            _ => sentence(&self.to_string()),
        }
    }

    /// The header field that the response must have.
    pub(crate) fn field(&self, request: &Request) -> Option<(&'static str, HeaderText)> {
        Some(match self {
            Self::MethodNotAllowed(allowed) => ("Allow", method_list(allowed).into()),
            // RFC 9110 §15.5.16: Accept in the response lists the media types that the server would have accepted.
            Self::UnsupportedMediaType(accepted) if *request.method() == Method::Post => ("Accept", (*accepted).into()),
            Self::Unauthorized { challenge, .. } => ("WWW-Authenticate", challenge.clone().into()),
            Self::TooManyRequests(seconds) | Self::Unavailable(seconds) => ("Retry-After", seconds.to_string().into()),
            Self::NotAcceptable => ("Vary", "Accept-Encoding".into()),
            Self::RangeNotSatisfiable(length) => ("Content-Range", format!("bytes */{length}").into()),
            _ => return None,
        })
    }
}

/// The text with a capital letter first and a full stop last.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map_or_else(String::new, |first| first.to_uppercase().to_string());
    format!("{first}{}.", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::NoRoom;
    use crate::http::status::Status;

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
            (HttpError::InsufficientStorage(NoRoom::DiskFull), 507, "There is not enough room: the disk is full."),
            (
                HttpError::InsufficientStorage(NoRoom::MinFree(1 << 30)),
                507,
                "There is not enough room: the server keeps 1 GiB free.",
            ),
            (HttpError::Forbidden, 403, "Forbidden: POST, /a b"),
            (HttpError::forbidden("you may only read"), 403, "Forbidden: you may only read."),
            (HttpError::unprocessable("there is no title"), 422, "Unprocessable content: there is no title."),
            (HttpError::RequestTimeout, 408, "The request took too long."),
            (HttpError::new(Status::GONE, "sold out"), 410, "sold out"),
            (HttpError::not_found("there is no note 7"), 404, "there is no note 7"),
        ];
        for (error, code, text) in table {
            assert_eq!((error.status().code(), error.text(&request).as_str()), (code, text));
        }
    }

    #[test]
    fn the_text_is_one_line_whatever_the_path_is() {
        let request = Request::get("/a%0D%0ASet-Cookie:%20b%1B%5B31m%C2%9Bc%09d");
        for (error, expected) in [
            (HttpError::NotFound, "Not found: GET, /a\u{fffd}\u{fffd}Set-Cookie: b\u{fffd}[31m\u{fffd}c\u{fffd}d"),
            (HttpError::Forbidden, "Forbidden: GET, /a\u{fffd}\u{fffd}Set-Cookie: b\u{fffd}[31m\u{fffd}c\u{fffd}d"),
        ] {
            assert_eq!(error.text(&request), expected);
        }
    }

    #[test]
    fn fields_go_with_the_status() {
        let table = [
            (HttpError::MethodNotAllowed(vec![Method::Get, Method::Head].into()), Some(("Allow", "GET, HEAD"))),
            (HttpError::unauthorized("Bearer", "no token"), Some(("WWW-Authenticate", "Bearer"))),
            (HttpError::TooManyRequests(6), Some(("Retry-After", "6"))),
            (HttpError::RangeNotSatisfiable(9), Some(("Content-Range", "bytes */9"))),
            (HttpError::NotFound, None),
        ];
        for (error, expected) in table {
            let field = error.field(&Request::get("/"));
            assert_eq!(field.as_ref().map(|(name, value)| (*name, &**value)), expected, "{error:?}");
        }
    }
}
