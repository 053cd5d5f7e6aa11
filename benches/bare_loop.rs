//! The measure for `/hello`: tiny_http's own accept and requests, a thread a connection, and constant bytes for an answer.
//!
//! `cargo bench --bench bare_loop -- PORT` listens until it is killed.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use tiny_http::{Server, SslContextWrap};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, world!";

fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    socket2::SockRef::from(&listener).set_tcp_nodelay(true).expect("it is a TCP socket");
    println!("Listening on http://{}/", listener.local_addr().expect("it is bound"));
    let listener = tiny_http::Listener::from(listener);
    let plain = SslContextWrap::build_ssl_capabilities(None).expect("without TLS there is nothing to fail");
    loop {
        let Ok(Some(connection)) = Server::accept_connection(&listener, &plain) else { continue };
        thread::spawn(move || {
            for request in connection {
                let Ok(request) = request else { return };
                let mut out = request.into_writer();
                if out.write_all(ANSWER).and_then(|()| out.flush()).is_err() {
                    return;
                }
            }
        });
    }
}
