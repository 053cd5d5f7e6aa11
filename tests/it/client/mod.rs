//! The `hearken-client` program against the `hearken` program.

mod failures;
mod output;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::thread;

use crate::support::{Program, client, get, output_of, until, unused_address};

struct Site {
    directory: tempfile::TempDir,
    server: Program,
}

fn site() -> Site {
    let directory = tempfile::tempdir().unwrap();
    let (www, data) = (directory.path().join("www"), directory.path().join("data"));
    fs::create_dir(&www).unwrap();
    fs::write(www.join("index.html"), "<p>index").unwrap();
    let server =
        Program::hearken(&["--demo", "--write", data.to_str().unwrap(), "--max-body", "8MiB", www.to_str().unwrap()]);
    Site { directory, server }
}

impl Site {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// The path of a file beside the directories of the server.
    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }
}

/// Runs the client with these arguments and this on its stdin: exit code, stdout and stderr.
fn run(arguments: &[&str], input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut command = client();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let Output { status, stdout, stderr } = output_of(child);
    writer.join().unwrap();
    (status.code(), stdout, String::from_utf8(stderr).unwrap())
}

#[test]
fn bodies_go_to_stdout_and_statuses_to_the_exit_code() {
    let site = site();
    let hello = site.url("hello");
    let (nothing, guess) = (site.url("nothing"), site.url("guess"));
    let table: [(&[&str], i32, &str, &str); 7] = [
        (&["get", &site.url("")], 0, "<p>index", ""),
        (&["get", &hello], 0, "Hello, world!", ""),
        (&["get", hello.strip_prefix("http://").unwrap()], 0, "Hello, world!", ""),
        (&["get", &nothing], 1, "Not found: GET, /nothing", &format!("{nothing}: 404 Not Found")),
        (&["post", &site.url("a.json"), "{\"name\": \"Ada\"}"], 0, "Wrote data for Ada.", ""),
        (&["post", &guess, "{}"], 1, "Unsupported request: POST.", &format!("{guess}: 405 Method Not Allowed")),
        (&["get", &site.url("a.json")], 0, "{\"name\": \"Ada\"}", ""),
    ];
    for (arguments, code, body, refusal) in table {
        let (seen, out, error) = run(arguments, b"");
        let refusal = if refusal.is_empty() { String::new() } else { format!("hearken-client: {refusal}\n") };
        assert_eq!((seen, String::from_utf8_lossy(&out).as_ref(), error), (Some(code), body, refusal), "{arguments:?}");
    }
}

#[test]
fn json_comes_from_the_argument_a_file_or_stdin() {
    let site = site();
    let file = site.path("input.json");
    fs::write(&file, "{\"name\": \"file\"}").unwrap();
    let at_file = format!("@{file}");
    let url = site.url("x/y.json");
    let table: [(&[&str], &[u8], &str); 3] = [
        (&["post", &url, &at_file], b"", "Wrote data for file."),
        (&["post", &url, "-"], b"{\"name\": \"stdin\"}", "Wrote data for stdin."),
        (&["post", &url], b"[]", "Wrote data for y.json."),
    ];
    for (arguments, input, expected) in table {
        let (code, out, _) = run(arguments, input);
        assert_eq!((code, String::from_utf8_lossy(&out).as_ref()), (Some(0), expected), "{arguments:?}");
    }
    let (code, out, _) = run(&["post", &url, "{\n  nope"], b"");
    assert_eq!(code, Some(1));
    assert!(String::from_utf8_lossy(&out).contains("line 2 column"));
}

#[test]
fn files_go_up_and_come_back_whole() {
    let site = site();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(site.path("up"), &bytes).unwrap();
    assert_eq!(run(&["put", &site.url("file"), &site.path("up")], b"").0, Some(0));
    assert!(fs::read(Path::new(&site.path("data")).join("file")).unwrap() == bytes);
    assert_eq!(run(&["put", &site.url("stdin"), "-"], &bytes).0, Some(0));
    assert!(fs::read(Path::new(&site.path("data")).join("stdin")).unwrap() == bytes);
    let (code, out, _) = run(&["get", &site.url("file"), "-o", &site.path("down")], b"");
    assert_eq!((code, out.len()), (Some(0), 0));
    assert!(fs::read(site.path("down")).unwrap() == bytes);
    assert!(run(&["get", &site.url("file")], b"").1 == bytes);

    let (code, out, _) = run(&["get", &site.url("nothing"), "-o", &site.path("down")], b"");
    assert_eq!((code, String::from_utf8_lossy(&out).as_ref()), (Some(1), "Not found: GET, /nothing"));
    assert!(fs::read(site.path("down")).unwrap() == bytes, "a refusal is not saved over the file");
}

