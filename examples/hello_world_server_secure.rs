//! Greets over HTTPS, with a certificate for this machine that is made in certs/ on first use, for development only.
//!
//! `cargo run --example hello_world_server_secure [PORT]`, then `curl --cacert certs/ca.pem https://127.0.0.1:4047/`.
//! A browser trusts https://localhost:4047/ once certs/ca.pem is imported among its authorities (Firefox: Settings, Certificates,
//! View Certificates, Authorities, Import; Chromium: chrome://certificate-manager). Remove it there when you are done.

use hearken::{Error, Request, Response, Server, Tls};

fn hello(_: &mut Request) -> Response {
    Response::text("Hello, world!")
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4047".into());
    let tls = Tls::development("certs")?;
    let server = Server::bind(format!("127.0.0.1:{port}"))?.tls(tls).serve(hello)?;
    println!("Listening on {}", server.url());
    eprintln!("To trust the certificate: curl --cacert certs/ca.pem {}", server.url());
    eprintln!("In a browser: import certs/ca.pem as an authority in the settings for certificates");
    server.join();
    Ok(())
}
