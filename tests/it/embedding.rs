//! The library in a program that embeds it: a server's whole life, from a free port to the same port free again.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use hearken::{AccessLog, BindAddresses, LogFormat, Request, Response, Router, Server, Settings, Tls};

use crate::support::{Lines, PATIENCE, Wire, alone, ask, get, read_until_closed, returns, stop, until};

fn app() -> Router {
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/panic", |_: &mut Request| -> Response { panic!("the panic that this test is about") })
        .post("/echo", |request: &mut Request| Ok::<_, hearken::HttpError>(Response::bytes(request.read_body()?)))
        .get("/stream", |_: &mut Request| Response::reader(&b"streamed"[..], None))
        .get("/short", |_: &mut Request| Response::reader(&b"short"[..], Some(100)))
        .get("/split", |request: &mut Request| {
            Response::text("x").with_header("X-Echo", request.query().value("v").unwrap_or_default().into_owned())
        })
}

/// The server's threads, by the names that it gives them, as far as the system lets us see them.
fn threads_of(directory: &Path) -> usize {
    let Ok(tasks) = fs::read_dir(directory) else { return 0 };
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("hearken-")).count()
}

#[test]
fn a_server_starts_answers_and_stops_leaving_nothing() {
    // The threads of other tests have the same names.
    if !alone("embedding::a_server_starts_answers_and_stops_leaving_nothing") {
        return;
    }
    let tasks = Path::new("/proc/self/task");
    let log = AccessLog::new(LogFormat::Common, std::io::sink()).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().access_log(log).serve(app()).unwrap();
    let address = server.address();
    assert_eq!(server.url(), format!("http://{address}/"));
    let mut idle = Wire::connect(address);
    idle.send("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.reply().text(), "Hello, world!");
    if tasks.exists() {
        // One that accepts, one that guards, one that logs, one that works. A thread gets its name when it first runs.
        until("the threads to run", || (threads_of(tasks) >= 4).then_some(()));
    }

    // The idle connection would be waited for without end.
    assert_eq!(stop(server, Duration::MAX).cut, 0);
    assert!(idle.is_closed());
    assert!(TcpStream::connect(address).is_err());
    drop(TcpListener::bind(address).expect("the port is free"));
    assert_eq!(threads_of(tasks), 0, "no thread is left");
}

#[test]
fn dropping_a_server_stops_it() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let address = server.address();
    assert_eq!(get(address, "/hello").status, 200);
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn join_returns_when_a_stopper_stops_the_server_and_not_before() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let (address, stopper) = (server.address(), server.stopper());
    let (about_to, joins) = mpsc::channel();
    let waiting = thread::spawn(move || {
        about_to.send(()).unwrap();
        server.join()
    });
    joins.recv_timeout(PATIENCE).unwrap();
    // A server whose `join` has returned is dropped, which stops it.
    for _ in 0..100 {
        assert_eq!(get(address, "/hello").status, 200);
    }
    assert!(!waiting.is_finished());
    stopper.stop(PATIENCE);
    assert_eq!(returns("join", move || waiting.join().unwrap()).cut, 0);
}

#[test]
fn a_panicking_handler_answers_500_and_its_connection_goes_on() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let mut wire = Wire::connect(server.address());
    for _ in 0..3 {
        wire.send("GET /panic HTTP/1.1\r\nHost: test\r\n\r\n");
        let reply = wire.reply();
        assert_eq!((reply.status, reply.text().as_str()), (500, "Something went wrong here."));
    }
    wire.send("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.reply().text(), "Hello, world!");
}

#[test]
fn a_header_cannot_be_split() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let reply = get(server.address(), "/split?v=a%0d%0aSet-Cookie:%20b");
    assert_eq!((reply.status, reply.header("Set-Cookie")), (500, None));
    assert_eq!(get(server.address(), "/split?v=a").header("X-Echo"), Some("a"));
}

#[test]
fn streams_are_chunked_for_1_1_and_closed_for_1_0() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let mut wire = Wire::connect(server.address());
    for _ in 0..2 {
        wire.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n");
        let reply = wire.reply();
        assert_eq!((reply.header("Transfer-Encoding"), reply.text().as_str()), (Some("chunked"), "streamed"));
    }
    let mut wire = Wire::connect(server.address());
    wire.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = wire.reply();
    assert_eq!((reply.header("Connection"), reply.text().as_str()), (Some("close"), "streamed"));
}

#[test]
fn an_answer_that_falls_short_is_not_taken_for_whole() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("GET /short HTTP/1.1\r\nHost: test\r\n\r\n");
    // The body that is announced as 100 bytes ends early, and the connection with it. A reset may overtake the head.
    let (received, _) = read_until_closed(&mut wire.stream);
    let received = String::from_utf8(received).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap_or((&received, ""));
    assert!(head.is_empty() || head.contains("Content-Length: 100"), "{head}");
    assert!("short".starts_with(body), "{body:?}");
}

