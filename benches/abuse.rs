//! Badly behaved clients, all kinds at the same time: truncated heads and bodies, noise, resets, slow senders, slow readers,
//! endless heads, bodies and pipelines, half-closed connections, foreign hosts, stalled listings, crowds beyond the connection
//! limit, ports that are reused at once, truncated handshakes.
//!
//! `cargo bench --bench abuse -- PORT SECONDS [TLS_PORT]` runs for this long and prints how many connections it made.

#[path = "common/tls.rs"]
mod tls;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::StreamOwned;
use socket2::{Domain, SockRef, Socket, Type};

/// One thread for each kind, so that every kind is present at any time.
const THREADS: u64 = 32;
/// How long a read or a write waits.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long, and how many bytes, an endless client sends.
const ENDLESS_TIME: Duration = Duration::from_secs(1);
const ENDLESS_BYTES: usize = 32 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (Some(port), Some(seconds)) = (arguments.next(), arguments.next()) else { return };
    let port = u16::try_from(port).expect("the first argument is a port");
    let tls_port = arguments.next().map(|port| u16::try_from(port).expect("the third argument is a port"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let made = AtomicU64::new(0);
    let hello = client_hello();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (made, hello) = (&made, &hello);
            scope.spawn(move || {
                let mut turn = number;
                while Instant::now() < end {
                    let secure = tls_port.filter(|_| turn % 4 == 3);
                    if let Ok(connection) = connect(secure.unwrap_or(port)) {
                        made.fetch_add(1, Ordering::Relaxed);
                        // However the server ends the connection is fine here.
                        let _ = match secure {
                            None => misbehave(connection, turn),
                            Some(_) => misbehave_in_handshake(connection, turn / 4, hello),
                        };
                    }
                    turn += 1;
                }
            });
        }
    });
    println!("{}", made.load(Ordering::Relaxed));
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// One connection, until it ends in any way.
fn misbehave(mut connection: TcpStream, turn: u64) -> io::Result<()> {
    match turn % 26 {
        0 => connection.write_all(b"GET /hello HT"),
        1 => connection.write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbegun"),
        2 => connection.write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        3 => connection.write_all(&noise(turn)),
        4 => {
            reset_on_close(&connection)?;
            connection.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        }
        5 => {
            reset_on_close(&connection)?;
            connection.write_all(b"GET /100MiB HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            connection.read_exact(&mut [0; 9999])
        }
        6 => {
            connection.write_all(format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(50_000)).as_bytes())
        }
        7 => (0..10).try_for_each(|_| {
            thread::sleep(Duration::from_millis(50));
            connection.write_all(b"x")
        }),
        8 => {
            connection.write_all(b"GET /100MiB HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            thread::sleep(Duration::from_millis(500));
            connection.read_exact(&mut [0; 1000])
        }
        // Another version of HTTP after a request, at once and after its response.
        9 => connection
            .write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/2.0\r\nHost: localhost\r\n\r\n")
            .and_then(|()| read_to_end(&mut connection)),
        10 => {
            connection.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            connection.read_exact(&mut [0; 10])?;
            connection.write_all(b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n")
        }
        11 => connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").and_then(|()| read_to_end(&mut connection)),
        // Endless requests, and no response is read.
        12 => write_endlessly(&mut connection, b"", b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        13 => write_endlessly(&mut connection, b"", b"GET /100KiB HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        // An endless chunk size, chunk extension, and head.
        14 => write_endlessly(&mut connection, CHUNKED, b"0000000000000000"),
        15 => write_endlessly(&mut connection, &[CHUNKED, b"5;"].concat(), b"extension=value;"),
        16 => write_endlessly(
            &mut connection,
            b"GET /hello HTTP/1.1\r\nHost: localhost\r\n",
            b"X: yyyyyyyyyyyyyyyyyyyyy\r\n",
        ),
        // Folded header fields, one of them the length of the body.
        17 => connection
            .write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nX: y\r\n z\r\nContent-Length:\r\n 5\r\n\r\nhello")
            .and_then(|()| read_to_end(&mut connection)),
        // Half-closed for writing: before, after and within the request. Then half-closed for reading.
        18 => connection.shutdown(Shutdown::Write).and_then(|()| read_to_end(&mut connection)),
        19 => {
            connection.write_all(b"GET /100KiB HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            connection.shutdown(Shutdown::Write)?;
            read_to_end(&mut connection)
        }
        20 => {
            connection.write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")?;
            connection.shutdown(Shutdown::Write)?;
            read_to_end(&mut connection)
        }
        21 => connection
            .write_all(b"PUT /x HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100000\r\n\r\n")
            .and_then(|()| read_to_end(&mut connection)),
        22 => {
            connection.write_all(b"GET /many/?sort=size HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            thread::sleep(Duration::from_millis(500));
            connection.read_exact(&mut [0; 1000])
        }
        // More than the connection limit, each with a pending response.
        23 => {
            let server = connection.peer_addr()?;
            let mut crowd = vec![connection];
            for _ in 0..200 {
                crowd.push(connect(server.port())?);
            }
            for member in &mut crowd {
                let _ = member.write_all(b"GET /100MiB HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            thread::sleep(Duration::from_millis(300));
            Ok(())
        }
        // The same port again, while the server still has the previous connection.
        24 => {
            let (own, server) = (connection.local_addr()?, connection.peer_addr()?);
            connection.write_all(b"GET /100MiB HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            reset_on_close(&connection)?;
            drop(connection);
            let again = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            again.set_reuse_address(true)?;
            again.bind(&own.into())?;
            again.connect_timeout(&server.into(), PATIENCE)?;
            again.set_read_timeout(Some(PATIENCE))?;
            let mut again = TcpStream::from(again);
            again.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            read_to_end(&mut again)
        }
        _ => {
            connection.shutdown(Shutdown::Read)?;
            connection.write_all(b"GET /100MiB HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            thread::sleep(Duration::from_millis(100));
            connection.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        }
    }
}

const CHUNKED: &[u8] = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The same over TLS, with this `ClientHello`.
fn misbehave_in_handshake(mut connection: TcpStream, turn: u64, hello: &[u8]) -> io::Result<()> {
    match turn % 9 {
        0 => connection.write_all(&noise(turn)),
        1 => connection
            .write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .and_then(|()| read_to_end(&mut connection)),
        // A truncated hello, and one that is sent in pieces and truncated too.
        2 => connection.write_all(&hello[..hello.len() / 2]),
        3 => hello.chunks(hello.len() / 10).take(8).try_for_each(|part| {
            thread::sleep(Duration::from_millis(30));
            connection.write_all(part)
        }),
        // A whole hello, followed by the end, a reset, or noise.
        4 => connection.write_all(hello),
        5 => {
            reset_on_close(&connection)?;
            connection.write_all(hello)?;
            connection.read_exact(&mut [0; 10])
        }
        6 => {
            connection.write_all(hello)?;
            connection.read_exact(&mut [0; 10])?;
            connection.write_all(&noise(turn))?;
            read_to_end(&mut connection)
        }
        // A truncated record of the greatest length.
        7 => connection.write_all(&[0x16, 0x03, 0x01, 0x40, 0x00, 0x01]),
        // A client that does not trust the certificate, and says so.
        _ => {
            let secure = tls::connection(&tls::client(None));
            StreamOwned::new(secure, connection).write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        }
    }
}

/// A `ClientHello`.
fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    tls::connection(&tls::client(None)).write_tls(&mut hello).expect("a vector takes everything");
    hello
}

fn noise(turn: u64) -> Vec<u8> {
    turn.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().repeat(40)
}

fn reset_on_close(connection: &TcpStream) -> io::Result<()> {
    SockRef::from(connection).set_linger(Some(Duration::ZERO))
}

fn read_to_end(connection: &mut TcpStream) -> io::Result<()> {
    io::copy(connection, &mut io::sink()).map(drop)
}

/// Sends the beginning, then the part again and again, until the server stops reading or closes the connection.
fn write_endlessly(connection: &mut TcpStream, beginning: &[u8], part: &[u8]) -> io::Result<()> {
    connection.write_all(beginning)?;
    let (begun, parts) = (Instant::now(), part.repeat(1000));
    for _ in 0..ENDLESS_BYTES / parts.len() {
        if begun.elapsed() > ENDLESS_TIME {
            break;
        }
        connection.write_all(&parts)?;
    }
    Ok(())
}
