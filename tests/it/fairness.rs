//! How many connections an address may have, and which ones make room for others.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hearken::{Request, Response, Router, Server, Settings};
use socket2::{Domain, Socket, Type};

use crate::support::{Gate, PATIENCE, Place, Program, SetOnDrop, Wire, hearken, until};

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const ENDLESS: &str = "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

fn app() -> Router {
    Router::new()
        .get("/hello", |_: &mut Request| Response::text("Hello, world!"))
        .get("/endless", |_: &mut Request| Response::reader(io::repeat(b'x'), None))
}

/// A connection from this loopback address.
fn from(last: u8, server: SocketAddr) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    Wire::of(socket.into())
}

/// Asks for /hello once on this connection; the status, or nothing where it is closed.
fn ask(wire: &mut Wire) -> Option<u16> {
    wire.send(HELLO);
    wire.try_reply().map(|reply| reply.status)
}

/// Lets time pass: the server ranks connections by it.
fn pass(time: Duration) {
    let begun = Instant::now();
    until("time to pass", || (begun.elapsed() >= time).then_some(()));
}

/// Takes an endless answer, so many bytes every few milliseconds, until `done`.
/// Whether it was cut off.
fn read_slowly(wire: &mut Wire, bytes: usize, done: &AtomicBool) -> bool {
    let mut buffer = vec![0; bytes];
    while !done.load(Ordering::SeqCst) {
        if wire.stream.read_exact(&mut buffer).is_err() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn an_address_at_its_limit_loses_its_longest_idle_connection() {
    let settings = Settings::default().max_connections_per_address(2).idle_timeout(Duration::ZERO);
    for place in Place::all(&settings, app) {
        let name = place.name;
        let (mut first, mut second) = (place.connect(), place.connect());
        assert_eq!((ask(&mut first), ask(&mut second)), (Some(200), Some(200)), "{name}");
        // The longest idle is now the second one.
        pass(Duration::from_millis(5));
        assert_eq!(ask(&mut first), Some(200), "{name}");
        let mut third = place.connect();
        assert_eq!(ask(&mut third), Some(200), "{name}");
        assert!(second.is_closed(), "{name}");
        assert_eq!((ask(&mut first), ask(&mut third)), (Some(200), Some(200)), "{name}");
    }
}

/// A connection was once closed as idle though its next request had arrived and no worker had taken it yet.
#[test]
fn a_connection_with_a_request_makes_no_room() {
    for round in 0..400 {
        let settings = Settings::default().max_connections(4);
        let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap();
        let mut kept: Vec<_> = (0..3).map(|_| Wire::connect(server.address())).collect();
        assert!(kept.iter_mut().all(|wire| ask(wire) == Some(200)));
        let _fourth = Wire::connect(server.address());
        kept[0].send(HELLO);
        let mut fifth = Wire::connect(server.address());
        assert_eq!(kept[0].try_reply().map(|reply| reply.status), Some(200), "round {round}");
        assert_eq!(ask(&mut fifth), Some(200), "round {round}");
    }
}

#[test]
fn an_address_whose_connections_are_all_at_work_gets_no_more() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = app().get("/works", move |_: &mut Request| {
        at_gate.pass();
        Response::text("done")
    });
    let settings = Settings::default().max_connections_per_address(2);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app).unwrap();
    let mut wires = [Wire::connect(server.address()), Wire::connect(server.address())];
    for wire in &mut wires {
        wire.send("GET /works HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gate.wait_for(2);
    assert!(Wire::connect(server.address()).is_closed(), "refused");
    assert_eq!(ask(&mut from(2, server.address())), Some(200), "another address is not affected");
    gate.open();
    for wire in &mut wires {
        assert_eq!(wire.reply().text(), "done");
    }
    // Their places come free when they end.
    drop(wires);
    until("the places to be free", || ask(&mut Wire::connect(server.address())));
}

/// A client that had once been slow was cut off while its request, there in full, was being answered.
#[test]
fn a_slow_upload_that_has_arrived_is_slow_no_more() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = app().post("/upload", move |request: &mut Request| {
        let length = request.read_body().unwrap().len();
        at_gate.pass();
        Response::text(length.to_string())
    });
    let settings = Settings::default().max_connections_per_address(1).rate_grace(SHORT).min_rate(1);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    for _ in 0..5 {
        pass(SHORT / 2);
        wire.send([b'x'; 1000]);
    }
    gate.wait_for(1);
    assert!(Wire::connect(server.address()).is_closed(), "refused");
    gate.open();
    assert_eq!(wire.reply().text(), "5000");
}

#[test]
fn an_address_at_its_limit_loses_its_slowest_beyond_the_grace() {
    let settings = Settings::default().max_connections_per_address(2).rate_grace(SHORT).min_rate(1);
    Place::each(&settings, app, |place| {
        let (done, slow_ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let (reading, fast_cut) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let over = SetOnDrop(&done);
            scope.spawn(|| {
                let mut wire = place.connect();
                wire.send(ENDLESS);
                assert_eq!(wire.head().status, 200);
                reading.fetch_add(1, Ordering::SeqCst);
                read_slowly(&mut wire, 2 * 1024, &done);
                slow_ended.store(true, Ordering::SeqCst);
            });
            scope.spawn(|| {
                let mut wire = place.connect();
                wire.send(ENDLESS);
                assert_eq!(wire.head().status, 200);
                reading.fetch_add(1, Ordering::SeqCst);
                fast_cut.store(read_slowly(&mut wire, 64 * 1024, &done), Ordering::SeqCst);
            });
            until("both to read", || (reading.load(Ordering::SeqCst) == 2).then_some(()));
            // Both have kept the server waiting for longer than the grace, almost all of the time.
            pass(SHORT * 5);
            until("a third one to be served", || {
                let mut third = place.dialer.connect().unwrap();
                third.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                third.try_reply().filter(|reply| reply.status == 200)
            });
            until("the slower one to end", || slow_ended.load(Ordering::SeqCst).then_some(()));
            drop(over);
        });
        assert!(!fast_cut.load(Ordering::SeqCst), "the faster one was cut off, over {}", place.name);
    });
}

