//! The ten programs of the tutorial, run as processes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{Program, Run as _, ask, example, get, output_within, unused_address};

/// The programs of the tutorial.
const PROGRAMS: [&str; 10] = [
    "hello_world_server",
    "number_thinker",
    "note_server",
    "mini_file_server",
    "basic_file_server",
    "hello_world_server_secure",
    "static_file_server",
    "basic_writer_server",
    "number_guesser",
    "basic_writer_client",
];

const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/www");

/// Starts an example on a free port in this directory.
fn start(name: &str, directory: &Path) -> Program {
    Program::start(example(name).arg("0").current_dir(directory), 1)
}

/// A directory with one page in `www`.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("www/sub")).unwrap();
    fs::write(directory.path().join("www/index.html"), "<p>the page").unwrap();
    fs::write(directory.path().join("www/sub/index.html"), "<p>below").unwrap();
    fs::write(directory.path().join("www/style.css"), "p{}").unwrap();
    directory
}

#[test]
fn each_has_its_port_and_says_when_it_is_taken() {
    let table = [
        ("hello_world_server", 4040),
        ("number_thinker", 4041),
        ("note_server", 4042),
        ("mini_file_server", 4044),
        ("basic_file_server", 4046),
        ("hello_world_server_secure", 4047),
        ("static_file_server", 4048),
        ("basic_writer_server", 4049),
    ];
    let directory = directory();
    for (name, port) in table {
        // The port is taken, by this listener or by another program.
        let _taken = TcpListener::bind(("127.0.0.1", port));
        let output = example(name).current_dir(&directory).run();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert_eq!(error, format!("Error: cannot bind 127.0.0.1:{port}: address already in use\n"), "{name}");
    }
}

