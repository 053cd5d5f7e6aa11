//! Holds idle connections: each has had one response and then sends nothing.
//!
//! `cargo bench --bench idle -- PORT COUNT [AUTHORITY]` prints how many it holds, and holds them until its standard input
//! ends. With AUTHORITY, the certificate (PEM) that signed the server's, they are TLS connections.

#[path = "common/loopback.rs"]
mod loopback;
#[path = "common/tls.rs"]
mod tls;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustls::StreamOwned;

/// How long to wait for a connection or a response.
const TIMEOUT: Duration = Duration::from_secs(10);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(port), Some(count)) = (arguments.next(), arguments.next()) else { return };
    let port: u16 = port.parse().expect("the first argument is a port");
    let count: u32 = count.parse().expect("the second argument is a number of connections");
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loopback::raise_file_limit();
    match arguments.next() {
        None => hold((0..count).map_while(|client| connect(client, server).ok())),
        Some(authority) => {
            let config = tls::client(Some(Path::new(&authority)));
            let secure = |stream| StreamOwned::new(tls::connection(&config), stream);
            hold((0..count).map_while(|client| connect(client, server).map(secure).ok()));
        }
    }
}

fn connect(client: u32, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = loopback::client_socket(client)?;
    socket.connect_timeout(&server.into(), TIMEOUT)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok(socket.into())
}

/// Sends one request on each connection and holds the connection, until one gets no response.
fn hold<S: Read + Write>(connections: impl Iterator<Item = S>) {
    let held: Vec<S> = connections.map_while(|mut stream| ask(&mut stream).is_ok().then_some(stream)).collect();
    println!("{}", held.len());
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn ask(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let (mut answer, mut filled) = ([0; 1024], 0);
    while !answer[..filled].ends_with(b"Hello, world!") {
        match stream.read(&mut answer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(())
}
