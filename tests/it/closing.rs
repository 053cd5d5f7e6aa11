//! How connections end: no answer is lost, and no body that was cut short passes for whole.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use hearken::{AccessLog, HttpError, LogFormat, Request, Response, Router, Server, Settings};

use crate::support::{PATIENCE, Place, Stream, Wire, get, read_until_closed, stop, until};

/// Gives some bytes, and then fails or panics.
struct Broken {
    left: usize,
    panics: bool,
}

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            assert!(!self.panics, "the panic that this test is about");
            return Err(io::Error::other("the disk is broken"));
        }
        let length = buffer.len().min(self.left);
        buffer[..length].fill(b'x');
        self.left -= length;
        Ok(length)
    }
}

fn app() -> Router {
    let broken = |panics| move |_: &mut Request| Response::reader(Broken { left: 200_000, panics }, None);
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/large", |_: &mut Request| Response::bytes(vec![b'x'; 8 << 20]))
        .get("/broken", broken(false))
        .get("/panics", broken(true))
        .post("/ignore", |_: &mut Request| Response::text("ignored"))
}

/// The server closes because it is full, while much of the answer is still in its send buffer.
#[test]
fn a_slow_download_is_not_cut_by_a_close_of_the_server() {
    let download = |place: &Place| {
        let mut wire = place.connect();
        wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = wire.head();
        assert_eq!(head.header("Connection"), Some("close"), "{}", place.name);
        // Slow enough to be at it after the server has written all, and looked at it several times.
        let mut body = vec![0; 8 << 20];
        for part in body.chunks_mut(64 * 1024) {
            wire.stream.read_exact(part).unwrap_or_else(|error| panic!("{error} over {}", place.name));
            thread::sleep(Duration::from_millis(40));
        }
        assert!(body.iter().all(|byte| *byte == b'x') && wire.is_closed(), "{}", place.name);
    };
    let places = Place::all(&Settings::default().max_connections(1), app);
    thread::scope(|scope| places.iter().for_each(|place| drop(scope.spawn(|| download(place)))));
}

#[test]
fn the_answer_to_an_unread_upload_is_not_lost() {
    for place in Place::all(&Settings::default(), app) {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(64));
        let counted = format!("Content-Length: 4000000\r\n\r\n{}", "x".repeat(4_000_000));
        for body in [&chunked, &counted] {
            let mut wire = place.connect();
            wire.send(format!("POST /ignore HTTP/1.1\r\nHost: a\r\n{body}"));
            assert_eq!(wire.reply().text(), "ignored", "{}", place.name);
        }
    }
}

#[test]
fn many_small_pieces_of_an_unread_body_end_the_connection() {
    for place in Place::all(&Settings::default(), app) {
        let mut wire = place.connect();
        wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(wire.reply().text(), "ignored");
        // In pieces that are each little enough.
        for _ in 0..100 {
            wire.send(format!("8000\r\n{}\r\n", "x".repeat(0x8000)));
        }
        wire.send("0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(wire.try_reply().is_none(), "the connection goes on over {}", place.name);
    }
}

/// HTTP/1.0 has nothing but the end of the connection to tell the end of a body by.
#[test]
fn a_body_that_fails_does_not_end_as_if_it_were_whole() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    for path in ["/broken", "/panics"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
            let (_, end) = read_until_closed(&mut stream);
            assert_eq!(end.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset), "{path}");
        }
    }
    assert_eq!(get(server.address(), "/hello").status, 200);
}

#[test]
fn empty_lines_do_not_put_off_the_end_of_an_idle_connection() {
    const IDLE: Duration = Duration::from_millis(300);
    const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    Place::each(&Settings::default().idle_timeout(IDLE), app, |place| {
        let (mut noisy, _) = place.send(HELLO);
        // It has been idle for longer than the other one, and so has to end first.
        thread::sleep(IDLE / 3);
        let (mut silent, _) = place.send(HELLO);
        silent.stream.get_ref().set_timeouts(Some(IDLE / 6));
        // Half an empty line at a time. Four empty lines are allowed before a request.
        let mut halves = b"\r\n".iter().cycle().take(8);
        until("the silent connection to end", || {
            halves.next().inspect(|half| noisy.send([**half]));
            match silent.stream.read(&mut [0]) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
                end => {
                    assert_eq!(end.unwrap(), 0, "{}", place.name);
                    Some(())
                }
            }
        });
        noisy.send(HELLO);
        assert!(noisy.try_reply().is_none(), "it is still open over {}", place.name);
    });
}