#[test]
fn an_answer_that_cannot_be_written_is_exit_1() {
    let site = site();
    let (code, out, error) = run(&["get", &site.url(""), "-o", "no/such/directory/down"], b"");
    assert_eq!((code, out.len()), (Some(1), 0));
    assert_eq!(error, "hearken-client: cannot save no/such/directory/down: there is no directory no/such/directory\n");

    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = client().args(["get", &site.url("")]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with("hearken-client: cannot write to stdout: "), "{error}");
}

#[test]
fn an_upload_that_is_too_long_is_told_so() {
    let site = site();
    fs::write(site.path("large"), vec![0; 9 << 20]).unwrap();
    let (code, out, error) = run(&["put", &site.url("large"), &site.path("large")], b"");
    assert_eq!(code, Some(1), "{error}");
    assert_eq!(
        String::from_utf8_lossy(&out),
        "The request body is longer than 8 MiB; the server's --max-body sets this limit."
    );
}

#[test]
fn notes_are_added_and_fetched() {
    let site = site();
    let url = site.url("notes");
    let table: [(&[&str], i32, &str); 4] = [
        (&["note", "add", "größer \"quoted\"", "--url", &url], 0, "You have 1 notes.\n"),
        (&["note", "get", "0", "--url", &url], 0, "größer \"quoted\"\n"),
        (&["note", "get", "7", "--url", &url], 1, ""),
        (&["note", "add", "a\nb", "--url", &url], 1, "Bad request: a note is one line, without control characters."),
    ];
    for (arguments, code, expected) in table {
        let (seen, out, _) = run(arguments, b"");
        assert_eq!((seen, String::from_utf8_lossy(&out).as_ref()), (Some(code), expected), "{arguments:?}");
    }
    let (_, _, error) = run(&["note", "get", "99", "--url", &url], b"");
    assert_eq!(error, "hearken-client: there is no note 99\n");
}

#[test]
fn a_server_without_the_service_gets_nothing_and_is_told_of() {
    let site = site();
    // A note for a server with --write and without --demo was stored as a file, and reported as added.
    let url = site.url("elsewhere");
    fs::write(Path::new(&site.path("data")).join("elsewhere"), "mine").unwrap();
    let table: [(&[&str], &str); 4] = [
        (&["note", "add", "a", "--url", &url], "notes"),
        (&["note", "get", "0", "--url", &url], "notes"),
        (&["note", "get", "0", "--url", &site.url("nothing")], "notes"),
        (&["guess", &url], "guessing game"),
    ];
    for (arguments, service) in table {
        let (code, _, error) = run(arguments, b"");
        assert_eq!(code, Some(1), "{arguments:?}");
        assert!(error.starts_with(&format!("hearken-client: the server has no {service} at http://")), "{error}");
        assert!(error.ends_with(": hearken offers that if it is started with --demo\n"), "{error}");
    }
    assert_eq!(fs::read(Path::new(&site.path("data")).join("elsewhere")).unwrap(), b"mine");
}

