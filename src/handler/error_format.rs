//! How a router has errors made into responses.

use std::sync::Arc;

use super::attempt::attempt;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;

/// The function that makes responses of errors: an extension of the requests that pass through a router which sets one.
#[derive(Clone)]
pub(crate) struct ErrorFormat(Arc<Format>);

type Format = dyn Fn(&HttpError, &Request) -> Response + Send + Sync;

impl ErrorFormat {
    pub(crate) fn new(format: impl Fn(&HttpError, &Request) -> Response + Send + Sync + 'static) -> Self {
        Self(Arc::new(format))
    }

    /// The response in this format; `None` if the format itself fails, which the log then says.
    pub(super) fn apply(&self, error: &HttpError, request: &Request) -> Option<Response> {
        let made = attempt(|| (self.0)(error, request));
        made.inspect_err(|failure| {
            log::error!("{} {}: the format of errors has failed: {failure}", request.method(), request.target());
        })
        .ok()
    }
}
