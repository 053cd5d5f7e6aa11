//! Answers every request with www/index.html, read with `std::fs` alone: the smallest file server.
//!
//! `cargo run --example mini_file_server [PORT]`, then open http://127.0.0.1:4044/

use std::fs;

use hearken::{Error, HttpError, Request, Response, Server};

fn index(_: &mut Request) -> Result<Response, HttpError> {
    // `?` turns a missing file into 404, and one that may not be read into 403.
    let page = fs::read("www/index.html")?;
    Ok(Response::bytes(page).with_header("Content-Type", "text/html; charset=utf-8"))
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4044".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(index)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
