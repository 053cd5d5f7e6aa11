//! What the server has little of: threads, descriptors, connections.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hearken::{Request, Response, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::{Endless, HELLO, SHORT, app, ask, serve, workers};
use crate::support::{Messages, PATIENCE, Place, Program, Wire, alone, count, get, until};

#[test]
fn the_server_works_on_when_threads_cannot_be_started() {
    const CLIENTS: usize = 30;
    if !alone("limits::resources::the_server_works_on_when_threads_cannot_be_started") {
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

    // Idle connections take no thread, so the threads that could be started serve all of them.
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

/// A request line of another version once took a thread for ever, behind another request or over TLS.
#[test]
fn other_versions_of_http_leave_no_thread_or_descriptor() {
    if !alone("limits::resources::other_versions_of_http_leave_no_thread_or_descriptor") {
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
fn waiting_connections_take_no_threads() {
    if !alone("limits::resources::waiting_connections_take_no_threads") {
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
    if !alone("limits::resources::clients_that_vanish_leave_nothing_behind") {
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
    if !alone("limits::resources::a_server_without_descriptors_recovers") {
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
            let is_said = |message: &String| message.starts_with("cannot accept a connection: ");
            until("accepting to fail", || messages.all().iter().any(is_said).then_some(()));
        }
        drop(taken);
        assert_eq!(get(server.address(), "/hello").status, 200, "{left} left");
    }
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}
