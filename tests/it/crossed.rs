//! Whether an answer ever goes to another client than the one that asked, while descriptors are opened and closed all around:
//! the short form of `benches/crossed.rs`.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hearken::{BasicAuth, Files, Request, Response, Router, Server, Tls};
use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::support::{Dialer, PATIENCE, Stream, client_config};

const FILES: usize = 24;
/// So long that an answer is more than one write over TLS.
const FILE_SIZE: usize = 40 * 1024;
/// How long each line of a file is, its line feed included.
const LINE: usize = 32;
const CLIENTS: usize = 16;
/// How many threads open and close descriptors.
const CHURNERS: usize = 2;
/// The most requests on one kept-alive connection.
const KEPT_REQUESTS: usize = 8;
/// `ada:secret`, as Basic authentication sends it.
const CREDENTIALS: &str = "Basic YWRhOnNlY3JldA==";
const SECRET: &str = "only for those who have the password\n";
/// What the descriptors that are opened all around give.
const FOREIGN: &[u8] = b"foreign\n";

#[test]
fn every_answer_goes_to_the_client_that_asked() {
    check(15_000, false);
}

#[test]
fn every_answer_over_tls_goes_to_the_client_that_asked() {
    check(5_000, true);
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
enum Question {
    File(usize),
    Peer,
    SecretWithPassword,
    SecretWithout,
}

/// Where a client connects, and how its own address is shown there.
struct Way {
    address: SocketAddr,
    /// Whether it is an IPv4 client of an IPv6 listener.
    mapped: bool,
}

fn check(wanted: usize, secure: bool) {
    let directory = tempfile::tempdir().unwrap();
    let contents = make_files(directory.path());
    let mut builder = Server::bind("0.0.0.0:0").unwrap();
    if TcpListener::bind("[::1]:0").is_ok() {
        builder = builder.and_bind("[::]:0").unwrap();
    }
    let mut tls = None;
    if secure {
        builder = builder.tls(Tls::development(directory.path()).unwrap());
        tls = Some(short_lived(client_config(directory.path(), &rustls::version::TLS13)));
    }
    let server = builder.serve(app(directory.path())).unwrap();
    let ways: Vec<_> = server.addresses().iter().flat_map(|address| ways_to(*address)).collect();

    let (answers, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..CHURNERS {
            scope.spawn(|| churn(&directory.path().join("foreign"), &over));
        }
        let ask = |client: usize| {
            let mut turn = client;
            while answers.load(Ordering::Relaxed) < wanted {
                let requests = 1 + turn % KEPT_REQUESTS;
                ask_over_connection(&ways[turn % ways.len()], tls.clone(), requests, turn, &contents);
                answers.fetch_add(requests, Ordering::Relaxed);
                turn += CLIENTS + 1;
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || ask(client))).collect();
        let results: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok), "a client has had a wrong answer, or none");
    });
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}

/// A file for each number, in which each line names the file and its offset; one that needs a password; one that is not served.
fn make_files(directory: &Path) -> Vec<String> {
    fs::create_dir_all(directory.join("www/protected")).unwrap();
    fs::write(directory.join("www/protected/secret.txt"), SECRET).unwrap();
    fs::write(directory.join("foreign"), FOREIGN).unwrap();
    let content = |file| (0..FILE_SIZE / LINE).map(|line| format!("file {file:02} at {:020}\n", line * LINE)).collect();
    let contents: Vec<String> = (0..FILES).map(content).collect();
    for (file, content) in contents.iter().enumerate() {
        fs::write(directory.join(format!("www/{file}.txt")), content).unwrap();
    }
    contents
}

fn app(directory: &Path) -> Router {
    let auth = BasicAuth::new().user("ada", "secret").unwrap();
    let peer = |request: &mut Request| Response::text(request.peer().unwrap().to_string());
    Router::new()
        .get("/peer", peer)
        .any("/protected/{*path}", auth.around(Files::new(directory.join("www"))))
        .fallback(Files::new(directory.join("www")))
}

/// Each connection has a handshake of its own.
fn short_lived(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    Arc::make_mut(&mut config).resumption = Resumption::disabled();
    config
}

/// How a server that listens on all addresses of a family is reached: over IPv6 from IPv4 as well, where the system does that.
fn ways_to(address: SocketAddr) -> Vec<Way> {
    let way = |ip: IpAddr| Way { address: (ip, address.port()).into(), mapped: address.is_ipv6() && ip.is_ipv4() };
    let mut ways = Vec::new();
    if address.is_ipv6() {
        ways.push(way(Ipv6Addr::LOCALHOST.into()));
    }
    let over_ipv4 = way(Ipv4Addr::LOCALHOST.into());
    if address.is_ipv4() || TcpStream::connect(over_ipv4.address).is_ok() {
        ways.push(over_ipv4);
    }
    ways
}

fn ask_over_connection(way: &Way, tls: Option<Arc<ClientConfig>>, requests: usize, turn: usize, contents: &[String]) {
    let mut wire = Dialer::tcp(way.address, tls).connect().unwrap();
    let Stream::Tcp(stream) = wire.stream.get_mut().raw() else { unreachable!("it was connected so") };
    let own = stream.local_addr().unwrap();
    let peer = match own.ip() {
        IpAddr::V4(ip) if way.mapped => SocketAddr::from((ip.to_ipv6_mapped(), own.port())),
        _ => own,
    };
    for number in 0..requests {
        let question = question(turn.wrapping_mul(31) + number * 7);
        wire.send(question.request(number + 1 == requests));
        let reply = wire.reply();
        let (status, body) = (reply.status, reply.text());
        let is_right = match question {
            Question::File(file) => status == 200 && body == contents[file],
            Question::Peer => status == 200 && body == peer.to_string(),
            Question::SecretWithPassword => status == 200 && body == SECRET,
            Question::SecretWithout => status == 401 && !body.contains(SECRET),
        };
        let beginning = &body[..body.len().min(2 * LINE)];
        assert!(is_right, "{question:?} of {own} to {}: {status}, {beginning:?}", way.address);
    }
    assert!(wire.is_closed(), "nothing else was asked for");
}

/// A question for each number, of all kinds in turn.
fn question(number: usize) -> Question {
    match number % 10 {
        0 => Question::SecretWithPassword,
        1 => Question::SecretWithout,
        2 | 3 => Question::Peer,
        _ => Question::File(number / 10 % FILES),
    }
}

impl Question {
    fn request(self, close: bool) -> String {
        let path = match self {
            Self::File(file) => format!("/{file}.txt"),
            Self::Peer => "/peer".into(),
            Self::SecretWithPassword | Self::SecretWithout => "/protected/secret.txt".into(),
        };
        let authorization = match self {
            Self::SecretWithPassword => format!("Authorization: {CREDENTIALS}\r\n"),
            _ => String::new(),
        };
        let connection = if close { "Connection: close\r\n" } else { "" };
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{authorization}{connection}\r\n")
    }
}

/// Opens and closes descriptors, so that their numbers change hands all the time.
fn churn(foreign_file: &Path, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let file = File::open(foreign_file);
        let sockets = UnixStream::pair();
        if let Ok((near, _)) = &sockets {
            let _ = (&*near).write_all(FOREIGN);
        }
        drop((UdpSocket::bind("127.0.0.1:0"), file, sockets));
    }
}
