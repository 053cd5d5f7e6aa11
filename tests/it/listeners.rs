//! Listeners that the program gives to the server: what it makes of them, and how it leaves them.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use hearken::{Error, Request, Response, Server};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::support::{PATIENCE, Stream, Wire, get, stop};

fn app(_: &mut Request) -> Response {
    Response::text("hello")
}

/// A listening socket, and how clients connect to it.
struct Given {
    name: &'static str,
    socket: OwnedFd,
    url: String,
    connect: Box<dyn Fn() -> Stream>,
}

impl Given {
    fn tcp(name: &'static str, socket: impl Into<OwnedFd>) -> Self {
        let socket = socket.into();
        let mut address = SockRef::from(&socket).local_addr().unwrap().as_socket().unwrap();
        if address.ip().is_unspecified() {
            let loopback = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address.set_ip(loopback);
        }
        let connect = move || Stream::Tcp(TcpStream::connect_timeout(&address, PATIENCE).unwrap());
        Self { name, socket, url: format!("http://{address}/"), connect: Box::new(connect) }
    }

    fn unix(name: &'static str, socket: impl Into<OwnedFd>, path: &Path) -> Self {
        let (url, path) = (format!("unix:{}", path.display()), path.to_owned());
        let connect = move || Stream::Unix(UnixStream::connect(&path).unwrap());
        Self { name, socket: socket.into(), url, connect: Box::new(connect) }
    }

    fn connect(&self) -> Wire {
        let stream = (self.connect)();
        stream.set_timeouts(Some(PATIENCE));
        Wire::over(stream)
    }

    /// A listener of every kind, with the files in this directory.
    fn all(directory: &Path) -> Vec<Self> {
        let tcp = |address: &str| TcpListener::bind(address).unwrap();
        let nonblocking = tcp("127.0.0.1:0");
        nonblocking.set_nonblocking(true).unwrap();
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        silent.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let unix = |name: &str| (UnixListener::bind(directory.join(name)).unwrap(), directory.join(name));
        let (plain, plain_path) = unix("plain");
        let (unix_nonblocking, unix_nonblocking_path) = unix("nonblocking");
        unix_nonblocking.set_nonblocking(true).unwrap();
        let (unix_silent, unix_silent_path) =
            (Socket::new(Domain::UNIX, Type::STREAM, None).unwrap(), directory.join("silent"));
        unix_silent.bind(&SockAddr::unix(&unix_silent_path).unwrap()).unwrap();
        let name = format!("hearken test {}", directory.display());
        let abstract_name = UnixAddress::from_abstract_name(&name).unwrap();
        let abstract_socket = UnixListener::bind_addr(&abstract_name).unwrap();
        let connect = move || Stream::Unix(UnixStream::connect_addr(&abstract_name).unwrap());
        vec![
            Self::tcp("IPv4", tcp("127.0.0.1:0")),
            Self::tcp("all IPv4 addresses", tcp("0.0.0.0:0")),
            Self::tcp("all addresses", tcp("[::]:0")),
            Self::tcp("IPv6", tcp("[::1]:0")),
            Self::tcp("non-blocking", nonblocking),
            Self::tcp("bound only", silent),
            Self::unix("a Unix socket", plain, &plain_path),
            Self::unix("a non-blocking Unix socket", unix_nonblocking, &unix_nonblocking_path),
            Self::unix("a bound Unix socket", unix_silent, &unix_silent_path),
            Self {
                name: "an abstract Unix socket",
                socket: abstract_socket.into(),
                url: format!("unix:@{name}"),
                connect: Box::new(connect),
            },
        ]
    }
}

/// A service manager keeps the socket, and passes it on to the next process.
#[test]
fn a_given_listener_is_served_and_left_usable() {
    let directory = tempfile::tempdir().unwrap();
    for given in Given::all(directory.path()) {
        let name = given.name;
        // The second server gets the socket as the first one leaves it.
        for round in 1..=2 {
            let builder = Server::from_listener(given.socket.try_clone().unwrap()).unwrap();
            assert_eq!(builder.urls().collect::<Vec<_>>(), [given.url.as_str()], "{name}");
            let server = builder.serve(app).unwrap();
            let mut wire = given.connect();
            wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(wire.reply().text(), "hello", "{name}, round {round}");
            if SockRef::from(&given.socket).domain().unwrap() != Domain::UNIX {
                assert!(SockRef::from(&given.socket).tcp_nodelay().unwrap(), "{name}: accepted sockets inherit it");
            }
            assert_eq!(stop(server, PATIENCE).cut, 0, "{name}");
            assert!(wire.is_closed(), "{name}");
        }
        let _waits_for_the_next = given.connect();
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 3, "the files stay");
}

#[test]
fn a_given_listener_is_closed_when_nobody_else_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::from_listener(listener).unwrap().serve(app).unwrap();
    assert_eq!(server.addresses(), [address]);
    stop(server, PATIENCE);
    TcpListener::bind(address).expect("the address is free");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let server = Server::from_listener(UnixListener::bind(&path).unwrap()).unwrap().serve(app).unwrap();
    assert_eq!(server.unix_paths().collect::<Vec<_>>(), [&path]);
    stop(server, PATIENCE);
    assert!(UnixStream::connect(&path).is_err());
}

/// Waking the server by a connection would need the path.
#[test]
fn a_listener_whose_path_is_gone_does_not_keep_the_server_from_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().listener(listener).unwrap().serve(app).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(stop(server, PATIENCE).cut, 0);
}

/// Each may find that the other one has taken the connection that it is about to accept.
#[test]
fn two_servers_share_a_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = || Server::from_listener(listener.try_clone().unwrap()).unwrap().serve(app).unwrap();
    let (first, second) = (serve(), serve());
    for _ in 0..50 {
        assert_eq!(get(address, "/").text(), "hello");
    }
    stop(first, PATIENCE);
    for _ in 0..5 {
        assert_eq!(get(address, "/").text(), "hello");
    }
    stop(second, PATIENCE);
}

#[test]
fn what_cannot_be_listened_on_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (pair, _other) = UnixStream::pair().unwrap();
    let sockets: [(OwnedFd, &str); 7] = [
        (connected.into(), "it is connected"),
        (pair.into(), "it is connected"),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "it is not a stream socket"),
        (UnixDatagram::unbound().unwrap().into(), "it is not a stream socket"),
        (Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().into(), "it is not bound"),
        (Socket::new(Domain::UNIX, Type::STREAM, None).unwrap().into(), "it is not bound"),
        (File::open("/dev/null").unwrap().into(), "it is not a socket"),
    ];
    for (socket, reason) in sockets {
        let error = Server::from_listener(socket).unwrap_err();
        assert!(matches!(error, Error::Listener(_)));
        assert_eq!(error.to_string(), format!("cannot use the listener: {reason}"));
    }
}
