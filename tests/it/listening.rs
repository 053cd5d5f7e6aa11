//! Where servers listen: addresses beside each other.

use std::net::{IpAddr, SocketAddr, TcpListener};

use hearken::{Peer, Request, Response, Server};

use crate::support::{get, until};

/// Says which address the client has, as its socket sees it.
fn who(request: &mut Request) -> Response {
    match request.peer() {
        Some(Peer::Tcp(address)) => Response::text(address.ip().to_string()),
        other => Response::text(format!("{other:?}")),
    }
}

/// Serves at these addresses, all with the same port. Between asking for one and taking it somebody else may.
fn serve(addresses: &[&str]) -> (Server, u16) {
    until("a port that is free", || {
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
        let ip = |address: &str| address.parse::<IpAddr>().unwrap();
        let mut builder = Server::bind((ip(addresses[0]), port)).ok()?;
        for address in &addresses[1..] {
            builder = builder.and_bind((ip(address), port)).ok()?;
        }
        Some((builder.serve(who).ok()?, port))
    })
}

#[test]
fn any_address_of_both_families_can_be_had_together_and_apart() {
    // addresses, and how a client of ::1, 127.0.0.1 and 127.0.0.2 is seen
    let table: [(&[&str], [Option<&str>; 3]); 7] = [
        (&["::"], [Some("::1"), Some("::ffff:127.0.0.1"), Some("::ffff:127.0.0.1")]),
        (&["::", "0.0.0.0"], [Some("::1"), Some("127.0.0.1"), Some("127.0.0.1")]),
        (&["0.0.0.0", "::"], [Some("::1"), Some("127.0.0.1"), Some("127.0.0.1")]),
        (&["::", "127.0.0.1"], [Some("::1"), Some("127.0.0.1"), None]),
        (&["127.0.0.1", "127.0.0.2", "::"], [Some("::1"), Some("127.0.0.1"), Some("127.0.0.1")]),
        (&["::", "127.0.0.1", "127.0.0.2"], [Some("::1"), Some("127.0.0.1"), Some("127.0.0.1")]),
        (&["::1", "0.0.0.0"], [Some("::1"), Some("127.0.0.1"), Some("127.0.0.1")]),
    ];
    for (addresses, expected) in table {
        let (server, port) = serve(addresses);
        let given: Vec<_> = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
        assert_eq!(server.addresses(), given, "in the order they were given");
        for (client, seen) in ["::1", "127.0.0.1", "127.0.0.2"].into_iter().zip(expected) {
            let address = SocketAddr::new(client.parse().unwrap(), port);
            match seen {
                Some(seen) => assert_eq!(get(address, "/").text(), seen, "{client} of {addresses:?}"),
                None => assert!(std::net::TcpStream::connect(address).is_err(), "{client} of {addresses:?}"),
            }
        }
    }
}
