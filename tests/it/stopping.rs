//! How a server stops, and how handlers and streams learn of that or of a client that has left.

use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use hearken::{BodySender, Request, Response, Router, Server, Settings};

use crate::support::{
    Dialer, Gate, Messages, PATIENCE, Place, Wire, alone, count, read_until_closed, returns, stop, until,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

fn app() -> Router {
    Router::new().get("/hello", hearken::demo::hello)
}

/// A stream that gives nothing before its gate opens.
struct Waiting(Gate);

impl Read for Waiting {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.pass();
        Ok(0)
    }
}

#[test]
fn a_server_that_is_stopped_before_it_starts_stops_as_it_starts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let builder = Server::bind("127.0.0.1:0").unwrap().bind_unix(&path).unwrap();
    builder.stopper().clone().stop(PATIENCE);
    // A client of a Unix socket may wait before the server starts.
    let mut early = Dialer::unix(&path).connect().unwrap();
    early.send(HELLO);
    let server = builder.serve(app()).unwrap();
    let address = server.address();
    assert_eq!(returns("join", move || server.join()).cut, 0);
    let reply = early.reply();
    assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
    TcpListener::bind(address).expect("the address is free");
    assert!(!path.exists());
}

#[test]
fn a_stop_while_the_server_starts_is_not_missed() {
    for _ in 0..200 {
        let builder = Server::bind("127.0.0.1:0").unwrap();
        let stopper = builder.stopper();
        let stopping = thread::spawn(move || stopper.stop(Duration::ZERO));
        let server = builder.serve(app()).unwrap();
        returns("join", move || server.join());
        stopping.join().unwrap();
    }
}

/// A stopper once kept the application alive, with whatever it had open.
#[test]
fn a_kept_stopper_keeps_nothing_of_its_server() {
    if !alone("stopping::a_kept_stopper_keeps_nothing_of_its_server") {
        return;
    }
    let mut kept = Vec::new();
    let mut begin = None;
    for _ in 0..10 {
        let state = Arc::new(());
        let of_app = Arc::clone(&state);
        let builder = Server::bind("127.0.0.1:0").unwrap();
        kept.push(builder.stopper());
        let server = builder.serve(move |_: &mut Request| Response::text(format!("{of_app:?}"))).unwrap();
        kept.push(server.stopper());
        stop(server, PATIENCE);
        until("the application to be dropped", || (Arc::strong_count(&state) == 1).then_some(()));
        // The first server may have opened something for the whole process.
        assert_eq!(count("fd"), *begin.get_or_insert_with(|| count("fd")));
    }
    for stopper in kept {
        stopper.stop(Duration::ZERO);
    }
}

#[test]
fn handlers_that_do_not_return_are_left_behind() {
    for streams in [false, true] {
        let gate = Gate::default();
        let at_gate = gate.clone();
        let app = move |_: &mut Request| {
            if streams {
                return Response::reader(Waiting(at_gate.clone()), None);
            }
            at_gate.pass();
            Response::text("late")
        };
        let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
        let address = server.address();
        let mut wire = Wire::connect(address);
        wire.send(GET);
        gate.wait_for(1);
        let stopped = stop(server, Duration::from_millis(10));
        assert_eq!((stopped.cut, stopped.left_behind), (1, 1), "streams: {streams}");
        if streams {
            // The head had left.
            assert_eq!(wire.head().status, 200);
        }
        assert!(wire.is_closed());
        TcpListener::bind(address).expect("the address is free");
        gate.open();
    }
}

#[test]
fn handlers_left_behind_are_named_in_the_log() {
    if !alone("stopping::handlers_left_behind_are_named_in_the_log") {
        return;
    }
    let messages = Messages::collect();
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = app().post("/stuck", move |_: &mut Request| {
        at_gate.pass();
        Response::text("late")
    });
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let mut idle = Wire::connect(server.address());
    idle.send(HELLO);
    assert_eq!(idle.reply().status, 200);
    let mut wire = Wire::connect(server.address());
    wire.send("POST /stuck?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    gate.wait_for(1);
    assert_eq!(stop(server, Duration::ZERO).left_behind, 1);
    assert_eq!(messages.all(), ["left behind because it does not return: POST /stuck?a=b"]);
    gate.open();
}

#[test]
fn dropping_a_server_waits_for_no_handler() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let app = move |_: &mut Request| {
        at_gate.pass();
        Response::text("late")
    };
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let address = server.address();
    let mut wire = Wire::connect(address);
    wire.send(GET);
    gate.wait_for(1);
    returns("the server to be dropped", move || drop(server));
    assert!(wire.is_closed());
    TcpListener::bind(address).expect("the address is free");
    gate.open();
}

