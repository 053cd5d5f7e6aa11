//! What a peer can send, over real sockets: each has its status and its reason, and none leaves a hang behind.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use hearken::{HttpError, Request, Response, Router, Server, Settings};

use crate::support::{PATIENCE, Wire};

fn server() -> Server {
    let app = Router::new()
        .get("/hello", hearken::hello)
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)))
        .post("/ignore", |_: &mut Request| Response::text("ignored"))
        .fallback(|request: &mut Request| Response::text(request.path().to_owned()));
    Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().max_body(100_000)).serve(app).unwrap()
}

/// Sends these bytes on a connection of their own and reads the first answer.
fn send(address: SocketAddr, bytes: &str) -> (Wire, crate::support::Reply) {
    let mut wire = Wire::connect(address);
    wire.send(bytes);
    let reply = wire.reply();
    (wire, reply)
}

#[test]
fn what_cannot_be_trusted_is_refused_and_the_connection_closed() {
    let server = server();
    let table = [
        // The smuggling family: a second request hides in what one reader takes for a body (RFC 9112 §6.1, §11.2).
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfour", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nfour", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nfour", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: four\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        // Hosts (RFC 9112 §3.2).
        ("GET /hello HTTP/1.1\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        // Targets (RFC 9112 §3.2).
        ("GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /% HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        // Request lines and header fields, which tiny_http judges itself.
        ("GET /hello\r\n\r\n", 400),
        ("GET /hello HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        ("GET /hello HTTP/0.9\r\nHost: a\r\n\r\n", 400),
        ("\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\nHost: a\n\n", 400),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 4\r\n\r\nfour", 417),
    ];
    for (request, status) in table {
        let smuggled = format!("{request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let (mut wire, reply) = send(server.address(), &smuggled);
        assert_eq!(reply.status, status, "{request:?}: {}", reply.head);
        assert!(wire.is_closed(), "{request:?}");
    }
}

#[test]
fn what_is_odd_and_right_is_served() {
    let server = server();
    let table = [
        ("GET /hello HTTP/1.1\r\nHost:\r\n\r\n", "Hello, world!"),
        ("GET http://a:80/hello HTTP/1.1\r\nHost: b\r\n\r\n", "Hello, world!"),
        ("GET /hello HTTP/1.0\r\n\r\n", "Hello, world!"),
        ("GET /h%65llo?%zz HTTP/1.1\r\nhOST: a\r\n\r\n", "Hello, world!"),
        ("BREW /tea HTTP/1.1\r\nHost: a\r\n\r\n", "/tea"),
        ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", "/%ff"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfour", "four"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ""),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfo\r\n2;x=y\r\nur\r\n0\r\n\r\n",
            "four",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nfourX",
            "four",
        ),
    ];
    for (request, body) in table {
        let (_, reply) = send(server.address(), request);
        assert_eq!((reply.status, reply.text().as_str()), (200, body), "{request:?}");
    }
}

#[test]
fn connections_persist_as_the_client_asks() {
    let server = server();
    let table = [
        ("HTTP/1.1", "", true, None),
        ("HTTP/1.1", "Connection: close\r\n", false, Some("close")),
        ("HTTP/1.1", "Connection: x\r\nConnection: CLOSE\r\n", false, Some("close")),
        ("HTTP/1.0", "", false, Some("close")),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true, Some("keep-alive")),
    ];
    for (version, fields, persists, said) in table {
        let request = format!("GET /hello {version}\r\nHost: a\r\n{fields}\r\n");
        let (mut wire, reply) = send(server.address(), &request);
        assert_eq!(reply.header("Connection"), said, "{version} {fields:?}");
        if persists {
            wire.send(&request);
            assert_eq!(wire.reply().text(), "Hello, world!");
        } else {
            assert!(wire.is_closed(), "{version} {fields:?}");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut wire = Wire::connect(server.address());
    let mut requests = String::new();
    for number in 0..200 {
        requests.push_str(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
        requests.push_str("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        requests.push_str("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n");
        requests.push_str(&"x".repeat(2000));
    }
    let address = server.address();
    let mut writing = wire.stream.get_ref().try_clone().unwrap();
    let writer = std::thread::spawn(move || writing.write_all(requests.as_bytes()).unwrap());
    for number in 0..200 {
        for expected in [&format!("/{number}"), "abc", "ignored"] {
            let reply = wire.reply();
            assert_eq!((reply.status, reply.text().as_str()), (200, expected), "{number} from {address}");
        }
    }
    writer.join().unwrap();
}

#[test]
fn heads_have_no_bodies_after_them() {
    let server = server();
    let mut wire = Wire::connect(server.address());
    for _ in 0..2 {
        wire.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = wire.reply_to("HEAD");
        assert_eq!((reply.status, reply.header("Content-Length")), (200, Some("13")));
    }
    wire.send("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = wire.reply();
    assert_eq!((reply.status, reply.header("Content-Length")), (204, None));
    assert_eq!(reply.header("Allow"), Some("GET, HEAD, OPTIONS"));
    wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.reply().text(), "Hello, world!");
}

#[test]
fn bodies_that_are_cut_short_are_refused() {
    let server = server();
    let table = [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFF\r\nshort",
    ];
    for request in table {
        let mut wire = Wire::connect(server.address());
        wire.send(request);
        wire.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(wire.reply().status, 400, "{request:?}");
        assert!(wire.is_closed(), "{request:?}");
    }
}

#[test]
fn chunks_that_are_not_well_formed_are_refused() {
    let server = server();
    for chunks in ["x\r\n", "-1\r\na\r\n", "2\r\nabc\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n", "2\nab\n0\n\n"] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let smuggled = format!("{request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let (mut wire, reply) = send(server.address(), &smuggled);
        assert_eq!(reply.status, 400, "{chunks:?}");
        assert!(wire.is_closed(), "{chunks:?}");
    }
}

#[test]
fn bodies_that_are_too_long_are_refused_without_being_read() {
    let server = server();
    let begun = Instant::now();
    // Nobody sends these bytes: an answer that waited for them would not come.
    let table = [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\nbegun",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nbegun",
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n",
    ];
    for request in table {
        let (mut wire, reply) = send(server.address(), request);
        assert_eq!((reply.status, reply.header("Connection")), (413, Some("close")), "{request:?}");
        assert_eq!(reply.text(), "The request body is longer than 100000 bytes.");
        drop(wire.stream.get_ref().shutdown(Shutdown::Write));
        assert!(wire.is_closed());
    }
    let mut wire = Wire::connect(server.address());
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..20 {
        wire.send(format!("2000\r\n{}\r\n", "x".repeat(0x2000)));
    }
    assert_eq!(wire.reply().status, 413);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = server();
    let mut wire = Wire::connect(server.address());
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    wire.send("x".repeat(2_000_000));
    assert_eq!(wire.reply().status, 413);
}

#[test]
fn the_interim_answer_comes_only_when_the_body_is_wanted() {
    let server = server();
    let mut wire = Wire::connect(server.address());
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(wire.reply().status, 100);
    wire.send("four");
    assert_eq!(wire.reply().text(), "four");
    wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    let reply = wire.reply();
    assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
    assert!(wire.is_closed());
}

#[test]
fn a_little_unread_body_does_not_cost_the_connection() {
    let server = server();
    let mut wire = Wire::connect(server.address());
    for body in ["x".repeat(10), "x".repeat(50_000)] {
        wire.send(format!("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        let reply = wire.reply();
        assert_eq!((reply.text().as_str(), reply.header("Connection")), ("ignored", None));
    }
    wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    assert_eq!(wire.reply().header("Connection"), None);
    wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.reply().text(), "Hello, world!");
}

#[test]
fn large_bodies_come_back_whole() {
    let server = server();
    let body: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    let mut wire = Wire::connect(server.address());
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    wire.send(&body);
    assert!(wire.reply().body == body);
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(3000) {
        wire.send(format!("{:x}\r\n", part.len()));
        wire.send(part);
        wire.send("\r\n");
    }
    wire.send("0\r\n\r\n");
    assert!(wire.reply().body == body);
}

#[test]
fn noise_is_survived() {
    let server = server();
    // Random bytes: some answer or none, and the server lives.
    for seed in 0..50_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .take(300)
        .collect();
        let mut wire = Wire::connect(server.address());
        wire.send(&noise);
        drop(wire.stream.get_ref().shutdown(Shutdown::Write));
        let _ = wire.stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(send(server.address(), "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").1.status, 200);
}
