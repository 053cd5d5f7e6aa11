//! Writes the JSON that is posted to /file.txt into file.txt: checks it first, then stores it atomically.
//!
//! `cargo run --example basic_writer_server [PORT]`, then run basic_writer_client

use hearken::{Error, HttpError, Method, Request, Response, Router, Server, WriteFile};

/// Every other path: 404 for `POST`, and 405 for all other methods.
fn elsewhere(request: &mut Request) -> Result<Response, HttpError> {
    match request.method() {
        Method::Post => Err(HttpError::NotFound),
        _ => Err(HttpError::MethodNotAllowed((&[Method::Post]).into())),
    }
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4049".into());
    let app = Router::new().any("/file.txt", WriteFile::new(".")).fallback(elsewhere);
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(app)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
