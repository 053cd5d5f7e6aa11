//! The ten programs of the tutorial, run as processes.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{Program, Run as _, ask, example, get, output_within, until, unused_address};

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

/// What basic_writer_client sends, and what the tutorial finds in file.txt.
pub(crate) const HAN_SOLO: &str = r#"{"name":"Han Solo","job":"reluctant hero","BFF":"Chewbacca","ship":"Millennium Falcon","weakness":"smuggling debts"}"#;

/// Starts an example on a free port in this directory.
fn start(name: &str, directory: &Path) -> Program {
    Program::start(example(name).arg("0").current_dir(directory), 1)
}

/// Starts an example likewise, and returns what shows its messages on stderr.
fn start_heard(name: &str, directory: &Path) -> (Program, impl Fn() -> String) {
    let messages = directory.join("stderr");
    let stderr = fs::File::create(&messages).unwrap();
    let server = Program::start(example(name).arg("0").current_dir(directory).stderr(stderr), 1);
    (server, move || fs::read_to_string(&messages).unwrap())
}

/// A directory with the page of the file servers, and a site in `www`.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("examples")).unwrap();
    fs::write(directory.path().join("examples/index.html"), "<p>the only page").unwrap();
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
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(server.address(), method, &format!("/?q={current}"), &[], b"");
        assert_eq!((answer.status, answer.text()), (405, format!("Unsupported request: {method}.")));
        assert_eq!(answer.header("Allow"), Some("GET"));
    }
}

