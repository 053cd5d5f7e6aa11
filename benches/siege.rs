//! Many slow clients, and beside them fresh requests, each over a connection of its own: a row of a table for each kind.
//!
//! `cargo bench --bench siege -- SECONDS CLIENTS`; a minute and a thousand by default.

#[path = "common/program.rs"]
mod program;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use program::Program;
use socket2::{Domain, Socket, Type};

/// How a client is slow.
#[derive(Clone, Copy)]
enum Kind {
    /// A byte of the head a second.
    Head,
    /// A byte of the body a second.
    Body,
    /// A byte of the answer a second, of a large file.
    Reader,
    /// 10 KiB of it a second, as a telephone far from its mast, which is to be served to the end.
    Telephone,
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let time = Duration::from_secs(u64::from(numbers.next().unwrap_or(60)));
    let clients = numbers.next().unwrap_or(1000) as usize;
    println!();
    println!(
        "| {clients} clients for {} s that | cut off | fresh requests | failed | median | 99 % | slowest | memory at most |",
        time.as_secs()
    );
    println!("|---|---|---|---|---|---|---|---|");
    let kinds = [
        ("send a byte of the head a second", Kind::Head),
        ("send a byte of the body a second", Kind::Body),
        ("read a byte a second", Kind::Reader),
        ("read 10 KiB a second", Kind::Telephone),
    ];
    for (name, kind) in kinds {
        println!("| {name} | {} |", siege(kind, clients, time));
    }
}

/// One kind of clients against a server of its own.
fn siege(kind: Kind, clients: usize, time: Duration) -> String {
    let place = tempfile::tempdir().expect("there is a temporary directory");
    let large = File::create(place.path().join("large")).expect("the directory is ours");
    large.set_len(100 << 20).expect("a file of zeros takes no space");
    let data = place.path().join("data");
    let server = Program::start(["--demo".as_ref(), "--write".as_ref(), data.as_os_str(), place.path().as_os_str()]);
    let stop = AtomicBool::new(false);
    let (cut, latencies) = thread::scope(|scope| {
        let slow = scope.spawn(|| besiege(kind, clients, server.address, &stop));
        let end = Instant::now() + time;
        let mut latencies = Vec::new();
        while Instant::now() < end {
            latencies.push(fresh(server.address));
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        (slow.join().expect("the slow clients do not panic"), latencies)
    });
    let memory = most_memory(server.child.id());
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
    format!("{cut} | {asked} | {failed} | {median} | {most} | {all} | {memory:.1} MiB")
}

/// Keeps so many slow clients at it until told to stop. How often one was cut off.
fn besiege(kind: Kind, clients: usize, server: SocketAddr, stop: &AtomicBool) -> usize {
    const SLICES: usize = 20;
    let mut connections: Vec<Option<TcpStream>> = (0..clients).map(|_| None).collect();
    let mut cut = 0;
    for slice in (0..SLICES).cycle() {
        if stop.load(Ordering::Relaxed) {
            return cut;
        }
        let begun = Instant::now();
        for connection in connections.iter_mut().skip(slice).step_by(SLICES) {
            let Some(open) = connection else {
                *connection = kind.begin(server).ok();
                continue;
            };
            if !kind.go_on(open) {
                *connection = None;
                cut += 1;
            }
        }
        thread::sleep((Duration::from_secs(1) / 20).saturating_sub(begun.elapsed()));
    }
    cut
}

impl Kind {
    fn begin(self, server: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(16 * 1024)?;
        socket.connect(&server.into())?;
        let mut connection = TcpStream::from(socket);
        connection.write_all(match self {
            Self::Head => b"GET /hello HTTP/1.1\r\nHost: a\r\nX: ",
            Self::Body => b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
            Self::Reader | Self::Telephone => b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
        })?;
        connection.set_nonblocking(true)?;
        Ok(connection)
    }

    /// A second's part; whether the connection is still open.
    fn go_on(self, connection: &mut TcpStream) -> bool {
        let mut buffer = [0; 10 * 1024];
        let (written, room) = match self {
            Self::Head | Self::Body => (connection.write_all(b"x"), 1),
            Self::Reader => (Ok(()), 1),
            Self::Telephone => (Ok(()), buffer.len()),
        };
        match written.and_then(|()| connection.read(&mut buffer[..room])) {
            Ok(0) => false,
            // A refusal; the next read shows the end.
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// How long a request took, from connecting to the end of the answer; `None` if it was not answered with 200.
fn fresh(server: SocketAddr) -> Option<Duration> {
    let begun = Instant::now();
    let mut connection = TcpStream::connect_timeout(&server, Duration::from_secs(10)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200 ").then(|| begun.elapsed())
}

/// The most memory that the process has held so far, in MiB.
fn most_memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim_end_matches(" kB").trim().parse().map_or(f64::NAN, |kilobytes: f64| kilobytes / 1024.0)
}
