//! Deadlines and limits over real sockets: whoever is too slow, too large or too many is told so where that can be, and ended.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use hearken::{AccessLog, Files, Handler, HttpError, LogFormat, Request, Response, Router, Server, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::StreamOwned;
use socket2::{Domain, Socket, Type};

use crate::support::{
    Messages, PATIENCE, Place, Program, Stream, Wire, alone, count, get, read_until_closed, until, write_until_closed,
};

const SHORT: Duration = Duration::from_millis(300);
/// What a client that is slow waits between its bytes.
const PAUSE: Duration = Duration::from_millis(20);
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

fn app() -> Router {
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/large", |_: &mut Request| Response::stream(io::repeat(b'x').take(1 << 30), Some(1 << 30)))
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)))
}

fn serve(settings: Settings) -> Server {
    Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap()
}

/// Sends these bytes again and again, one at a time, until the server ends the connection, and gives what it said before.
fn drip(wire: &mut Wire, bytes: &[u8]) -> String {
    wire.stream.get_ref().set_timeouts(Some(PAUSE));
    let mut said = Vec::new();
    let mut bytes = bytes.iter().cycle();
    until("the server to end the connection", || {
        wire.send([*bytes.next()?]);
        match wire.stream.read_to_end(&mut said) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
            // A reset may follow the last words, for bytes were still coming.
            _ => Some(()),
        }
    });
    String::from_utf8(said).unwrap()
}

fn ask(wire: &mut Wire) -> u16 {
    wire.send(HELLO);
    wire.reply().status
}

/// Answers with bodies that have no end, and knows of which the server is done with.
#[derive(Clone, Default)]
struct Endless(Arc<Mutex<Vec<String>>>);

struct EndlessBody {
    name: String,
    ended: Endless,
}

impl Endless {
    /// The name of a body is the target of its request.
    fn app(&self) -> impl Handler {
        let ended = self.clone();
        move |request: &mut Request| {
            Response::stream(EndlessBody { name: request.path().into(), ended: ended.clone() }, None)
        }
    }

    fn has_ended(&self, name: &str) -> bool {
        self.0.lock().unwrap().iter().any(|ended| ended == name)
    }

    /// The name of the body that is asked for over this place, and the request.
    fn request(place: &Place) -> (String, String) {
        let name = format!("/{}", place.name.replace(' ', "-"));
        let request = format!("GET {name} HTTP/1.1\r\nHost: a\r\n\r\n");
        (name, request)
    }
}

impl Read for EndlessBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

impl Drop for EndlessBody {
    fn drop(&mut self) {
        self.ended.0.lock().unwrap().push(self.name.clone());
    }
}

#[test]
fn a_dripped_head_is_408() {
    Place::each(&Settings::default().head_timeout(SHORT), app, |place| {
        let mut wire = place.connect();
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
        let said = drip(&mut wire, b"x");
        assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said:?} over {}", place.name);
        // One that just stops is told the same.
        let (mut wire, reply) = place.send("GET /hello HTTP/1.1\r\nHo");
        assert_eq!((reply.status, reply.header("Connection")), (408, Some("close")), "{}", place.name);
        assert!(wire.is_closed(), "{}", place.name);
    });
}

#[test]
fn a_head_that_comes_after_an_answer_has_the_same_deadline() {
    Place::each(&Settings::default().head_timeout(SHORT).idle_timeout(Duration::ZERO), app, |place| {
        let mut wire = place.connect();
        assert_eq!(ask(&mut wire), 200);
        // It is idle for as long as another one takes that may not be, and then slow.
        assert!(place.connect().is_closed(), "{}", place.name);
        wire.send("GET /hel");
        assert_eq!(wire.reply().status, 408, "{}", place.name);
        assert!(wire.is_closed(), "{}", place.name);
    });
}

