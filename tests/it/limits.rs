//! Deadlines and limits over real sockets: whoever is too slow, too large or too many is told so where that can be, and ended.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hearken::client::Client;
use hearken::{Files, HttpError, Request, Response, Router, Server, Settings, Tls};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::support::{PATIENCE, Place, Program, Wire, alone, get, until};

const SHORT: Duration = Duration::from_millis(300);

fn app() -> Router {
    Router::new()
        .get("/hello", hearken::hello)
        .get("/large", |_: &mut Request| Response::stream(std::io::repeat(b'x').take(1 << 30), Some(1 << 30)))
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)))
}

fn serve(settings: Settings) -> Server {
    Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap()
}

/// Sends a byte now and then until the server ends the connection, and gives what it said before.
fn drip(wire: &mut Wire, bytes: &[u8]) -> String {
    let mut writing = wire.stream.get_ref().try_clone().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            for byte in bytes.iter().cycle() {
                if done.load(Ordering::Relaxed) || begun.elapsed() > PATIENCE || writing.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut said = Vec::new();
        // A reset may follow the last words, for bytes were still coming.
        let _ = wire.stream.read_to_end(&mut said);
        done.store(true, Ordering::Relaxed);
        String::from_utf8(said).unwrap()
    })
}

#[test]
fn a_dripped_head_is_408() {
    let server = serve(Settings::default().head_timeout(SHORT));
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address());
    wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
    let said = drip(&mut wire, b"x");
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    assert!(begun.elapsed() >= SHORT);
    // One that just stops, with nothing more on its way, gets the words for certain.
    let mut wire = Wire::connect(server.address());
    wire.send("GET /hello HTTP/1.1\r\nHo");
    assert_eq!(wire.reply().status, 408);
    assert!(wire.is_closed());
}

#[test]
fn a_head_that_comes_after_an_answer_has_the_same_deadline() {
    let server = serve(Settings::default().head_timeout(SHORT).idle_timeout(Duration::ZERO));
    let mut wire = Wire::connect(server.address());
    wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.reply().status, 200);
    // It is idle for as long as it likes, and then slow.
    thread::sleep(SHORT * 2);
    wire.send("GET /hel");
    assert_eq!(wire.reply().status, 408);
    assert!(wire.is_closed());
}

#[test]
fn silent_and_idle_connections_are_closed_without_a_word() {
    let server = serve(Settings::default().head_timeout(SHORT).idle_timeout(SHORT));
    let mut silent = Wire::connect(server.address());
    assert!(silent.is_closed());
    let mut idle = Wire::connect(server.address());
    idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.reply().status, 200);
    assert!(idle.is_closed());
}

#[test]
fn workers_that_cannot_be_started_are_done_without() {
    const CLIENTS: usize = 30;
    if !alone("limits::workers_that_cannot_be_started_are_done_without") {
        return;
    }
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: only root can run a program as a user that has no other threads");
        return;
    }
    // The limit is on all threads of a user, and not for root: the server runs as a user that nothing else runs as.
    let nobody = 64_000 + std::process::id() % 1000;
    setrlimit(Resource::Nproc, Rlimit { current: Some(12), maximum: Some(12) }).unwrap();
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (program, errors) = (place.path().join("hearken"), place.path().join("errors"));
    std::fs::copy(env!("CARGO_BIN_EXE_hearken"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["--demo", "--access-log", "off", "--port", "0"]).arg(place.path());
    command.uid(nobody).gid(nobody).stderr(File::create(&errors).unwrap());
    let server = Program::start(&mut command, 1);

    // Idle connections take no thread, so all are served by what there is.
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Wire::connect(server.address())).collect();
    for client in &mut clients {
        client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
    // Slow bodies take one each. Those that come later wait for a thread, and are not lost.
    let begun = Instant::now();
    for client in &mut clients {
        client.send("POST /notes HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n");
    }
    until("a complaint", || std::fs::read_to_string(&errors).unwrap().contains("cannot start a thread").then_some(()));
    for client in &mut clients {
        client.send("{\"myNote\": \"one\"}".get(..17).unwrap());
    }
    for client in &mut clients {
        assert!(client.reply().status >= 200);
    }
    let complaints = std::fs::read_to_string(&errors).unwrap().matches("cannot start a thread").count();
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!((1..=seconds + 1).contains(&complaints), "{complaints} complaints in {seconds} s");
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).map_or(0, Iterator::count);
    assert!(threads <= 12, "{threads}");
    drop(clients);
    assert_eq!(get(server.address(), "/hello").status, 200);
}

