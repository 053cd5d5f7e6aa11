//! Many slow clients, and beside them fresh requests, each over a connection of its own: a row of a table for each siege.
//!
//! `cargo bench --bench siege -- SECONDS NAME=CLIENTS...` changes how long each siege takes (60 s) and how many clients it has
//! (see [`SIEGES`]); `NAME=0` leaves it out.

#[path = "common/loopback.rs"]
mod loopback;
#[path = "common/program.rs"]
mod program;
#[path = "common/tls.rs"]
mod tls;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use program::Program;
use rustix::io::Errno;
use rustls::{ClientConfig, StreamOwned};
use socket2::{Domain, Socket, Type};

/// How a client is slow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sends a byte of the head a second.
    Head,
    /// Sends a byte of the body a second.
    Body,
    /// Reads a byte of the response a second, from a large file.
    Reader,
    /// Reads 10 KiB of it a second, as over a poor mobile connection. Such a client must be served to the end.
    SlowLink,
    /// Sends a byte of its `ClientHello` a second.
    Handshake,
    /// Sends nothing after its first response.
    Idle,
    /// Reads nothing of a listing.
    Listing,
    /// As a slow link, but all clients share the address of the fresh ones, and are more than the connection limit.
    Crowd,
}

/// Each siege: its name as an argument, how its clients are slow, how many there are, and its text in the table.
const SIEGES: [(&str, Kind, u32, &str); 9] = [
    ("head", Kind::Head, 1000, "send a byte of the head a second"),
    ("body", Kind::Body, 1000, "send a byte of the body a second"),
    ("reader", Kind::Reader, 1000, "read a byte a second"),
    ("slow-link", Kind::SlowLink, 1000, "read 10 KiB a second"),
    ("heads", Kind::Head, 5000, "send a byte of the head a second"),
    ("handshake", Kind::Handshake, 5000, "send a byte of the TLS handshake a second"),
    ("idle", Kind::Idle, 6000, "are idle after an answer, without an idle timeout"),
    ("crowd", Kind::Crowd, 4300, "read 10 KiB a second, from one address, where 4,096 connections may be open"),
    ("listing", Kind::Listing, 64, "stall in a listing of 200,000 entries"),
];

/// How many files the listed directory has.
const LISTED: u32 = 200_000;

/// The server's `--max-connections` unless it is given.
const DEFAULT_MAX_CONNECTIONS: u32 = 4096;
/// How many connections a server may have beyond its slow clients, if the default is too low.
const FRESH_CONNECTIONS: u32 = 1000;
/// The descriptors that this process needs for other uses.
const RESERVED_FILES: usize = 200;
/// How long a fresh request waits for its connection, and for each part of its response.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let limit = u32::try_from(loopback::raise_file_limit().saturating_sub(RESERVED_FILES)).unwrap_or(u32::MAX);
    println!("Each siege takes {seconds} s.");
    println!();
    println!(
        "| clients | that | cut off | fresh requests | failed | median | 99 % | slowest | memory at most | threads at most |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, kind, default, what) in SIEGES {
        let given = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        let clients: u32 = given.unwrap_or(default).min(limit);
        if clients > 0 {
            println!("| {clients} | {what} | {} |", siege(kind, clients, time));
        }
    }
}

/// One kind of client against a server of its own.
fn siege(kind: Kind, clients: u32, time: Duration) -> String {
    let place = tempfile::tempdir().expect("there is a temporary directory");
    let large = File::create(place.path().join("large")).expect("the directory is ours");
    large.set_len(100 << 20).expect("a file of zeros takes no space");
    if kind == Kind::Listing {
        let directory = place.path().join("many");
        fs::create_dir(&directory).expect("the directory is ours");
        for number in 0..LISTED {
            let file = File::create(directory.join(format!("a file with the number {number}.txt")));
            file.expect("the directory is ours");
        }
    }
    let tls = (kind == Kind::Handshake).then(|| make_certificate(place.path()));
    let server = start_server(kind, clients, place.path());
    let script = Script::new(kind, tls.as_ref());
    let (stop, threads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (cut, latencies) = thread::scope(|scope| {
        let slow = scope.spawn(|| besiege(&script, clients, server.address, &stop));
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                threads.fetch_max(status_number(server.child.id(), "Threads"), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let end = Instant::now() + time;
        let mut latencies = Vec::new();
        while Instant::now() < end {
            latencies.push(fresh(server.address, tls.as_ref()));
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        (slow.join().expect("the slow clients do not panic"), latencies)
    });
    let memory = status_number(server.child.id(), "VmHWM").div_ceil(1024);
    let threads = threads.into_inner();
    let (asked, mut answered) = (latencies.len(), latencies.into_iter().flatten().collect::<Vec<_>>());
    answered.sort_unstable();
    let failed = asked - answered.len();
    let milliseconds = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the length is an index"
        )]
        let index = ((answered.len().max(1) - 1) as f64 * share).round() as usize;
        answered.get(index).map_or_else(|| "–".into(), |time| format!("{:.1} ms", time.as_secs_f64() * 1000.0))
    };
    let (median, most, all) = (milliseconds(0.5), milliseconds(0.99), milliseconds(1.0));
    format!("{cut} | {asked} | {failed} | {median} | {most} | {all} | {memory} MiB | {threads}")
}

/// A certificate for the server in this directory, and a client that trusts it.
fn make_certificate(place: &Path) -> Arc<ClientConfig> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    let made = command.args(["--quiet", "--make-certs"]).current_dir(place).output().expect("hearken starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    tls::client(Some(&place.join("certs/ca.pem")))
}

