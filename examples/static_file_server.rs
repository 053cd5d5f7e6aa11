//! Serves the files of www/ and of the directories in it.
//!
//! `cargo run --example static_file_server [PORT]`, then open http://127.0.0.1:4048/

use hearken::{Error, Files, Server};

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4048".into());
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(Files::new("www"))?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
