//! Servers for the tests of programs that embed the library, and their client.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hearken::testing::TestServer;
use hearken::{Method, Request, Response, Router, Settings, Status, Tls};

use crate::support::{Gate, PATIENCE, Wire, alone, count, get, returns, until};

/// An application that says which one it is.
fn app(number: usize) -> Router {
    Router::new()
        .get("/number", move |_: &mut Request| Response::json(&number))
        .get("/stream", |_: &mut Request| Response::reader(io::repeat(b'x').take(100_000), None))
        .get("/short", |_: &mut Request| Response::reader(&b"short"[..], Some(100)))
        .get("/empty", |_: &mut Request| Response::new(Status::NO_CONTENT))
        .get("/unchanged", |_: &mut Request| Response::text("a").with_status(Status::NOT_MODIFIED))
        .get("/cookies", |_: &mut Request| {
            Response::text("a").with_added_header("Set-Cookie", "a=1").with_added_header("Set-Cookie", "b=2")
        })
        .post("/echo", |request: &mut Request| request.read_body())
        .post("/ignore", |_: &mut Request| Response::text("ignored"))
        .post("/framing", |request: &mut Request| {
            let fields = ["Host", "Content-Length", "Transfer-Encoding", "Connection"];
            let values = fields.map(|name| request.header(name).unwrap_or("-").to_owned());
            Response::text(values.join(" "))
        })
}

fn server() -> TestServer {
    TestServer::new(app(0)).unwrap()
}

/// How many threads and descriptors this process has once a server has come and gone, which opens what is opened once.
fn before() -> [usize; 2] {
    let threads = count("task");
    server().get("/number").unwrap();
    // A thread that was joined is listed for a moment more.
    until("the threads of the server to be gone", || (count("task") == threads).then_some(()));
    [threads, count("fd")]
}

/// Waits until this process has as many threads and descriptors as before.
#[track_caller]
fn nothing_is_left(before: [usize; 2]) {
    until("threads and descriptors to be gone", || (["task", "fd"].map(count) == before).then_some(()));
}

#[test]
fn fifty_servers_in_parallel_answer_everything_and_leave_nothing() {
    if !alone("testing::fifty_servers_in_parallel_answer_everything_and_leave_nothing") {
        return;
    }
    let before = before();
    thread::scope(|scope| {
        for number in 0..50 {
            scope.spawn(move || {
                let server = TestServer::new(app(number)).unwrap();
                for round in 0..4 {
                    assert_eq!(server.get("/number").unwrap().read_json::<usize>().unwrap(), number);
                    let body = format!("{number} {round} ").repeat(20_000);
                    let mut echoed = server.send(Request::post("/echo").with_body(body.as_str())).unwrap();
                    assert_eq!((echoed.status(), echoed.read_text().unwrap() == body), (Status::OK, true));
                    assert_eq!(server.get("/stream").unwrap().read_bytes().unwrap(), vec![b'x'; 100_000]);
                    assert_eq!(server.get("/missing").unwrap().status(), Status::NOT_FOUND);
                }
                // On a busy machine a thread may take longer to end than the server waits for it.
                assert_eq!(server.shutdown(PATIENCE).cut, 0);
            });
        }
    });
    nothing_is_left(before);
}

#[test]
fn a_test_that_panics_stops_its_server() {
    if !alone("testing::a_test_that_panics_stops_its_server") {
        return;
    }
    let before = before();
    let (address, told) = mpsc::channel();
    let test = thread::spawn(move || {
        let server = server();
        // An idle connection of another client.
        let mut wire = Wire::connect(server.address());
        wire.send("GET /number HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().text(), "0");
        assert_eq!(server.get("/number").unwrap().status(), Status::OK);
        address.send(server.address()).unwrap();
        panic!("the panic that this test is about");
    });
    returns("the test to end", || test.join().unwrap_err());
    let address = told.recv().unwrap();
    assert!(TcpStream::connect(address).is_err());
    drop(TcpListener::bind(address).expect("the port is free"));
    nothing_is_left(before);
}

#[test]
fn a_test_that_panics_does_not_wait_for_its_handlers() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = move |_: &mut Request| {
        at_gate.pass();
        "late"
    };
    let (address, told) = mpsc::channel();
    let handlers = gate.clone();
    let test = thread::spawn(move || {
        let server = TestServer::new(app).unwrap();
        let mut wire = Wire::connect(server.address());
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        handlers.wait_for(1);
        address.send(server.address()).unwrap();
        panic!("the panic that this test is about");
    });
    returns("the test to end", || test.join().unwrap_err());
    drop(TcpListener::bind(told.recv().unwrap()).expect("the port is free"));
    gate.open();
}