#[test]
fn what_was_put_is_told() {
    let site = site();
    let file = site.path("a ü.txt");
    fs::write(&file, vec![b'x'; 2_411_725]).unwrap();
    let (at, directory) = (site.url("b/c.txt"), site.url("b/"));
    let named = format!("{directory}a%20%C3%BC.txt");
    let table: [(&[&str], String); 5] = [
        (&["put", &at, &file], format!("stored {file} at {at} (2.30 MiB, created)\n")),
        (&["put", &at, &file], format!("stored {file} at {at} (2.30 MiB, replaced)\n")),
        (&["put", &at, "-"], format!("stored stdin at {at} (5 B, replaced)\n")),
        (&["put", &directory, &file], format!("stored {file} at {named} (2.30 MiB, created)\n")),
        // The files of /proc claim to be empty.
        (&["put", &at, "/proc/version"], {
            let length = fs::read("/proc/version").unwrap().len();
            format!("stored /proc/version at {at} ({length} B, replaced)\n")
        }),
    ];
    for (arguments, line) in table {
        let (code, out, error) = run(arguments, b"hello");
        assert_eq!((code, out.len(), error), (Some(0), 0, line), "{arguments:?}");
    }
    assert_eq!(run(&["get", &format!("{directory}a ü.txt")], b"").1.len(), 2_411_725);
    let refused = run(&["put", &site.url("guess"), &file], b"");
    assert_eq!(
        (refused.0, refused.2),
        (Some(1), format!("hearken-client: {}: 405 Method Not Allowed\n", site.url("guess")))
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_not_half_of_it_is_stored() {
    let site = site();
    let (code, _, error) = run(&["put", &site.url("a"), &site.path("www")], b"");
    assert_eq!((code, error), (Some(1), format!("hearken-client: cannot read {}: is a directory\n", site.path("www"))));

    // Of the memory of a process, nothing is at its beginning.
    let (code, _, error) = run(&["put", &site.url("a"), "/proc/self/mem"], b"");
    assert_eq!((code, error.as_str()), (Some(1), "hearken-client: cannot read /proc/self/mem: input/output error\n"));
    assert!(!Path::new(&site.path("data")).join("a").exists());
}

#[test]
fn passwords_are_asked_for_and_not_twice() {
    let app = hearken::Router::new()
        .get("/", hearken::demo::hello)
        .layer(hearken::BasicAuth::new().user("ada", "open sesame").unwrap());
    let server = hearken::Server::bind("127.0.0.1:0").unwrap().serve(app).unwrap();
    let url = server.url();
    let tip = ": give a user name and a password with --auth USER:PASS, or --auth USER:@FILE";
    for (arguments, tip) in [(&["get", &url][..], tip), (&["get", &url, "--auth", "ada:wrong"], "")] {
        let (code, _, error) = run(arguments, b"");
        assert_eq!((code, error), (Some(1), format!("hearken-client: {url}: 401 Unauthorized{tip}\n")));
    }
}

#[test]
fn a_refusal_without_a_body_is_told() {
    let refuse = |_: &mut hearken::Request| hearken::Response::new(hearken::Status::new(507).unwrap());
    let server = hearken::Server::bind("127.0.0.1:0").unwrap().serve(refuse).unwrap();
    let url = server.url();
    for arguments in [&["get", &url][..], &["put", &url, "-"], &["post", &url, "{}"], &["guess", &url]] {
        let (code, _, error) = run(arguments, b"");
        assert_eq!((code, error), (Some(1), format!("hearken-client: {url}: 507 Insufficient Storage\n")));
    }
}

#[test]
fn numbers_are_guessed_until_one_is_right() {
    let site = site();
    let (code, out, error) = run(&["guess", &site.url("guess"), "--interval", "0"], b"");
    let text = String::from_utf8(out).unwrap();
    assert_eq!((code, error.as_str()), (Some(0), ""), "{text}");
    assert!(text.starts_with("Guess is "), "{text}");
    assert!(text.ends_with(".\nGood guess, yay!\n"), "{text}");
    assert!(text.lines().rev().skip(2).step_by(2).all(|line| line == "Bad guess, trying again."), "{text}");
    assert_eq!(run(&["guess", &site.url("nothing")], b"").0, Some(1));
}

#[test]
fn an_unreachable_server_is_exit_3_and_bad_usage_exit_2() {
    let nowhere = format!("http://{}/", unused_address());
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", mute.local_addr().unwrap());
    let table: [(&[&str], i32, &str); 20] = [
        (&["get", &nowhere], 3, "cannot connect to "),
        (&["get", &nowhere, "--retry", "1"], 3, "cannot connect to "),
        (&["get", &silent, "--timeout", "0.2"], 3, "did not answer in time"),
        (&["get", &silent.replace("http", "https"), "--timeout", "0.2"], 3, "did not answer in time"),
        (&["get", "http://no.such.host.invalid/"], 3, "cannot connect to "),
        (&["get", "ftp://localhost/"], 2, "is not an http or https URL"),
        (&["get", "http://"], 2, "is not an http or https URL"),
        (&["put", &nowhere, "/no/such/file"], 1, "cannot read /no/such/file"),
        (&["post", &nowhere, "@/no/such/file"], 1, "cannot read /no/such/file"),
        (&["get", &nowhere, "--auth", "ada:@/no/such/file"], 1, "cannot read the password of ada from /no/such/file"),
        (&["get", &nowhere, "--cacert", "/no/such/file"], 1, "cannot trust /no/such/file: no such file or directory"),
        (&["get", &nowhere, "--auth", "nocolon"], 2, "colon"),
        (&["get", ""], 2, "a value is required for '<URL>'"),
        (&["get", &nowhere, "--retry", "x"], 2, "'x' for '--retry <N>': a number from 0 to 4294967295"),
        (&["get", &nowhere, "--timeout", "-1"], 2, "'-1' for '--timeout <S>': a number of seconds from 0 to 31536000"),
        (&["note", "get", "abc"], 2, "'abc' for '<NUMBER>': a number from 0 to 4294967295"),
        (&["note", "get", "-1"], 2, "'-1' for '<NUMBER>': a number from 0 to 4294967295"),
        (&["note", "add", ""], 2, "a value is required for '<TEXT>'"),
        (&["get"], 2, "required"),
        (&["fetch", &nowhere], 2, "unrecognized"),
    ];
    for (arguments, code, reason) in table {
        let (seen, out, error) = run(arguments, b"");
        assert_eq!(seen, Some(code), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert!(out.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    let address = unused_address();
    let mut command = client();
    command.args(["get", &format!("http://{address}/"), "--retry", "8"]);
    let client = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it sleeps, or has ended, its first attempt has failed: there is nothing else that it waits for.
    let state = format!("/proc/{}/stat", client.id());
    until("the first attempt to fail", || {
        let Ok(stat) = fs::read_to_string(&state) else { return Some(()) };
        stat.rsplit_once(") ")?.1.starts_with(['S', 'Z']).then_some(())
    });
    let server = hearken::Server::bind(address).unwrap().serve(hearken::demo::hello).unwrap();
    let output = output_of(client);
    assert_eq!(output.stdout, b"Hello, world!", "{output:?}");
    drop(server);
}

#[test]
fn verbose_shows_the_head_on_stderr() {
    let site = site();
    let (_, out, error) = run(&["-v", "get", &site.url("hello")], b"");
    assert_eq!(out, b"Hello, world!");
    assert!(error.starts_with("200 OK\n"), "{error}");
    assert!(error.contains("content-type: text/plain; charset=utf-8\n"), "{error}");
}

#[test]
fn credentials_are_sent_and_not_to_other_hosts() {
    let app = hearken::Router::new()
        .get("/who", |request: &mut hearken::Request| {
            hearken::Response::text(request.header("Authorization").unwrap_or("nobody").to_owned())
        })
        .get("/away", |request: &mut hearken::Request| {
            let away = request.query().value("to").unwrap_or_default().into_owned();
            hearken::Response::redirect(hearken::Status::FOUND, away)
        });
    let server = hearken::Server::bind("127.0.0.1:0").unwrap().bind("127.0.0.2:0").unwrap().serve(app).unwrap();
    let urls: Vec<_> = server.urls().collect();
    let who = run(&["get", &format!("{}who", urls[0]), "--auth", "ada:a:b"], b"").1;
    assert_eq!(String::from_utf8_lossy(&who), "Basic YWRhOmE6Yg==");
    let away = format!("{}away?to={}who", urls[0], urls[1]);
    assert_eq!(run(&["get", &away, "--auth", "ada:a:b"], b"").1, b"nobody");
    assert_eq!(get(server.address(), "/who").text(), "nobody");
}
