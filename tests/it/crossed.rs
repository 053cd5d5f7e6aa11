//! Whether an answer ever goes to another client than the one that asked, while descriptors are opened and closed all around:
//! the short form of `benches/crossed.rs`.

#[path = "../../benches/common/crossed.rs"]
mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hearken::{Server, Tls};
use rustls::ClientConfig;
use rustls::client::Resumption;

use self::common::{LINE, Question, Verdict, app, churn, make_files};
use crate::support::{Dialer, PATIENCE, Stream, client_config};

const FILES: usize = 24;
/// So long that an answer is more than one write over TLS.
const FILE_SIZE: usize = 40 * 1024;
const CLIENTS: usize = 16;
/// How many threads open and close descriptors.
const CHURNERS: usize = 2;
/// The most requests on one kept-alive connection.
const KEPT_REQUESTS: usize = 8;

#[test]
fn every_answer_goes_to_the_client_that_asked() {
    check(15_000, false);
}

#[test]
fn every_answer_over_tls_goes_to_the_client_that_asked() {
    check(5_000, true);
}

/// Where a client connects, and how its own address is shown there.
struct Way {
    address: SocketAddr,
    /// Whether it is an IPv4 client of an IPv6 listener.
    mapped: bool,
}

fn check(wanted: usize, secure: bool) {
    let directory = tempfile::tempdir().unwrap();
    let contents = make_files(directory.path(), FILES, FILE_SIZE);
    let mut builder = Server::bind("0.0.0.0:0").unwrap();
    if TcpListener::bind("[::1]:0").is_ok() {
        builder = builder.bind("[::]:0").unwrap();
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
            scope.spawn(|| churn(directory.path(), || over.load(Ordering::Relaxed)));
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

fn ask_over_connection(way: &Way, tls: Option<Arc<ClientConfig>>, requests: usize, turn: usize, contents: &[Vec<u8>]) {
    let mut wire = Dialer::tcp(way.address, tls).connect().unwrap();
    let Stream::Tcp(stream) = wire.stream.get_mut().raw() else { unreachable!("it was connected so") };
    let own = stream.local_addr().unwrap();
    let peer = match own.ip() {
        IpAddr::V4(ip) if way.mapped => SocketAddr::from((ip.to_ipv6_mapped(), own.port())),
        _ => own,
    };
    for number in 0..requests {
        let question = Question::of(turn.wrapping_mul(31) + number * 7, FILES);
        wire.send(question.request(number + 1 == requests));
        let reply = wire.reply();
        let verdict = question.judge(reply.status, &reply.body, &peer.to_string(), contents);
        let beginning = reply.body[..reply.body.len().min(2 * LINE)].escape_ascii();
        assert!(
            verdict == Verdict::Right,
            "{question:?} of {own} to {}: {verdict:?}: {}, {beginning}",
            way.address,
            reply.status
        );
    }
    assert!(wire.is_closed(), "nothing else was asked for");
}