#[test]
fn a_server_that_is_dropped_lets_its_handlers_finish() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = move |request: &mut Request| {
        at_gate.pass();
        // The stop has begun, and goes on only when this has returned.
        let connection = request.connection();
        until("the server to stop", || connection.is_stopping().then_some(()));
        "in time"
    };
    let server = TestServer::new(app).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.wait_for(1);
    gate.open();
    drop(server);
    assert_eq!(wire.reply().text(), "in time");
}

#[test]
fn its_client_and_others_reach_it() {
    let server = server();
    assert_eq!(server.url(), format!("http://{}/", server.address()));
    assert!(server.address().ip().is_loopback());
    assert_eq!(get(server.address(), "/number").text(), "0");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(server.get("/number").unwrap().read_text().unwrap(), "0"));
        }
    });
}

#[test]
fn bodies_of_each_framing_arrive_whole() {
    let server = server();
    let head = |target: &str| Request::new(Method::Head, target);
    // Request, status, `Content-Length`, `Transfer-Encoding`, length of the body.
    let table = [
        (Request::get("/number"), 200, Some("1"), None, 1),
        (head("/number"), 200, Some("1"), None, 0),
        (Request::get("/stream"), 200, None, Some("chunked"), 100_000),
        (head("/stream"), 200, None, Some("chunked"), 0),
        (Request::get("/stream").with_header("Connection", "keep-alive"), 200, None, Some("chunked"), 100_000),
        (Request::get("/empty"), 204, None, None, 0),
        (Request::get("/unchanged"), 304, None, None, 0),
        (Request::post("/echo").with_body(""), 200, Some("0"), None, 0),
        (Request::post("/echo").with_body("four"), 200, Some("4"), None, 4),
        (Request::post("/echo").with_body("four").with_header("Expect", "100-continue"), 200, Some("4"), None, 4),
        (
            Request::post("/echo").with_body("x".repeat(50_000)).with_header("Transfer-Encoding", "chunked"),
            200,
            Some("50000"),
            None,
            50_000,
        ),
        (Request::post("/echo").with_body("four").with_header("Content-Length", "3"), 200, Some("3"), None, 3),
    ];
    for (request, status, length, coding, bytes) in table {
        let shown = format!("{request:?}");
        let mut response = server.send(request).unwrap();
        let body = response.read_bytes().unwrap();
        let seen = (
            response.status().code(),
            response.header("Content-Length"),
            response.header("Transfer-Encoding"),
            body.len(),
        );
        assert_eq!(seen, (status, length, coding, bytes), "{shown}: {}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn requests_that_the_server_refuses_can_be_sent() {
    let server = server();
    let table = [
        (Request::post("/echo"), Status::LENGTH_REQUIRED),
        (Request::post("/echo").with_body("four").with_header("Content-Length", "x"), Status::BAD_REQUEST),
        (Request::get("/number").with_header("Host", "a").with_header("Host", "a"), Status::BAD_REQUEST),
        (Request::post("/echo").with_body("").with_header("Expect", "a miracle"), Status::EXPECTATION_FAILED),
        (Request::new(Method::Connect, "a:1"), Status::METHOD_NOT_ALLOWED),
    ];
    for (request, status) in table {
        let shown = format!("{request:?}");
        let mut response = server.send(request).unwrap();
        assert_eq!(response.status(), status, "{shown}: {}", response.read_text().unwrap());
    }
}

#[test]
fn what_a_request_lacks_is_added_and_what_it_has_is_kept() {
    let server = server();
    let address = server.address();
    let framing = |request: Request| server.send(request).unwrap().read_text().unwrap();
    assert_eq!(framing(Request::post("/framing")), format!("{address} - - close"));
    assert_eq!(framing(Request::post("/framing").with_body("four")), format!("{address} 4 - close"));
    let own = Request::post("/framing")
        .with_body("four")
        .with_header("Host", "a")
        .with_header("Connection", "keep-alive")
        .with_header("Transfer-Encoding", "chunked");
    assert_eq!(framing(own), "a - chunked keep-alive");
}

#[test]
fn a_response_has_the_fields_that_were_sent() {
    let response = server().get("/cookies").unwrap();
    assert_eq!(response.headers().all("Set-Cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!((response.header("Connection"), response.header("Content-Length")), (Some("close"), Some("1")));
    assert!(response.header("Date").is_some());
}

#[test]
fn a_response_that_falls_short_is_an_error() {
    let error = server().get("/short").unwrap_err();
    // A reset may overtake what was sent.
    assert!(matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "{error}");
    assert!(error.to_string().starts_with("GET /short: "), "{error}");
}

#[test]
fn a_response_to_half_a_request_is_read() {
    let server = TestServer::with(app(0), |server| server.settings(Settings::default().max_body(1000))).unwrap();
    let long = vec![b'x'; 40 << 20];
    let mut response = server.send(Request::post("/echo").with_body(long.clone())).unwrap();
    assert_eq!(response.status(), Status::CONTENT_TOO_LARGE, "{}", response.read_text().unwrap());
    let server = TestServer::with(app(0), |server| server.settings(Settings::default().max_body(u64::MAX))).unwrap();
    assert_eq!(server.send(Request::post("/ignore").with_body(long)).unwrap().read_text().unwrap(), "ignored");
}

#[test]
fn a_handler_that_does_not_return_and_a_body_that_does_not_end_are_errors() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = Router::new()
        .get("/stuck", move |_: &mut Request| {
            at_gate.pass();
            "late"
        })
        .get("/endless", |_: &mut Request| Response::reader(io::repeat(b'x'), None));
    let server = TestServer::new(app).unwrap().max_response(1 << 20);
    let error = server.get("/endless").unwrap_err();
    assert_eq!(error.to_string(), "GET /endless: the body of the response is longer than 1048576 bytes");
    let server = server.timeout(Duration::from_millis(50));
    let error = server.get("/stuck").unwrap_err();
    let expected = (io::ErrorKind::TimedOut, "GET /stuck: no complete response within 50ms".to_owned());
    assert_eq!((error.kind(), error.to_string()), expected);
    gate.open();
}

#[test]
fn json_of_a_response_is_read_as_a_type() {
    let server = server();
    let error = server.get("/number").unwrap().read_json::<String>().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let text = error.to_string();
    assert!(text.starts_with("the body is not the expected JSON: ") && text.ends_with("line 1 column 1"), "{text}");
    let json = Request::post("/echo").with_json(&("a", [1, 2]));
    let (name, numbers) = server.send(json).unwrap().read_json::<(String, Vec<u8>)>().unwrap();
    assert_eq!((name.as_str(), &numbers[..]), ("a", &[1, 2][..]));
}

/// Its `Content-Length` would be sent twice.
#[test]
fn a_received_response_is_not_sent_on() {
    let behind = server();
    let before = TestServer::new(move |_: &mut Request| behind.get("/number").unwrap()).unwrap();
    let mut response = before.get("/").unwrap();
    assert_eq!(response.status(), Status::INTERNAL_SERVER_ERROR, "{}", response.read_text().unwrap());
}

#[test]
fn the_client_speaks_no_tls() {
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::development(directory.path()).unwrap();
    let server = TestServer::with(app(0), |server| server.tls(tls)).unwrap();
    assert!(server.url().starts_with("https://"), "{}", server.url());
    assert_eq!(server.get("/number").unwrap_err().kind(), io::ErrorKind::Unsupported);
}
