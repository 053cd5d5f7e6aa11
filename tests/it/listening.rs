//! Where servers listen: several addresses at once, and Unix sockets.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Barrier;
use std::time::Duration;

use hearken::{Builder, Error, Peer, Request, Response, Server};
use rustix::fs::{FlockOperation, flock};

use crate::support::{Dialer, Program, Run as _, get, hearken, on_path, skip, until};

/// Answers with the address of the client, as the socket shows it.
fn who(request: &mut Request) -> Response {
    match request.peer() {
        Some(Peer::Tcp(address)) => Response::text(address.ip().to_string()),
        other => Response::text(format!("{other:?}")),
    }
}

/// Serves at these addresses, all with the same port. Another program may take it first.
fn serve(addresses: &[&str]) -> (Server, u16) {
    until("a port that is free", || {
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
        let ip = |address: &str| address.parse::<IpAddr>().unwrap();
        let mut builder = Server::bind((ip(addresses[0]), port)).ok()?;
        for address in &addresses[1..] {
            builder = builder.bind((ip(address), port)).ok()?;
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
                None => assert!(TcpStream::connect(address).is_err(), "{client} of {addresses:?}"),
            }
        }
    }
}

#[test]
fn any_ipv6_address_can_be_had_without_ipv4() {
    let client = |ip: &str, port| SocketAddr::new(ip.parse().unwrap(), port);
    type Bind = fn(Builder, &str) -> Result<Builder, Error>;
    let before: Bind = |builder, address| builder.ipv6_only(true).bind(address);
    let after: Bind = |builder, address| Ok(builder.bind(address)?.ipv6_only(true));
    let undone: Bind = |builder, address| Ok(builder.ipv6_only(true).bind(address)?.ipv6_only(false));
    for (bind, has_ipv4, why) in [(before, false, "before"), (after, false, "after"), (undone, true, "undone")] {
        let builder = bind(Builder::new(), "[::]:0").unwrap();
        let port = builder.address().port();
        let server = builder.serve(who).unwrap();
        assert_eq!(server.address().port(), port, "{why}");
        assert_eq!(get(client("::1", port), "/").text(), "::1", "{why}");
        if has_ipv4 {
            assert_eq!(get(client("127.0.0.1", port), "/").text(), "::ffff:127.0.0.1", "{why}");
        } else {
            assert!(TcpStream::connect(client("127.0.0.1", port)).is_err(), "{why}");
        }
    }
    // Where another program has the port of IPv4.
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let any = format!("[::]:{}", taken.local_addr().unwrap().port());
    let error = Server::bind(&any).unwrap_err().to_string();
    assert_eq!(error, format!("cannot bind {any}: address already in use"));
    let error = undone(Builder::new(), &any).unwrap().serve(who).unwrap_err().to_string();
    assert_eq!(error, format!("cannot bind {any}: address already in use"));
    let server = before(Builder::new(), &any).unwrap().serve(who).unwrap();
    assert_eq!(get(client("::1", server.address().port()), "/").text(), "::1");
}

#[test]
fn a_given_socket_for_both_families_stays_as_it_is() {
    let given = TcpListener::bind("[::]:0").unwrap();
    let port = given.local_addr().unwrap().port();
    let builder = Server::from_listener(given).unwrap().ipv6_only(true);
    let server = builder.serve(who).unwrap();
    assert_eq!(get(SocketAddr::new("127.0.0.1".parse().unwrap(), port), "/").text(), "::ffff:127.0.0.1");
    assert!(Server::bind(("0.0.0.0", port)).is_err(), "the given one has it");
    drop(server);
}

#[test]
fn a_server_needs_an_address() {
    let error = Builder::new().serve(who).unwrap_err().to_string();
    assert_eq!(error, "there is no address to listen on");
}

#[test]
fn the_url_of_a_wildcard_can_be_opened() {
    for (address, host) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "[::1]")] {
        let server = Server::bind(address).unwrap().serve(who).unwrap();
        let port = server.address().port();
        assert_eq!(server.url(), format!("http://{host}:{port}/"));
        let answer = hearken::client::Client::new().get(&server.url()).unwrap();
        assert_eq!(answer.text().unwrap(), host.trim_matches(['[', ']']));
    }
}

