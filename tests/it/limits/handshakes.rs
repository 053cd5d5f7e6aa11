//! TLS handshakes that are slow, in pieces, or never finished.

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use hearken::Settings;
use rustls::StreamOwned;

use super::{HELLO, SHORT, app, ask, drip, workers};
use crate::support::{Place, Stream, Wire, alone, count};

#[test]
fn a_slow_handshake_is_ended() {
    Place::each(&Settings::default().handshake_timeout(SHORT), app, |place| {
        if !place.is_secure() {
            return;
        }
        // The beginning of a ClientHello, then a byte now and then.
        let mut wire = Wire::over(place.connect_raw());
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        assert_eq!(drip(&mut wire, b"x"), "", "{}", place.name);
        assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
    });
}

/// Sends one byte at a time, with a pause after each.
struct Dripping(Stream);

impl Read for Dripping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dripping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.write(&bytes[..bytes.len().min(1)])?;
        thread::sleep(Duration::from_millis(1));
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn handshakes_that_come_in_bytes_are_finished() {
    Place::each(&Settings::default(), app, |place| {
        let Some(handshake) = place.dialer.handshake() else { return };
        let mut stream = StreamOwned::new(handshake, Dripping(place.connect_raw()));
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("Hello, world!"), "{said}");
    });
}

#[test]
fn half_handshakes_take_no_threads() {
    if !alone("limits::handshakes::half_handshakes_take_no_threads") {
        return;
    }
    for place in Place::all(&Settings::default(), app) {
        let Some(mut handshake) = place.dialer.handshake() else { continue };
        assert_eq!(ask(&mut place.connect()), 200);
        let threads = count("task");
        let mut hello = Vec::new();
        handshake.write_tls(&mut hello).unwrap();
        let mut halves: Vec<_> = (0..workers() + 20).map(|_| place.connect_raw()).collect();
        for half in &mut halves {
            half.write_all(&hello[..hello.len() / 2]).unwrap();
        }
        for _ in 0..10 {
            assert_eq!(ask(&mut place.connect()), 200, "{}", place.name);
        }
        assert!(count("task") <= threads + workers(), "{}", place.name);
        // The rest of one comes after all.
        let mut stream = halves.pop().unwrap();
        stream.write_all(&hello[hello.len() / 2..]).unwrap();
        let mut stream = StreamOwned::new(handshake, stream);
        stream.write_all(HELLO.as_bytes()).unwrap();
        let mut said = [0; 15];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 200 OK", "{}", place.name);
    }
}