#[test]
fn reading_and_writing_fail_once_the_grace_is_over() {
    let (told, tell) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    for place in Place::all(&Settings::default(), || {
        let told = Arc::clone(&told);
        move |request: &mut Request| {
            let mut begun = [0; 5];
            request.body().read_exact(&mut begun).unwrap();
            told.lock().unwrap().send(true).unwrap();
            // The rest never comes.
            let read = request.body().read(&mut begun);
            told.lock().unwrap().send(read.is_ok()).unwrap();
            Response::reader(io::repeat(b'x'), None)
        }
    }) {
        let name = place.name;
        let mut wire = place.connect();
        wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegun");
        assert_eq!(tell.recv_timeout(PATIENCE), Ok(true), "{name}");
        let stopped = place.shutdown(Duration::ZERO);
        assert_eq!(tell.recv_timeout(PATIENCE), Ok(false), "reading fails, over {name}");
        assert_eq!((stopped.cut, stopped.left_behind), (1, 0), "and so does writing, over {name}");
    }
}

#[test]
fn a_channel_ends_with_the_server() {
    for place in Place::all(&Settings::default(), || {
        |request: &mut Request| {
            let (sender, response) = Response::channel(1);
            sender.send("first\n").unwrap();
            // It is kept, and says nothing more, for as long as the connection is open.
            let connection = request.connection();
            thread::spawn(move || {
                while connection.wait(PATIENCE) {}
                assert!(connection.is_stopping());
                until("the sender to be told", || sender.send("x").err());
            });
            response
        }
    }) {
        let name = place.name;
        let mut wire = place.connect();
        wire.send(GET);
        assert_eq!(wire.head().status, 200, "{name}");
        let stopped = place.shutdown(Duration::from_millis(10));
        assert_eq!((stopped.cut, stopped.left_behind), (1, 0), "{name}");
        let (rest, _) = read_until_closed(&mut wire.stream);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{name}: it was cut short");
    }
}

#[test]
fn a_channel_is_sent_as_it_comes_and_ends_with_its_sender() {
    let senders = Arc::new(Mutex::new(Vec::<BodySender>::new()));
    let app = || {
        let senders = Arc::clone(&senders);
        move |_: &mut Request| {
            let (sender, response) = Response::channel(1);
            senders.lock().unwrap().push(sender);
            response
        }
    };
    for place in Place::all(&Settings::default(), app) {
        let name = place.name;
        for (version, framed) in [("1.1", "2\r\na\n\r\n"), ("1.0", "a\n")] {
            let mut wire = place.connect();
            wire.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
            let sender = until("the handler to be called", || senders.lock().unwrap().pop());
            sender.send("a\n").unwrap();
            assert_eq!(wire.head().status, 200);
            let mut piece = vec![0; framed.len()];
            wire.stream.read_exact(&mut piece).unwrap();
            assert_eq!(String::from_utf8(piece).unwrap(), framed, "{name} {version}");
            drop(sender);
            let end = if version == "1.1" { "0\r\n\r\n" } else { "" };
            let mut rest = vec![0; end.len()];
            wire.stream.read_exact(&mut rest).unwrap();
            assert_eq!(rest, end.as_bytes(), "{name} {version}");
        }
        let mut head = place.connect();
        head.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(head.reply_to("HEAD").status, 200);
        let sender = until("the handler to be called", || senders.lock().unwrap().pop());
        until("the sender to be told that there is no body", || sender.send("a").err());
        // And a client that leaves.
        let mut wire = place.connect();
        wire.send(GET);
        let sender = until("the handler to be called", || senders.lock().unwrap().pop());
        drop(wire);
        until("the sender to be told that the client has left", || sender.send("a").err());
        assert_eq!(place.shutdown(PATIENCE).cut, 0, "{name}");
    }
}