/// Readers above the least rate once held every place for as long as they liked.
#[test]
fn readers_from_one_address_keep_nobody_out() {
    for within_grace in [true, false] {
        let grace = if within_grace { Duration::from_secs(3600) } else { SHORT };
        let settings = Settings::default().max_connections(8).max_streams(8).rate_grace(grace).min_rate(1);
        Place::each(&settings, app, |place| {
            let (done, reading, cut) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                let _over = SetOnDrop(&done);
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mut wire = place.connect();
                        wire.send(ENDLESS);
                        assert_eq!(wire.head().status, 200);
                        reading.fetch_add(1, Ordering::SeqCst);
                        cut.fetch_add(usize::from(read_slowly(&mut wire, 4 * 1024, &done)), Ordering::SeqCst);
                    });
                }
                until("all places to be taken", || (reading.load(Ordering::SeqCst) == 8).then_some(()));
                for _ in 0..3 {
                    assert_eq!(ask(&mut place.connect()), Some(200), "{}", place.name);
                }
                // One made room for each of the three, at the most.
                let cut = until("one to be cut off", || Some(cut.load(Ordering::SeqCst)).filter(|cut| *cut > 0));
                assert!(cut <= 3, "{cut} were cut off over {}", place.name);
            });
        });
    }
}

#[test]
fn silent_connections_keep_nobody_out() {
    let settings = Settings::default()
        .max_connections(4)
        .head_timeout(Duration::ZERO)
        .handshake_timeout(Duration::ZERO)
        .rate_grace(Duration::ZERO);
    for place in Place::all(&settings, app) {
        let mut oldest = place.connect_raw();
        pass(Duration::from_millis(5));
        let _silent: Vec<_> = (0..3).map(|_| place.connect_raw()).collect();
        for _ in 0..8 {
            assert_eq!(ask(&mut place.connect()), Some(200), "{}", place.name);
        }
        let ended = oldest.read(&mut [0]);
        assert!(matches!(ended, Ok(0)) || ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    }
}

#[test]
fn answers_that_wait_for_what_is_to_come_keep_nobody_out() {
    // By a channel whose sender says nothing more, and by a handler that waits.
    let app = || {
        app()
            .get("/channel", |request: &mut Request| {
                let (sender, response) = Response::channel(1);
                sender.send("x").unwrap();
                let connection = request.connection();
                thread::spawn(move || {
                    while connection.wait(PATIENCE) {}
                    drop(sender);
                });
                response
            })
            .get("/handler", |request: &mut Request| {
                while request.connection().wait(PATIENCE) {}
                Response::text("nobody reads it")
            })
    };
    for place in Place::all(&Settings::default().max_connections(4).max_streams(4), app) {
        for target in ["/channel", "/handler"] {
            let _pending: Vec<_> = (0..4)
                .map(|_| {
                    let mut wire = place.connect();
                    wire.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    wire
                })
                .collect();
            for _ in 0..3 {
                assert_eq!(ask(&mut place.connect()), Some(200), "{target} over {}", place.name);
            }
        }
        place.shutdown(Duration::ZERO);
    }
}

/// From several addresses, none of which had more than half, they once held every place until their deadline.
#[test]
fn silent_connections_of_several_addresses_keep_nobody_out() {
    // Longer than a test waits, except where the server counts each second as ten.
    let settings = Settings::default()
        .max_connections(8)
        .head_timeout(Duration::ZERO)
        .rate_grace(PATIENCE + Duration::from_secs(10));
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap();
    let _silent: Vec<_> = (2..6)
        .flat_map(|last| {
            let mut half = from(last, server.address());
            half.send("GET /hello HT");
            [from(last, server.address()), half]
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(ask(&mut from(6, server.address())), Some(200));
    }
}

/// The slower readers are of an address with fewer connections.
#[test]
fn the_address_with_the_most_connections_makes_room() {
    let settings = Settings::default().max_connections(8).max_streams(8).min_rate(1);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap();
    let address = server.address();
    let (done, reading, cut) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let over = SetOnDrop(&done);
        let read = |last, bytes| {
            let mut wire = from(last, address);
            wire.send(ENDLESS);
            assert_eq!(wire.head().status, 200);
            reading.fetch_add(1, Ordering::SeqCst);
            let was_cut = read_slowly(&mut wire, bytes, &done);
            cut.fetch_add(usize::from(was_cut), Ordering::SeqCst);
            was_cut
        };
        let few: Vec<_> = (0..3).map(|_| scope.spawn(move || read(2, 1024))).collect();
        let many: Vec<_> = (0..5).map(|_| scope.spawn(move || read(3, 16 * 1024))).collect();
        until("all places to be taken", || (reading.load(Ordering::SeqCst) == 8).then_some(()));
        assert_eq!(ask(&mut from(4, address)), Some(200));
        until("one to notice", || (cut.load(Ordering::SeqCst) > 0).then_some(()));
        drop(over);
        let kept = |readers: Vec<thread::ScopedJoinHandle<'_, bool>>| {
            readers.into_iter().map(|reader| reader.join().unwrap()).filter(|was_cut| !was_cut).count()
        };
        assert_eq!(kept(few), 3, "the slower ones are of an address that has fewer");
        assert_eq!(kept(many), 4, "one of those who have most made room");
    });
}