/// The URL that the library gives would hide that other machines can connect.
#[test]
fn the_program_names_wildcards_as_they_were_bound() {
    let directory = tempfile::tempdir().unwrap();
    let (socket, log) = (format!("unix:{}/socket", directory.path().display()), directory.path().join("log"));
    let mut command = hearken();
    command.args(["-p", "0", "--demo", "-b", "127.0.0.1", "-b", &socket, "-b", "0.0.0.0", "-b", "::"]);
    let mut server = Program::start(command.stderr(fs::File::create(&log).unwrap()), 4);
    let urls = server.urls.clone();
    assert_eq!(urls[1], socket);
    for (url, host) in urls.iter().zip(["127.0.0.1", "", "0.0.0.0", "[::]"]) {
        assert!(host.is_empty() || url.starts_with(&format!("http://{host}:")), "{urls:?}");
    }
    server.signal("TERM");
    assert!(server.wait().success());
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains(&format!("anyone who reaches {} can add notes", urls[2])), "{log}");
}

#[test]
fn the_port_in_an_address_is_the_one_of_that_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let server = Program::start(hearken().args(["--demo", "-p", &port, "-b", "127.0.0.1:0", "-b", "127.0.0.2:0"]), 2);
    assert_eq!(get(server.address(), "/hello").status, 200);
    let output = hearken().args(["-p", "0", "-b", &format!("127.0.0.1:{port}")]).run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with(&format!("hearken: cannot bind 127.0.0.1:{port}: address already in use")), "{said}");
}

#[test]
fn the_program_listens_on_localhost_in_both_families() {
    let hosts: &[&str] = match TcpListener::bind("[::1]:0") {
        Ok(_) => &["127.0.0.1", "[::1]"],
        Err(_) => &["127.0.0.1"],
    };
    for arguments in [&["-p", "0", "-b", "localhost"][..], &["-b", "localhost:0"]] {
        let server = Program::start(hearken().arg("--demo").args(arguments), hosts.len());
        for (url, host) in server.urls.iter().zip(hosts) {
            let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
            assert!(address.starts_with(&format!("{host}:")), "{url}");
            assert_eq!(get(address.parse().unwrap(), "/hello").text(), "Hello, world!", "{url}");
        }
    }
}

/// The `hearken` program on a Unix socket.
fn on_socket(path: &Path, arguments: &[&str]) -> Program {
    let address = format!("unix:{}", path.display());
    let server =
        Program::start(hearken().args(["--demo", "--access-log", "off", "--bind", &address]).args(arguments), 1);
    assert_eq!(server.urls, [address]);
    server
}

/// The error of a server that cannot start on this path.
fn refused(path: &Path) -> String {
    let Output { status, stdout, stderr } = hearken().arg("--bind").arg(format!("unix:{}", path.display())).run();
    assert_eq!((status.code(), stdout.as_slice()), (Some(1), &b""[..]));
    String::from_utf8(stderr).unwrap()
}

fn hello(path: &Path) -> String {
    let mut wire = Dialer::unix(path).connect().unwrap();
    wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    wire.reply().text()
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).unwrap();
    assert!(metadata.file_type().is_socket());
    metadata.permissions().mode() & 0o7777
}

#[test]
fn the_program_listens_on_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a socket");
    for (arguments, expected) in [(&[][..], 0o600), (&["--socket-mode", "666"], 0o666), (&["--socket-mode", "0"], 0)] {
        let mut server = on_socket(&path, arguments);
        assert_eq!(mode(&path), expected, "{arguments:?}");
        server.signal("TERM");
        assert!(server.wait().success());
        assert!(!path.exists(), "it is removed at the end");
    }

    let address = format!("unix:{}", path.display());
    let mut server = Program::start(
        hearken().args(["--port", "0", "--access-log", "off", "--demo", "-b", "127.0.0.1", "-b", &address]),
        2,
    );
    assert_eq!(server.urls[1], address);
    assert_eq!(get(server.address(), "/hello").text(), "Hello, world!");
    if on_path("curl").is_none() {
        return skip("the_program_listens_on_a_unix_socket", "curl");
    }
    let curl = Command::new("curl").args(["-s", "--unix-socket"]).arg(&path).arg("http://any/hello").run();
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "Hello, world!");
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn passwords_over_a_unix_socket_draw_no_warning() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("socket"), directory.path().join("log"));
    let mut command = hearken();
    command.args(["--demo", "--auth", "a:b", "--bind"]).arg(format!("unix:{}", path.display()));
    let mut server = Program::start(command.stderr(fs::File::create(&log).unwrap()), 1);
    hello(&path);
    server.signal("TERM");
    assert!(server.wait().success());
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("\"GET /hello HTTP/1.1\" 401") && !log.contains("warn"), "{log}");
}