#[test]
fn a_client_that_reads_its_answers_slowly_gets_them_all() {
    let settings = Settings::default().rate_grace(Duration::from_millis(300));
    for place in
        Place::all(&settings, || Router::new().get("/some", |_: &mut Request| Response::bytes(vec![b'x'; 40_000])))
    {
        let mut wire = place.connect();
        wire.send("GET /some HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200));
        for number in 0..200 {
            assert_eq!(wire.reply().body.len(), 40_000, "answer {number} over {}", place.name);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A thread of a handler is no worker: that it waits must not count as if a worker did.
#[test]
fn a_body_may_be_read_on_another_thread() {
    let kept = |request: &mut Request| {
        let mut kept = std::mem::replace(request, Request::get("/"));
        thread::spawn(move || kept.read_body());
        Response::text("never sent")
    };
    let lent = |request: &mut Request| {
        let body = thread::scope(|scope| scope.spawn(|| request.read_body()).join().unwrap());
        Ok::<_, HttpError>(Response::bytes(body?))
    };
    let app = app().post("/kept", kept).post("/lent", lent);
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let mut waiting: Vec<_> = (0..20).map(|_| Wire::connect(server.address())).collect();
    for (number, wire) in waiting.iter_mut().enumerate() {
        let path = ["kept", "lent"][number % 2];
        wire.send(format!("POST /{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"));
    }
    for _ in 0..20 {
        assert_eq!(get(server.address(), "/hello").status, 200);
    }
    for (number, wire) in waiting.iter_mut().enumerate() {
        wire.send("four");
        if number % 2 == 1 {
            assert_eq!(wire.reply().text(), "four");
        } else {
            assert!(wire.is_closed(), "what a handler keeps is not answered");
        }
    }
    assert_eq!(server.shutdown(PATIENCE).cut, 0);
}

/// A handler that mixes up the requests of two clients: none of them gets the other's answer.
#[test]
fn an_answer_goes_to_the_client_who_asked_or_to_nobody() {
    let other: Mutex<Option<Request>> = Mutex::new(None);
    let swap = move |request: &mut Request| {
        let answer = Response::text(request.path().to_owned());
        let mut other = other.lock().unwrap();
        let theirs = other.take().unwrap_or_else(|| Request::get("/"));
        *other = Some(std::mem::replace(request, theirs));
        answer
    };
    let server = Server::bind("127.0.0.1:0").unwrap().serve(swap).unwrap();
    let mut clients: Vec<_> = (0..10)
        .map(|number| {
            let mut wire = Wire::connect(server.address());
            wire.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
            wire
        })
        .collect();
    // The last one is still kept when the server stops.
    let _ = server.shutdown(Duration::ZERO);
    for wire in &mut clients {
        assert!(wire.try_reply().is_none());
    }
}

#[test]
fn a_log_that_takes_nothing_does_not_hold_up_a_stop() {
    struct Stuck(Mutex<mpsc::Receiver<()>>);
    impl io::Write for Stuck {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            // For as long as the test goes on.
            let _ = self.0.lock().unwrap().recv();
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Panicking;
    impl io::Write for Panicking {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("the panic that this test is about");
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_go, wait) = mpsc::channel();
    let logs = [
        AccessLog::new(LogFormat::Common, Stuck(Mutex::new(wait))).unwrap(),
        AccessLog::new(LogFormat::Common, Panicking).unwrap(),
    ];
    for log in logs {
        let server = Server::bind("127.0.0.1:0").unwrap().access_log(log).serve(app()).unwrap();
        assert_eq!(get(server.address(), "/hello").status, 200);
        assert_eq!(stop(server, Duration::MAX).cut, 0);
    }
}

#[test]
fn an_endless_grace_can_be_given() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(app()).unwrap();
    assert_eq!(get(server.address(), "/hello").status, 200);
    assert_eq!(stop(server, Duration::MAX).cut, 0);
}

#[test]
fn a_client_that_says_it_ends_over_tls_is_let_go_at_once() {
    let settings = Settings::default().idle_timeout(Duration::ZERO).head_timeout(Duration::ZERO);
    for place in Place::all(&settings, app) {
        let mut wire = place.connect();
        wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().status, 200);
        match wire.stream.get_mut() {
            // Said by TLS only: the connection under it stays open.
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            stream => stream.shutdown(Shutdown::Write).unwrap(),
        }
        assert!(wire.is_closed(), "{}", place.name);
    }
}
