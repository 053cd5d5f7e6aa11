//! How often the server allocates memory for a request, on a connection that is kept alive.
//!
//! `cargo bench --bench allocations` prints a table.

#[path = "common/tls.rs"]
mod tls;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hearken::{Files, HttpError, Request, Response, Router, Server, Tls};
use rustls::StreamOwned;

/// The number of requests to warm up, and of those that are counted.
const WARM_UP: usize = 200;
const REQUESTS: usize = 1000;

fn main() {
    // The client's allocations are not counted.
    IS_CLIENT.set(true);
    let place = tempfile::tempdir().expect("there is a temporary directory");
    let www = place.path().join("www");
    fs::create_dir(&www).expect("the directory is ours");
    fs::write(www.join("1KiB"), [b'x'; 1024]).expect("the directory is ours");
    // A file that has just changed is not cached, and a cached one is to be measured.
    thread::sleep(Duration::from_secs(3));
    let certificates = place.path().join("certs");
    let tls = Tls::development(&certificates).expect("the directory is ours");

    let plain = Server::bind("127.0.0.1:0").and_then(|builder| builder.serve(application(&www)));
    let plain = plain.expect("the server starts");
    let secure = Server::bind("127.0.0.1:0").and_then(|builder| builder.tls(tls).serve(application(&www)));
    let secure = secure.expect("the server starts");
    let client = tls::client(Some(&Tls::development_authority(&certificates)));

    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let post = format!("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{}", "x".repeat(100));
    println!("Of {REQUESTS} requests over one connection, after {WARM_UP} others.");
    println!();
    println!("| | allocations a request | bytes allocated a request |");
    println!("|---|---|---|");
    for (what, request, status) in [
        ("`GET /hello` by a router", get("/hello"), "200"),
        ("a file of 1 KiB", get("/1KiB"), "200"),
        ("a file that is not there: 404", get("/nothing"), "404"),
        ("`POST` of 100 bytes", post, "200"),
    ] {
        print_row(what, measure(connect(&plain), &request, status));
    }
    let stream = StreamOwned::new(tls::connection(&client), connect(&secure));
    print_row("a file of 1 KiB, TLS", measure(stream, &get("/1KiB"), "200"));
}

fn application(www: &Path) -> Router {
    let count = |request: &mut Request| -> Result<Response, HttpError> {
        let length = request.read_body()?.len();
        Ok(Response::text(if length == 100 { "100 bytes" } else { "another length" }))
    };
    Router::new().get("/hello", hearken::demo::hello).post("/count", count).fallback(Files::new(www))
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_nodelay(true).expect("it is a TCP socket");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it is a TCP socket");
    stream
}

/// The number of allocations and of allocated bytes for all requests together.
fn measure(mut stream: impl Read + Write, request: &str, status: &str) -> (u64, u64) {
    let mut answer = vec![0; 8 * 1024];
    stream.write_all(request.as_bytes()).expect("the server reads");
    let length = read_first(&mut stream, &mut answer);
    let answer = &mut answer[..length];
    let status = format!("HTTP/1.1 {status} ");
    let mut ask = |times: usize| {
        for _ in 0..times {
            stream.write_all(request.as_bytes()).expect("the server reads");
            stream.read_exact(answer).expect("the server answers");
            assert!(answer.starts_with(status.as_bytes()), "{}", answer.escape_ascii());
        }
    };
    ask(WARM_UP);
    let before = counted();
    ask(REQUESTS);
    let after = counted();
    (after.0 - before.0, after.1 - before.1)
}

/// Reads the first response and returns its length, which all later ones have too.
fn read_first(stream: &mut impl Read, answer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answer[filled..]).expect("the server answers");
        assert!(read > 0, "the server has ended the connection");
        filled += read;
        let received = String::from_utf8_lossy(&answer[..filled]);
        let Some((head, body)) = received.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.expect("the server announces the length") {
            return filled;
        }
    }
}

fn print_row(what: &str, (allocations, bytes): (u64, u64)) {
    #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
    let per_request = |count: u64| count as f64 / REQUESTS as f64;
    println!("| {what} | {:.1} | {:.0} |", per_request(allocations), per_request(bytes));
}

/// Counts the allocations of all threads but the client's.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

fn counted() -> (u64, u64) {
    (ALLOCATIONS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed))
}

fn count(bytes: usize) {
    // A thread that is ending has no locals any more, and is not the client's.
    if !IS_CLIENT.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: each method passes its arguments unchanged to the system's allocator and returns what that returns, so its contract
// is the system's. `count` neither allocates nor unwinds: it adds to atomics, and reads a thread's local that is a constant at
// first and has no destructor.
#[expect(unsafe_code, reason = "an allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract of `realloc`, and the pointer came from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}
