//! Answers every request with www/index.html, through the file service: with conditions, ranges and a media type.
//!
//! `cargo run --example basic_file_server [PORT]`, then open http://127.0.0.1:4046/

use hearken::{Error, Files, RelativePath, Request, Server};

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4046".into());
    let files = Files::new("www");
    let path = RelativePath::parse("index.html").expect("a fixed path is valid");
    let index = move |request: &mut Request| files.file(&path, request);
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(index)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
