//! Valid, odd and malformed requests over sockets of every kind, plain and over TLS.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::mpsc;

use hearken::{AccessLog, HttpError, LogFormat, Request, Response, Router, Server, Settings};

use crate::support::{Lines, PATIENCE, Place, SetOnDrop, Wire, read_until_closed, write_until_closed};

fn app() -> Router {
    let echo = |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?));
    let trailers = |request: &mut Request| {
        request.read_body()?;
        let trailers = request.trailers().map(|(name, value)| format!("{name}={}\n", String::from_utf8_lossy(value)));
        Ok::<_, HttpError>(Response::text(trailers.collect::<String>()))
    };
    let value = |request: &mut Request| {
        let bytes = request.header_bytes("X").map(<[u8]>::to_vec).unwrap_or_default();
        Response::bytes([request.header("X").unwrap_or("").as_bytes(), b"|", &bytes].concat())
    };
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/value", value)
        .post("/echo", echo)
        .post("/ignore", |_: &mut Request| Response::text("ignored"))
        .post("/trailers", trailers)
        .fallback(|request: &mut Request| Response::text(request.path().to_owned()))
}

fn places() -> Vec<Place> {
    Place::all(&Settings::default().max_body(100_000), app)
}

#[test]
fn malformed_requests_are_refused_and_their_connections_closed() {
    const HOST: &str = "Host: a\r\n";
    let get = |line: &str, fields: &str| format!("{line}\r\n{HOST}{fields}\r\n");
    let post = |fields: &str, body: &str| format!("POST /echo HTTP/1.1\r\n{HOST}{fields}\r\n{body}");
    let chunked = |chunks: &str| post("Transfer-Encoding: chunked\r\n", chunks);
    let table: Vec<(String, u16)> = vec![
        // The smuggling family: a second request hides in what one reader takes for a body (RFC 9112 §6.1, §11.2).
        (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", "0\r\n\r\n"), 400),
        (post("Content-Length: 4\r\nContent-Length: 5\r\n", "four"), 400),
        (post("Content-Length: +4\r\n", "four"), 400),
        (post("Content-Length: 4, 4\r\n", "four"), 400),
        (post("Content-Length: -1\r\n", ""), 400),
        (post("Content-Length: four\r\n", ""), 400),
        (post("Content-Length: 99999999999999999999999\r\n", ""), 400),
        (post("Content-Length:\r\n", ""), 400),
        (post("Content-Length: \x0b4\r\n", "four"), 400),
        (post("Content-Length: 4\0\r\n", "four"), 400),
        (post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
        (post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        ("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        // Hosts (RFC 9112 §3.2).
        ("GET /hello HTTP/1.1\r\n\r\n".into(), 400),
        (get("GET /hello HTTP/1.1", "Host: a\r\n"), 400),
        ("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n".into(), 400),
        ("GET /hello HTTP/1.1\r\nHost: a,b\r\n\r\n".into(), 400),
        ("GET /hello HTTP/1.1\r\nHost: a:b\r\n\r\n".into(), 400),
        ("GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n".into(), 400),
        // Targets (RFC 9112 §3.2).
        (get("GET hello HTTP/1.1", ""), 400),
        (get("GET * HTTP/1.1", ""), 400),
        (get("GET a:443 HTTP/1.1", ""), 400),
        (get("GET /a#b HTTP/1.1", ""), 400),
        (get("GET /%zz HTTP/1.1", ""), 400),
        (get("GET /% HTTP/1.1", ""), 400),
        (get("GET ftp://a/ HTTP/1.1", ""), 400),
        (get("GET /\u{1} HTTP/1.1", ""), 400),
        (get("CONNECT /hello HTTP/1.1", ""), 400),
        (get("CONNECT a:443 HTTP/1.1", ""), 405),
        (get("TRACE / HTTP/1.1", ""), 405),
        // Request lines (RFC 9112 §3).
        ("GET /hello\r\n\r\n".into(), 400),
        (get(" GET /hello HTTP/1.1", ""), 400),
        (get("GET  /hello HTTP/1.1", ""), 400),
        (get("GET /hello HTTP/1.1 x", ""), 400),
        (get("GET /hello HTTP/1.1 ", ""), 400),
        (get("GET\t/hello\tHTTP/1.1", ""), 400),
        (get("GET /hello http/1.1", ""), 400),
        (get("GET /hello HTTP/0.9", ""), 400),
        (get("GET /hello HTTP/9.9", ""), 505),
        (get("GET /hello HTTP/2.0", ""), 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505),
        (format!("\r\n\r\n\r\n\r\n\r\n{}", get("GET /hello HTTP/1.1", "")), 400),
        // Fields (RFC 9112 §5, RFC 9110 §5).
        (get("GET /hello HTTP/1.1", "X : b\r\n"), 400),
        (get("GET /hello HTTP/1.1", ": b\r\n"), 400),
        (get("GET /hello HTTP/1.1", "NoColon\r\n"), 400),
        (get("GET /hello HTTP/1.1", "X: a\rb\r\n"), 400),
        (get("GET /hello HTTP/1.1", "X: a\nY: b\r\n"), 400),
        (get("GET /hello HTTP/1.1", "X: a\r\n folded: b\r\n"), 400),
        (get("GET /hello HTTP/1.1", "X: a\r\n\tfolded: b\r\n"), 400),
        (get("GET /hello HTTP/1.1", "X: \x7f\r\n"), 400),
        ("GET /hello HTTP/1.1\r\n Host: a\r\n\r\n".into(), 400),
        ("GET /hello HTTP/1.1\nHost: a\n\n".into(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".into(), 400),
        (post("Expect: a miracle\r\nContent-Length: 4\r\n", "four"), 417),
        // Chunks (RFC 9112 §7.1).
        (chunked("x\r\n"), 400),
        (chunked("+1\r\na\r\n0\r\n\r\n"), 400),
        (chunked(" 1\r\na\r\n0\r\n\r\n"), 400),
        (chunked("-1\r\na\r\n"), 400),
        (chunked("2\r\nabc\r\n0\r\n\r\n"), 400),
        (chunked("FFFFFFFFFFFFFFFFF\r\n"), 400),
        (chunked("2\nab\n0\n\n"), 400),
        (chunked("2;a=\"b\r\nab\r\n0\r\n\r\n"), 400),
        (chunked("2;a=\nb\r\nab\r\n0\r\n\r\n"), 400),
        (chunked("0\r\nX : b\r\n\r\n"), 400),
        (chunked("0\r\nX: a\r\n folded\r\n\r\n"), 400),
    ];
    for place in places() {
        for (request, status) in &table {
            let smuggled = format!("{request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
            let (mut wire, reply) = place.send(&smuggled);
            assert_eq!(reply.status, *status, "{request:?} over {}: {}", place.name, reply.head);
            assert_eq!(reply.header("Connection"), Some("close"), "{request:?} over {}", place.name);
            assert!(wire.is_closed(), "{request:?} over {}", place.name);
        }
    }
}

#[test]
fn unusual_but_valid_requests_are_served() {
    let table: &[(&[u8], &[u8])] = &[
        (b"GET /hello HTTP/1.1\r\nHost:\r\n\r\n", b"Hello, world!"),
        (b"GET http://a:80/hello HTTP/1.1\r\nHost: b\r\n\r\n", b"Hello, world!"),
        (b"GET /hello HTTP/1.0\r\n\r\n", b"Hello, world!"),
        (b"GET /hello HTTP/1.7\r\nHost: a\r\n\r\n", b"Hello, world!"),
        (b"GET /h%65llo?%zz HTTP/1.1\r\nhOST: a\r\n\r\n", b"Hello, world!"),
        (b"\r\n\r\n\r\n\r\nGET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"Hello, world!"),
        (b"BREW /tea HTTP/1.1\r\nHost: a\r\n\r\n", b"/tea"),
        (b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", b"/%FF"),
        (b"GET /hello HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~0aZ: b\r\n\r\n", b"Hello, world!"),
        (b"GET /value HTTP/1.1\r\nHost: a\r\nX: \t gr\xc3\xb6\xc3\x9fe\tx \t\r\n\r\n", b"gr\xc3\xb6\xc3\x9fe\tx|gr\xc3\xb6\xc3\x9fe\tx"),
        (b"GET /value HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n", b"\xef\xbf\xbd|\xff"),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfour", b"four"),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b""),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nfo\r\n2 ; x = \"y\\\"\" ;z\r\nur\r\n0\r\n\r\n",
            b"four",
        ),
        (
            b"POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n",
            b"X-Sum=7\n",
        ),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nfour",
            b"four",
        ),
    ];
    for place in places() {
        for (request, body) in table {
            let (mut wire, reply) = place.send(request);
            let shown = String::from_utf8_lossy(request);
            assert_eq!((reply.status, reply.body.as_slice()), (200, *body), "{shown:?} over {}", place.name);
            if !shown.contains("HTTP/1.0") {
                wire.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(wire.reply().text(), "/next", "{shown:?} over {}", place.name);
            }
        }
    }
}

/// Sends each of these a byte at a time, and expects the same answers as for all at once.
#[test]
fn a_request_is_the_same_however_it_is_split() {
    let table: &[(&str, &[u16])] = &[
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", &[200, 200]),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfourGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            &[200, 200],
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: u\r\n\r\n\
             GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            &[200, 200],
        ),
        ("\r\nGET /hello HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", &[400]),
        ("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789GET / HTTP/2.0\r\n\r\n", &[200, 505]),
    ];
    for place in places() {
        for (request, statuses) in table {
            // All splits in two, and every byte by itself.
            let mut ways: Vec<Vec<usize>> = (1..request.len()).map(|at| vec![at]).collect();
            ways.push((1..request.len()).collect());
            for cuts in ways {
                let mut wire = place.connect();
                let mut start = 0;
                for cut in cuts.iter().chain([&request.len()]) {
                    wire.send(&request[start..*cut]);
                    start = *cut;
                }
                for status in *statuses {
                    assert_eq!(wire.reply().status, *status, "{request:?} cut at {cuts:?} over {}", place.name);
                }
            }
        }
    }
}

#[test]
fn connections_persist_as_the_client_asks() {
    let table = [
        ("HTTP/1.1", "", true, None),
        ("HTTP/1.1", "Connection: close\r\n", false, Some("close")),
        ("HTTP/1.1", "Connection: x\r\nConnection: CLOSE\r\n", false, Some("close")),
        ("HTTP/1.1", "Connection: xclose, close-x\r\n", true, None),
        ("HTTP/1.0", "", false, Some("close")),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true, Some("keep-alive")),
    ];
    for place in places() {
        for (version, fields, persists, said) in table {
            let request = format!("GET /hello {version}\r\nHost: a\r\n{fields}\r\n");
            let (mut wire, reply) = place.send(&request);
            assert_eq!(reply.header("Connection"), said, "{version} {fields:?} over {}", place.name);
            if persists {
                wire.send(&request);
                assert_eq!(wire.reply().text(), "Hello, world!");
            } else {
                assert!(wire.is_closed(), "{version} {fields:?} over {}", place.name);
            }
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    for place in places() {
        let mut wire = place.connect();
        for _ in 0..20 {
            let mut requests = String::new();
            for number in 0..10 {
                requests.push_str(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
                requests.push_str(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                );
                requests.push_str("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n");
                requests.push_str(&"x".repeat(2000));
            }
            wire.send(requests);
            for number in 0..10 {
                for expected in [&format!("/{number}"), "abc", "ignored"] {
                    let reply = wire.reply();
                    assert_eq!((reply.status, reply.text().as_str()), (200, expected), "{number} over {}", place.name);
                }
            }
        }
    }
}

#[test]
fn an_endless_pipeliner_keeps_no_one_from_an_answer() {
    for place in places() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let requests = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        std::thread::scope(|scope| {
            let _over = SetOnDrop(&stop);
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut stream = place.connect().stream.into_inner();
                    let mut answers = [0; 64 * 1024];
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        if stream.write_all(requests.as_bytes()).is_err() {
                            return;
                        }
                        let mut left = 1000 * 100;
                        while left > 0 && !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            let Ok(read) = stream.read(&mut answers) else { return };
                            left -= read.min(left);
                        }
                    }
                });
            }
            for _ in 0..50 {
                assert_eq!(place.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").1.text(), "/next", "{}", place.name);
            }
        });
    }
}

#[test]
fn a_pipeliner_that_reads_nothing_is_bounded() {
    let settings = Settings::default().rate_grace(std::time::Duration::from_millis(300));
    for place in Place::all(&settings, app) {
        let mut stream = place.connect().stream.into_inner();
        let requests = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        // The server stops reading when its answers are not read, and then ends the connection.
        write_until_closed(&mut stream, requests.as_bytes(), 100 << 20);
        assert_eq!(place.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").1.text(), "/next", "{}", place.name);
    }
}

#[test]
fn answers_to_head_have_no_body() {
    for place in places() {
        let mut wire = place.connect();
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
        let long = format!("HEAD /{} HTTP/1.1\r\n", "x".repeat(9000));
        for (refused, status) in [("HEAD /hello HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400), (&long, 414)] {
            let mut wire = place.connect();
            wire.send(refused);
            assert_eq!(wire.reply_to("HEAD").status, status);
            assert!(wire.is_closed(), "a refused HEAD has no body either, over {}", place.name);
        }
    }
}

#[test]
fn bodies_that_are_cut_short_are_refused() {
    let table = [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFF\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\n",
    ];
    for place in places() {
        for request in table {
            let mut wire = place.connect();
            wire.send(request);
            wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
            assert_eq!(wire.reply().status, 400, "{request:?} over {}", place.name);
            assert!(wire.is_closed(), "{request:?} over {}", place.name);
        }
    }
}

#[test]
fn a_client_that_ends_its_side_gets_its_answers_and_nothing_else() {
    let table = [
        ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", &["Hello, world!"][..]),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["Hello, world!"]),
        ("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1", "/2"]),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour", &["four"]),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", &["four"]),
        ("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", &["ignored"]),
    ];
    for place in places() {
        for (request, bodies) in table {
            let mut wire = place.connect();
            wire.send(request);
            wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
            for body in bodies {
                assert_eq!(wire.reply().text(), *body, "{request:?} over {}", place.name);
            }
            assert!(wire.is_closed(), "{request:?} over {}", place.name);
        }
    }
}

#[test]
fn endless_framing_is_refused_in_bounded_memory() {
    let endless = [
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=\"", "y"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\n", "X: y\r\n"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: ", "y"),
        ("GET /", "x"),
        ("", "G"),
        ("", "\r\n"),
    ];
    for place in places() {
        for (beginning, unit) in endless {
            let mut wire = place.connect();
            wire.send(beginning);
            // More than anything is allowed to be, and less than what is read after a refusal.
            let chunk = unit.repeat(64 * 1024 / unit.len());
            for _ in 0..8 {
                wire.send(&chunk);
            }
            let status = wire.reply().status;
            assert!((400..500).contains(&status), "{beginning:?} and {unit:?}: {status} over {}", place.name);
            wire.stream.get_mut().shutdown(Shutdown::Write).ok();
            assert!(wire.is_closed(), "{beginning:?} and {unit:?} over {}", place.name);
        }
    }
}

#[test]
fn bodies_that_are_too_long_are_refused_without_being_read() {
    // Nobody sends these bytes: an answer that waited for them would not come.
    let table = [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\nbegun",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nbegun",
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n",
    ];
    for place in places() {
        for request in table {
            let (mut wire, reply) = place.send(request);
            assert_eq!((reply.status, reply.header("Connection")), (413, Some("close")), "{request:?}");
            assert_eq!(reply.text(), "The request body is longer than 97.6 KiB.");
            wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
            assert!(wire.is_closed());
        }
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..20 {
            wire.send(format!("2000\r\n{}\r\n", "x".repeat(0x2000)));
        }
        assert_eq!(wire.reply().status, 413, "{}", place.name);
    }
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    for place in places() {
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
        wire.send("x".repeat(2_000_000));
        assert_eq!(wire.reply().status, 413, "{}", place.name);
    }
}

#[test]
fn the_interim_answer_comes_only_when_the_body_is_wanted() {
    const BARE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    for place in places() {
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
        assert_eq!(wire.head().head, BARE);
        wire.send("four");
        assert_eq!(wire.reply().text(), "four");
        // RFC 9110 §10.1.1: not to HTTP/1.0.
        wire.send(
            "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nfour",
        );
        assert_eq!(wire.reply().text(), "four", "{}", place.name);
        // Nor is a body waited for that nobody asked for.
        wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        let reply = wire.reply();
        assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
        assert!(wire.is_closed(), "{}", place.name);
    }
}

#[test]
fn a_little_unread_body_does_not_cost_the_connection() {
    for place in places() {
        let mut wire = place.connect();
        for body in ["x".repeat(10), "x".repeat(50_000)] {
            wire.send(format!("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
            // The answer does not wait for the body.
            let reply = wire.reply();
            assert_eq!((reply.text().as_str(), reply.header("Connection")), ("ignored", None));
            wire.send(body);
        }
        wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        assert_eq!(wire.reply().header("Connection"), None);
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().text(), "Hello, world!");
    }
}

#[test]
fn large_bodies_come_back_whole() {
    let body: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    for place in places() {
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        wire.send(&body);
        assert!(wire.reply().body == body, "{}", place.name);
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for part in body.chunks(3000) {
            wire.send(format!("{:x}\r\n", part.len()));
            wire.send(part);
            wire.send("\r\n");
        }
        wire.send("0\r\n\r\n");
        assert!(wire.reply().body == body, "{}", place.name);
    }
}

#[test]
fn refusals_are_logged() {
    let (lines, log) = mpsc::channel();
    let log_to = AccessLog::new(LogFormat::Common, Lines(lines)).unwrap();
    let settings = Settings::default().head_timeout(std::time::Duration::from_millis(100));
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).access_log(log_to).serve(app()).unwrap();
    let requests = [
        ("GET / HTTP/2.0\r\n\r\n", 505, "\"GET / HTTP/2.0\" 505"),
        ("GET /\x1b HTTP/1.1\r\n\r\n", 400, "\"GET /\\x1b HTTP/1.1\" 400"),
        ("GET /a HTTP/1.1\r\nX : y\r\n\r\n", 400, "\"GET /a HTTP/1.1\" 400"),
        ("GET /b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "\"GET /b HTTP/1.1\" 400"),
        ("GET /c HTTP/1.1\r\nHost:", 408, "\"GET /c HTTP/1.1\" 408"),
    ];
    for (request, status, _) in requests {
        let mut wire = Wire::connect(server.address());
        wire.send(request);
        assert_eq!(wire.reply().status, status, "{request:?}");
        assert!(wire.is_closed());
    }
    server.shutdown(PATIENCE);
    let text: String = log.try_iter().collect();
    assert_eq!(text.lines().count(), requests.len(), "{text}");
    for (_, _, line) in requests {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn random_bytes_do_no_harm() {
    for place in places() {
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
            // Over TLS both inside it, and in its place.
            for mut stream in [place.connect_raw(), place.connect().stream.into_inner()] {
                let _ = stream.write_all(&noise);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = read_until_closed(&mut stream);
            }
        }
        assert_eq!(place.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").1.status, 200, "{}", place.name);
    }
}