/// Over TLS the end is said (close_notify), and is an error where it is not.
#[test]
fn silent_and_idle_connections_are_closed_without_a_word() {
    let settings = Settings::default().handshake_timeout(SHORT).head_timeout(SHORT).idle_timeout(SHORT);
    Place::each(&settings, app, |place| {
        assert!(place.connect().is_closed(), "silent over {}", place.name);
        let mut idle = place.connect();
        assert_eq!(ask(&mut idle), 200);
        assert!(idle.is_closed(), "idle over {}", place.name);
        let mut without_handshake = Vec::new();
        place.connect_raw().read_to_end(&mut without_handshake).unwrap();
        assert_eq!(without_handshake, b"", "{}", place.name);
    });
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
    // The notes are kept there.
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let (program, errors) = (place.path().join("hearken"), place.path().join("errors"));
    std::fs::copy(env!("CARGO_BIN_EXE_hearken"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["--demo", "--access-log", "off", "--port", "0"]).arg(place.path());
    command.uid(nobody).gid(nobody).current_dir(place.path()).stderr(File::create(&errors).unwrap());
    let server = Program::start(&mut command, 1);

    // Idle connections take no thread, so all are served by what there is.
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Wire::connect(server.address())).collect();
    for client in &mut clients {
        client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
    // Slow bodies take one each. Those that come later wait for a thread, and are not lost.
    for client in &mut clients {
        client.send("POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n");
    }
    until("a complaint", || std::fs::read_to_string(&errors).unwrap().contains("cannot start a thread").then_some(()));
    for client in &mut clients {
        client.send("{\"myNote\": \"one\"}");
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(std::fs::read_to_string(place.path().join("notes.txt")).unwrap(), "one\n".repeat(CLIENTS));
    let complaints = std::fs::read_to_string(&errors).unwrap().matches("cannot start a thread").count();
    assert!(complaints < CLIENTS, "{complaints} complaints: not one for each thread that is missing");
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).map_or(0, Iterator::count);
    assert!(threads <= 12, "{threads}");
    drop(clients);
    assert_eq!(get(server.address(), "/hello").status, 200);
}

/// How many workers a server has for what is to be done at the same time.
fn workers() -> usize {
    2 * thread::available_parallelism().map_or(2, usize::from)
}

/// A request line of another version once took a thread for ever, behind another request or over TLS.
#[test]
fn other_versions_of_http_take_nothing_along() {
    if !alone("limits::other_versions_of_http_take_nothing_along") {
        return;
    }
    const CLIENTS: usize = 600;
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
        until("threads and descriptors to be back", || {
            (count("task") <= threads + workers() && count("fd") <= files).then_some(())
        });
    }
}

#[test]
fn a_slow_handshake_is_ended() {
    Place::each(&Settings::default().handshake_timeout(SHORT), app, |place| {
        if !place.is_secure() {
            return;
        }
        // The beginning of a ClientHello, then a byte now and then.
        let mut wire = Wire::over(place.connect_raw());
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        assert_eq!(drip(&mut wire, b"x"), "", "{}", place.name);
        assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
    });
}

/// Sends one byte at a time, with a pause after each.
struct Dripping(Stream);

impl Read for Dripping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dripping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.write(&bytes[..bytes.len().min(1)])?;
        thread::sleep(Duration::from_millis(1));
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn handshakes_that_come_in_bytes_are_finished() {
    Place::each(&Settings::default(), app, |place| {
        let Some(handshake) = place.dialer.handshake() else { return };
        let mut stream = StreamOwned::new(handshake, Dripping(place.connect_raw()));
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("Hello, world!"), "{said}");
    });
}

#[test]
fn half_handshakes_take_no_threads() {
    if !alone("limits::half_handshakes_take_no_threads") {
        return;
    }
    for place in Place::all(&Settings::default(), app) {
        let Some(mut handshake) = place.dialer.handshake() else { continue };
        assert_eq!(ask(&mut place.connect()), 200);
        let threads = count("task");
        let mut hello = Vec::new();
        handshake.write_tls(&mut hello).unwrap();
        let mut halves: Vec<_> = (0..workers() + 20).map(|_| place.connect_raw()).collect();
        for half in &mut halves {
            half.write_all(&hello[..hello.len() / 2]).unwrap();
        }
        for _ in 0..10 {
            assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
        }
        assert!(count("task") <= threads + workers(), "{}", place.name);
        // The rest of one comes after all.
        let mut stream = halves.pop().unwrap();
        stream.write_all(&hello[hello.len() / 2..]).unwrap();
        let mut stream = StreamOwned::new(handshake, stream);
        stream.write_all(HELLO.as_bytes()).unwrap();
        let mut said = [0; 15];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 200 OK", "{}", place.name);
    }
}