#[test]
fn a_handler_is_told_that_its_client_has_left() {
    let (entered, enter) = mpsc::channel();
    let (told, tell) = mpsc::channel();
    let (entered, told) = (Mutex::new(entered), Mutex::new(told));
    let app = Arc::new(move |request: &mut Request| {
        let connection = request.connection();
        entered.lock().unwrap().send(()).unwrap();
        while connection.wait(PATIENCE) {}
        told.lock().unwrap().send((connection.is_open(), connection.is_stopping())).unwrap();
        Response::text("nobody reads it")
    });
    for place in Place::all(&Settings::default(), || {
        let app = Arc::clone(&app);
        move |request: &mut Request| app(request)
    }) {
        for vanishes in [false, true] {
            let mut wire = place.connect();
            wire.send(GET);
            enter.recv_timeout(PATIENCE).unwrap();
            if vanishes {
                wire.stream.into_inner().vanish();
            } else {
                drop(wire);
            }
            assert_eq!(tell.recv_timeout(PATIENCE), Ok((false, false)), "{} vanishes: {vanishes}", place.name);
        }
    }
}

#[test]
fn a_handler_is_told_that_the_server_stops_and_may_finish() {
    let (entered, enter) = mpsc::channel();
    let entered = Arc::new(Mutex::new(entered));
    for place in Place::all(&Settings::default(), || {
        let entered = Arc::clone(&entered);
        move |request: &mut Request| {
            let connection = request.connection();
            entered.lock().unwrap().send(()).unwrap();
            while connection.wait(PATIENCE) {}
            Response::text(format!("{} {}", connection.is_open(), connection.is_stopping()))
        }
    }) {
        let name = place.name;
        let mut wire = place.connect();
        wire.send(GET);
        enter.recv_timeout(PATIENCE).unwrap();
        let stopped = place.shutdown(PATIENCE);
        assert_eq!((stopped.cut, stopped.left_behind), (0, 0), "{name}");
        assert_eq!(wire.reply().text(), "true true", "{name}");
    }
}

/// A kept handle once kept the socket open, so that the client never saw the end.
#[test]
fn a_kept_handle_keeps_no_connection() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let app = move |request: &mut Request| {
        keep.lock().unwrap().push(request.connection());
        Response::reader(io::repeat(0), Some(3)).with_header("X", "y")
    };
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(wire.reply().body, [0; 3]);
    assert!(wire.is_closed());
    let connection = kept.lock().unwrap().pop().unwrap();
    until("the connection to be gone", || (!connection.is_open()).then_some(()));
    assert!(!connection.is_stopping());
    server.shutdown(PATIENCE);
    assert!(connection.is_stopping() && !connection.wait(PATIENCE));
}

/// A server that was stopped from its own handler once waited for that handler.
#[test]
fn a_handler_that_stops_its_own_server_is_left_behind() {
    let place = Arc::new(Mutex::new(None::<Server>));
    let (told, tell) = mpsc::channel();
    let (own, told) = (Arc::clone(&place), Mutex::new(told));
    let app = move |_: &mut Request| {
        let server = own.lock().unwrap().take().unwrap();
        told.lock().unwrap().send(server.shutdown(Duration::ZERO).left_behind).unwrap();
        Response::text("")
    };
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let address = server.address();
    *place.lock().unwrap() = Some(server);
    let mut wire = Wire::connect(address);
    wire.send(GET);
    assert_eq!(tell.recv_timeout(PATIENCE), Ok(1));
    assert!(wire.is_closed());
}