#[test]
fn the_socket_of_a_dead_server_is_replaced_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let mut first = on_socket(&path, &[]);
    let said = refused(&path);
    assert_eq!(said, format!("hearken: cannot bind {}: address already in use\n", path.display()));
    assert_eq!(hello(&path), "Hello, world!", "the live one is left alone");
    first.signal("KILL");
    first.wait();
    assert!(path.exists());
    let second = on_socket(&path, &[]);
    assert_eq!(hello(&path), "Hello, world!");
    drop(second);

    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    let dangling = directory.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let datagrams = directory.path().join("datagrams");
    let _other = UnixDatagram::bind(&datagrams).unwrap();
    for other in [&file, directory.path(), &link, &dangling] {
        let said = refused(other);
        assert!(said.contains(&other.display().to_string()), "{said}");
        assert!(said.contains("something that is no socket is there"), "{said}");
    }
    assert!(refused(&datagrams).contains("address already in use"));
    assert!(refused(&directory.path().join("none/socket")).contains("no such file or directory"));
    assert!(refused(&directory.path().join("x".repeat(200))).contains("xxx: "));
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(link.symlink_metadata().unwrap().is_symlink() && dangling.symlink_metadata().unwrap().is_symlink());
    assert!(datagrams.exists());
}

#[test]
fn a_file_that_replaced_the_socket_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    for replace in [|path: &Path| drop(UnixListener::bind(path).unwrap()), |path: &Path| fs::write(path, "x").unwrap()]
    {
        let server = Server::bind_unix(&path).unwrap().serve(who).unwrap();
        fs::remove_file(&path).unwrap();
        replace(&path);
        server.shutdown(Duration::ZERO);
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
    }
    // One that is never served on leaves nothing behind either.
    drop(Server::bind_unix(&path).unwrap());
    assert!(!path.exists());
    let refused = Server::bind_unix(&path).unwrap().socket_mode(0o1777).serve(who);
    assert!(matches!(refused, Err(Error::Setting(_))));
    assert!(!path.exists());
    // It is safe before its mode is known.
    let builder = Server::bind_unix(&path).unwrap().socket_mode(0o666);
    assert_eq!(mode(&path) & 0o077, 0);
    let server = builder.serve(who).unwrap();
    assert_eq!(mode(&path), 0o666);
    server.shutdown(Duration::ZERO);
}

/// Anyone who may read a directory may lock it. A stop once waited two seconds for such a lock.
#[test]
fn a_locked_directory_keeps_a_server_from_its_path_and_not_from_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let server = Server::bind_unix(&path).unwrap().serve(who).unwrap();
    let lock = fs::File::open(directory.path()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    server.shutdown(Duration::ZERO);
    assert!(path.exists(), "another server might have it by now");
    let refused = Server::bind_unix(&path).err().unwrap().to_string();
    assert!(refused.ends_with("its directory is locked by another program"), "{refused}");
    flock(&lock, FlockOperation::Unlock).unwrap();
    drop(Server::bind_unix(&path).expect("what was left is known to be dead"));
    assert!(!path.exists());
}

/// A bound socket that does not listen yet refuses connections as a dead one does: two servers that start together could each
/// take the other's for dead.
#[test]
fn of_servers_that_start_together_one_gets_the_path() {
    const SERVERS: usize = 8;
    const ROUNDS: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    for round in 0..ROUNDS {
        // There is a dead one in every other round.
        if round % 2 == 0 {
            drop(UnixListener::bind(&path).unwrap());
        }
        let start = Barrier::new(SERVERS);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                start.wait();
                Server::bind_unix(&path)
            };
            let threads: Vec<_> = (0..SERVERS).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "round {round}");
        for lost in lost {
            let said = lost.err().unwrap().to_string();
            assert!(said.ends_with("address already in use"), "{said}");
        }
        let server = won.into_iter().next().unwrap().unwrap().serve(|_: &mut Request| Response::text("me")).unwrap();
        assert_eq!(hello(&path), "me");
        server.shutdown(Duration::ZERO);
        assert!(!path.exists());
    }
}