fn start_server(kind: Kind, clients: u32, place: &Path) -> Program {
    let mut arguments = vec!["--demo".into(), "--write".into(), place.join("data").into_os_string()];
    if clients + FRESH_CONNECTIONS > DEFAULT_MAX_CONNECTIONS && kind != Kind::Crowd {
        // When three quarters of the connections are open, idle ones are closed sooner.
        arguments.extend(["--max-connections".into(), (clients * 3 / 2 + FRESH_CONNECTIONS).to_string().into()]);
    }
    match kind {
        Kind::Idle => arguments.extend(["--idle-timeout".into(), "0".into()]),
        Kind::Handshake => {
            let file = |name: &str| place.join("certs").join(name).into_os_string();
            arguments.extend(["--tls-cert".into(), file("localhost.pem")]);
            arguments.extend(["--tls-key".into(), file("localhost-key.pem")]);
        }
        _ => {}
    }
    arguments.push(place.into());
    Program::start(arguments)
}

/// Keeps this many slow clients running until told to stop. Returns how often one was disconnected.
fn besiege(script: &Script, clients: u32, server: SocketAddr, stop: &AtomicBool) -> usize {
    const SLICES: usize = 20;
    let mut connections: Vec<Option<Client>> = (0..clients).map(|_| None).collect();
    let mut cut = 0;
    for slice in (0..SLICES).cycle() {
        if stop.load(Ordering::Relaxed) {
            return cut;
        }
        let begun = Instant::now();
        for (client, place) in (0..).zip(&mut connections).skip(slice).step_by(SLICES) {
            if place.is_none() {
                *place = Client::connect((!script.one_address).then_some(client), server).ok();
            }
            if place.as_mut().is_some_and(|open| !open.go_on(script)) {
                *place = None;
                cut += 1;
            }
        }
        thread::sleep((Duration::from_secs(1) / 20).saturating_sub(begun.elapsed()));
    }
    cut
}

/// What a slow client sends and how fast it reads.
struct Script {
    /// What it sends at once.
    opening: Vec<u8>,
    /// What it sends afterwards, a byte a second, again and again.
    rest: Vec<u8>,
    /// How many bytes it reads a second.
    read: usize,
    /// Whether all clients come from one address.
    one_address: bool,
}

impl Script {
    fn new(kind: Kind, tls: Option<&Arc<ClientConfig>>) -> Self {
        let one_address = kind == Kind::Crowd;
        let plain =
            |opening: &[u8], rest: &[u8], read| Self { opening: opening.into(), rest: rest.into(), read, one_address };
        match kind {
            Kind::Head => plain(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ", b"x", READ_MOST),
            Kind::Body => {
                plain(b"PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", b"x", READ_MOST)
            }
            Kind::Reader => plain(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", 1),
            Kind::SlowLink | Kind::Crowd => plain(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", READ_MOST),
            Kind::Listing => plain(b"GET /many/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", 0),
            Kind::Idle => plain(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", READ_MOST),
            Kind::Handshake => {
                let mut opening = Vec::new();
                let mut connection = tls::connection(tls.expect("this kind has a certificate"));
                connection.write_tls(&mut opening).expect("a vector takes everything");
                let rest = opening.split_off(64);
                Self { opening, rest, read: READ_MOST, one_address }
            }
        }
    }
}

const READ_MOST: usize = 10 * 1024;

/// A slow client. Nothing that it does waits for the server.
struct Client {
    stream: TcpStream,
    sent: usize,
}

impl Client {
    /// A client with an address of its own, made from its number, or with the shared one.
    fn connect(number: Option<u32>, server: SocketAddr) -> io::Result<Self> {
        let socket = match number {
            Some(number) => loopback::client_socket(number)?,
            None => Socket::new(Domain::IPV4, Type::STREAM, None)?,
        };
        socket.set_recv_buffer_size(16 * 1024)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
            _ => Ok(Self { stream: socket.into(), sent: 0 }),
        }
    }

    /// Sends and reads what is due in one second. Returns whether the connection is still open.
    fn go_on(&mut self, script: &Script) -> bool {
        let part = match script.opening.get(self.sent..) {
            Some(opening) if !opening.is_empty() => opening,
            _ if script.rest.is_empty() => &[],
            _ => {
                let next = (self.sent - script.opening.len()) % script.rest.len();
                &script.rest[next..=next]
            }
        };
        if !part.is_empty() {
            match self.stream.write(part) {
                Ok(written) => self.sent += written,
                // It is not yet connected, or the server does not read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        if script.read == 0 {
            return self.is_open();
        }
        match self.stream.read(&mut [0; READ_MOST][..script.read]) {
            Ok(0) => false,
            // A response or a refusal; the next read shows whether it was the end.
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the connection is still open, as far as that is known without reading.
    fn is_open(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(0) => false,
            Ok(_) => self.stream.take_error().is_ok_and(|error| error.is_none()),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// How long a request took, from connecting to the end of the response; `None` if its status was not 200.
fn fresh(server: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Option<Duration> {
    let begun = Instant::now();
    let stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let answered = match tls {
        None => ask(stream),
        Some(client) => ask(StreamOwned::new(tls::connection(client), stream)),
    };
    answered.is_ok_and(|is_good| is_good).then(|| begun.elapsed())
}

/// Whether this is the expected response.
fn ask(mut stream: impl Read + Write) -> io::Result<bool> {
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut filled) = ([0; 1024], 0);
    while !answer[..filled].ends_with(b"Hello, world!") {
        match stream.read(&mut answer[filled..])? {
            0 => return Ok(false),
            read => filled += read,
        }
    }
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

/// A number from the status of a process, such as its threads, or its memory in KiB.
fn status_number(process: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