#[test]
fn a_slow_body_is_408_and_a_fast_enough_one_is_not() {
    Place::each(&Settings::default().rate_grace(SHORT).min_rate(1024), app, |place| {
        for head in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
            let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n");
            let (mut wire, reply) = place.send(&request);
            assert_eq!((reply.status, reply.header("Connection")), (408, Some("close")), "{head} over {}", place.name);
            assert!(wire.is_closed(), "{head} over {}", place.name);
            let mut wire = place.connect();
            wire.send(&request);
            // In chunks of a byte, which are as much of a body as any.
            let said = drip(&mut wire, b"1\r\nx\r\n");
            assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said:?}: {head} over {}", place.name);
        }
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
        for _ in 0..50 {
            wire.send([b'x'; 1000]);
            thread::sleep(PAUSE);
        }
        assert_eq!(wire.reply().body.len(), 50_000, "{}", place.name);
    });
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let endless = &Endless::default();
    Place::each(
        &Settings::default().rate_grace(SHORT),
        || endless.app(),
        |place| {
            let (name, request) = Endless::request(&place);
            let mut wire = place.connect();
            wire.send(request);
            until("the server to give up", || endless.has_ended(&name).then_some(()));
            // What was on its way may be read. It does not look as if it were all.
            let (taken, end) = read_until_closed(&mut wire.stream);
            assert!(end.is_err() || !taken.ends_with(b"0\r\n\r\n"), "{}", place.name);
            assert!(end.is_err() || !place.is_secure(), "cut short, and said to be the end, over {}", place.name);
            assert_eq!(place.shutdown(PATIENCE).cut, 0);
        },
    );
}

#[test]
fn a_reader_that_takes_nothing_of_a_file_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    File::create(directory.path().join("large")).unwrap().set_len(1 << 30).unwrap();
    let (lines, log) = mpsc::channel();
    struct Out(mpsc::Sender<()>);
    impl Write for Out {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(());
            Ok(line.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let builder = Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().rate_grace(SHORT));
    let builder = builder.access_log(AccessLog::new(LogFormat::Common, Out(lines)).unwrap());
    let server = builder.serve(Files::new(directory.path())).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    // A request is logged when it is done with.
    log.recv_timeout(PATIENCE).unwrap();
    let (taken, _) = read_until_closed(&mut wire.stream);
    assert!(taken.len() < 1 << 30, "it was not cut off");
    assert_eq!(server.shutdown(Duration::ZERO).cut, 0);
}

/// The server's send buffer takes megabytes at once, so how fast it can write says nothing of the client.
#[test]
fn a_slow_reader_is_cut_off_when_it_stops_and_not_before() {
    let endless = &Endless::default();
    let settings = Settings::default().min_rate(1024).rate_grace(SHORT);
    Place::each(
        &settings,
        || endless.app(),
        |place| {
            let Some(address) = place.address() else { return };
            let (name, request) = Endless::request(&place);
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            // Small segments, for the window is small.
            socket.set_tcp_mss(536).unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            socket.connect(&address.into()).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut wire = place.dialer.speak(Stream::Tcp(socket.into()));
            wire.send(request);
            assert_eq!(wire.head().status, 200);
            let stream = wire.stream.get_mut().raw();
            for _ in 0..100 {
                stream.read_exact(&mut [0; 512]).unwrap_or_else(|error| panic!("cut off over {}: {error}", place.name));
                thread::sleep(PAUSE);
            }
            assert!(!endless.has_ended(&name), "cut off over {}", place.name);
            until("the server to give up", || endless.has_ended(&name).then_some(()));
        },
    );
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
    impl Read for SlowWriter {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            thread::sleep(SHORT * 2);
            self.0 -= 1;
            buffer[0] = b'x';
            Ok(usize::from(self.0 > 0))
        }
    }
    let slow_writer = |_: &mut Request| Response::stream(SlowWriter(4), None);
    let app = || Router::new().post("/read", slow_reader).get("/write", slow_writer);
    let settings = Settings::default().rate_grace(SHORT).head_timeout(SHORT);
    Place::each(&settings, app, |place| {
        let mut wire = place.connect();
        wire.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
        wire.send([b'x'; 50_000]);
        assert_eq!(wire.reply().text(), "50000", "{}", place.name);
        wire.send("GET /write HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().text(), "xxx", "{}", place.name);
    });
}

