//! Bodies that the program makes while they are sent: when they leave, what ends them, and how many there may be.

use std::io::{self, Cursor, Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use hearken::{BodyWriter, Event, Method, Request, Response, Router, Settings, Status};

use crate::support::{Gate, Messages, PATIENCE, Place, Wire, read_until_closed, until};

fn get(target: &str, version: &str) -> String {
    format!("GET {target} HTTP/{version}\r\nHost: a\r\n\r\n")
}

/// Requests a stream, and reads the head of the response.
#[track_caller]
fn begin(place: &Place, target: &str, version: &str) -> Wire {
    let mut wire = place.connect();
    wire.send(get(target, version));
    assert_eq!(wire.head().status, 200, "{target} HTTP/{version} over {}", place.name);
    wire
}

/// Reads exactly this text.
fn expect(wire: &mut Wire, text: &str, what: &str) {
    let mut read = vec![0; text.len()];
    wire.stream.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text, "{what}");
}

/// The gate for the streams that begin from now on.
#[derive(Clone, Default)]
struct Gates(Arc<Mutex<Gate>>);

impl Gates {
    fn current(&self) -> Gate {
        self.0.lock().unwrap().clone()
    }

    fn renew(&self) -> Gate {
        *self.0.lock().unwrap() = Gate::default();
        self.current()
    }

    /// A handler that gives each stream the gate of its beginning.
    fn route(&self, make: fn(Gate) -> Response) -> impl Fn(&mut Request) -> Response + use<> {
        let gates = self.clone();
        move |_| make(gates.current())
    }
}

/// Reads after its gate has opened.
struct Gated(Gate, Cursor<&'static str>);

impl io::Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.pass();
        self.1.read(buffer)
    }
}

#[test]
fn the_head_leaves_before_the_body() {
    let gates = Gates::default();
    let app = || {
        Router::new()
            .get(
                "/writer",
                gates.route(|gate| {
                    Response::writer(move |out| {
                        gate.pass();
                        out.write_all(b"late\n\n")
                    })
                }),
            )
            .get(
                "/events",
                gates.route(|gate| {
                    Response::events(move |events| {
                        gate.pass();
                        events.send(&Event::default())?;
                        events.send(&Event::data("x"))
                    })
                }),
            )
            .get(
                "/channel",
                gates.route(|gate| {
                    let (sender, response) = Response::channel(1);
                    std::thread::spawn(move || {
                        gate.pass();
                        sender.send("late\n\n")
                    });
                    response
                }),
            )
            .get("/reader", gates.route(|gate| Response::reader(Gated(gate, Cursor::new("late\n\n")), None)))
            .get("/length", gates.route(|gate| Response::reader(Gated(gate, Cursor::new("late\n\n")), Some(6))))
    };
    for place in Place::all(&Settings::default(), app) {
        for version in ["1.1", "1.0"] {
            for target in ["/writer", "/events", "/channel", "/reader", "/length"] {
                let what = format!("{target} HTTP/{version} over {}", place.name);
                let gate = gates.renew();
                let mut wire = begin(&place, target, version);
                gate.open();
                let body = match (target, version) {
                    ("/events", "1.1") => "1\r\n\n\r\n9\r\ndata: x\n\n\r\n0\r\n\r\n",
                    ("/events", _) => "\ndata: x\n\n",
                    ("/length", _) | (_, "1.0") => "late\n\n",
                    _ => "6\r\nlate\n\n\r\n0\r\n\r\n",
                };
                expect(&mut wire, body, &what);
            }
        }
        assert_eq!(place.shutdown(PATIENCE).cut, 0);
    }
}

