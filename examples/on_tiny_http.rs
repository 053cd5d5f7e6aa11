//! A tiny_http server that answers with hearken's handlers: guesses at /guess, files that are written by POST and PUT into
//! data/, and the files of www/. It blocks in tiny_http's accept loop, over HTTPS, and hands requests to a pool of threads.
//!
//! `cargo run --features tiny_http --example on_tiny_http [PORT]`, then
//! `curl --cacert certs/ca.pem https://127.0.0.1:4050/guess?q=7`
//!
//! For a program that has such a server already. It has no deadlines, so that slow clients can take all of its threads, and
//! belongs behind a reverse proxy: the documentation of `hearken::bridge` says what else it cannot do.

use std::error::Error;
use std::sync::Arc;
use std::{fs, thread};

use hearken::bridge::{self, tiny_http};
use hearken::demo::Guess;
use hearken::{
    Files, Handler, HttpError, IntoResponse as _, Method, Request, Response, Router, Settings, Tls, WriteFile,
};

const WORKERS: usize = 16;

/// Serves files, those written by clients included, and writes files.
struct Site {
    files: Files,
    write: WriteFile,
}

impl Handler for Site {
    fn handle(&self, request: &mut Request) -> Response {
        match request.method() {
            Method::Get | Method::Head => self.files.handle(request),
            Method::Post | Method::Put => self.write.handle(request),
            _ => HttpError::MethodNotAllowed((&[Method::Get, Method::Head, Method::Post, Method::Put]).into())
                .into_response(request),
        }
    }
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::args().nth(1).map_or(Ok(4050), |port| port.parse::<u16>())?;
    fs::create_dir_all("data")?;
    let site = Site { files: Files::new("www").with_uploads("data"), write: WriteFile::new("data").put(true) };
    let app = Arc::new(Router::new().any("/guess", Guess::new()).fallback(site));

    // Makes the certificate if there is none, and chooses the cryptography for all of rustls in this process.
    Tls::development("certs")?;
    let tls = tiny_http::SslConfig::load_from_fs("certs/localhost.pem", "certs/localhost-key.pem")?;
    let server = tiny_http::Server::https(("127.0.0.1", port), tls)
        .map_err(|error| format!("cannot serve on 127.0.0.1:{port}: {error}"))?;

    let (sender, receiver) = crossbeam_channel::bounded(WORKERS);
    for _ in 0..WORKERS {
        let (receiver, app) = (receiver.clone(), Arc::clone(&app));
        thread::spawn(move || {
            for request in receiver {
                if let Err(error) = bridge::answer(request, app.as_ref(), &Settings::default()) {
                    eprintln!("an answer was cut short: {error}");
                }
            }
        });
    }
    println!("Listening on https://{}/", server.server_addr());
    // tiny_http has answered what is not a request.
    for request in server.incoming_requests().flatten() {
        if sender.send(request).is_err() {
            break;
        }
    }
    Ok(())
}
