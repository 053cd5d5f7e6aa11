//! Servers in this process, over every kind of socket, plain and over TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use hearken::{Server, Settings, Stopped, Tls};

use super::connections::{Dialer, Stream, Target, client_config};
use super::raw_http::{Reply, Wire};
use super::waiting::returns;

/// A server that is reached in one way: the engine does the same whatever a connection goes over.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) dialer: Dialer,
    directory: tempfile::TempDir,
}

impl Place {
    /// A server in each way: over IPv4, IPv6 and a Unix socket, plain and over TLS in its two versions.
    pub(crate) fn all<H: hearken::Handler>(settings: &Settings, app: impl Fn() -> H) -> Vec<Self> {
        let (v12, v13) = (&rustls::version::TLS12, &rustls::version::TLS13);
        let ways = [
            ("IPv4", "127.0.0.1:0", None),
            ("IPv6", "[::1]:0", None),
            ("a Unix socket", "", None),
            ("TLS 1.3 over IPv4", "127.0.0.1:0", Some(v13)),
            ("TLS 1.2 over IPv6", "[::1]:0", Some(v12)),
            ("TLS 1.3 over a Unix socket", "", Some(v13)),
        ];
        ways.into_iter().map(|(name, address, version)| Self::new(name, address, version, settings, app())).collect()
    }

    /// Checks a server in each way, all at the same time: for what takes long because deadlines do.
    pub(crate) fn each<H: hearken::Handler>(
        settings: &Settings,
        app: impl Fn() -> H,
        check: impl Fn(Self) + Sync + Copy + Send,
    ) {
        std::thread::scope(|scope| {
            for place in Self::all(settings, app) {
                scope.spawn(move || check(place));
            }
        });
    }

    fn new(
        name: &'static str,
        address: &str,
        version: Option<&'static rustls::SupportedProtocolVersion>,
        settings: &Settings,
        app: impl hearken::Handler,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let builder = match address {
            "" => Server::bind_unix(&socket).unwrap(),
            address => Server::bind(address).unwrap(),
        };
        let builder = builder.settings(settings.clone());
        let (builder, tls) = match version {
            None => (builder, None),
            Some(version) => {
                let tls = Tls::development(directory.path()).unwrap();
                (builder.tls(tls), Some(client_config(directory.path(), version)))
            }
        };
        let server = builder.serve(app).unwrap();
        let target = server.addresses().first().map_or(Target::Unix(socket), |address| Target::Tcp(*address));
        Self { name, server, dialer: Dialer { target, tls }, directory }
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.dialer.tls.is_some()
    }

    /// The address, unless it is a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.server.addresses().first().copied()
    }

    /// The connection under what is spoken.
    pub(crate) fn connect_raw(&self) -> Stream {
        self.dialer.connect_raw().unwrap()
    }

    pub(crate) fn connect(&self) -> Wire {
        self.dialer.connect().unwrap()
    }

    /// Sends these bytes on a connection of their own and reads the first answer.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> (Wire, Reply) {
        let mut wire = self.connect();
        wire.send(bytes);
        let reply = wire.reply();
        (wire, reply)
    }

    /// Stops the server.
    #[track_caller]
    pub(crate) fn shutdown(self, grace: Duration) -> Stopped {
        let Self { server, directory, .. } = self;
        let stopped = stop(server, grace);
        drop(directory);
        stopped
    }
}

/// Stops a server. Fails when that does not return, whatever the grace.
#[track_caller]
pub(crate) fn stop(server: Server, grace: Duration) -> Stopped {
    returns("the server to stop", move || server.shutdown(grace))
}

/// What the library logs, for a test that has a process of its own: warnings and errors.
pub(crate) struct Messages(Mutex<Vec<String>>);

impl Messages {
    pub(crate) fn collect() -> &'static Self {
        static MESSAGES: Messages = Messages(Mutex::new(Vec::new()));
        log::set_logger(&MESSAGES).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        &MESSAGES
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl log::Log for Messages {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Where an access log of a test goes: each write is sent on.
pub(crate) struct Lines(pub(crate) mpsc::Sender<String>);

impl io::Write for Lines {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8(buffer.to_vec()).unwrap()).unwrap();
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
