//! The errors that a handler can return, and the status code of each. `error_response` has the text that the client
//! reads.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use serde_core::ser::{Serialize, SerializeStruct as _, Serializer};

use super::body::BodyError;
use super::byte_size::ByteSize;
use super::method::Method;
use super::path::PathError;
use super::status::Status;

/// An error that becomes a response. The client reads its reason; only the error in [`HttpError::Internal`] is kept for
/// the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// 400: the request is invalid, for this reason.
    BadRequest(Cow<'static, str>),
    /// 401: the request has no valid credentials, for this reason (RFC 9110 §15.5.2).
    Unauthorized {
        /// The value of `WWW-Authenticate`.
        challenge: String,
        /// What is missing or wrong.
        reason: Cow<'static, str>,
    },
    /// 403: the client may not access the target.
    Forbidden,
    /// 403: the client may not do this, for this reason.
    Denied(Cow<'static, str>),
    /// 404: the target does not exist.
    NotFound,
    /// 405: the target does not support the method, only these, which are sent as `Allow` (RFC 9110 §15.5.6).
    MethodNotAllowed(Cow<'static, [Method]>),
    /// 406: the client accepts neither an available content coding nor identity (RFC 9110 §12.5.3).
    NotAcceptable,
    /// 408: the client took too long to send its request.
    RequestTimeout,
    /// 409: the request conflicts with the state of the target, for this reason.
    Conflict(Cow<'static, str>),
    /// 410: the target existed and is gone for good.
    Gone,
    /// 411: the request needs a body, with `Content-Length` or chunked.
    LengthRequired,
    /// 412: a precondition of the request does not hold (RFC 9110 §13).
    PreconditionFailed,
    /// 413: the body is longer than the limit of this many bytes.
    ContentTooLarge(u64),
    /// 413: a form is beyond a limit on its parts, for this reason.
    FormTooLarge(Cow<'static, str>),
    /// 414: the target is longer than the limit of this many bytes.
    UriTooLong(usize),
    /// 415: the body has another media type than the accepted ones, which are these, separated by commas.
    UnsupportedMediaType(&'static str),
    /// 415: the body is text in a charset that is not supported, for this reason.
    UnsupportedCharset(Cow<'static, str>),
    /// 416: the range lies outside the content, which has this many bytes (RFC 9110 §15.5.17).
    RangeNotSatisfiable(u64),
    /// 417: the request has another expectation than `100-continue` (RFC 9110 §10.1.1).
    ExpectationFailed,
    /// 421: the server does not serve the host of the request, for this reason (RFC 9110 §15.5.20).
    Misdirected(Cow<'static, str>),
    /// 422: the body is well-formed and has the right media type, but its content is invalid, for this reason (RFC 9110 §15.5.21).
    UnprocessableContent(Cow<'static, str>),
    /// 429: the client has sent too many requests; it may try again after this many seconds (RFC 6585 §4).
    TooManyRequests(u64),
    /// 431: the request has too many header fields, or they are too large.
    HeadTooLarge,
    /// 500: the server failed. The error goes to the log, never to the client.
    Internal(Box<dyn Error + Send + Sync>),
    /// 501: the server does not support what the request needs, which is this.
    NotImplemented(Cow<'static, str>),
    /// 503: the server is overloaded; the client may try again after this many seconds (RFC 9110 §15.6.4).
    Unavailable(u64),
    /// 505: the major version of the request is not HTTP/1.
    VersionNotSupported,
    /// 507: there is no room to store it, for this reason.
    InsufficientStorage(NoRoom),
    /// Any status, for this reason, which is the whole text of the response. [`HttpError::new`] makes one.
    Other(Status, Cow<'static, str>),
}

/// Why there is no room to store something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoom {
    /// The disk is full.
    DiskFull,
    /// The user that the server runs as has used up its quota on the disk.
    DiskQuota,
    /// All files together may have this many bytes ([`WriteFile::max_total`](crate::WriteFile::max_total)).
    MaxTotal(u64),
    /// This many bytes of the disk stay free ([`WriteFile::min_free`](crate::WriteFile::min_free)).
    MinFree(u64),
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("the disk is full"),
            Self::DiskQuota => f.write_str("the disk quota of the server is used up"),
            Self::MaxTotal(bytes) => write!(f, "all files together may have {}", ByteSize(*bytes)),
            Self::MinFree(bytes) => write!(f, "the server keeps {} free", ByteSize(*bytes)),
        }
    }
}

impl HttpError {
    /// An error with this status and this text, which the client reads as it is: `HttpError::new(Status::GONE, "sold out")`.
    pub fn new(status: Status, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(status, text.into())
    }

    /// A 401 with this challenge for `WWW-Authenticate`, such as `Bearer`, and this reason.
    pub fn unauthorized(challenge: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unauthorized { challenge: challenge.into(), reason: reason.into() }
    }

    /// A 403 with this reason.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Denied(reason.into())
    }

    /// A 404 with this reason, such as `there is no note 7`.
    pub fn not_found(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(Status::NOT_FOUND, reason.into())
    }

    /// A 409 with this reason.
    pub fn conflict(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict(reason.into())
    }

    /// A 422 with this reason.
    pub fn unprocessable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::UnprocessableContent(reason.into())
    }

    /// A 400 with this reason.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::BadRequest(reason.into())
    }

    /// A 500 with this error for the log, which the client does not see: `parse(text).map_err(HttpError::internal)?`.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// A 400 for a body that is not JSON.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        Self::bad_request(format!("not valid JSON: {error}"))
    }

    /// A 415 for text in the charset of this name, which may be long. `accepted` is a list with its verb, such as `UTF-8 is`.
    pub(super) fn unsupported_charset(label: &str, accepted: &str) -> Self {
        let label: String = label.chars().take(100).collect();
        Self::UnsupportedCharset(format!("the charset {label:?} is not supported; {accepted} accepted").into())
    }

    /// The status code of the response.
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
            Self::Gone => Status::GONE,
            Self::LengthRequired => Status::LENGTH_REQUIRED,
            Self::PreconditionFailed => Status::PRECONDITION_FAILED,
            Self::ContentTooLarge(_) | Self::FormTooLarge(_) => Status::CONTENT_TOO_LARGE,
            Self::UriTooLong(_) => Status::URI_TOO_LONG,
            Self::ExpectationFailed => Status::EXPECTATION_FAILED,
            Self::Misdirected(_) => Status::MISDIRECTED_REQUEST,
            Self::VersionNotSupported => Status::HTTP_VERSION_NOT_SUPPORTED,
            Self::TooManyRequests(_) => Status::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => Status::SERVICE_UNAVAILABLE,
            Self::HeadTooLarge => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedMediaType(_) | Self::UnsupportedCharset(_) => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable(_) => Status::RANGE_NOT_SATISFIABLE,
            Self::Internal(_) => Status::INTERNAL_SERVER_ERROR,
            Self::NotImplemented(_) => Status::NOT_IMPLEMENTED,
            Self::UnprocessableContent(_) => Status::UNPROCESSABLE_CONTENT,
            Self::InsufficientStorage(_) => Status::INSUFFICIENT_STORAGE,
            Self::Other(status, _) => *status,
        }
    }
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::ContentTooLarge(limit),
            BodyError::FormTooLarge(reason) => Self::FormTooLarge(reason.into()),
            BodyError::TimedOut => Self::RequestTimeout,
            BodyError::Truncated | BodyError::Malformed(_) | BodyError::Io(_) => {
                Self::BadRequest(error.to_string().into())
            }
        }
    }
}

