//! Everything that a server can listen on.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use hearken::{Peer, Request};

/// Answers with the kind of socket that the client came over.
pub fn answer(request: &mut Request) -> &'static str {
    match request.peer().and_then(Peer::ip) {
        Some(IpAddr::V4(_)) => "IPv4",
        Some(IpAddr::V6(_)) => "IPv6",
        None => "Unix",
    }
}

/// The body of the response to a request over a TCP or Unix connection.
pub fn ask(mut connection: impl Read + Write) -> io::Result<String> {
    write!(connection, "GET / HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    let (_head, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}
