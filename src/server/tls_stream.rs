//! TLS as bytes in and bytes out: a rustls connection that is fed what has arrived and asked what to send. It touches no socket.

use std::io::{self, BufRead as _, IoSlice, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

/// The TLS configuration of a server.
pub(super) type TlsConfig = Arc<ServerConfig>;

/// The TLS side of a connection.
pub(super) struct TlsStream {
    session: ServerConnection,
    /// Whether the peer has sent close_notify.
    ended: bool,
}

/// How many bytes are encrypted before they are sent: two records. More do not stay in the processor's cache: with 256 KiB, half
/// as many responses of 100 KiB were sent.
pub(super) const ENCRYPTED_AT_ONCE: usize = 32 * 1024;

impl TlsStream {
    /// A connection whose handshake is about to begin.
    pub(super) fn new(config: &TlsConfig) -> io::Result<Box<Self>> {
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Box::new(Self { session, ended: false }))
    }

    /// Whether the handshake is still under way.
    pub(super) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Whether the peer has ended its side (close_notify).
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Decrypts what has arrived and appends the plaintext to `plain`.
    ///
    /// # Errors
    ///
    /// When the peer violates the protocol. An alert is then to be sent.
    pub(super) fn receive(&mut self, mut ciphertext: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        // rustls takes a record's worth at a time.
        while !ciphertext.is_empty() && !self.ended {
            if self.session.read_tls(&mut ciphertext)? == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS record is too long"));
            }
            let state = self
                .session
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if state.plaintext_bytes_to_read() > 0 {
                plain.reserve(state.plaintext_bytes_to_read());
                let mut reader = self.session.reader();
                while let Ok(chunk) = reader.fill_buf() {
                    let length = chunk.len();
                    if length == 0 {
                        break;
                    }
                    plain.extend_from_slice(chunk);
                    reader.consume(length);
                }
            }
            self.ended = state.peer_has_closed();
        }
        Ok(())
    }

    /// Whether there is something to send.
    pub(super) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Passes what is to be sent to `send`, which may take a part of it.
    pub(super) fn send_to(&mut self, send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        self.session.write_tls(&mut VectoredWriter(send))
    }

    /// Encrypts as much of the slices as rustls buffers, and returns how many bytes.
    pub(super) fn encrypt(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.session.writer().write_vectored(slices)
    }

    /// Queues close_notify: nothing more is sent.
    pub(super) fn send_close_notify(&mut self) {
        self.session.send_close_notify();
    }
}

/// Lets rustls write several records in one system call.
struct VectoredWriter<F>(F);

impl<F: FnMut(&[IoSlice<'_>]) -> io::Result<usize>> Write for VectoredWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (self.0)(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