#[test]
fn number_thinker_ends_at_a_signal() {
    let directory = directory();
    for signal in ["INT", "TERM"] {
        let mut server = start("number_thinker", directory.path());
        // A connection that waits for a request does not hold it up.
        let _idle = TcpStream::connect(server.address()).unwrap();
        get(server.address(), "/?q=x");
        server.signal(signal);
        assert_eq!(server.line(), "No more requests.", "{signal}");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
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
    let table: [(&str, &str, &str, u16, &str); 17] = [
        ("POST", "/", r#"{"getNote": "0"}"#, 404, "Not found: POST, /"),
        ("POST", "/", r#"{"myNote": "first"}"#, 200, "You have 1 notes.\n"),
        ("POST", "/any", r#"{"myNote": "größer"}"#, 200, "You have 2 notes.\n"),
        ("POST", "/", r#"{"myNote": ""}"#, 200, "You have 3 notes.\n"),
        ("POST", "/", r#"{"getNote": "0"}"#, 200, "first\n"),
        ("POST", "/", r#"{"getNote": "1"}"#, 200, "größer\n"),
        ("POST", "/", r#"{"getNote": "2"}"#, 200, "\n"),
        ("POST", "/any", r#"{"getNote": "3"}"#, 404, "Not found: POST, /any"),
        ("POST", "/", r#"{"getNote": "-1"}"#, 404, "Not found: POST, /"),
        ("POST", "/", r#"{"getNote": "99999999999999999999999"}"#, 404, "Not found: POST, /"),
        ("POST", "/", r#"{"myNote": "a\nb"}"#, 400, "Bad request: there is no myNote of one line."),
        ("POST", "/", r#"{"myNote": "a\r"}"#, 400, "Bad request: there is no myNote of one line."),
        ("POST", "/", "[]", 400, "Bad request: there is no myNote of one line."),
        ("POST", "/", "{", 400, "Bad request: EOF while parsing an object at line 1 column 1."),
        ("OPTIONS", "/", "", 204, ""),
        ("GET", "/path", "", 404, "Not found: GET, /path"),
        ("PUT", "/path", "", 404, "Not found: PUT, /path"),
    ];
    {
        let server = start("note_server", directory.path());
        for (method, target, body, status, text) in table {
            let answer = ask(server.address(), method, target, &[("Content-Type", "text/plain")], body.as_bytes());
            assert_eq!((answer.status, answer.text().as_str()), (status, text), "{method} {target} {body}");
            for (name, value) in allow {
                assert_eq!(answer.header(name), Some(value), "{method} {target} {body}");
            }
        }
    }
    assert_eq!(fs::read_to_string(directory.path().join("notes.txt")).unwrap(), "first\ngrößer\n\n");
    let (again, messages) = start_heard("note_server", directory.path());
    assert_eq!(ask(again.address(), "POST", "/", &[], br#"{"myNote": "fourth"}"#).text(), "You have 4 notes.\n");

    // The file cannot be used: the client gets no details, but its page may read that.
    fs::remove_file(directory.path().join("notes.txt")).unwrap();
    fs::create_dir(directory.path().join("notes.txt")).unwrap();
    let answer = ask(again.address(), "POST", "/?failing", &[], br#"{"myNote": "lost"}"#);
    assert_eq!((answer.status, answer.text().as_str()), (500, "Something went wrong here."));
    for (name, value) in allow {
        assert_eq!(answer.header(name), Some(value));
    }
    let expected = "hearken: error: POST /?failing: Is a directory (os error 21)\n";
    until("the reason on stderr", || (messages() == expected).then_some(()));
}

#[test]
fn notes_that_come_at_the_same_time_are_all_kept() {
    let directory = directory();
    let server = start("note_server", directory.path());
    let address = server.address();
    let mut counts: Vec<String> = thread::scope(|scope| {
        let note = |writer: usize, number: usize| format!("{writer}:{number}:{}", "x".repeat(5000));
        let post = move |note: String| ask(address, "POST", "/", &[], format!("{{\"myNote\": {note:?}}}").as_bytes());
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                scope.spawn(move || (0..20).map(|number| post(note(writer, number)).text()).collect::<Vec<_>>())
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let mut expected: Vec<_> = (1..=160).map(|count| format!("You have {count} notes.\n")).collect();
    counts.sort();
    expected.sort();
    assert_eq!(counts, expected);
    let notes = fs::read_to_string(directory.path().join("notes.txt")).unwrap();
    let mut notes: Vec<_> = notes.lines().collect();
    assert!(notes.iter().all(|note| note.ends_with(&format!(":{}", "x".repeat(5000)))), "whole lines");
    notes.sort_unstable();
    notes.dedup();
    assert_eq!(notes.len(), 160);
}

#[test]
fn the_file_servers() {
    let directory = directory();
    let empty = tempfile::tempdir().unwrap();
    for name in ["mini_file_server", "basic_file_server"] {
        let server = start(name, directory.path());
        for (method, target) in [("GET", "/"), ("GET", "/any/thing"), ("GET", "/../x"), ("POST", "/")] {
            let answer = ask(server.address(), method, target, &[], b"");
            assert_eq!((answer.status, answer.text().as_str()), (200, "<p>the only page"), "{name}: {method} {target}");
            assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
            assert_eq!(answer.header("Content-Length"), Some("16"), "{name}");
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
fn failures_of_the_file_servers_show_on_stderr() {
    let directory = directory();
    let page = directory.path().join("examples/index.html");
    fs::remove_file(&page).unwrap();
    std::os::unix::fs::symlink("index.html", &page).unwrap();
    let (server, messages) = start_heard("mini_file_server", directory.path());
    let answer = get(server.address(), "/loop");
    assert_eq!((answer.status, answer.text().as_str()), (500, "Something went wrong here."));
    let start = "hearken: error: GET /loop: ";
    until("the reason on stderr", || (messages().starts_with(start) && messages().ends_with('\n')).then_some(()));
}

#[test]
fn the_file_servers_serve_our_own_pages() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, page) in [
        ("mini_file_server", "examples/index.html"),
        ("basic_file_server", "examples/index.html"),
        ("static_file_server", "www/index.html"),
    ] {
        let page = fs::read_to_string(project.join(page)).unwrap();
        assert_eq!(get(start(name, project).address(), "/").text(), page, "{name}");
    }
}

#[test]
fn hello_world_server_secure() {
    let directory = directory();
    let (server, messages) = start_heard("hello_world_server_secure", directory.path());
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let client = hearken::client::Client::builder().trust(directory.path().join("certs/ca.pem")).unwrap().build();
    assert_eq!(client.get(server.url()).unwrap().text().unwrap(), "Hello, world!");
    assert!(hearken::client::Client::new().get(server.url()).is_err(), "nobody else trusts it");
    let command = format!("curl --cacert certs/ca.pem {}\n", server.url());
    until("how to trust it", || messages().contains(&command).then_some(()));
    until("and in a browser", || messages().contains("import certs/ca.pem").then_some(()));
}

#[test]
fn basic_writer_client_and_basic_writer_server() {
    let directory = directory();
    let server = start("basic_writer_server", directory.path());
    let data = directory.path().join("data");
    assert!(!data.exists(), "it is made on first use");
    let output = example("basic_writer_client").arg(format!("{}file.txt", server.url())).run();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Wrote data for Han Solo.\n");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    assert_eq!(fs::read_to_string(data.join("file.txt")).unwrap(), HAN_SOLO);
    let files = start("static_file_server", directory.path());
    assert_eq!(get(files.address(), "/file.txt").text(), HAN_SOLO, "what it wrote is served on 4048");

    let json = ("Content-Type", "application/json");
    let text = ("Content-Type", "text/plain");
    let long = format!("/{}", "a".repeat(256));
    let wrote = |name: &str| format!("Wrote data for {name}.");
    let table: [(&str, &str, &[(&str, &str)], &[u8], u16, String); 25] = [
        ("GET", "/file.txt", &[], b"", 405, "Unsupported request: GET.".into()),
        ("GET", "/", &[], b"", 405, "Unsupported request: GET.".into()),
        ("PUT", "/file.txt", &[json], b"{}", 405, "Unsupported request: PUT.".into()),
        ("POST", "/file.txt", &[text], b"{}", 415, "Unsupported request: POST of text/plain".into()),
        ("POST", "/file.txt", &[], b"{}", 415, "Unsupported request: POST of no media type".into()),
        ("POST", "/file.txt", &[json], b"{", 400, "Bad request: not valid JSON".into()),
        ("POST", "/file.txt", &[json], b"\"\xff\"", 400, "Bad request: not valid JSON".into()),
        ("POST", "/", &[json], b"{}", 400, "Bad request: the path names a directory.".into()),
        ("POST", "/sub/", &[json], b"{}", 400, "Bad request: the path names a directory.".into()),
        ("POST", "/..", &[json], b"{}", 400, "Bad request: the path holds a dot segment.".into()),
        ("POST", "/%2e%2e", &[json], b"{}", 400, "Bad request: the path holds a dot segment.".into()),
        ("POST", "/.", &[json], b"{}", 400, "Bad request: the path holds a dot segment.".into()),
        ("POST", "/..%2Fup", &[json], b"{}", 400, "Bad request: the path holds an encoded slash or a NUL byte.".into()),
        ("POST", "/a%00b", &[json], b"{}", 400, "Bad request: the path holds an encoded slash or a NUL byte.".into()),
        ("POST", "/.profile", &[json], b"{}", 400, "Bad request: a segment of the path starts with a dot.".into()),
        ("POST", &long, &[json], b"{}", 400, "Bad request: the path is too long.".into()),
        ("POST", "/file.txt", &[json], b"{\"name\":\"Leia\"}", 200, wrote("Leia")),
        ("POST", "/Cargo.toml", &[json], b"{\"name\":\"Lando\"}", 200, wrote("Lando")),
        ("POST", "/any/where/last", &[json], b"{\"name\":\"Luke\"}", 200, wrote("Luke")),
        ("POST", "/../up.json", &[json], b" [1]\n", 200, wrote("up.json")),
        ("POST", "/gr%C3%B6%C3%9Fe?a=/b", &[json], b"{\"name\":5}", 200, wrote("größe")),
        ("POST", &long[..256], &[json], b"null", 200, wrote(&long[1..256])),
        ("POST", "/type", &[("Content-Type", "application/json; charset=utf-8")], b"{}", 200, wrote("type")),
        ("POST", "/twice", &[json], b"{\"name\":\"a\",\"name\":\"b\"}", 200, wrote("b")),
        ("OPTIONS", "/", &[], b"", 405, "Unsupported request: OPTIONS.".into()),
    ];
    for (method, target, fields, body, status, start) in table {
        let answer = ask(server.address(), method, target, fields, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert!(answer.text().starts_with(&start), "{method} {target}: {}", answer.text());
    }
    let mut names: Vec<_> =
        fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["Cargo.toml", &long[1..256], "file.txt", "größe", "last", "twice", "type", "up.json"]);
    assert_eq!(fs::read(data.join("file.txt")).unwrap(), b"{\"name\":\"Leia\"}");
    assert_eq!(fs::read(data.join("up.json")).unwrap(), b" [1]\n", "byte for byte");
    assert!(!directory.path().join("up.json").exists() && !directory.path().join("Cargo.toml").exists());
}

#[test]
fn basic_writer_server_writes_into_another_directory() {
    let directory = directory();
    let mut command = example("basic_writer_server");
    let server = Program::start(command.args(["0", "some/where"]).current_dir(&directory), 1);
    let answer = ask(server.address(), "POST", "/f", &[("Content-Type", "application/json")], b"{}");
    assert_eq!((answer.status, answer.text().as_str()), (200, "Wrote data for f."));
    assert_eq!(fs::read(directory.path().join("some/where/f")).unwrap(), b"{}");
    assert!(!directory.path().join("data").exists());
}

#[test]
fn basic_writer_server_says_why_it_cannot_write() {
    let directory = directory();
    fs::write(directory.path().join("data"), "in the way").unwrap();
    let (server, messages) = start_heard("basic_writer_server", directory.path());
    let answer = ask(server.address(), "POST", "/f", &[("Content-Type", "application/json")], b"{}");
    assert_eq!((answer.status, answer.text().as_str()), (500, "Something went wrong here."));
    let expected = "hearken: error: POST /f: File exists (os error 17)\n";
    until("the reason on stderr", || (messages() == expected).then_some(()));
}

/// A page that basic_writer_server was told to write would otherwise act as one of the site's own.
#[test]
fn static_file_server_serves_what_was_written_behind_its_own_files_and_as_uploads() {
    let directory = directory();
    fs::create_dir(directory.path().join("data")).unwrap();
    for name in ["index.html", "page.html"] {
        fs::write(directory.path().join("data").join(name), "<script>").unwrap();
    }
    let server = start("static_file_server", directory.path());
    assert_eq!(get(server.address(), "/").text(), "<p>the page");
    assert_eq!(get(server.address(), "/index.html").header("Content-Security-Policy"), None);
    let written = get(server.address(), "/page.html");
    assert_eq!(written.text(), "<script>");
    assert!(written.header("Content-Security-Policy").unwrap().contains("sandbox"));
}

#[test]
fn the_clients_fail_when_the_answer_is_an_error() {
    let directory = directory();
    // Neither guesses nor files here.
    let server = start("static_file_server", directory.path());
    for (name, status) in [("number_guesser", "404 Not Found"), ("basic_writer_client", "405 Method Not Allowed")] {
        let url = format!("{}nothing", server.url());
        let output = example(name).arg(&url).run();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.starts_with(&format!("Error: {url}")), "{name}: {error}");
        assert!(error.contains(&format!(": {status}: ")) && error.lines().count() == 1, "{name}: {error}");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(!printed.contains("guess,") && !printed.contains("Wrote"), "{name}: {printed}");
    }
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
