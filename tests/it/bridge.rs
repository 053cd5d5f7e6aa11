//! The bridge: a tiny_http server whose requests hearken's handlers answer.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use hearken::bridge::{self, tiny_http};
use hearken::{Files, Handler, HttpError, Method, Request, Response, Router, Settings, TrustedProxies, WriteFile};

use crate::support::{PATIENCE, Wire, ask, get};

/// A tiny_http server with some threads that answer.
struct Bridged {
    server: Arc<tiny_http::Server>,
    /// How each answer ended.
    results: mpsc::Receiver<io::Result<()>>,
}

const WORKERS: usize = 4;

impl Bridged {
    fn serve(app: impl Handler, settings: &Settings) -> Self {
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
        let app = Arc::new(app);
        let (sender, results) = mpsc::channel();
        for _ in 0..WORKERS {
            let (server, app, settings, sender) =
                (Arc::clone(&server), Arc::clone(&app), settings.clone(), sender.clone());
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    if let Ok(request) = request {
                        let _ = sender.send(bridge::answer(request, app.as_ref(), &settings));
                    }
                }
            });
        }
        Self { server, results }
    }

    fn address(&self) -> SocketAddr {
        self.server.server_addr().to_string().parse().unwrap()
    }

    fn connect(&self) -> Wire {
        Wire::connect(self.address())
    }

    /// How the next answer ended.
    fn result(&self) -> io::Result<()> {
        self.results.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Bridged {
    fn drop(&mut self) {
        (0..WORKERS).for_each(|_| self.server.unblock().unwrap());
    }
}

/// Gives its text and then fails.
fn failing(text: &'static str) -> impl io::Read + Send {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is broken"))
        }
    }
    text.as_bytes().chain(Failing)
}

/// So many bytes.
fn long(length: u64) -> impl io::Read + Send {
    io::repeat(b'x').take(length)
}