/// Errors of reading a request body keep their status: 400, 408 or 413. All others are a 500, with the error for the log.
impl From<io::Error> for HttpError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<BodyError>() {
            Ok(body) => body.into(),
            Err(error) => Self::Internal(error.into()),
        }
    }
}

/// A 400 with the rule that the path breaks.
impl From<PathError> for HttpError {
    fn from(error: PathError) -> Self {
        Self::bad_request(error.explain())
    }
}

/// An `HttpError` or an error of reading the body stays what it is. All others are a 500, with the error for the log.
impl From<Box<dyn Error + Send + Sync>> for HttpError {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<io::Error>() {
            Ok(error) => (*error).into(),
            Err(error) => Self::Internal(error),
        }
    }
}

/// As for an error that is `Send` and `Sync`, but of one that becomes a 500 only the message is kept for the log.
impl From<Box<dyn Error>> for HttpError {
    fn from(error: Box<dyn Error>) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<io::Error>() {
            Ok(error) => (*error).into(),
            Err(error) => Self::internal(error.to_string()),
        }
    }
}

/// What the client may know. The error in [`HttpError::Internal`], which it may not, is the [source](Error::source).
impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(reason) => write!(f, "bad request: {reason}"),
            Self::Unauthorized { reason, .. } => write!(f, "unauthorized: {reason}"),
            Self::Forbidden => f.write_str("forbidden"),
            Self::Denied(reason) => write!(f, "forbidden: {reason}"),
            Self::NotFound => f.write_str("not found"),
            Self::MethodNotAllowed(_) => f.write_str("the method is not allowed here"),
            Self::NotAcceptable => f.write_str("there is no content in a coding that the request accepts"),
            Self::RequestTimeout => f.write_str("the request took too long"),
            Self::Conflict(reason) => write!(f, "conflict: {reason}"),
            Self::Gone => f.write_str("gone"),
            Self::LengthRequired => f.write_str("the request needs a Content-Length or a chunked body"),
            Self::PreconditionFailed => f.write_str("a precondition of the request does not hold"),
            Self::ContentTooLarge(limit) => write!(f, "the request body is longer than {}", ByteSize(*limit)),
            Self::FormTooLarge(reason) => f.write_str(reason),
            Self::UriTooLong(limit) => write!(f, "the request target is longer than {limit} bytes"),
            Self::ExpectationFailed => f.write_str("the only expectation that the server supports is 100-continue"),
            Self::Misdirected(reason) => write!(f, "misdirected request: {reason}"),
            Self::VersionNotSupported => f.write_str("this server speaks HTTP/1.1 and HTTP/1.0"),
            Self::UnprocessableContent(reason) => write!(f, "unprocessable content: {reason}"),
            Self::TooManyRequests(seconds) => write!(f, "too many requests: try again in {seconds} s"),
            Self::Unavailable(seconds) => write!(f, "the server is busy: try again in {seconds} s"),
            Self::HeadTooLarge => f.write_str("the request has too many header fields, or they are too large"),
            Self::UnsupportedMediaType(accepted) => {
                write!(f, "the media type is not supported; {} is accepted", accepted.replace(", ", " or "))
            }
            Self::UnsupportedCharset(reason) => f.write_str(reason),
            Self::RangeNotSatisfiable(length) => write!(f, "the range lies outside the {length} bytes of the content"),
            Self::Internal(_) => f.write_str("something went wrong here"),
            Self::NotImplemented(what) => write!(f, "not implemented: {what}"),
            Self::InsufficientStorage(reason) => write!(f, "there is not enough room: {reason}"),
            Self::Other(_, text) => f.write_str(text),
        }
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Internal(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

/// `{"error": "..."}` with what the client may know, which is what [`Display`](fmt::Display) says. With it a JSON API has its errors
/// as JSON:
///
/// ```
/// use hearken::{Request, Response, Router};
///
/// let api = Router::new().errors(|error, _| Response::json(error));
/// let mut missing = api.respond(&mut Request::get("/missing"));
/// assert_eq!((missing.status().code(), missing.read_text().unwrap().as_str()), (404, r#"{"error":"not found"}"#));
/// ```
impl Serialize for HttpError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("HttpError", 1)?;
        object.serialize_field("error", &self.to_string())?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_program_are_not_the_clients() {
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        let boxed = |error: HttpError| -> Box<dyn Error + Send + Sync> { error.into() };
        let table: [(HttpError, u16); 13] = [
            (io(io::ErrorKind::NotFound).into(), 500),
            (io(io::ErrorKind::PermissionDenied).into(), 500),
            (io(io::ErrorKind::UnexpectedEof).into(), 500),
            (io::Error::from(BodyError::TooLarge(9)).into(), 413),
            (io::Error::from(BodyError::FormTooLarge("x".into())).into(), 413),
            (io::Error::from(BodyError::TimedOut).into(), 408),
            (io::Error::from(BodyError::Truncated).into(), 400),
            (io::Error::from(BodyError::Malformed("x")).into(), 400),
            (boxed(HttpError::NotFound).into(), 404),
            (HttpError::from(Box::<dyn Error>::from(HttpError::Gone)), 410),
            (HttpError::from(Box::<dyn Error>::from(io::Error::from(BodyError::TimedOut))), 408),
            (HttpError::from(Box::<dyn Error + Send + Sync>::from(io::Error::from(BodyError::TimedOut))), 408),
            (HttpError::from(Box::<dyn Error + Send + Sync>::from("7".parse::<bool>().unwrap_err())), 500),
        ];
        for (error, code) in table {
            assert_eq!(error.status().code(), code, "{error:?}");
        }
        assert_eq!(HttpError::from(PathError::DotSegment).to_string(), "bad request: the path holds a dot segment");
    }

    #[test]
    fn a_client_is_not_told_what_is_for_the_log() {
        let error = HttpError::internal("the password is 1234");
        assert_eq!(error.to_string(), "something went wrong here");
        assert_eq!(serde_json::to_string(&error).unwrap(), r#"{"error":"something went wrong here"}"#);
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the password is 1234"));
    }
}