#[test]
fn a_stop_under_load_loses_nothing() {
    for place in Place::all(&Settings::default(), app) {
        let (dialer, name) = (place.dialer.clone(), place.name);
        let stopped = AtomicBool::new(false);
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for client in 0..8 {
                let (dialer, stopped, answered) = (&dialer, &stopped, &answered);
                scope.spawn(move || {
                    while !stopped.load(Ordering::SeqCst) {
                        // A connection may be refused, but one that is made has to be answered.
                        let Ok(mut wire) = dialer.connect() else { return };
                        // Half of the clients keep their connection for as long as they may.
                        loop {
                            wire.send(HELLO);
                            let reply = wire.try_reply().unwrap_or_else(|| panic!("not answered over {name}"));
                            assert_eq!(reply.status, 200, "{name}");
                            answered.fetch_add(1, Ordering::SeqCst);
                            if client % 2 == 0 || reply.header("Connection") == Some("close") {
                                break;
                            }
                        }
                    }
                });
            }
            until("the load to be there", || (answered.load(Ordering::SeqCst) > 500).then_some(()));
            assert_eq!(place.shutdown(PATIENCE).cut, 0, "{name}");
            stopped.store(true, Ordering::SeqCst);
        });
    }
}

/// Under load on few processors the client was not yet to send its next request when its connection was taken for an idle one.
#[test]
fn a_stop_waits_longer_for_a_busy_client_than_for_an_idle_one() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    let (mut idle, mut asking) = (Wire::connect(server.address()), Wire::connect(server.address()));
    for wire in [&mut idle, &mut asking, &mut { Wire::connect(server.address()) }] {
        wire.send(HELLO);
        assert_eq!(wire.reply().status, 200);
    }
    for _ in 0..20 {
        asking.send(HELLO);
        assert_eq!(asking.reply().status, 200);
    }
    thread::scope(|scope| {
        let stop = scope.spawn(|| server.shutdown(PATIENCE));
        assert!(idle.is_closed());
        asking.send(HELLO);
        let reply = asking.reply();
        assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
        assert_eq!(stop.join().unwrap().cut, 0);
    });
}

/// A connection to a Unix socket that was made between the last look into the queue and the closing of it was once reset.
#[test]
fn a_stop_answers_or_refuses_each_client_of_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = directory.path().join(round.to_string());
        let server = Server::bind_unix(&path).unwrap().serve(app()).unwrap();
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let Ok(mut wire) = Dialer::unix(&path).connect() {
                        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                        let reply = wire.try_reply().expect("a client that has connected is answered");
                        assert_eq!(reply.status, 200);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            until("the load to be there", || (answered.load(Ordering::SeqCst) > 50).then_some(()));
            assert_eq!(server.shutdown(PATIENCE).cut, 0);
        });
    }
}

/// Over a Unix socket the connection with which a server woke itself was once counted as one that was cut off.
#[test]
fn running_answers_finish_within_the_grace_and_are_cut_after_it() {
    for (grace, finishes) in [(PATIENCE, true), (Duration::ZERO, false)] {
        let (entered, open) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let app = || {
            let (entered, open) = (Arc::clone(&entered), Arc::clone(&open));
            app().fallback(move |request: &mut Request| {
                entered.lock().unwrap().push(request.path().to_owned());
                until("the answer to be wanted", || open.load(Ordering::SeqCst).then_some(()));
                Response::text("done")
            })
        };
        let mut stops: Vec<_> = Place::all(&Settings::default(), app)
            .into_iter()
            .map(|place| {
                let (mut wire, name) = (place.connect(), place.name);
                let path = format!("/{}", name.replace(' ', "-"));
                wire.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
                until("the handler to run", || entered.lock().unwrap().contains(&path).then_some(()));
                let (idle, _) = place.send(HELLO);
                (name, wire, idle, thread::spawn(move || place.shutdown(grace)))
            })
            .collect();
        for (name, wire, idle, _) in &mut stops {
            // That the server stops shows in that it closes this one.
            let _ = read_until_closed(&mut idle.stream);
            if !finishes {
                assert_eq!(read_until_closed(&mut wire.stream).0, b"", "{name}");
            }
        }
        open.store(true, Ordering::SeqCst);
        for (name, mut wire, _, stop) in stops {
            if finishes {
                let reply = wire.reply();
                assert_eq!((reply.text().as_str(), reply.header("Connection")), ("done", Some("close")), "{name}");
                assert!(wire.is_closed(), "{name}");
            }
            assert_eq!(stop.join().unwrap().cut, usize::from(!finishes), "{name}");
        }
    }
}