#[test]
fn hello_world_server() {
    let directory = directory();
    let server = start("hello_world_server", directory.path());
    for (method, target) in [("GET", "/"), ("GET", "/any/thing?q"), ("POST", "/"), ("DELETE", "/x"), ("BREW", "/tea")] {
        let answer = ask(server.address(), method, target, &[], b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, world!"), "{method} {target}");
    }
}

#[test]
fn number_thinker() {
    let directory = directory();
    let mut server = start("number_thinker", directory.path());
    let number = |line: &str| -> u32 { line.strip_prefix("I'm thinking of a number. ").unwrap().parse().unwrap() };
    let mut current = number(&server.preamble[0]);
    for _ in 0..20 {
        assert!(current < 10);
        let wrong = (current + 1) % 10;
        for target in [format!("/?q={wrong}"), "/".into(), "/?q=99".into(), "/?q=x".into(), "/?p=1".into()] {
            let answer = get(server.address(), &target);
            assert_eq!((answer.status, answer.text().as_str()), (200, "false\n"), "{target}");
        }
        let answer = get(server.address(), &format!("/?q={current}"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "true\nI'm thinking of another number.\n"));
        current = number(&server.line());
    }
    let answer = ask(server.address(), "POST", &format!("/?q={current}"), &[], b"");
    assert_eq!((answer.status, answer.text().as_str()), (405, "Unsupported request: POST."));
}

#[test]
fn one_of_a_hundred_right_guesses_at_once_wins() {
    let directory = directory();
    let mut server = start("number_thinker", directory.path());
    let address = server.address();
    let number = |line: &str| line.strip_prefix("I'm thinking of a number. ").unwrap().to_owned();
    let mut current = number(&server.preamble[0]);
    for _ in 0..10 {
        let target = format!("/?q={current}");
        let wins: usize = thread::scope(|scope| {
            let guessers: Vec<_> = (0..100)
                .map(|_| scope.spawn(|| usize::from(get(address, &target).text().starts_with("true"))))
                .collect();
            guessers.into_iter().map(|guesser| guesser.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
        current = number(&server.line());
    }
}

#[test]
fn number_guesser_and_number_thinker() {
    let directory = directory();
    let mut thinker = start("number_thinker", directory.path());
    // A guess a second, each right with a chance of one in ten: all of 300 are wrong less than once in 10^13 runs.
    let mut guesser = example("number_guesser");
    let guesser = guesser.arg(thinker.url()).stdout(Stdio::piped()).spawn().unwrap();
    let output = output_within(Duration::from_secs(300), guesser);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(output.status.success(), "{text}");
    let (last, rest) = lines.split_last().unwrap();
    assert_eq!(*last, "Good guess, yay!");
    for (index, line) in rest.iter().enumerate() {
        if index % 2 == 0 {
            assert!(line.starts_with("Guess is ") && line.ends_with('.'), "{line}");
        } else {
            assert_eq!(*line, "Bad guess, trying again.");
        }
    }
    let right = rest.last().unwrap().trim_start_matches("Guess is ").trim_end_matches('.');
    assert_eq!(thinker.preamble[0], format!("I'm thinking of a number. {right}"));
    assert!(thinker.line().starts_with("I'm thinking of a number. "));
}

#[test]
fn note_server() {
    let directory = directory();
    let allow = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "POST, OPTIONS"),
        ("Access-Control-Allow-Headers", "Origin, X-Requested-With, Content-Type, Accept"),
    ];
    let table: [(&str, &str, &[u8], u16, &str); 8] = [
        ("POST", "/", br#"{"myNote": "first"}"#, 200, "You have 1 notes.\n"),
        ("POST", "/any", br#"{"myNote": "second"}"#, 200, "You have 2 notes.\n"),
        ("POST", "/", br#"{"getNote": "0"}"#, 200, "first\n"),
        ("POST", "/", br#"{"getNote": "2"}"#, 404, "Not found: POST, /"),
        ("POST", "/", br#"{"myNote": "a\nb"}"#, 400, "Bad request: a note is one line, without control characters."),
        ("OPTIONS", "/", b"", 204, ""),
        ("GET", "/path", b"", 404, "Not found: GET, /path"),
        ("PUT", "/path", b"", 404, "Not found: PUT, /path"),
    ];
    {
        let server = start("note_server", directory.path());
        for (method, target, body, status, text) in table {
            let answer = ask(server.address(), method, target, &[("Content-Type", "text/plain")], body);
            assert_eq!((answer.status, answer.text().as_str()), (status, text), "{method} {target}");
            for (name, value) in allow {
                assert_eq!(answer.header(name), Some(value), "{method} {target}");
            }
        }
    }
    assert_eq!(fs::read_to_string(directory.path().join("notes.txt")).unwrap(), "first\nsecond\n");
    let again = start("note_server", directory.path());
    assert_eq!(ask(again.address(), "POST", "/", &[], br#"{"myNote": "third"}"#).text(), "You have 3 notes.\n");
}

#[test]
fn the_file_servers() {
    let directory = directory();
    let empty = tempfile::tempdir().unwrap();
    for name in ["mini_file_server", "basic_file_server"] {
        let server = start(name, directory.path());
        for (method, target) in [("GET", "/"), ("GET", "/any/thing"), ("GET", "/../x"), ("POST", "/")] {
            let answer = ask(server.address(), method, target, &[], b"");
            assert_eq!((answer.status, answer.text().as_str()), (200, "<p>the page"), "{name}: {method} {target}");
            assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
        }
        let nowhere = start(name, empty.path());
        assert_eq!(get(nowhere.address(), "/").status, 404, "{name}");
    }
    let server = start("basic_file_server", directory.path());
    let etag = get(server.address(), "/").header("ETag").unwrap().to_owned();
    assert_eq!(ask(server.address(), "GET", "/", &[("If-None-Match", &etag)], b"").status, 304);

    let server = start("static_file_server", directory.path());
    for (target, status, text) in [
        ("/", 200, "<p>the page"),
        ("/style.css", 200, "p{}"),
        ("/sub/", 200, "<p>below"),
        ("/sub/index.html", 200, "<p>below"),
        ("/sub", 301, ""),
        ("/nothing", 404, "Not found: GET, /nothing"),
        ("/..%2fsecret", 400, "Bad request: the path holds an encoded slash or a NUL byte."),
    ] {
        let answer = get(server.address(), target);
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{target}");
    }
}

#[test]
fn the_file_servers_serve_our_own_pages() {
    let project = Path::new(WWW).parent().unwrap();
    let page = fs::read_to_string(Path::new(WWW).join("index.html")).unwrap();
    for name in ["mini_file_server", "basic_file_server", "static_file_server"] {
        assert_eq!(get(start(name, project).address(), "/").text(), page, "{name}");
    }
}

#[test]
fn hello_world_server_secure() {
    let directory = directory();
    let server = start("hello_world_server_secure", directory.path());
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let client = hearken::client::Client::builder().trust(directory.path().join("certs/ca.pem")).unwrap().build();
    assert_eq!(client.get(server.url()).unwrap().text().unwrap(), "Hello, world!");
    assert!(hearken::client::Client::new().get(server.url()).is_err(), "nobody else trusts it");
}

#[test]
fn basic_writer_client_and_basic_writer_server() {
    let directory = directory();
    let server = start("basic_writer_server", directory.path());
    let file = directory.path().join("file.txt");
    let output = example("basic_writer_client").arg(format!("{}file.txt", server.url())).run();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Wrote data for Han Solo.\n");
    let written: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let keys: Vec<_> =
        ["name", "job", "BFF", "ship", "weakness"].iter().filter(|key| written.get(key).is_some()).collect();
    assert_eq!(keys.len(), 5, "{written}");

    let json = ("Content-Type", "application/json");
    let text = ("Content-Type", "text/plain");
    let table: [(&str, &str, &[(&str, &str)], &[u8], u16, &str); 7] = [
        ("GET", "/file.txt", &[], b"", 405, "Unsupported request: GET."),
        ("GET", "/", &[], b"", 405, "Unsupported request: GET."),
        ("PUT", "/file.txt", &[json], b"{}", 405, "Unsupported request: PUT."),
        ("POST", "/file.txt", &[text], b"{}", 415, "Unsupported request: POST of text/plain"),
        ("POST", "/file.txt", &[json], b"{", 400, "Bad request: not valid JSON"),
        ("POST", "/Cargo.toml", &[json], b"{}", 404, "Not found: POST, /Cargo.toml"),
        ("POST", "/file.txt", &[json], b"{\"name\":\"Leia\"}", 200, "Wrote data for Leia."),
    ];
    for (method, target, fields, body, status, start) in table {
        let answer = ask(server.address(), method, target, fields, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert!(answer.text().starts_with(start), "{method} {target}: {}", answer.text());
    }
    assert_eq!(fs::read(&file).unwrap(), b"{\"name\":\"Leia\"}");
}

#[test]
fn the_clients_say_when_nobody_listens() {
    for name in ["number_guesser", "basic_writer_client"] {
        let output = example(name).arg(format!("http://{}/", unused_address())).run();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.starts_with("Error: cannot connect to "), "{name}: {error}");
    }
}

#[test]
fn every_example_is_short() {
    for name in PROGRAMS {
        let path = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 40, "{path}: {lines} lines");
    }
}

/// The tutorial's own commands, by way of cargo, would build for minutes here; that the examples exist under their names is
/// what `cargo run --example` needs.
#[test]
fn every_example_is_built() {
    for name in PROGRAMS {
        let _: Command = example(name);
    }
}
