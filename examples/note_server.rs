//! Keeps notes in notes.txt: JSON in, text out, readable by pages of other origins.
//!
//! `cargo run --example note_server [PORT]`, then `curl -d '{"myNote": "hello"}' http://127.0.0.1:4042/`

use hearken::demo::Notes;
use hearken::{Error, Server};

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4042".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(Notes::new("notes.txt"))?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
