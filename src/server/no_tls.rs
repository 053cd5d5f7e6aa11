//! Stands in for `tls_stream` when the library is built without TLS. None of its values can exist.

use std::convert::Infallible;
use std::io::{self, IoSlice};

/// The TLS configuration, which does not exist.
pub(super) type TlsConfig = Infallible;

/// The TLS side of a connection, which does not exist.
pub(super) struct TlsStream(Infallible);

pub(super) const ENCRYPTED_AT_ONCE: usize = 32 * 1024;

impl TlsStream {
    pub(super) fn new(config: &TlsConfig) -> io::Result<Box<Self>> {
        match *config {}
    }

    pub(super) fn is_handshaking(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn is_ended(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> io::Result<()> {
        match self.0 {}
    }

    pub(super) fn wants_write(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn send_to(&mut self, _: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn encrypt(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn send_close_notify(&mut self) {
        match self.0 {}
    }
}
