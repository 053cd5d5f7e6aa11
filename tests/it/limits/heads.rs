//! Request heads: their deadline and their limits.

use std::time::Duration;

use hearken::Settings;

use super::{SHORT, app, ask, drip};
use crate::support::{Place, write_until_closed};

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
