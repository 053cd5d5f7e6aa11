//! What stands for compressing where the library is built without it: types that nothing is of.

use std::io::{self, Read};
use std::sync::Arc;

use super::representation::Content;
use crate::http::response::Response;

pub(super) const SHORTEST: u64 = u64::MAX;

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

    pub(super) fn compress(&self, _: &[u8]) -> io::Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn stream(self, _: impl Read) -> Response {
        match self {}
    }
}

impl Made {
    pub(super) fn into_response(self) -> Response {
        match self {}
    }
}