#[test]
fn heads_have_limits() {
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
    for place in Place::all(&Settings::default(), app) {
        for (request, status, why) in &table {
            let (_, reply) = place.send(request);
            assert_eq!(reply.status, *status, "{why} over {}", place.name);
            assert_eq!(reply.header("Connection"), (*status != 200).then_some("close"), "{why} over {}", place.name);
        }
    }
}

#[test]
fn a_head_without_end_is_stopped_while_it_comes() {
    for place in Place::all(&Settings::default(), app) {
        for endless in ["x", "X: y\r\n"] {
            let mut wire = place.connect();
            wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
            let chunk = endless.repeat(64 * 1024 / endless.len());
            write_until_closed(wire.stream.get_mut(), chunk.as_bytes(), 100 << 20);
        }
        assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
    }
}

#[test]
fn idle_connections_make_room_the_longest_idle_first() {
    let settings = Settings::default().max_connections(3).idle_timeout(Duration::ZERO);
    for place in Place::all(&settings, app) {
        let (mut longest, reply) = place.send(HELLO);
        assert_eq!(reply.header("Connection"), None);
        // The server counts milliseconds.
        thread::sleep(PAUSE);
        let (mut idle, _) = place.send(HELLO);
        // With all places taken, answers are the last of their connection, so that they come free.
        let mut silent = place.connect();
        let mut last = place.connect();
        last.send(HELLO);
        assert!(longest.is_closed(), "it had been idle for longest, over {}", place.name);
        let reply = last.reply();
        assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")), "{}", place.name);
        assert_eq!(ask(&mut silent), 200, "it was not idle: nothing had been answered yet, over {}", place.name);
        assert_eq!(ask(&mut idle), 200, "one was enough, over {}", place.name);
    }
}

#[test]
fn where_none_is_idle_new_connections_wait_their_turn() {
    let settings = Settings::default().max_connections(2).head_timeout(SHORT).handshake_timeout(SHORT);
    Place::each(&settings, app, |place| {
        let _silent = [place.connect(), place.connect()];
        assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
    });
}

#[test]
fn deadlines_of_zero_are_off() {
    let zero = Duration::ZERO;
    let off =
        Settings::default().handshake_timeout(zero).head_timeout(zero).idle_timeout(zero).min_rate(0).rate_grace(zero);
    let endless = &Endless::default();
    let app = || app().fallback(endless.app());
    Place::each(&off, app, |place| {
        let (name, request) = Endless::request(&place);
        let mut without_handshake = place.connect_raw();
        let (mut idle, _) = place.send(HELLO);
        let [mut head, mut body, mut reader] = [place.connect(), place.connect(), place.connect()];
        head.send(&HELLO[..20]);
        body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nf");
        reader.send(request);
        // Over for those of whom less patience is had, four times.
        let strict = Settings::default().head_timeout(SHORT).idle_timeout(SHORT);
        let strict = serve(strict);
        for _ in 0..4 {
            assert!(Wire::connect(strict.address()).is_closed());
        }
        assert_eq!(ask(&mut idle), 200, "{}", place.name);
        head.send(&HELLO[20..]);
        assert_eq!(head.reply().status, 200, "{}", place.name);
        body.send("our");
        assert_eq!(body.reply().text(), "four", "{}", place.name);
        assert!(!endless.has_ended(&name), "{}", place.name);
        assert_eq!(reader.head().status, 200, "{}", place.name);
        without_handshake.set_timeouts(Some(PAUSE));
        let end = without_handshake.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(end, Err(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)), "{end:?} over {}", place.name);
        without_handshake.set_timeouts(Some(PATIENCE));
        assert_eq!(ask(&mut place.dialer.speak(without_handshake)), 200, "{}", place.name);
    });
}

