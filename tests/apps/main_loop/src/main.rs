//! A program with a main loop of its own: it starts a server, works on what the server's clients ask for, and stops the server, ten
//! times. Each time no thread and no descriptor of the server is left.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hearken::{HttpError, Request, Router, Server, Status};

/// What a handler hands to the main loop.
struct Job {
    name: String,
}

fn app(jobs: Sender<Job>) -> Router {
    let order = move |request: &mut Request| -> Result<Status, HttpError> {
        jobs.send(Job { name: request.param("name")? }).map_err(HttpError::internal)?;
        Ok(Status::ACCEPTED)
    };
    Router::new().post("/jobs/{name}", order)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (sender, jobs) = mpsc::channel();
    let before = Resources::in_use()?;
    for round in 1..=10 {
        let server = Server::bind("127.0.0.1:0")?.serve(app(sender.clone()))?;
        let client = TcpStream::connect(server.address())?; // still connected when the server stops
        order(&client, server.address(), round)?;
        let job = jobs.recv()?;
        println!("{} on {}", job.name, server.url());

        let stopped = server.shutdown(Duration::from_secs(5));
        drop(client);
        if stopped.cut > 0 {
            return Err(format!("round {round}: {stopped:?}").into());
        }
        wait_for(before)?;
    }
    Ok(())
}

/// Sends a request on a connection that stays open, and reads the head of the response, which has no body.
fn order(mut client: &TcpStream, host: SocketAddr, round: u32) -> io::Result<()> {
    write!(client, "POST /jobs/job%20{round} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 202 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    Ok(())
}

/// How many threads and descriptors this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resources {
    threads: usize,
    descriptors: usize,
}

impl Resources {
    fn in_use() -> io::Result<Self> {
        let count = |directory| Ok::<_, io::Error>(fs::read_dir(directory)?.count());
        Ok(Self { threads: count("/proc/self/task")?, descriptors: count("/proc/self/fd")? })
    }
}

/// Waits until no more than these resources are in use. The kernel lists a thread for a moment after it has been joined.
fn wait_for(expected: Resources) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let now = Resources::in_use()?;
        if now == expected {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{now:?} are in use instead of {expected:?}").into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
