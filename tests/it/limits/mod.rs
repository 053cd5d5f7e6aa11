//! Deadlines and limits over real sockets: slow, oversized and excess clients are refused or disconnected.

mod bodies;
mod connections;
mod handshakes;
mod heads;
mod resources;

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hearken::{Handler, HttpError, Request, Response, Router, Server, Settings};

use crate::support::{Place, Wire, until};

const SHORT: Duration = Duration::from_millis(300);
/// What a client that is slow waits between its bytes.
const PAUSE: Duration = Duration::from_millis(20);
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

fn app() -> Router {
    Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/large", |_: &mut Request| Response::reader(io::repeat(b'x').take(1 << 30), Some(1 << 30)))
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)))
}

fn serve(settings: Settings) -> Server {
    Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app()).unwrap()
}

/// Sends these bytes again and again, one at a time, until the server ends the connection, and gives what it said before.
fn drip(wire: &mut Wire, bytes: &[u8]) -> String {
    wire.stream.get_ref().set_timeouts(Some(PAUSE));
    let mut said = Vec::new();
    let mut bytes = bytes.iter().cycle();
    until("the server to end the connection", || {
        wire.send([*bytes.next()?]);
        match wire.stream.read_to_end(&mut said) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
            // A reset may follow the last words, for bytes were still coming.
            _ => Some(()),
        }
    });
    String::from_utf8(said).unwrap()
}

fn ask(wire: &mut Wire) -> u16 {
    wire.send(HELLO);
    wire.reply().status
}

/// Answers with bodies that have no end, and knows of which the server is done with.
#[derive(Clone, Default)]
struct Endless(Arc<Mutex<Vec<String>>>);

struct EndlessBody {
    name: String,
    ended: Endless,
}

impl Endless {
    /// The name of a body is the target of its request.
    fn app(&self) -> impl Handler {
        let ended = self.clone();
        move |request: &mut Request| {
            Response::reader(EndlessBody { name: request.path().into(), ended: ended.clone() }, None)
        }
    }

    fn has_ended(&self, name: &str) -> bool {
        self.0.lock().unwrap().iter().any(|ended| ended == name)
    }

    /// The name of the body that is asked for over this place, and the request.
    fn request(place: &Place) -> (String, String) {
        let name = format!("/{}", place.name.replace(' ', "-"));
        let request = format!("GET {name} HTTP/1.1\r\nHost: a\r\n\r\n");
        (name, request)
    }
}

impl Read for EndlessBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

impl Drop for EndlessBody {
    fn drop(&mut self) {
        self.ended.0.lock().unwrap().push(self.name.clone());
    }
}

/// How many workers a server has for what is to be done at the same time.
fn workers() -> usize {
    2 * thread::available_parallelism().map_or(2, usize::from)
}
