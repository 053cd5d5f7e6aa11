//! Servers on sockets of each kind, and clients that reach them.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

use binds::{answer, ask};
use hearken::{Builder, Request, Server};

const GRACE: Duration = Duration::from_secs(5);

#[test]
fn each_address_of_a_list_gets_a_free_port() {
    let server = Server::bind(["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"]).unwrap().serve(answer).unwrap();
    let addresses = server.addresses();
    assert_eq!(addresses.len(), 3);
    for (address, kind) in addresses.iter().zip(["IPv4", "IPv4", "IPv6"]) {
        assert_ne!(address.port(), 0);
        assert_eq!(ask(TcpStream::connect(address).unwrap()).unwrap(), kind);
    }
}

#[test]
fn addresses_are_known_before_the_server_starts() {
    let socket = SocketPath::new("known");
    let builder = Server::bind("127.0.0.1:0").unwrap().bind_unix(&socket.0).unwrap();
    let address = builder.address();
    assert_eq!(builder.addresses(), [address]);
    assert_eq!(builder.unix_paths().collect::<Vec<_>>(), [&socket.0]);
    let urls: Vec<String> = builder.urls().collect();
    assert_eq!(urls, [format!("http://{address}/"), format!("unix:{}", socket.0.display())]);
    assert!(TcpStream::connect(address).is_err(), "nobody listens yet");

    let server = builder.serve(answer).unwrap();
    assert_eq!((server.address(), server.urls().collect()), (address, urls));
    assert_eq!(ask(TcpStream::connect(address).unwrap()).unwrap(), "IPv4");
}

#[test]
fn the_ipv6_wildcard_is_for_ipv4_too() {
    let server = Server::bind("[::]:0").unwrap().serve(answer).unwrap();
    let port = server.address().port();
    assert_eq!(server.url(), format!("http://[::1]:{port}/"), "a URL that programs on this machine can open");
    assert_eq!(ask(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()).unwrap(), "IPv4");
    assert_eq!(ask(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap()).unwrap(), "IPv6");
}

#[test]
fn ipv6_only_leaves_ipv4_to_others() {
    let other = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = other.local_addr().unwrap().port();
    assert!(Server::bind(("::", port)).is_err(), "the port is taken for IPv4");

    let builder = Builder::new().ipv6_only(true).bind(("::", port)).unwrap();
    let _server = builder.serve(answer).unwrap();
    assert_eq!(ask(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap()).unwrap(), "IPv6");
}

#[test]
fn a_unix_socket_is_a_file_for_as_long_as_the_server_runs() {
    let socket = SocketPath::new("file");
    let server = Server::bind_unix(&socket.0).unwrap().socket_mode(0o660).serve(answer).unwrap();
    assert_eq!(fs::metadata(&socket.0).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(ask(UnixStream::connect(&socket.0).unwrap()).unwrap(), "Unix");
    server.shutdown(GRACE);
    assert!(!socket.0.exists());
}

#[test]
fn listeners_that_the_program_has_made_are_served() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let socket = SocketPath::new("given");
    let unix = UnixListener::bind(&socket.0).unwrap();
    let early = TcpStream::connect(address).unwrap(); // waits until the server serves it

    let server = Server::from_listener(tcp).unwrap().listener(unix).unwrap().serve(answer).unwrap();
    assert_eq!(server.addresses(), [address]);
    assert_eq!(ask(early).unwrap(), "IPv4");
    assert_eq!(ask(UnixStream::connect(&socket.0).unwrap()).unwrap(), "Unix");
    server.shutdown(GRACE);
    assert!(UnixStream::connect(&socket.0).is_err(), "the socket is closed");
    assert!(socket.0.exists(), "the file is the program's own");
}

#[test]
fn a_handler_can_have_a_stopper_of_its_own_server() {
    let builder = Server::bind("127.0.0.1:0").unwrap();
    let stopper = builder.stopper();
    let server = builder
        .serve(move |_: &mut Request| {
            stopper.stop(GRACE);
            "bye"
        })
        .unwrap();
    assert_eq!(ask(TcpStream::connect(server.address()).unwrap()).unwrap(), "bye");
    assert_eq!(server.join().cut, 0);
}

#[test]
fn a_server_that_was_stopped_before_it_started_ends_at_once() {
    let builder = Server::bind("127.0.0.1:0").unwrap();
    builder.stopper().stop(GRACE);
    let server = builder.serve(answer).unwrap();
    assert_eq!(server.join().cut, 0);
}

/// A path for a Unix socket, which is short, and removed in the end.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("hearken-{}-{name}", process::id())))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