fn app() -> Router {
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/panic", |_: &mut Request| -> Response { panic!("the panic that this test is about") })
        .any("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)))
        .any("/ignore", |_: &mut Request| Response::text("ignored"))
        .get("/known", |_: &mut Request| Response::reader(&b"known"[..], Some(5)))
        .get("/unknown", |_: &mut Request| Response::reader(&b"unknown"[..], None))
        .get("/long", |_: &mut Request| Response::reader(long(1 << 20), Some(1 << 20)))
        .get("/endless", |_: &mut Request| Response::reader(long(2 << 20), None))
        .get("/short", |_: &mut Request| Response::reader(&b"short"[..], Some(100)))
        .get("/long-short", |_: &mut Request| Response::reader(long(400_000), Some(500_000)))
        .get("/short-early", |_: &mut Request| Response::reader(long(40_000), Some(500_000)))
        .get("/broken", |_: &mut Request| Response::reader(failing(""), None))
        .get("/breaks", |_: &mut Request| Response::reader(failing("so far"), None))
        .get("/writer", |_: &mut Request| Response::writer(|out| out.write_all(b"written")))
        .get("/channel", |_: &mut Request| {
            let (sender, response) = Response::channel(0);
            thread::spawn(move || ["one, ", "two"].iter().for_each(|piece| sender.send(*piece).unwrap()));
            response
        })
        .get("/split", |request: &mut Request| {
            Response::text("x").with_header("X-Echo", request.query().value("v").unwrap_or_default().into_owned())
        })
        .get("/seen", |request: &mut Request| {
            let fields: Vec<_> = request.headers().map(|(name, value)| format!("{name}={value}")).collect();
            Response::text(format!(
                "{} {} {:?} {} {:?} {}",
                request.path(),
                request.encoded_query().unwrap_or("-"),
                request.host(),
                request.is_secure(),
                request.client_address(),
                fields.join(";"),
            ))
        })
}

#[test]
fn answers_are_framed_as_the_client_can_read_them() {
    let bridged = Bridged::serve(app(), &Settings::default());
    let table = [
        ("GET", "/hello", "HTTP/1.1", 200, "Content-Length: 13", 13),
        ("HEAD", "/hello", "HTTP/1.1", 200, "Content-Length: 13", 0),
        ("GET", "/known", "HTTP/1.1", 200, "Content-Length: 5", 5),
        ("GET", "/long", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 1 << 20),
        ("HEAD", "/long", "HTTP/1.1", 200, "Content-Length: 1048576", 0),
        ("GET", "/unknown", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 7),
        ("GET", "/writer", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 7),
        ("GET", "/writer", "HTTP/1.0", 200, "Content-Length: 7", 7),
        ("GET", "/channel", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 8),
        ("HEAD", "/unknown", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 0),
        ("GET", "/long", "HTTP/1.0", 200, "Content-Length: 1048576", 1 << 20),
        ("GET", "/unknown", "HTTP/1.0", 200, "Content-Length: 7", 7),
        ("GET", "/channel", "HTTP/1.0", 200, "Content-Length: 8", 8),
        ("GET", "/endless", "HTTP/1.0", 500, "Content-Length: 26", 26),
        ("GET", "/endless", "HTTP/1.1", 200, "Transfer-Encoding: chunked", 2 << 20),
        ("GET", "/panic", "HTTP/1.1", 500, "Content-Length: 26", 26),
        ("GET", "/nothing", "HTTP/1.1", 404, "Content-Length: 24", 24),
        ("POST", "/hello", "HTTP/1.1", 405, "Allow: GET, HEAD", 26),
        ("BREW", "/hello", "HTTP/1.1", 405, "Allow: GET, HEAD", 26),
    ];
    let mut wire = bridged.connect();
    for (method, target, version, status, field, length) in table {
        wire.send(format!("{method} {target} {version}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"));
        let reply = wire.reply_to(method);
        assert_eq!((reply.status, reply.body.len()), (status, length), "{method} {target} {version}: {}", reply.head);
        assert!(reply.head.contains(field), "{method} {target} {version}: {}", reply.head);
        assert!(reply.header("Date").is_some() && reply.header("Server").is_none(), "{}", reply.head);
        assert_eq!(reply.header("Connection"), (version == "HTTP/1.0").then_some("keep-alive"), "{}", reply.head);
        bridged.result().unwrap();
    }
    wire.send("GET /unknown HTTP/1.0\r\n\r\n");
    let reply = wire.reply();
    assert_eq!((reply.text().as_str(), reply.header("Connection")), ("unknown", Some("close")), "up to the close");
}

#[test]
fn a_body_that_fails_does_not_look_whole() {
    let bridged = Bridged::serve(app(), &Settings::default());
    for target in ["/short", "/short-early", "/broken"] {
        assert_eq!(get(bridged.address(), target).status, 500, "{target}: none of it was sent");
        bridged.result().unwrap();
    }
    for (target, expected) in [("/long-short", "shorter than its declared length"), ("/breaks", "the disk is broken")] {
        let mut wire = bridged.connect();
        let get = |target| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        wire.send(get(target));
        assert!(bridged.result().unwrap_err().to_string().contains(expected), "{target}");
        // The answer to another request must not be taken for the rest.
        wire.send(get("/hello"));
        wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        wire.stream.read_to_string(&mut text).unwrap();
        let (_, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(rest.contains("\r\n!\r\nHTTP/1.1 200 OK\r\n"), "{target}: {rest}");
        bridged.result().unwrap();
    }
}

#[test]
fn the_bridge_refuses_what_the_server_refuses() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let handler = move |_: &mut Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        Response::text("seen")
    };
    let bridged = Bridged::serve(handler, &Settings::default().max_target(100).max_headers(10).max_head(2000));
    let table: [(&str, u16, &str); 28] = [
        ("GET / HTTP/1.1\r\n\r\n", 400, "no host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two hosts"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "no host name"),
        ("GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n", 400, "a field without a name"),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "no target"),
        ("GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "a fragment"),
        ("GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "half an encoding"),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "the asterisk of OPTIONS"),
        ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "another scheme"),
        ("GET http://me@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "user information"),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "a method that is no token"),
        ("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "TRACE"),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 405, "CONNECT"),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 400, "an old version"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx", 400, "a sign"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx", 400, "a list of lengths"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, "two lengths"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "both"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, "both"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "another coding"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "chunked twice",
        ),
        ("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "chunks in HTTP/1.0"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411, "chunks"),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\n\r\n", 417, "another expectation"),
        ("GET / HTTP/1.1\r\nHost: h\r\nHearken-Bridge-Upgrade: a\r\n\r\n", 400, "a reserved name"),
        (&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(100)), 414, "a long target"),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "Content-Type: a\r\n".repeat(11)), 431, "many fields"),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(2000)), 431, "a large head"),
    ];
    for (request, status, why) in table {
        let mut wire = bridged.connect();
        wire.send(request);
        assert_eq!(wire.reply().status, status, "{why}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0, "no handler has seen any of them");
}

#[test]
fn an_unread_body_is_not_taken_for_a_request() {
    let bridged = Bridged::serve(app(), &Settings::default().max_body(100));
    let smuggled = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let known = format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    let large = format!("Content-Length: {}\r\n\r\n{}", smuggled.len() * 5000, smuggled.repeat(5000));
    let waiting = format!("Expect: 100-continue\r\n{large}");
    let table = [
        ("/ignore", &chunked, 411),
        ("/ignore", &known, 200),
        ("/ignore", &large, 200),
        ("/nothing", &large, 404),
        ("/echo", &large, 413),
        ("/echo", &waiting, 413),
    ];
    for (target, body, status) in table {
        let mut wire = bridged.connect();
        wire.send(format!("POST {target} HTTP/1.1\r\nHost: h\r\n{body}"));
        assert_eq!(wire.reply().status, status, "{target}");
        wire.send("GET /known HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(wire.reply().text(), "known", "{target}: the next answer is to the next request");
    }
}

#[test]
fn bodies_are_read_to_their_length() {
    let bridged = Bridged::serve(app(), &Settings::default().max_body(5000));
    let mut wire = bridged.connect();
    for (length, status) in [(0, 200), (1, 200), (1024, 200), (1025, 200), (5000, 200), (5001, 413)] {
        let body = "b".repeat(length);
        wire.send(format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"));
        let reply = wire.reply();
        assert_eq!(reply.status, status, "{length}");
        assert!(reply.text() == body || status == 413, "{length}");
    }
    wire.send("POST /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.reply().status, 411, "there is none");
    wire.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(wire.head().status, 100);
    wire.send("after");
    assert_eq!(wire.reply().text(), "after");
}

#[test]
fn a_body_that_is_cut_short_is_an_error() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let app = move |request: &mut Request| -> Result<Response, HttpError> {
        let read = request.read_body();
        seen.lock().unwrap().push(read.is_ok());
        read.map(Response::bytes)
    };
    let bridged = Bridged::serve(app, &Settings::default());
    let mut wire = bridged.connect();
    wire.send(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(4999)));
    wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    let reply = wire.reply();
    assert_eq!((reply.status, reply.header("Connection")), (400, Some("close")));
    assert_eq!(*bodies.lock().unwrap(), [false]);
}

#[test]
fn a_handler_sees_the_whole_request() {
    let proxies = TrustedProxies::none().trust("127.0.0.1").unwrap();
    let bridged = Bridged::serve(app(), &Settings::default().trusted_proxies(proxies));
    let mut wire = bridged.connect();
    wire.send(
        "GET http://other:1/s%65en?q=1 HTTP/1.1\r\nHost: h\r\ncontent-type:a\r\nContent-Type: b\r\nDate: c\r\nX-A: 1\r\nServer: d\r\n\
         x-a:  2 \r\nConnection: te\r\nTrailer: e\r\nUpgrade: f\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n",
    );
    assert_eq!(
        wire.reply().text(),
        "/seen q=1 Some(\"other:1\") true Some(192.0.2.7) Host=h;Content-Type=a;Content-Type=b;Date=c;X-A=1;Server=d;\
         x-a=2;Connection=te;Trailer=e;Upgrade=f;X-Forwarded-For=192.0.2.7;X-Forwarded-Proto=https"
    );
}

#[test]
fn input_in_a_header_field_splits_no_answer() {
    let bridged = Bridged::serve(app(), &Settings::default());
    let reply = get(bridged.address(), "/split?v=a%0d%0aSet-Cookie:%20b");
    assert_eq!((reply.status, reply.header("Set-Cookie")), (500, None));
    let reply = get(bridged.address(), "/split?v=gr%C3%B6%C3%9Fe");
    assert_eq!((reply.status, reply.header("X-Echo")), (200, Some("größe")));
}

#[test]
fn an_upgrade_takes_no_more_than_its_body() {
    let bridged = Bridged::serve(app(), &Settings::default());
    let mut wire = bridged.connect();
    let next = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    wire.send(format!("POST /echo HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nContent-Length: 4\r\n\r\nbody{next}"));
    let reply = wire.reply();
    assert_eq!((reply.text().as_str(), reply.header("Connection")), ("body", Some("close")));
    assert!(wire.is_closed());
}

#[test]
fn a_kept_request_does_not_get_the_answer_of_another() {
    let kept: Mutex<Option<Request>> = Mutex::new(None);
    let app = move |request: &mut Request| {
        let mut kept = kept.lock().unwrap();
        let own = std::mem::replace(request, kept.take().unwrap_or_else(|| Request::get("/")));
        *kept = Some(own);
        Response::text("whose is it?")
    };
    let bridged = Bridged::serve(app, &Settings::default());
    let (mut first, mut second) = (bridged.connect(), bridged.connect());
    first.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(bridged.result().is_err());
    second.send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(bridged.result().is_err());
    assert_eq!(first.reply().status, 500, "it is dropped in the place of the second, which tiny_http answers so");
}

/// Files of this directory, and writing into it.
fn site(directory: &Path) -> impl Handler + use<> {
    let (files, write) = (Files::new(directory), WriteFile::new(directory).put(true));
    move |request: &mut Request| match request.method() {
        Method::Get | Method::Head => files.handle(request),
        _ => write.handle(request),
    }
}

#[test]
fn files_are_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let bridged = Bridged::serve(site(directory.path()), &Settings::default());
    let address = bridged.address();
    let content = "0123456789".repeat(20_000);
    let reply = ask(address, "PUT", "/a.txt", &[], content.as_bytes());
    assert_eq!(reply.status, 201);
    let etag = reply.header("ETag").unwrap().to_owned();
    assert_eq!(get(address, "/a.txt").text(), content);
    let table = [
        (vec![("Range", "bytes=3-5")], 206, "345"),
        (vec![("Range", "bytes=-2")], 206, "89"),
        (vec![("Range", "bytes=999999-")], 416, "The range lies outside the 200000 bytes of the content."),
        (vec![("If-None-Match", etag.as_str())], 304, ""),
        (vec![("If-Match", "\"other\"")], 412, "A precondition of the request does not hold."),
    ];
    for (fields, status, body) in table {
        let reply = ask(address, "GET", "/a.txt", &fields, b"");
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{fields:?}");
    }
}

mod over_https {
    use std::fs;
    use std::process::Command;
    use std::thread;

    use crate::support::{Dialer, Program, Reply, Run as _, Wire, client, client_config, example, on_path, skip};

    /// The example, its certificate's authority, and how to reach it by hand.
    struct Example {
        program: Program,
        directory: tempfile::TempDir,
        dialer: Dialer,
    }

    impl Example {
        fn start() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("www")).unwrap();
            fs::write(directory.path().join("www/index.html"), "<p>the page").unwrap();
            let program = Program::start(example("on_tiny_http").arg("0").current_dir(&directory), 1);
            let config = client_config(&directory.path().join("certs"), &rustls::version::TLS13);
            let dialer = Dialer::tcp(program.address(), Some(config));
            Self { program, directory, dialer }
        }

        /// What this program prints that trusts the certificate, and whether it succeeded.
        fn run(&self, mut command: Command, arguments: &[&str]) -> (String, bool) {
            let url = self.program.url().trim_end_matches('/');
            let arguments = arguments.iter().map(|argument| argument.replace("URL", url));
            let output = command.current_dir(&self.directory).arg("--cacert").arg("certs/ca.pem").args(arguments);
            let output = output.run();
            (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
        }
    }

    fn ask(wire: &mut Wire, method: &str, target: &str, fields: &str, body: &str) -> Reply {
        let length = body.len();
        wire.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ));
        wire.reply_to(method)
    }

    #[test]
    fn the_example_answers_on_one_connection() {
        let example = Example::start();
        let mut wire = example.dialer.connect().unwrap();
        let json = "Content-Type: application/json\r\n";
        let table = [
            ("GET", "/", "", "", 200, "<p>the page"),
            ("HEAD", "/", "", "", 200, ""),
            ("GET", "/guess?q=x", "", "", 200, "false\n"),
            ("POST", "/guess", "", "", 405, "Unsupported request: POST."),
            ("POST", "/crew/han.json", json, "{\"name\": \"Han Solo\"}", 200, "Wrote data for Han Solo."),
            ("GET", "/crew/han.json", "", "", 200, "{\"name\": \"Han Solo\"}"),
            ("GET", "/crew/han.json", "Range: bytes=2-5\r\n", "", 206, "name"),
            ("GET", "/crew/han.json", "If-None-Match: *\r\n", "", 304, ""),
            ("GET", "/crew/han.json", "If-Match: \"x\"\r\n", "", 412, "A precondition of the request does not hold."),
            ("PUT", "/file", "", "content", 201, ""),
            ("PUT", "/file", "", "other content", 204, ""),
            ("PUT", "/../../file", "", "x", 400, "Bad request: "),
            ("DELETE", "/file", "", "", 405, "Unsupported request: DELETE."),
            ("GET", "/nothing", "", "", 404, "Not found: GET, /nothing"),
        ];
        for (method, target, fields, body, status, expected) in table {
            let reply = ask(&mut wire, method, target, fields, body);
            assert_eq!(reply.status, status, "{method} {target}: {}", reply.text());
            let exact = !expected.ends_with(' ');
            assert!(reply.text() == expected || !exact && reply.text().starts_with(expected), "{}", reply.text());
        }
        let large = "x".repeat(11 * 1024 * 1024);
        assert_eq!(ask(&mut wire, "PUT", "/large", "", &large).status, 413);
        assert_eq!(ask(&mut wire, "GET", "/", "", "").status, 200, "the connection is good after it");
        assert_eq!(fs::read_to_string(example.directory.path().join("data/file")).unwrap(), "other content");
    }

    #[test]
    fn the_example_answers_curl_and_our_client() {
        let example = Example::start();
        let content = "0123456789".repeat(100_000);
        fs::write(example.directory.path().join("local"), &content).unwrap();
        fs::write(example.directory.path().join("huge"), vec![0; 11 * 1024 * 1024]).unwrap();
        let table: [(&[&str], &str, bool); 6] = [
            (&["post", "URL/leia.json", "{\"name\": \"Leia\"}"], "Wrote data for Leia.", true),
            (&["get", "URL/leia.json"], "{\"name\": \"Leia\"}", true),
            (&["put", "URL/copy", "local"], "", true),
            (&["get", "URL/copy"], &content, true),
            (&["put", "URL/huge", "huge"], "The request body is longer than 10 MiB.", false),
            (&["get", "URL/nothing"], "Not found: GET, /nothing", false),
        ];
        for (arguments, expected, success) in table {
            assert!(example.run(client(), arguments) == (expected.to_owned(), success), "hearken-client {arguments:?}");
        }
        let (text, success) = example.run(client(), &["guess", "URL/guess", "--interval", "0"]);
        assert!(success && text.ends_with("Good guess, yay!\n"), "{text}");

        if on_path("curl").is_none() {
            return skip("the_example_answers_curl_and_our_client", "curl");
        }
        let table: [(&[&str], &str); 6] = [
            (&["URL/copy"], &content),
            (&["-r", "5-9", "URL/copy"], "56789"),
            (&["-T", "local", "URL/uploaded", "-w", "%{http_code}"], "201"),
            (&["-T", "huge", "URL/uploaded", "-o", "out", "-w", "%{http_code}"], "413"),
            (&["-T", "huge", "-H", "Expect:", "URL/uploaded", "-o", "out", "-w", "%{http_code}"], "413"),
            (&["-T", "local", "-H", "Transfer-Encoding: chunked", "URL/c", "-o", "out", "-w", "%{http_code}"], "411"),
        ];
        for (arguments, expected) in table {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--http1.1"]);
            assert!(example.run(curl, arguments).0 == expected, "curl {arguments:?}");
        }
    }

    #[test]
    fn the_example_answers_many_at_once() {
        let example = Example::start();
        thread::scope(|scope| {
            for number in 0..20 {
                let dialer = &example.dialer;
                scope.spawn(move || {
                    let mut wire = dialer.connect().unwrap();
                    let (target, content) = (format!("/{number}"), format!("{number} ").repeat(number * 1000));
                    for round in 0..5 {
                        let status = if round == 0 { 201 } else { 204 };
                        assert_eq!(ask(&mut wire, "PUT", &target, "", &content).status, status);
                        assert!(ask(&mut wire, "GET", &target, "", "").text() == content, "{number}");
                    }
                });
            }
        });
    }
}
