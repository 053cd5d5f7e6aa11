//! Answers every request with www/index.html, read with `std::fs` alone: the smallest file server.
//!
//! `cargo run --example mini_file_server [PORT]`, then open http://127.0.0.1:4044/

use std::fs;
use std::io::ErrorKind;

use hearken::{Error, HttpError, Request, Response, Server};

fn index(_: &mut Request) -> Result<Response, HttpError> {
    let page = fs::read_to_string("www/index.html").map_err(|error| match error.kind() {
        ErrorKind::NotFound => HttpError::NotFound,
        _ => error.into(), // a 500, with the error in the log
    })?;
    Ok(Response::html(page))
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4044".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(index)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
