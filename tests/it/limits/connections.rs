//! Idle and silent connections: their deadlines, and which ones make room.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use hearken::Settings;

use super::{Endless, HELLO, PAUSE, SHORT, app, ask, serve};
use crate::support::{PATIENCE, Place, Wire};

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
