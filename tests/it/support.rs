//! What the tests share: programs started and ended, and HTTP spoken by hand.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use hearken::{Server, Settings, Stopped, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Longer than anything takes on a slow machine; a test that waits for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server program that runs until the test ends.
pub(crate) struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it printed before it listened.
    pub(crate) preamble: Vec<String>,
    pub(crate) urls: Vec<String>,
}

impl Program {
    /// Starts a program and waits until it says where it listens, as often as `addresses`.
    pub(crate) fn start(command: &mut Command, addresses: usize) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, out, preamble: Vec::new(), urls: Vec::new() };
        while program.urls.len() < addresses {
            let line = program.line();
            assert!(!line.is_empty(), "{command:?} ended without listening: {:?}", program.preamble);
            match line.strip_prefix("Listening on ") {
                Some(url) => program.urls.push(url.to_owned()),
                None => program.preamble.push(line),
            }
        }
        program
    }

    /// The `hearken` program with these arguments, on a free port.
    pub(crate) fn hearken(arguments: &[&str]) -> Self {
        Self::start(hearken().args(["--port", "0", "--access-log", "off"]).args(arguments), 1)
    }

    /// The next line that the program prints, without its end; empty when there will be none.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self.url().split_once("://").unwrap();
        rest.trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the program has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the program to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `hearken` program, with nothing of the environment that could change it.
pub(crate) fn hearken() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hearken")))
}

/// The `hearken-client` program, likewise.
pub(crate) fn client() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hearken-client")))
}

fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEARKEN_") || name.to_string_lossy().to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// An example program. Cargo builds the examples with the tests, beside them.
pub(crate) fn example(name: &str) -> Command {
    let path = target_directory().join("examples").join(name);
    assert!(path.exists(), "{} was not built", path.display());
    clean(Command::new(path))
}

fn target_directory() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hearken")).parent().unwrap().to_owned()
}

/// Runs a test of this name in a process of its own, where it may change what the whole process has. True in that process.
pub(crate) fn alone(name: &str) -> bool {
    const MARK: &str = "HEARKEN_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([name, "--exact"]).env(MARK, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Calls `check` until it has something, for as long as there is patience.
pub(crate) fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many threads (`task`) or open files (`fd`) this process has.
pub(crate) fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).map_or(0, Iterator::count)
}

/// Where this program is, if it is installed.
pub(crate) fn on_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program.as_ref())).find(|file| file.is_file())
}

/// Says that a test was skipped, past the test harness, which would keep it to itself.
pub(crate) fn skip(test: &str, missing: &str) {
    let _ = writeln!(io::stderr(), "skipped: {test}: {missing} is not installed");
}

/// An address where nobody listens, nor will by chance: no other test uses this loopback address.
pub(crate) fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.99:0").unwrap().local_addr().unwrap()
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

/// A connection on which HTTP is spoken by hand.
pub(crate) struct Wire {
    pub(crate) stream: BufReader<Stream>,
}

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

/// A server that is reached in one way: the engine does the same whatever a connection goes over.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) dialer: Dialer,
    directory: tempfile::TempDir,
}

/// How clients reach a server.
#[derive(Clone)]
pub(crate) struct Dialer {
    target: Target,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone)]
enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
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
    pub(crate) fn shutdown(self, grace: Duration) -> Stopped {
        let Self { server, directory, .. } = self;
        let stopped = server.shutdown(grace);
        drop(directory);
        stopped
    }
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

/// An answer as it came over a connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self::over(Stream::Tcp(stream))
    }

    pub(crate) fn over(stream: Stream) -> Self {
        stream.set_timeouts(Some(PATIENCE));
        Self { stream: BufReader::new(stream) }
    }

    /// Sends these bytes. The peer may have closed already.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Reads the head of an answer, and leaves its body where it is.
    pub(crate) fn head(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).unwrap();
            assert!(read > 0, "the connection ended in a head: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head, body: Vec::new() }
    }

    /// Reads one answer, unless the connection ends before it begins.
    pub(crate) fn try_reply_to(&mut self, method: &str) -> Option<Reply> {
        match self.stream.fill_buf() {
            Ok([]) | Err(_) => None,
            Ok(_) => Some(self.reply_to(method)),
        }
    }

    pub(crate) fn try_reply(&mut self) -> Option<Reply> {
        self.try_reply_to("GET")
    }

    /// Reads one answer to a request of this method, framed as its head says.
    pub(crate) fn reply_to(&mut self, method: &str) -> Reply {
        let mut reply = self.head();
        let status = reply.status;
        if method == "HEAD" || status == 204 || status == 304 || status < 200 {
            return reply;
        }
        if let Some(length) = reply.header("Content-Length") {
            reply.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut reply.body).unwrap();
        } else if reply.header("Transfer-Encoding") == Some("chunked") {
            reply.body = self.chunks();
        } else {
            self.stream.read_to_end(&mut reply.body).unwrap();
        }
        reply
    }

    pub(crate) fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            let mut end = [0; 2];
            self.stream.read_exact(&mut end).unwrap();
            assert_eq!(&end, b"\r\n");
            if length == 0 {
                return body;
            }
        }
    }

    /// Whether the server ends the connection, be it by a reset, without sending anything more.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => {
                // What TLS still had to say finds nobody.
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) && rest.is_empty()
            }
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in fields {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    let mut wire = Wire::connect(address);
    wire.send(request);
    wire.send(body);
    wire.reply_to(method)
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Reply {
    ask(address, "GET", target, &[], b"")
}