#[test]
fn waiting_connections_take_no_threads() {
    if !alone("limits::waiting_connections_take_no_threads") {
        return;
    }
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    // Each connection has two ends here.
    let affordable = limit.maximum.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX)) / 4;
    for place in Place::all(&Settings::default().head_timeout(Duration::ZERO).idle_timeout(Duration::ZERO), app) {
        // Over TLS fewer, for handshakes take their time.
        let (idle, half) = if place.is_secure() { (200, 50) } else { (2000, 500) };
        assert_eq!(ask(&mut place.connect()), 200);
        let threads = count("task");
        let mut idle: Vec<_> = (0..idle.min(affordable)).map(|_| place.send(HELLO)).collect();
        let mut halves: Vec<_> = (0..half.min(affordable)).map(|_| place.connect()).collect();
        for half in &mut halves {
            half.send(&HELLO[..20]);
        }
        for _ in 0..20 {
            assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
        }
        let now = count("task");
        assert!(now <= threads + workers(), "{now} threads after {threads} over {}", place.name);
        for half in &mut halves {
            half.send(&HELLO[20..]);
            assert_eq!(half.reply().status, 200, "{}", place.name);
        }
        for (wire, reply) in &mut idle {
            assert_eq!(reply.header("Connection"), None, "{}", place.name);
            assert_eq!(ask(wire), 200, "{}", place.name);
        }
    }
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    if !alone("limits::clients_that_vanish_leave_nothing_behind") {
        return;
    }
    const CLIENTS: usize = 20;
    let endless = Endless::default();
    let (entered, open) = (&*Box::leak(Box::<AtomicUsize>::default()), &*Box::leak(Box::<AtomicBool>::default()));
    let slow = |_: &mut Request| {
        entered.fetch_add(1, Ordering::SeqCst);
        until("the clients to vanish", || open.load(Ordering::SeqCst).then_some(()));
        Response::text("too late")
    };
    let places = Place::all(&Settings::default(), || app().get("/slow", slow).fallback(endless.app()));
    for place in &places {
        assert_eq!(ask(&mut place.connect()), 200);
    }
    let (threads, files) = (count("task"), count("fd"));
    for place in &places {
        let connect_all = || (0..CLIENTS).map(|_| place.connect());
        let (name, request) = Endless::request(place);
        // What each begins with, what is answered to that, and what it sends before it vanishes.
        let beginnings = [
            ("", None, &HELLO[..20]),
            (HELLO, Some(200), ""),
            (HELLO, Some(200), &HELLO[..20]),
            (
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n",
                Some(100),
                "four",
            ),
            (
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some(100),
                "5\r\nfour",
            ),
            ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", Some(405), "four"),
        ];
        for (beginning, answer, more) in beginnings {
            for mut wire in connect_all() {
                wire.send(beginning);
                assert_eq!(answer.map(|_| wire.reply().status), answer, "{beginning:?} over {}", place.name);
                wire.send(more);
                wire.stream.into_inner().vanish();
            }
        }
        // In the handshake, before anything and in its middle.
        for number in 0..CLIENTS {
            let mut stream = place.connect_raw();
            if number % 2 == 0 {
                let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
            }
            stream.vanish();
        }
        // In the response.
        for mut wire in connect_all() {
            wire.send(&request);
            assert_eq!(wire.head().status, 200);
            wire.stream.into_inner().vanish();
        }
        // In the handler.
        open.store(false, Ordering::SeqCst);
        entered.store(0, Ordering::SeqCst);
        let mut wires: Vec<_> = connect_all().collect();
        for wire in &mut wires {
            wire.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        until("the handlers to run", || (entered.load(Ordering::SeqCst) >= CLIENTS).then_some(()));
        wires.into_iter().for_each(|wire| wire.stream.into_inner().vanish());
        open.store(true, Ordering::SeqCst);
        until("the bodies to be done with", || {
            let ended = endless.0.lock().unwrap().iter().filter(|ended| **ended == name).count();
            (ended == CLIENTS).then_some(())
        });
    }
    until("descriptors to be back", || (count("fd") <= files).then_some(()));
    until("threads to be back", || (count("task") <= threads + places.len() * workers()).then_some(()));
    for place in places {
        assert_eq!(ask(&mut place.connect()), 200);
        assert_eq!(place.shutdown(PATIENCE).cut, 0);
    }
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
fn a_server_without_descriptors_recovers() {
    if !alone("limits::a_server_without_descriptors_recovers") {
        return;
    }
    let low = Rlimit { current: Some(256), maximum: getrlimit(Resource::Nofile).maximum };
    setrlimit(Resource::Nofile, low).unwrap();
    let messages = Messages::collect();
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
        if left == 0 {
            let is_said = |message: &String| message.starts_with("cannot take a connection: ");
            until("accepting to fail", || messages.all().iter().any(is_said).then_some(()));
        }
        drop(taken);
        assert_eq!(get(server.address(), "/hello").status, 200, "{left} left");
    }
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}
