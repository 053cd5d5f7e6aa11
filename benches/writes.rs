//! How many small files one writer and 32 writers store in a second: how much they share the waits for the disk.
//!
//! `cargo bench --bench writes -- SECONDS` prints a row of a table for each durability.

#[path = "common/program.rs"]
mod program;

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use program::Program;

const WRITERS: u64 = 32;

fn main() {
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let time = Duration::from_secs(seconds);
    println!("Files of 1 KiB by `PUT`, a second.");
    println!();
    println!("| `--durability` | 1 writer | {WRITERS} writers | ratio |");
    println!("|---|---|---|---|");
    for durability in ["full", "rename"] {
        let (one, many) = (measure(durability, 1, time), measure(durability, WRITERS, time));
        println!("| {durability} | {one:.0} | {many:.0} | {:.1} |", many / one);
    }
}

/// Files a second, each of 1 KiB, with different names in one directory.
fn measure(durability: &str, writers: u64, time: Duration) -> f64 {
    // On the disk that the project is on: the system's temporary directory may be memory.
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory can be written to");
    let options = ["--durability", durability, "--write"].map(OsStr::new);
    let server = Program::start(options.into_iter().chain([data.path().as_os_str(); 2]));

    let stored = AtomicU64::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for writer in 0..writers {
            let stored = &stored;
            scope.spawn(move || write(server.address, writer, begun + time, stored));
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
    let stored = stored.load(Ordering::Relaxed) as f64;
    stored / begun.elapsed().as_secs_f64()
}

fn write(address: SocketAddr, writer: u64, end: Instant, stored: &AtomicU64) {
    let mut stream = TcpStream::connect(address).expect("hearken listens");
    stream.set_nodelay(true).expect("it is a TCP socket");
    let mut buffer = [0; 1024];
    for number in 0_u64.. {
        if Instant::now() >= end {
            return;
        }
        let head = format!("PUT /{writer}-{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &[b'x'; 1024]].concat()).expect("hearken reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer).expect("hearken answers");
            assert!(read > 0, "hearken has ended the connection");
            answer.extend_from_slice(&buffer[..read]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&answer));
        stored.fetch_add(1, Ordering::Relaxed);
    }
}