#[test]
fn as_many_connections_as_allowed_are_served_at_once_and_the_rest_in_turn() {
    let inside = Arc::new(Barrier::new(8));
    let served = Arc::new(AtomicUsize::new(0));
    let (barrier, counter) = (Arc::clone(&inside), Arc::clone(&served));
    let app = move |request: &mut Request| {
        if request.path() == "/together" {
            barrier.wait();
        }
        counter.fetch_add(1, Ordering::Relaxed);
        Response::text("ok")
    };
    let server =
        Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().max_connections(8)).serve(app).unwrap();
    let address = server.address();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(get(address, "/together").text(), "ok"));
        }
    });
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(get(address, "/").text(), "ok");
                }
            });
        }
    });
    assert_eq!(served.load(Ordering::Relaxed), 208);
}

#[test]
fn several_addresses_are_served() {
    let given = ["127.0.0.1:0", "127.0.0.2:0"].map(|address| address.parse::<SocketAddr>().unwrap());
    let server = Server::bind(&given[..]).unwrap().bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let addresses = server.addresses();
    assert_eq!(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>(), [given[0].ip(), given[1].ip(), given[0].ip()]);
    assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 3);
    for address in addresses {
        assert_eq!(get(*address, "/hello").text(), "Hello, world!");
    }
}

#[test]
fn the_addresses_are_known_before_the_server_starts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let builder = Server::bind("127.0.0.1:0").unwrap().bind_unix(&path).unwrap().bind("[::]:0").unwrap();
    let (addresses, urls): (_, Vec<_>) = (builder.addresses(), builder.urls().collect());
    assert_eq!((addresses.len(), builder.address()), (2, addresses[0]));
    assert!(addresses.iter().all(|address| address.port() != 0), "{addresses:?}");
    let expected = [
        format!("http://{}/", addresses[0]),
        format!("unix:{}", path.display()),
        format!("http://[::1]:{}/", addresses[1].port()),
    ];
    assert_eq!(urls, expected);
    assert_eq!(builder.unix_paths().collect::<Vec<_>>(), [&path]);
    assert!(TcpStream::connect(addresses[0]).is_err(), "nothing listens yet");
    let secure = builder.tls(Tls::development(directory.path()).unwrap());
    assert_eq!(secure.urls().next().unwrap(), format!("https://{}/", addresses[0]));
    let server = secure.serve(app()).unwrap();
    assert_eq!((server.addresses(), server.address()), (&addresses[..], addresses[0]));
    assert_eq!(server.unix_paths().collect::<Vec<_>>(), [&path]);
}

#[test]
fn of_a_list_all_are_bound_or_none() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::bind(["127.0.0.1:0".parse().unwrap(), address]).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot bind {address}: address already in use"));
    let error = Server::bind(&[] as &[SocketAddr]).unwrap_err();
    assert_eq!(error.to_string(), "there is no address to listen on");
}

/// A host name that resolves to these addresses.
struct Host(Vec<SocketAddr>);

impl BindAddresses for Host {
    fn resolve(&self) -> Result<Vec<Vec<SocketAddr>>, hearken::Error> {
        Ok(vec![self.0.clone()])
    }
}

#[test]
fn of_a_host_the_first_address_that_can_be_bound_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = |host: &str| SocketAddr::new(host.parse().unwrap(), 0);
    let host = Host(vec![taken.local_addr().unwrap(), free("127.0.0.2"), free("127.0.0.3")]);
    let server = Server::bind(host).unwrap().serve(app()).unwrap();
    assert_eq!(server.addresses().len(), 1);
    assert_eq!(server.address().ip(), free("127.0.0.2").ip());
}

#[test]
fn addresses_that_cannot_be_taken_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::bind(address).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot bind {address}: address already in use"));
    let error = Server::bind("127.0.0.1").unwrap_err();
    assert_eq!(error.to_string(), "cannot resolve 127.0.0.1: the port is missing");
    let error = Server::bind("203.0.113.1:80").unwrap_err();
    assert_eq!(error.to_string(), "cannot bind 203.0.113.1:80: address not available");
}

#[test]
fn each_request_is_logged_once() {
    let (lines, log) = mpsc::channel();
    let log_to = AccessLog::new(LogFormat::Common, Lines(lines)).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().access_log(log_to).serve(app()).unwrap();
    get(server.address(), "/hello?a=%0a");
    ask(server.address(), "HEAD", "/hello", &[], b"");
    ask(server.address(), "POST", "/echo", &[], b"four");
    server.shutdown(PATIENCE);
    let text: String = log.try_iter().collect();
    let mut requests: Vec<_> = text.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    requests.sort_unstable();
    assert_eq!(
        requests,
        ["\"GET /hello?a=%0a HTTP/1.1\" 200 13", "\"HEAD /hello HTTP/1.1\" 200 0", "\"POST /echo HTTP/1.1\" 200 4"]
    );
}