#[test]
fn events_say_what_they_are() {
    let app = || {
        |request: &mut Request| {
            let last = request.header("Last-Event-ID").unwrap_or("none").to_owned();
            Response::events(move |events| {
                events.comment("hello")?;
                events.send(&Event::data(last).id("8").name("last").retry(Duration::from_secs(1)))?;
                assert_eq!(events.send(&Event::data("x").id("\n")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
                Ok(())
            })
        }
    };
    for place in Place::all(&Settings::default(), app) {
        let (_, reply) = place.send("GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n");
        assert_eq!(reply.header("Content-Type"), Some("text/event-stream"));
        assert_eq!(reply.header("Cache-Control"), Some("no-cache"));
        assert_eq!(reply.text(), ": hello\n\nevent: last\nid: 8\nretry: 1000\ndata: 7\n\n", "{}", place.name);
    }
}

/// A stream without an end, which reports why it ended.
fn endless(ended: &mpsc::Sender<&'static str>) -> Response {
    let ended = ended.clone();
    Response::writer(move |out| {
        let result = tick(out);
        let why = match (&result, out.connection().is_stopping()) {
            (Ok(()), true) => "stopping",
            (Ok(()), false) => "left",
            (Err(_), _) => "unsent",
        };
        ended.send(why).unwrap();
        result
    })
}

fn tick(out: &mut BodyWriter<'_>) -> io::Result<()> {
    out.write_all(b"tick\n")?;
    while out.wait(PATIENCE) {
        out.write_all(b"tick\n")?;
    }
    Ok(())
}

#[test]
fn a_stream_learns_that_its_client_has_left() {
    let (ended, ends) = mpsc::channel();
    let app = || {
        let ended = ended.clone();
        move |_: &mut Request| endless(&ended)
    };
    for place in Place::all(&Settings::default(), app) {
        let mut wire = begin(&place, "/", "1.1");
        expect(&mut wire, "5\r\ntick\n\r\n", place.name);
        drop(wire);
        assert_eq!(ends.recv_timeout(PATIENCE), Ok("left"), "{}", place.name);
        assert_eq!(place.shutdown(PATIENCE).cut, 0);
    }
}

/// One that writes without waiting is told by the failure to write, even if it ignores the first one.
#[test]
fn writing_fails_when_the_client_has_left() {
    let (ended, ends) = mpsc::channel();
    let app = || {
        let ended = ended.clone();
        move |_: &mut Request| {
            let ended = ended.clone();
            Response::writer(move |out| {
                while out.write_all(&[b'x'; 1000]).is_ok() {}
                assert!(out.flush().is_err() || out.write_all(&[b'x'; 100_000]).is_err());
                ended.send(()).unwrap();
                Ok(())
            })
        }
    };
    for place in Place::all(&Settings::default(), app) {
        let wire = begin(&place, "/", "1.1");
        wire.stream.into_inner().vanish();
        assert_eq!(ends.recv_timeout(PATIENCE), Ok(()), "{}", place.name);
        assert_eq!(place.shutdown(PATIENCE).cut, 0);
    }
}

#[test]
fn a_stream_that_waits_ends_whole_when_the_server_stops() {
    let (ended, ends) = mpsc::channel();
    let app = || {
        let ended = ended.clone();
        move |_: &mut Request| endless(&ended)
    };
    for place in Place::all(&Settings::default(), app) {
        let name = place.name;
        let mut wire = begin(&place, "/", "1.1");
        expect(&mut wire, "5\r\ntick\n\r\n", name);
        let stopped = place.shutdown(PATIENCE);
        assert_eq!((stopped.cut, stopped.left_behind), (0, 0), "{name}");
        assert_eq!(ends.recv(), Ok("stopping"), "{name}");
        expect(&mut wire, "0\r\n\r\n", name);
    }
}

#[test]
fn a_writer_that_fails_or_panics_cuts_its_body_short() {
    let log = Messages::collect();
    let app = || {
        Router::new()
            .get("/fails", |_| {
                Response::writer(|out| {
                    out.write_all(b"so far")?;
                    out.flush()?;
                    Err(io::Error::other("the printer is on fire"))
                })
            })
            .get("/panics", |_| {
                Response::writer(|out| {
                    out.write_all(b"so far")?;
                    out.flush()?;
                    panic!("the printer is on fire, and this is what the test is about")
                })
            })
    };
    for place in Place::all(&Settings::default(), app) {
        for target in ["/fails", "/panics"] {
            let mut wire = begin(&place, target, "1.1");
            let (body, _) = read_until_closed(&mut wire.stream);
            assert_eq!(String::from_utf8_lossy(&body), "6\r\nso far\r\n", "{target} over {}", place.name);
        }
    }
    for target in ["/fails", "/panics"] {
        until("the log to say why", || {
            let said = |line: &String| line.contains(target) && line.contains("the printer is on fire");
            log.all().iter().any(said).then_some(())
        });
    }
}

#[test]
fn a_response_without_a_body_runs_no_writer() {
    let runs = Arc::new(AtomicUsize::new(0));
    let app = || {
        let runs = Arc::clone(&runs);
        move |request: &mut Request| {
            let runs = Arc::clone(&runs);
            let response = Response::writer(move |_| {
                runs.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            if *request.method() == Method::Head { response } else { response.with_status(Status::NO_CONTENT) }
        }
    };
    for place in Place::all(&Settings::default().max_streams(0), app) {
        let mut wire = place.connect();
        wire.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = wire.reply_to("HEAD");
        assert_eq!((reply.status, reply.header("Transfer-Encoding")), (200, Some("chunked")), "{}", place.name);
        wire.send(get("/", "1.1"));
        assert_eq!(wire.reply().status, 204, "{}", place.name);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[test]
fn streams_beyond_their_number_are_refused_and_others_are_served() {
    let gates = Gates::default();
    let app = || {
        Router::new()
            .get("/hello", |_| "Hello, world!")
            .get("/length", |_| Response::reader(&b"not a stream"[..], Some(12)))
            .get(
                "/writer",
                gates.route(|gate| {
                    Response::writer(move |_| {
                        gate.pass();
                        Ok(())
                    })
                }),
            )
            .get("/reader", gates.route(|gate| Response::reader(Gated(gate, Cursor::new("")), None)))
            .get(
                "/channel",
                gates.route(|gate| {
                    let (sender, response) = Response::channel(1);
                    std::thread::spawn(move || {
                        gate.pass();
                        drop(sender);
                    });
                    response
                }),
            )
    };
    // By default, half of the connections may be streams.
    let settings = [Settings::default().max_connections(7), Settings::default().max_streams(3)];
    for settings in settings {
        for place in Place::all(&settings, app) {
            let gate = gates.renew();
            let mut streams: Vec<_> =
                ["/writer", "/reader", "/channel"].into_iter().map(|target| begin(&place, target, "1.1")).collect();
            for target in ["/writer", "/reader", "/channel"] {
                let (_, refused) = place.send(get(target, "1.1"));
                assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("5")), "{target}");
            }
            for target in ["/hello", "/length"] {
                assert_eq!(place.send(get(target, "1.1")).1.status, 200, "{target} over {}", place.name);
            }
            gate.open();
            streams.iter_mut().for_each(|wire| expect(wire, "0\r\n\r\n", place.name));
            // The client may see the end of a stream before the server has counted it.
            until("there to be room again", || (place.send(get("/writer", "1.1")).1.status == 200).then_some(()));
        }
    }
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// The connection was closed without a response.
#[test]
fn a_stream_that_panics_when_it_is_dropped_is_refused_all_the_same() {
    let app = || {
        |_: &mut Request| {
            let held = PanicsOnDrop;
            Response::writer(move |_| {
                let _held = &held;
                Ok(())
            })
        }
    };
    for place in Place::all(&Settings::default().max_streams(0), app) {
        let (_, refused) = place.send(get("/", "1.1"));
        assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("5")), "{}", place.name);
    }
}
