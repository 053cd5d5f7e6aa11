//! Holds idle connections: each has had one answer, and then nothing more is said on it.
//!
//! `cargo bench --bench idle -- PORT COUNT` prints how many it holds, and holds them until it is killed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u16>().ok());
    let (Some(port), Some(count)) = (arguments.next(), arguments.next()) else { return };
    let mut held = Vec::new();
    for _ in 0..count {
        let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else { break };
        let asked = connection.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        if asked.is_err() || connection.read(&mut [0; 512]).is_err() {
            break;
        }
        held.push(connection);
    }
    println!("{}", held.len());
    loop {
        thread::park();
    }
}
