//! What stands for compressing where the library is built without it: types that nothing is of.

use std::io::{self, Read};
use std::sync::Arc;

use super::super::representation::Content;
use crate::http::response::Response;

pub(crate) const SHORTEST: u64 = u64::MAX;

pub(crate) enum Compressor {}

pub(crate) enum Turn {}

#[derive(Clone)]
pub(crate) enum Made {}

impl Compressor {
    pub(crate) fn suits(&self, _: &str, _: u64) -> bool {
        match *self {}
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Option<Turn> {
        match **self {}
    }
}

impl Turn {
    pub(crate) fn make(self, _: Content) -> io::Result<Content> {
        match self {}
    }

    pub(crate) fn compress(&self, _: &[u8]) -> io::Result<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn stream(self, _: impl Read) -> Response {
        match self {}
    }
}

impl Made {
    pub(crate) fn into_response(self) -> Response {
        match self {}
    }
}
