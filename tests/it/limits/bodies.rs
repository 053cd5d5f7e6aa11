//! The pace of request bodies and of clients that read answers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hearken::{AccessLog, Files, HttpError, LogFormat, Request, Response, Router, Server, Settings};
use socket2::{Domain, Socket, Type};

use super::{Endless, PAUSE, SHORT, app, drip};
use crate::support::{PATIENCE, Place, Stream, Wire, read_until_closed, until};

#[test]
fn a_slow_body_is_408_and_a_fast_enough_one_is_not() {
    Place::each(&Settings::default().rate_grace(SHORT).min_rate(1024), app, |place| {
        for head in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
            let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n");
            let (mut wire, reply) = place.send(&request);
            assert_eq!((reply.status, reply.header("Connection")), (408, Some("close")), "{head} over {}", place.name);
            assert!(wire.is_closed(), "{head} over {}", place.name);
            let mut wire = place.connect();
            wire.send(&request);
            // In chunks of a byte, which are as much of a body as any.
            let said = drip(&mut wire, b"1\r\nx\r\n");
            assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said:?}: {head} over {}", place.name);
        }
        let mut wire = place.connect();
        wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
        for _ in 0..50 {
            wire.send([b'x'; 1000]);
            thread::sleep(PAUSE);
        }
        assert_eq!(wire.reply().body.len(), 50_000, "{}", place.name);
    });
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let endless = &Endless::default();
    Place::each(
        &Settings::default().rate_grace(SHORT),
        || endless.app(),
        |place| {
            let (name, request) = Endless::request(&place);
            let mut wire = place.connect();
            wire.send(request);
            until("the server to give up", || endless.has_ended(&name).then_some(()));
            // What was on its way may be read. It does not look as if it were all.
            let (taken, end) = read_until_closed(&mut wire.stream);
            assert!(end.is_err() || !taken.ends_with(b"0\r\n\r\n"), "{}", place.name);
            assert!(end.is_err() || !place.is_secure(), "cut short, and said to be the end, over {}", place.name);
            assert_eq!(place.shutdown(PATIENCE).cut, 0);
        },
    );
}

#[test]
fn a_reader_that_takes_nothing_of_a_file_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    File::create(directory.path().join("large")).unwrap().set_len(1 << 30).unwrap();
    let (lines, log) = mpsc::channel();
    struct Out(mpsc::Sender<()>);
    impl Write for Out {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(());
            Ok(line.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let builder = Server::bind("127.0.0.1:0").unwrap().settings(Settings::default().rate_grace(SHORT));
    let builder = builder.access_log(AccessLog::new(LogFormat::Common, Out(lines)).unwrap());
    let server = builder.serve(Files::new(directory.path())).unwrap();
    let mut wire = Wire::connect(server.address());
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    // A request is logged when it is done with.
    log.recv_timeout(PATIENCE).unwrap();
    let (taken, _) = read_until_closed(&mut wire.stream);
    assert!(taken.len() < 1 << 30, "it was not cut off");
    assert_eq!(server.shutdown(Duration::ZERO).cut, 0);
}

/// The server's send buffer takes megabytes at once, so how fast it can write says nothing of the client.
#[test]
fn a_slow_reader_is_cut_off_when_it_stops_and_not_before() {
    let endless = &Endless::default();
    let settings = Settings::default().min_rate(1024).rate_grace(SHORT);
    Place::each(
        &settings,
        || endless.app(),
        |place| {
            let Some(address) = place.address() else { return };
            let (name, request) = Endless::request(&place);
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            // Small segments, for the window is small.
            socket.set_tcp_mss(536).unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            socket.connect(&address.into()).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut wire = place.dialer.speak(Stream::Tcp(socket.into()));
            wire.send(request);
            assert_eq!(wire.head().status, 200);
            let stream = wire.stream.get_mut().raw();
            for _ in 0..100 {
                stream.read_exact(&mut [0; 512]).unwrap_or_else(|error| panic!("cut off over {}: {error}", place.name));
                thread::sleep(PAUSE);
            }
            assert!(!endless.has_ended(&name), "cut off over {}", place.name);
            until("the server to give up", || endless.has_ended(&name).then_some(()));
        },
    );
}

#[test]
fn a_handler_may_take_its_time() {
    let slow_reader = |request: &mut Request| -> Result<Response, HttpError> {
        let mut body = request.body();
        let mut total = 0;
        let mut buffer = vec![0; 20_000];
        loop {
            thread::sleep(SHORT * 2);
            match body.read(&mut buffer)? {
                0 => break,
                read => total += read,
            }
        }
        thread::sleep(SHORT * 2);
        Ok(Response::text(total.to_string()))
    };
    struct SlowWriter(u8);
    impl Read for SlowWriter {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            thread::sleep(SHORT * 2);
            self.0 -= 1;
            buffer[0] = b'x';
            Ok(usize::from(self.0 > 0))
        }
    }
    let slow_writer = |_: &mut Request| Response::reader(SlowWriter(4), None);
    let app = || Router::new().post("/read", slow_reader).get("/write", slow_writer);
    let settings = Settings::default().rate_grace(SHORT).head_timeout(SHORT);
    Place::each(&settings, app, |place| {
        let mut wire = place.connect();
        wire.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
        wire.send([b'x'; 50_000]);
        assert_eq!(wire.reply().text(), "50000", "{}", place.name);
        wire.send("GET /write HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire.reply().text(), "xxx", "{}", place.name);
    });
}
