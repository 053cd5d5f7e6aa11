//! Checks that no response goes to another client, while many threads open and close descriptors.
//!
//! `cargo bench --bench crossed -- ANSWERS [tls]` serves files in which each line names its file and offset, from this process
//! and on all addresses, and checks every byte of this many responses (300,000), with `tls` over TLS. It prints one line, and exits
//! with status 1 if anything was wrong.

#[path = "common/crossed.rs"]
mod common;
#[path = "common/tls.rs"]
mod tls;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hearken::{Server, Tls};
use rustls::{ClientConfig, StreamOwned};

use self::common::{LINE, Question, Verdict, app, churn, make_files};

const FILES: usize = 48;
const FILE_SIZE: usize = 100 * 1024;
const CLIENTS: usize = 24;
/// How many threads open and close descriptors.
const CHURNERS: usize = 4;
/// The most requests on one kept-alive connection.
const KEPT_REQUESTS: usize = 8;
/// How long a client waits for the next bytes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ends the run: this many unanswered requests, and this much time.
const MOST_UNANSWERED: u64 = 100;
const MOST_TIME: Duration = Duration::from_secs(1800);
/// How many wrong answers are shown.
const MOST_TOLD: u64 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(300_000);
    let place = tempfile::tempdir().expect("there is a temporary directory");
    let contents = make_files(place.path(), FILES, FILE_SIZE);
    let mut builder = Server::bind("0.0.0.0:0").expect("there is a free port");
    if TcpListener::bind("[::1]:0").is_ok() {
        builder = builder.bind("[::]:0").expect("there is a free port");
    }
    let mut client = None;
    if arguments.iter().any(|argument| argument == "tls") {
        let certificates = place.path().join("certs");
        builder = builder.tls(Tls::development(&certificates).expect("the directory is ours"));
        client = Some(tls::client(Some(&Tls::development_authority(&certificates))));
    }
    let server = builder.serve(app(place.path())).expect("the server starts");
    let check = Check {
        servers: server.addresses().iter().map(|address| on_loopback(*address)).collect(),
        contents,
        directory: place.path().to_owned(),
        tls: client,
        wanted,
        end: Instant::now() + MOST_TIME,
        counts: Counts::default(),
    };
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| check.ask());
        }
        for _ in 0..CHURNERS {
            scope.spawn(|| churn(&check.directory, || check.is_over()));
        }
    });
    drop(server);
    check.counts.conclude(wanted)
}

/// Where a client reaches a server that listens on all addresses.
fn on_loopback(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    }
}

/// What all threads share.
struct Check {
    servers: Vec<SocketAddr>,
    /// What each file contains.
    contents: Vec<Vec<u8>>,
    directory: PathBuf,
    tls: Option<Arc<ClientConfig>>,
    wanted: u64,
    end: Instant,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    answers: AtomicU64,
    /// Responses with a wrong status or content.
    foreign: AtomicU64,
    wrong_peers: AtomicU64,
    /// Responses that give the secret to clients without the password.
    leaks: AtomicU64,
    unanswered: AtomicU64,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Check {
    fn is_over(&self) -> bool {
        self.counts.answers.load(Ordering::Relaxed) >= self.wanted
            || self.counts.unanswered.load(Ordering::Relaxed) >= MOST_UNANSWERED
            || Instant::now() > self.end
    }

    /// One client: half of its connections are for a single request, the others are kept alive for some.
    fn ask(&self) {
        while !self.is_over() {
            let requests = if rand::random() { 1 } else { rand::random_range(2..=KEPT_REQUESTS) };
            if let Err(error) = self.ask_over_connection(requests) {
                eprintln!("unanswered: {error}");
                self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn ask_over_connection(&self, requests: usize) -> io::Result<()> {
        let server = self.servers[rand::random_range(0..self.servers.len())];
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let own_address = stream.local_addr()?;
        match &self.tls {
            None => self.ask_over(stream, own_address, requests),
            Some(client) => self.ask_over(StreamOwned::new(tls::connection(client), stream), own_address, requests),
        }
    }

    fn ask_over(&self, mut stream: impl Read + Write, own_address: SocketAddr, requests: usize) -> io::Result<()> {
        for left in (0..requests).rev() {
            let question = Question::of(rand::random_range(0..10 * FILES), FILES);
            stream.write_all(question.request(left == 0).as_bytes())?;
            let answer = Answer::read(&mut stream).map_err(|error| {
                let number = requests - left;
                io::Error::new(
                    error.kind(),
                    format!("{question:?} of {own_address}, request {number} of {requests}: {error}"),
                )
            })?;
            let verdict = question.judge(answer.status, &answer.body, &own_address.to_string(), &self.contents);
            if verdict != Verdict::Right && self.counts.wrong() < MOST_TOLD {
                let begin = &answer.body[..answer.body.len().min(2 * LINE)];
                eprintln!("{question:?} of {own_address}: {verdict:?}: {}, {}", answer.status, begin.escape_ascii());
            }
            self.counts.count(verdict);
        }
        Ok(())
    }
}

impl Counts {
    fn wrong(&self) -> u64 {
        [&self.foreign, &self.wrong_peers, &self.leaks].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn count(&self, verdict: Verdict) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        match verdict {
            Verdict::Right => return,
            Verdict::Foreign => &self.foreign,
            Verdict::WrongPeer => &self.wrong_peers,
            Verdict::Leak => &self.leaks,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Prints the result, and returns whether all responses were right.
    fn conclude(self, wanted: u64) -> ExitCode {
        let (answers, foreign) = (self.answers.into_inner(), self.foreign.into_inner());
        let (wrong_peers, leaks) = (self.wrong_peers.into_inner(), self.leaks.into_inner());
        let unanswered = self.unanswered.into_inner();
        println!(
            "{answers} answers, {foreign} foreign answers, {wrong_peers} wrong peers, {leaks} leaks, {unanswered} unanswered"
        );
        let is_well = answers >= wanted && [foreign, wrong_peers, leaks, unanswered] == [0; 4];
        if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Answer {
    /// Reads a response with `Content-Length`, and not a byte beyond it.
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "this is no answer");
        let mut received = Vec::with_capacity(FILE_SIZE + 1024);
        let mut buffer = [0; 16 * 1024];
        let end_of_head = loop {
            if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            read_some(stream, &mut buffer, &mut received)?;
        };
        let mut body = received.split_off(end_of_head);
        let head = String::from_utf8(received).map_err(|_| invalid())?;
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(invalid)?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("Content-Length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.ok_or_else(invalid)?;
        while body.len() < length {
            read_some(stream, &mut buffer, &mut body)?;
        }
        // Nothing else was requested, so bytes beyond the length are foreign. They are compared as part of the body.
        Ok(Self { status, body })
    }
}

fn read_some(stream: &mut impl Read, buffer: &mut [u8], received: &mut Vec<u8>) -> io::Result<()> {
    match stream.read(buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            received.extend_from_slice(&buffer[..read]);
            Ok(())
        }
    }
}
