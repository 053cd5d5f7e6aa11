//! Connections of clients: over TCP and Unix sockets, plain and over TLS.

use std::io::{self, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearken::Tls;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::raw_http::Wire;
use super::waiting::PATIENCE;

/// What a connection goes over.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, Stream>>),
}

impl Stream {
    /// Ends a side. Over TLS that is said first (close_notify).
    pub(crate) fn shutdown(&mut self, side: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(side),
            Self::Unix(stream) => stream.shutdown(side),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
                stream.sock.shutdown(side)
            }
        }
    }

    /// What is under TLS, or itself.
    pub(crate) fn raw(&mut self) -> &mut Self {
        match self {
            Self::Tls(stream) => &mut stream.sock,
            plain => plain,
        }
    }

    /// Goes away without a word: by a reset, where there is such a thing.
    pub(crate) fn vanish(mut self) {
        if let Self::Tcp(stream) = self.raw() {
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }

    pub(crate) fn set_timeouts(&self, time: Option<Duration>) {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(time).and(stream.set_write_timeout(time)).unwrap(),
            Self::Unix(stream) => stream.set_read_timeout(time).and(stream.set_write_timeout(time)).unwrap(),
            Self::Tls(stream) => stream.sock.set_timeouts(time),
        }
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// How clients reach a server.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(super) target: Target,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone)]
pub(super) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Dialer {
    /// How clients reach what listens at this path.
    pub(crate) fn unix(path: impl Into<PathBuf>) -> Self {
        Self { target: Target::Unix(path.into()), tls: None }
    }

    /// How clients reach what listens at this address.
    pub(crate) fn tcp(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { target: Target::Tcp(address), tls }
    }

    pub(crate) fn connect_raw(&self) -> io::Result<Stream> {
        let stream = match &self.target {
            Target::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        stream.set_timeouts(Some(PATIENCE));
        Ok(stream)
    }

    pub(crate) fn connect(&self) -> io::Result<Wire> {
        let stream = self.connect_raw()?;
        Ok(self.speak(stream))
    }

    /// Speaks over this connection as it is done here; the handshake comes with the first bytes.
    pub(crate) fn speak(&self, stream: Stream) -> Wire {
        let stream = match self.handshake() {
            None => stream,
            Some(connection) => Stream::Tls(Box::new(StreamOwned::new(connection, stream))),
        };
        Wire { stream: BufReader::new(stream) }
    }

    /// The client's side of TLS before its handshake, where that is spoken.
    pub(crate) fn handshake(&self) -> Option<ClientConnection> {
        let config = self.tls.as_ref()?;
        Some(ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap())
    }
}

/// How a client trusts the development certificate in this directory.
pub(crate) fn client_config(directory: &Path, version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let authority = CertificateDer::from_pem_file(Tls::development_authority(directory)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An address where nobody listens, nor will by chance: no other test uses this loopback address.
pub(crate) fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.99:0").unwrap().local_addr().unwrap()
}
