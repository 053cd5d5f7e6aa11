//! Answers every request with a greeting: a complete server, whose application is one function.
//!
//! `cargo run --example hello_world_server [PORT]`, then open http://127.0.0.1:4040/

use hearken::{Error, Request, Response, Server};

fn hello(_: &mut Request) -> Response {
    Response::text("Hello, world!")
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4040".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(hello)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
