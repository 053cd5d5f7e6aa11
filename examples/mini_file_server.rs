//! Answers every request with index.html: opens it with `std::fs`, and pipes it into the response while it is sent.
//!
//! `cargo run --example mini_file_server [PORT]`, then open http://127.0.0.1:4044/ for the page examples/index.html

use std::fs::File;
use std::io::ErrorKind;

use hearken::{Error, HttpError, Request, Response, Server};

fn index(_: &mut Request) -> Result<Response, HttpError> {
    let file = File::open("examples/index.html").map_err(|error| match error.kind() {
        ErrorKind::NotFound => HttpError::NotFound,
        _ => error.into(), // a 500, with the error in the log
    })?;
    let length = file.metadata()?.len();
    Ok(Response::reader(file, Some(length)).with_header("Content-Type", "text/html; charset=utf-8"))
}

fn main() -> Result<(), Error> {
    hearken::log_to_stderr()?; // shows the reason of a 500
    let port = std::env::args().nth(1).unwrap_or_else(|| "4044".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(index)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
