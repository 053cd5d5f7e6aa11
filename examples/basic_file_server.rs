//! Answers every request with index.html, through the file service: as mini_file_server, with conditions and ranges besides.
//!
//! `cargo run --example basic_file_server [PORT]`, then open http://127.0.0.1:4046/ for the page examples/index.html

use hearken::{Error, Files, RelativePath, Request, Server};

fn main() -> Result<(), Error> {
    hearken::log_to_stderr()?; // shows the reason of a 500
    let port = std::env::args().nth(1).unwrap_or_else(|| "4046".into());
    let files = Files::new("examples");
    let path = RelativePath::parse("index.html").expect("a fixed path is valid");
    let index = move |request: &mut Request| files.file(&path, request);
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(index)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
