//! What a handler answers when it cannot do what was asked. This is the only map from failures to status codes and to
//! the text that a client sees.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use super::body::BodyError;
use super::method::Method;
use super::request::Request;
use super::response::Response;
use super::status::Status;

/// A failure that becomes a response. The text is public; what only the log may know is in [`HttpError::Internal`].
#[derive(Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// 400: the request makes no sense, for this reason.
    BadRequest(Cow<'static, str>),
    /// 401: who the client is has to be known first, or what it sent to say so is wrong, for this reason (RFC 9110 §15.5.2).
    Unauthorized {
        /// The value of `WWW-Authenticate`.
        challenge: String,
        /// What the client lacks.
        reason: Cow<'static, str>,
    },
    /// 403: it is there, and is not for the client.
    Forbidden,
    /// 403: it may not be done, for this reason.
    Denied(Cow<'static, str>),
    /// 404: nothing is there.
    NotFound,
    /// 405: the target is there and does not take this method; these it takes (sent as `Allow`, RFC 9110 §15.5.6).
    MethodNotAllowed(Cow<'static, [Method]>),
    /// 406: the client accepts no content coding that there is, nor none (RFC 9110 §12.5.3).
    NotAcceptable,
    /// 408: the client took too long to send its request.
    RequestTimeout,
    /// 409: the request goes against what is there, for this reason.
    Conflict(Cow<'static, str>),
    /// 411: a body is needed, with `Content-Length` or in chunks.
    LengthRequired,
    /// 412: a precondition of the request does not hold (RFC 9110 §13).
    PreconditionFailed,
    /// 413: the body is longer than this many bytes.
    ContentTooLarge(u64),
    /// 414: the target is longer than this many bytes.
    UriTooLong(usize),
    /// 415: the body is not of this media type, or one of these, with commas between; they are what is taken.
    UnsupportedMediaType(&'static str),
    /// 416: the range lies outside the content, which has this many bytes (RFC 9110 §15.5.17).
    RangeNotSatisfiable(u64),
    /// 417: the request expects something else than to be told to go on (RFC 9110 §10.1.1).
    ExpectationFailed,
    /// 421: the request is for a host that this server is not, for this reason (RFC 9110 §15.5.20).
    Misdirected(Cow<'static, str>),
    /// 429: the client has sent too much of something; it may try again after this many seconds (RFC 6585 §4).
    TooManyRequests(u64),
    /// 431: the request has too many header fields, or too large ones.
    HeadTooLarge,
    /// 500: something went wrong here. The error goes to the log, never to the client.
    Internal(Box<dyn Error + Send + Sync>),
    /// 501: the request needs something that no resource of this server has.
    NotImplemented(Cow<'static, str>),
    /// 503: too many want the same at this moment; the client may try again after this many seconds (RFC 9110 §15.6.4).
    Unavailable(u64),
    /// 505: the request is of another version than HTTP/1.x.
    VersionNotSupported,
    /// 507: the disk is full.
    InsufficientStorage,
}

impl HttpError {
    /// A 400 with this reason.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::BadRequest(reason.into())
    }

    /// A 500 with this error for the log.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The status code that the failure becomes.
    pub fn status(&self) -> Status {
        match self {
            Self::BadRequest(_) => Status::BAD_REQUEST,
            Self::Unauthorized { .. } => Status::UNAUTHORIZED,
            Self::Forbidden | Self::Denied(_) => Status::FORBIDDEN,
            Self::NotFound => Status::NOT_FOUND,
            Self::MethodNotAllowed(_) => Status::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => Status::NOT_ACCEPTABLE,
            Self::RequestTimeout => Status::REQUEST_TIMEOUT,
            Self::Conflict(_) => Status::CONFLICT,
            Self::LengthRequired => Status::LENGTH_REQUIRED,
            Self::PreconditionFailed => Status::PRECONDITION_FAILED,
            Self::ContentTooLarge(_) => Status::CONTENT_TOO_LARGE,
            Self::UriTooLong(_) => Status::URI_TOO_LONG,
            Self::ExpectationFailed => Status::EXPECTATION_FAILED,
            Self::Misdirected(_) => Status::MISDIRECTED_REQUEST,
            Self::VersionNotSupported => Status::HTTP_VERSION_NOT_SUPPORTED,
            Self::TooManyRequests(_) => Status::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => Status::SERVICE_UNAVAILABLE,
            Self::HeadTooLarge => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedMediaType(_) => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable(_) => Status::RANGE_NOT_SATISFIABLE,
            Self::Internal(_) => Status::INTERNAL_SERVER_ERROR,
            Self::NotImplemented(_) => Status::NOT_IMPLEMENTED,
            Self::InsufficientStorage => Status::INSUFFICIENT_STORAGE,
        }
    }

    /// The response to a request that failed so.
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
            Self::UriTooLong(limit) => format!("The target of the request is longer than {limit} bytes."),
            Self::ExpectationFailed => "The only expectation that can be met is 100-continue.".into(),
            Self::Misdirected(reason) => format!("Misdirected request: {reason}."),
            Self::VersionNotSupported => "This server speaks HTTP/1.1 and HTTP/1.0.".into(),
            Self::TooManyRequests(seconds) => format!("Too many requests: try again in {seconds} s."),
            Self::Unavailable(seconds) => format!("The server is busy: try again in {seconds} s."),
            Self::HeadTooLarge => "The header fields of the request are too many or too large.".into(),
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
                // RFC 9110 §15.5.16: for POST, Accept in an answer says what would have been taken.
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

/// Methods as the value of an `Allow` field.
pub(crate) fn method_list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::ContentTooLarge(limit),
            BodyError::TimedOut => Self::RequestTimeout,
            BodyError::Truncated | BodyError::Malformed(_) | BodyError::Io(_) => {
                Self::BadRequest(error.to_string().into())
            }
        }
    }
}

/// Failures of the file system and of reading a body. What has no better status is a 500, with the error for the log.
impl From<io::Error> for HttpError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        match error.downcast::<BodyError>() {
            Ok(body) => body.into(),
            Err(error) => match kind {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                    Self::NotFound
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Forbidden,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::InsufficientStorage,
                _ => Self::Internal(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_the_contracted_texts() {
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
    fn a_405_names_what_is_allowed() {
        let response = HttpError::MethodNotAllowed(vec![Method::Get, Method::Head].into())
            .into_response(&Request::new(Method::Put, "/"));
        assert_eq!(response.header("Allow"), Some("GET, HEAD"));
    }
}
