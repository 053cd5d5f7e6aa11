//! The same over HTTPS, with a development certificate that is made in certs/ on first use.
//!
//! `cargo run --example hello_world_server_secure [PORT]`, then `curl --cacert certs/ca.pem https://127.0.0.1:4047/`

use hearken::{Error, Request, Server, Tls};

fn hello(_: &mut Request) -> &'static str {
    "Hello, world!"
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4047".into());
    let tls = Tls::development("certs")?;
    let server = Server::bind(format!("127.0.0.1:{port}"))?.tls(tls).serve(hello)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
