//! Layers over a connection: limits on bodies, and values that a layer hands on.

use std::sync::atomic::{AtomicUsize, Ordering};

use hearken::{BodyLimit, Layer as _, Method, Next, Request, Router, Server, Settings};

use crate::support::{Wire, get};

fn read(request: &mut Request) -> Result<String, hearken::HttpError> {
    Ok(request.read_body()?.len().to_string())
}

#[test]
fn a_body_limit_is_for_its_routes_alone() {
    let app = Router::new()
        .post("/plain", read)
        .nest("/small", Router::new().layer(BodyLimit::new(10)).post("/", read))
        .nest("/large", Router::new().layer(BodyLimit::new(1000)).post("/", read))
        .nest(
            "/inner",
            Router::new().layer(BodyLimit::new(10)).route(Method::Post, "/", BodyLimit::new(1000).around(read)),
        );
    let server = Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().max_body(100)).serve(app).unwrap();
    // For each path: the longest body that is read, and one that is not.
    for (path, most) in [("/plain", 100), ("/small", 10), ("/large", 1000), ("/inner", 1000)] {
        for (length, status) in [(most, 200), (most + 1, 413)] {
            let body = "a".repeat(length);
            let requests = [
                ("a known length", format!("Content-Length: {length}\r\n\r\n{body}")),
                ("chunks", format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")),
            ];
            for (how, rest) in requests {
                let mut wire = Wire::connect(server.address());
                wire.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\n{rest}"));
                let reply = wire.reply();
                assert_eq!(reply.status, status, "{path}, {length} bytes, {how}");
                if status == 200 {
                    assert_eq!(reply.text(), length.to_string());
                    wire.send("POST /plain HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\na");
                    assert_eq!(wire.reply().text(), "1", "the connection goes on");
                }
            }
        }
    }
}

#[test]
fn a_client_that_waits_is_told_to_send_no_more_than_is_allowed() {
    let app = Router::new().nest("/large", Router::new().layer(BodyLimit::new(1000)).post("/", read));
    let server = Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().max_body(100)).serve(app).unwrap();
    for (length, status) in [(1000, 100), (1001, 413)] {
        let mut wire = Wire::connect(server.address());
        wire.send(format!(
            "POST /large HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        ));
        assert_eq!(wire.reply().status, status, "{length}");
    }
}

#[test]
fn a_value_that_panics_when_it_is_dropped_costs_nobody_an_answer() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            panic!("the panic that this test is about");
        }
    }
    let app = Router::new()
        .layer(|request: &mut Request, next: Next<'_>| {
            request.insert(Bomb);
            next.respond(request)
        })
        .get("/", |_| "hello");
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let mut wire = Wire::connect(server.address());
    for _ in 0..3 {
        wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(wire.reply().text(), "hello");
    }
    assert_eq!(get(server.address(), "/").text(), "hello");
    assert_eq!(DROPPED.load(Ordering::SeqCst), 4);
}