/// A request line of another version once took a thread for ever, behind another request or over TLS.
#[test]
fn other_versions_of_http_take_nothing_along() {
    if !alone("limits::other_versions_of_http_take_nothing_along") {
        return;
    }
    const CLIENTS: usize = 600;
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).map_or(0, Iterator::count);
    for place in Place::all(&Settings::default(), app) {
        let ask = || {
            let (wire, reply) = place.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/2.0\r\nHost: a\r\n\r\n");
            assert_eq!(reply.status, 200);
            wire
        };
        drop(ask());
        let (threads, files) = (count("task"), count("fd"));
        for _ in 0..CLIENTS / 100 {
            let mut wires: Vec<_> = (0..100).map(|_| ask()).collect();
            for wire in &mut wires {
                let reply = wire.reply();
                assert_eq!((reply.status, reply.header("Connection")), (505, Some("close")), "{}", place.name);
                assert!(wire.is_closed());
            }
        }
        // The pool may have grown to what is to work at the same time.
        let spare = 2 * thread::available_parallelism().map_or(2, usize::from);
        until("threads and descriptors to be back", || {
            (count("task") <= threads + spare && count("fd") <= files).then_some(())
        });
    }
}

#[test]
fn a_slow_handshake_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::development(directory.path()).unwrap();
    let settings = Settings::default().head_timeout(SHORT).rate_grace(SHORT);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).tls(tls).serve(app()).unwrap();
    // The beginning of a ClientHello, then a byte now and then.
    let mut wire = Wire::connect(server.address());
    wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert_eq!(drip(&mut wire, b"x"), "");
    let mut silent = Wire::connect(server.address());
    assert!(silent.is_closed());
    let client = Client::builder().trust(Tls::development_authority(directory.path())).unwrap().build();
    assert_eq!(client.get(&format!("{}hello", server.url())).unwrap().text().unwrap(), "Hello, world!");
}

#[test]
fn a_slow_body_is_408_and_a_fast_enough_one_is_not() {
    let server = serve(Settings::default().rate_grace(SHORT).min_rate(1024));
    for head in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
        let mut wire = Wire::connect(server.address());
        wire.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n"));
        let reply = wire.reply();
        assert_eq!((reply.status, reply.header("Connection")), (408, Some("close")), "{head}");
        assert!(wire.is_closed());
    }
    let mut wire = Wire::connect(server.address());
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    for _ in 0..50 {
        wire.send([b'x'; 1000]);
        thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(wire.reply().body.len(), 50_000);
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let file = File::create(directory.path().join("large")).unwrap();
    file.set_len(1 << 30).unwrap();
    let settings = Settings::default().rate_grace(SHORT);
    let files = Server::bind("127.0.0.1:0").unwrap().settings(settings.clone()).serve(Files::new(directory.path()));
    for server in [serve(settings), files.unwrap()] {
        let mut wire = Wire::connect(server.address());
        wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        // Nothing is read. That the server is done with the connection shows when it stops and has nothing to cut off.
        thread::sleep(SHORT * 6);
        assert_eq!(server.shutdown(Duration::ZERO).cut, 0);
        let mut taken = Vec::new();
        let end = wire.stream.read_to_end(&mut taken);
        assert!(end.is_err() || taken.len() < 1 << 30);
    }
}

#[test]
fn a_handler_may_take_its_time() {
    let slow_reader = |request: &mut Request| -> Result<Response, HttpError> {
        let mut body = request.body();
        let mut total = 0;
        let mut buffer = vec![0; 20_000];
        loop {
            thread::sleep(SHORT * 2);
            match body.read(&mut buffer)? {
                0 => break,
                read => total += read,
            }
        }
        thread::sleep(SHORT * 2);
        Ok(Response::text(total.to_string()))
    };
    struct SlowWriter(u8);
    impl std::io::Read for SlowWriter {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            thread::sleep(SHORT * 2);
            self.0 -= 1;
            buffer[0] = b'x';
            Ok(usize::from(self.0 > 0))
        }
    }
    let app =
        Router::new().post("/read", slow_reader).get("/write", |_: &mut Request| Response::stream(SlowWriter(4), None));
    let settings = Settings::default().rate_grace(SHORT).head_timeout(SHORT);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    wire.send([b'x'; 50_000]);
    assert_eq!(wire.reply().text(), "50000");
    wire.send("GET /write HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.reply().text(), "xxx");
}

