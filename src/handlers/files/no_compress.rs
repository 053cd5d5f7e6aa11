//! What stands for compressing where the library is built without it: types that nothing is of.

use std::io;
use std::sync::Arc;

use super::reply::Content;
use crate::http::response::Response;

pub(super) enum Compressor {}

pub(super) enum Turn {}

#[derive(Clone)]
pub(super) enum Made {}

impl Compressor {
    pub(super) fn suits(&self, _: &str, _: u64) -> bool {
        match *self {}
    }

    pub(super) fn begin(self: &Arc<Self>) -> Option<Turn> {
        match **self {}
    }
}

impl Turn {
    pub(super) fn make(self, _: Content) -> io::Result<Content> {
        match self {}
    }
}

impl Made {
    pub(super) fn into_response(self) -> Response {
        match self {}
    }
}
