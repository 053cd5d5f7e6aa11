//! Clients that behave badly, in turn and many at a time: cut heads, cut bodies, noise, resets, slow senders, slow readers.
//!
//! `cargo bench --bench abuse -- PORT SECONDS` goes on for so long and prints how many connections it made.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: u64 = 16;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (Some(port), Some(seconds)) = (arguments.next(), arguments.next()) else { return };
    let port = u16::try_from(port).expect("the first argument is a port");
    let end = Instant::now() + Duration::from_secs(seconds);
    let made = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let made = &made;
            scope.spawn(move || {
                let mut turn = number;
                while Instant::now() < end {
                    if let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) {
                        made.fetch_add(1, Ordering::Relaxed);
                        misbehave(connection, turn);
                    }
                    turn += 1;
                }
            });
        }
    });
    println!("{}", made.load(Ordering::Relaxed));
}

/// One connection, ended in whatever way; the server's part in it is of no interest.
fn misbehave(mut connection: TcpStream, turn: u64) {
    let _ = connection.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = connection.set_write_timeout(Some(Duration::from_millis(200)));
    let reset = |connection: &TcpStream| {
        let _ = socket2::SockRef::from(connection).set_linger(Some(Duration::ZERO));
    };
    let _ = match turn % 9 {
        0 => connection.write_all(b"GET /hello HT"),
        1 => connection.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegun"),
        2 => connection.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        3 => connection.write_all(&turn.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().repeat(40)),
        4 => {
            reset(&connection);
            connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        5 => {
            reset(&connection);
            connection
                .write_all(b"GET /100MiB HTTP/1.1\r\nHost: a\r\n\r\n")
                .and_then(|()| connection.read_exact(&mut [0; 9999]))
        }
        6 => connection.write_all(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(50_000)).as_bytes()),
        7 => (0..10).try_for_each(|_| {
            thread::sleep(Duration::from_millis(50));
            connection.write_all(b"x")
        }),
        _ => connection.write_all(b"GET /100MiB HTTP/1.1\r\nHost: a\r\n\r\n").and_then(|()| {
            thread::sleep(Duration::from_millis(500));
            connection.read_exact(&mut [0; 1000])
        }),
    };
}