#[test]
fn heads_have_limits() {
    let server = serve(Settings::default());
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let field = |length: usize| format!("X: {}\r\n", "y".repeat(length));
    let table = [
        (format!("GET /hello?{} HTTP/1.1\r\nHost: a\r\n\r\n", "q".repeat(8_000)), 200, "a long target"),
        (format!("GET /hello?{} HTTP/1.1\r\nHost: a\r\n\r\n", "q".repeat(8_190)), 414, "too long a target"),
        (format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(99)), 200, "as many fields as may be"),
        (format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(100)), 431, "one field too many"),
        (format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", field(31_000)), 200, "a large field"),
        (format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", field(33_000)), 431, "too large a field"),
        (format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", field(500).repeat(66)), 431, "too much in all"),
    ];
    for (request, status, why) in table {
        let mut wire = Wire::connect(server.address());
        wire.send(&request);
        let reply = wire.reply();
        assert_eq!(reply.status, status, "{why}");
        assert_eq!(reply.header("Connection"), (status != 200).then_some("close"), "{why}");
    }
}

#[test]
fn a_head_without_end_is_stopped_while_it_comes() {
    let server = serve(Settings::default());
    for endless in ["x", "X: y\r\n"] {
        let mut wire = Wire::connect(server.address());
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
        let begun = Instant::now();
        let chunk = endless.repeat(64 * 1024 / endless.len());
        let mut sent = 0_usize;
        while wire.stream.get_mut().write_all(chunk.as_bytes()).is_ok() {
            sent += chunk.len();
            assert!(begun.elapsed() < PATIENCE, "{sent} bytes were taken");
        }
    }
    assert_eq!(get(server.address(), "/hello").status, 200);
}

#[test]
fn one_address_has_no_more_than_its_share() {
    let server = serve(Settings::default().max_connections_per_address(2));
    let mut first = Wire::connect(server.address());
    let mut second = Wire::connect(server.address());
    for wire in [&mut first, &mut second] {
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().status, 200);
    }
    let mut third = Wire::connect(server.address());
    assert!(third.is_closed());
    drop(first);
    until("the place to be free again", || {
        let mut wire = Wire::connect(server.address());
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut said = String::new();
        let _ = wire.stream.read_to_string(&mut said);
        said.starts_with("HTTP/1.1 200").then_some(())
    });
}

#[test]
fn idle_connections_make_room_the_longest_idle_first() {
    let server = serve(Settings::default().max_connections(2).idle_timeout(Duration::ZERO));
    let ask = |wire: &mut Wire| {
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        wire.reply()
    };
    let mut first = Wire::connect(server.address());
    assert_eq!(ask(&mut first).header("Connection"), None);
    // With all places taken, answers are the last of their connection, so that they come free.
    let mut silent = Wire::connect(server.address());
    let mut third = Wire::connect(server.address());
    third.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(first.is_closed(), "it was idle");
    let reply = third.reply();
    assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
    assert_eq!(ask(&mut silent).status, 200, "it was not idle: nothing had been answered yet");
}

#[test]
fn where_none_is_idle_new_connections_wait_their_turn() {
    let server = serve(Settings::default().max_connections(2).head_timeout(SHORT));
    let _silent = [Wire::connect(server.address()), Wire::connect(server.address())];
    assert_eq!(get(server.address(), "/hello").status, 200);
}

#[test]
fn a_thousand_slow_clients_leave_fresh_requests_served() {
    let settings = Settings::default().head_timeout(Duration::ZERO).idle_timeout(Duration::ZERO).min_rate(0);
    let server = serve(settings);
    let address = server.address();
    let beginnings = ["GET /hello HTTP/1.1\r\nHo", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\nx"];
    let slow: Vec<_> = (0..1000)
        .map(|number| {
            let mut wire = Wire::connect(address);
            wire.send(beginnings[number % beginnings.len()]);
            wire
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(get(address, "/hello").status, 200);
    }
    drop(slow);
    server.shutdown(Duration::ZERO);
}

#[test]
fn a_stop_under_load_loses_nothing() {
    for round in 0..3 {
        let server = serve(Settings::default());
        let address = server.address();
        let stopped = AtomicBool::new(false);
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let (stopped, answered) = (&stopped, &answered);
                    scope.spawn(move || {
                        while !stopped.load(Ordering::SeqCst) {
                            // Refused is refused; whoever is connected is to be answered.
                            let Ok(stream) = TcpStream::connect(address) else { return };
                            let mut wire = Wire::of(stream);
                            // Half of the clients keep their connection for as long as they may.
                            loop {
                                wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
                                let reply = wire.reply();
                                assert_eq!(reply.status, 200, "round {round}");
                                answered.fetch_add(1, Ordering::SeqCst);
                                if client % 2 == 0 || reply.header("Connection") == Some("close") {
                                    break;
                                }
                            }
                        }
                    })
                })
                .collect();
            until("the load to be there", || (answered.load(Ordering::SeqCst) > 500).then_some(()));
            assert_eq!(server.shutdown(PATIENCE).cut, 0);
            stopped.store(true, Ordering::SeqCst);
            for client in clients {
                client.join().unwrap();
            }
        });
    }
}

#[test]
fn a_server_without_descriptors_recovers() {
    if !alone("limits::a_server_without_descriptors_recovers") {
        return;
    }
    let low = Rlimit { current: Some(256), maximum: getrlimit(Resource::Nofile).maximum };
    setrlimit(Resource::Nofile, low).unwrap();
    let server = serve(Settings::default());
    let request = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    // With none left accepting fails.
    for left in [0, 1, 2] {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        taken.truncate(taken.len() - left);
        client.connect(&server.address().into()).unwrap();
        client.set_read_timeout(Some(SHORT)).unwrap();
        let _ = (&client).write_all(request);
        let _ = (&client).read(&mut [0; 16]);
        drop(taken);
        assert_eq!(get(server.address(), "/hello").status, 200, "{left} left");
    }
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}
