//! Why a handler did not answer as asked, with the status code of each reason. What the client reads is in `error_response`.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use super::body::BodyError;
use super::method::Method;
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
