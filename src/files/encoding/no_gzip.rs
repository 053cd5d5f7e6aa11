//! What stands for compressing where the library is built without it: types that nothing is of.

use std::io::{self, Read};
use std::sync::Arc;

use super::super::representation::Content;
use crate::http::response::Response;

pub(in crate::files) const SHORTEST: u64 = u64::MAX;

pub(in crate::files) enum Compressor {}

pub(in crate::files) enum Turn {}

#[derive(Clone)]
pub(in crate::files) enum Made {}

impl Compressor {
    pub(in crate::files) fn suits(&self, _: &str, _: u64) -> bool {
        match *self {}
    }

    pub(in crate::files) fn begin(self: &Arc<Self>) -> Option<Turn> {
        match **self {}
    }
}

impl Turn {
    pub(in crate::files) fn make(self, _: Content) -> io::Result<Content> {
        match self {}
    }

    pub(in crate::files) fn compress(&self, _: &[u8]) -> io::Result<Vec<u8>> {
        match *self {}
    }

    pub(in crate::files) fn stream(self, _: impl Read) -> Response {
        match self {}
    }
}

impl Made {
    pub(in crate::files) fn into_response(self) -> Response {
        match self {}
    }
}
