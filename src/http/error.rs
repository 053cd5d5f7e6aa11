//! The errors that a handler can return, and the status code of each. `error_response` has the text that the client
//! reads.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use super::body::BodyError;
use super::method::Method;
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
    /// 411: the request needs a body, with `Content-Length` or chunked.
    LengthRequired,
    /// 412: a precondition of the request does not hold (RFC 9110 §13).
    PreconditionFailed,
    /// 413: the body is longer than the limit of this many bytes.
    ContentTooLarge(u64),
    /// 414: the target is longer than the limit of this many bytes.
    UriTooLong(usize),
    /// 415: the body has another media type than the accepted ones, which are these, separated by commas.
    UnsupportedMediaType(&'static str),
    /// 416: the range lies outside the content, which has this many bytes (RFC 9110 §15.5.17).
    RangeNotSatisfiable(u64),
    /// 417: the request has another expectation than `100-continue` (RFC 9110 §10.1.1).
    ExpectationFailed,
    /// 421: the server does not serve the host of the request, for this reason (RFC 9110 §15.5.20).
    Misdirected(Cow<'static, str>),
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
    /// 507: there is no room, on the disk or within the quota.
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

/// Converts errors of the file system and of reading a body. An error without a more fitting status becomes a 500.
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
