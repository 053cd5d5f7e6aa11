//! How long it takes to find one of a million notes, over one connection.
//!
//! `cargo bench --bench notes` prints a row of a table.

#[path = "common/program.rs"]
mod program;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use program::Program;

const NOTES: u32 = 1_000_000;
const QUESTIONS: usize = 2_000;

fn main() {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let text: String = (0..NOTES).map(|number| format!("note {number}\n")).collect();
    fs::write(data.path().join("notes.txt"), text).expect("the directory is ours");
    let begun = Instant::now();
    let server =
        Program::start(["--demo".as_ref(), "--write".as_ref(), data.path().as_os_str(), data.path().as_os_str()]);
    let start = begun.elapsed();
    let stream = TcpStream::connect(server.address).expect("hearken listens");
    stream.set_nodelay(true).expect("it is a TCP socket");
    let mut stream = BufReader::new(stream);
    let mut times: Vec<_> = (0..QUESTIONS).map(|_| ask(&mut stream, rand::random_range(0..NOTES))).collect();
    let first = times[0];
    times.sort_unstable();
    println!("Of {NOTES} notes one at a time, by `getNote` over one connection, {QUESTIONS} times.");
    println!();
    println!("| start of the server | first | median | 99 % |");
    println!("|---|---|---|---|");
    let in_milliseconds = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1000.0);
    println!(
        "| {} | {} | {} | {} |",
        in_milliseconds(start),
        in_milliseconds(first),
        in_milliseconds(times[QUESTIONS / 2]),
        in_milliseconds(times[QUESTIONS * 99 / 100])
    );
}

/// Gets one note and returns how long that took.
fn ask(stream: &mut BufReader<TcpStream>, number: u32) -> Duration {
    let body = format!(r#"{{"getNote": "{number}"}}"#);
    let request = format!("POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let begun = Instant::now();
    stream.get_mut().write_all(request.as_bytes()).expect("hearken reads");
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).expect("hearken answers") > 0, "hearken has ended the connection");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("it is a number");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut note = vec![0; length];
    stream.read_exact(&mut note).expect("hearken answers");
    let taken = begun.elapsed();
    assert_eq!(note, format!("note {number}\n").as_bytes());
    taken
}
