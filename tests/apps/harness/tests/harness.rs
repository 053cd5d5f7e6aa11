//! Tests over sockets, each with a server of its own, many at the same time.

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::TcpStream;
use std::thread;

use hearken::testing::TestServer;
use hearken::{Request, Settings};

const SERVERS: usize = 50;
const CLIENTS: u64 = 50;

#[test]
fn fifty_servers_run_at_the_same_time_and_share_nothing() -> io::Result<()> {
    let servers: Vec<_> = (0..SERVERS).map(|_| TestServer::new(harness::app()).unwrap()).collect();
    let addresses: HashSet<_> = servers.iter().map(TestServer::address).collect();
    assert_eq!(addresses.len(), SERVERS);
    thread::scope(|scope| {
        let tests: Vec<_> =
            servers.iter().zip(1..).map(|(server, visits)| scope.spawn(move || visit(server, visits))).collect();
        tests.into_iter().try_for_each(|test| test.join().unwrap())
    })
}

/// Visits a server of its own so many times.
fn visit(server: &TestServer, visits: u64) -> io::Result<()> {
    for number in 1..=visits {
        assert_eq!(server.send(Request::post("/visits"))?.read_json::<u64>()?, number);
    }
    let numbers: Vec<u64> = (1..=visits).collect();
    let sum: u64 = server.send(Request::post("/sum").with_json(&numbers))?.read_json()?;
    assert_eq!(sum, visits * (visits + 1) / 2);
    Ok(())
}

#[test]
fn many_clients_of_one_server_are_all_counted() -> io::Result<()> {
    let server = TestServer::new(harness::app()).unwrap();
    thread::scope(|scope| {
        let visit = || server.send(Request::post("/visits"))?.read_json::<u64>();
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(visit)).collect();
        let counted: io::Result<Vec<u64>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let mut counted = counted?;
        counted.sort_unstable();
        assert_eq!(counted, (1..=CLIENTS).collect::<Vec<_>>());
        Ok(())
    })
}

#[test]
fn the_settings_of_a_server_hold_in_its_test() -> io::Result<()> {
    let server = TestServer::with(harness::app(), |server| server.settings(Settings::default().max_body(8))).unwrap();
    let table = [
        ("[1,2]", 200, "3"),
        ("[1,2,3,4]", 413, "The request body is longer than 8 bytes."),
        ("[1,", 400, "Bad request: not valid JSON: EOF while parsing a value at line 1 column 3."),
        ("[-1]", 422, "Unprocessable content: [0]: invalid value: integer `-1`, expected u64 at line 1 column 3."),
    ];
    for (body, status, text) in table {
        for coding in ["", "chunked"] {
            let mut request = Request::post("/sum").with_header("Content-Type", "application/json").with_body(body);
            if !coding.is_empty() {
                request = request.with_header("Transfer-Encoding", coding);
            }
            let mut response = server.send(request)?;
            assert_eq!((response.status().code(), response.read_text()?), (status, text.to_owned()), "{body} {coding}");
        }
    }
    Ok(())
}

#[test]
fn a_server_stops_with_its_test() {
    let server = TestServer::new(harness::app()).unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    let panicked = thread::spawn(move || {
        let _server = server;
        panic!("the test fails, on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the connection is closed");
}