#[test]
fn a_client_that_comes_back_from_the_same_port_is_served() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = app().get("/works", move |_: &mut Request| {
        at_gate.pass();
        Response::text("nobody is there to read it")
    });
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let connect = |port| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 5), port)).into()).unwrap();
        socket.connect(&server.address().into()).unwrap();
        socket
    };
    let first = connect(0);
    let port = first.local_addr().unwrap().as_socket().unwrap().port();
    first.send(b"GET /works HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    gate.wait_for(1);
    first.set_linger(Some(Duration::ZERO)).unwrap();
    drop(first);
    // The server still has the connection of before.
    let mut second = Wire::of(connect(port).into());
    assert_eq!(ask(&mut second), Some(200));
    gate.open();
    assert_eq!(ask(&mut second), Some(200), "and it is another connection than that");
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}

#[test]
fn the_program_limits_addresses_unless_they_are_local() {
    let start = |arguments: &[&str]| {
        let arguments = [&["--port", "0", "--access-log", "off", "--idle-timeout", "0"], arguments].concat();
        Program::start(hearken().args(arguments), 1)
    };
    // The second of two idle connections, while the third is there: a limit of two is kept by closing the first.
    let keeps_three = |program: &Program| {
        let request = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut wires: Vec<_> = (0..3)
            .map(|_| {
                // It is refused as long as those before are not idle yet.
                until("a connection to be served", || {
                    let mut wire = Wire::connect(program.address());
                    wire.send(request);
                    wire.try_reply().filter(|reply| reply.status == 404).map(|_| wire)
                })
            })
            .collect();
        wires[0].send(request);
        wires[0].try_reply().is_some()
    };
    assert!(!keeps_three(&start(&["--max-connections-per-address", "2"])), "given, it counts for all");
    assert!(keeps_three(&start(&["--max-connections-per-address", "0"])));
    assert!(keeps_three(&start(&["--max-connections-per-address", "2", "--trust-proxy", "127.0.0.1"])));
    assert!(keeps_three(&start(&[])));
}
