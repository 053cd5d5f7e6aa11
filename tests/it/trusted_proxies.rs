//! Which proxies the `hearken` program believes about the client behind them.

use std::fs;
use std::net::SocketAddr;
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hearken::{Peer, Request, Response, Server, Settings, TrustedProxies};
use socket2::{Domain, Socket, Type};

use crate::support::{Dialer, Program, Reply, Wire, ask, hearken};

/// The password of nobody.
const WRONG: &str = "ada:b";

/// Asks for a file from this address, with these header fields, and with a user name and a password.
fn ask_from(source: &str, address: SocketAddr, fields: &[&str], credentials: &str) -> Reply {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut wire = Wire::of(socket.into());
    let credentials = BASE64_STANDARD.encode(credentials);
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    wire.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n{fields}\r\n"));
    wire.reply()
}

#[test]
fn wrong_passwords_count_against_the_client_that_a_trusted_proxy_names() {
    let site = tempfile::tempdir().unwrap();
    let server =
        Program::hearken(&["--quiet", "--auth", "ada:a", "--trust-proxy", "127.0.0.1,10.0.0.0/8", text(&site)]);
    let address = server.address();
    // The proxy names one client in many ways; an untrusted client claims that each guess is another client's.
    let table: [(&str, fn(usize) -> String); 3] = [
        ("127.0.0.1", |number| format!("X-Forwarded-For: 203.0.113.{number}, 192.0.2.1, 10.0.0.{number}")),
        ("127.0.0.1", |number| format!("Forwarded: for=203.0.113.{number}, for=\"192.0.2.2:{number}\"")),
        ("127.0.0.2", |number| format!("X-Forwarded-For: 192.0.2.{number}")),
    ];
    for (source, field) in table {
        let guess = |number| ask_from(source, address, &[&field(number)], WRONG).status;
        let statuses: Vec<u16> = thread::scope(|scope| {
            let guesses: Vec<_> = (0..20).map(|number| scope.spawn(move || guess(number))).collect();
            guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
        });
        assert!(statuses.contains(&401) && statuses.contains(&429), "{}: {statuses:?}", field(0));
    }
    let another = ask_from("127.0.0.1", address, &["X-Forwarded-For: 192.0.2.3"], "ada:a");
    assert_eq!(another.status, 200, "other clients of the proxy are not concerned");
    assert_eq!(ask_from("127.0.0.1", address, &[], WRONG).status, 401, "nor is the proxy itself");
}

#[test]
fn the_log_names_the_client() {
    let site = tempfile::tempdir().unwrap();
    let log = site.path().join("log");
    let table: [(&str, &[(&str, &str)], &str); 8] = [
        ("127.0.0.1", &[("X-Forwarded-For", "192.0.2.1")], "192.0.2.1 - - ["),
        (
            "127.0.0.1",
            &[("Forwarded", "for=\"[2001:db8::1]:80\""), ("X-Forwarded-For", "2001:db8::1")],
            "2001:db8::1 - - [",
        ),
        ("127.0.0.1", &[("Forwarded", "for=203.0.113.9"), ("X-Forwarded-For", "192.0.2.1")], "127.0.0.1 - - ["),
        ("127.0.0.1", &[("X-Forwarded-For", "203.0.113.9, 192.0.2.1")], "192.0.2.1 - - ["),
        ("127.0.0.1", &[("X-Forwarded-For", "192.0.2.1, unknown")], "127.0.0.1 - - ["),
        ("127.0.0.1", &[("X-Forwarded-For", "nonsense")], "127.0.0.1 - - ["),
        ("127.0.0.1", &[], "127.0.0.1 - - ["),
        ("127.0.0.9", &[("X-Forwarded-For", "192.0.2.1")], "127.0.0.1 - - ["),
    ];
    for (trusted, fields, expected) in table {
        let mut command = hearken();
        command.args(["--port", "0", "--verbose", "--trust-proxy", trusted, text(&site)]);
        let mut server = Program::start(command.stderr(fs::File::create(&log).unwrap()), 1);
        ask(server.address(), "GET", "/", fields, b"");
        server.signal("TERM");
        server.wait();
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.lines().any(|line| line.starts_with(expected)), "{trusted} {fields:?}: {log}");
        let is_malformed = fields.iter().any(|(_, value)| *value == "nonsense");
        assert_eq!(log.contains("are ignored: the address of a client is not valid"), is_malformed, "{log}");
    }
}

#[test]
fn a_proxy_may_come_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    for (trusted, expected) in [("unix", "Some(192.0.2.1) outer true unix"), ("::1", "None inner false unix")] {
        let socket = directory.path().join(trusted.replace(':', "_"));
        let app = |request: &mut Request| {
            let (client, host) = (request.client_address(), request.host().unwrap_or("-"));
            let peer = request.peer().as_ref().map_or_else(String::new, Peer::to_string);
            Response::text(format!("{client:?} {host} {} {peer}", request.is_secure()))
        };
        let settings = Settings::default().trusted_proxies(TrustedProxies::none().trust(trusted).unwrap());
        let server = Server::bind_unix(&socket).unwrap().settings(settings).serve(app).unwrap();
        let mut wire = Dialer::unix(&socket).connect().unwrap();
        wire.send("GET / HTTP/1.1\r\nHost: inner\r\nForwarded: for=192.0.2.1;host=outer;proto=https\r\n\r\n");
        assert_eq!(wire.reply().text(), expected, "{trusted}");
        drop(server);
    }
}

fn text(directory: &tempfile::TempDir) -> &str {
    directory.path().to_str().unwrap()
}
