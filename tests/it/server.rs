//! The `hearken` program: what it serves and stores, how it starts and how it stops.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Program, Run as _, Wire, ask, get, hearken, until};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A directory with a site in `www` and nothing yet in `data`.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("www")).unwrap();
    fs::write(site.path().join("www/index.html"), "<p>index").unwrap();
    fs::write(site.path().join("www/taken.json"), "{}").unwrap();
    site
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything on: `hearken --demo --write data www`, as `make run` has it.
fn demo(site: &tempfile::TempDir) -> Program {
    let (www, data) = (site.path().join("www"), site.path().join("data"));
    Program::hearken(&["--demo", "--write", text(&data), text(&www)])
}

fn run(arguments: &[&str]) -> Output {
    hearken().args(arguments).run()
}

#[test]
fn the_demo_server_serves_and_stores() {
    let site = site();
    let server = demo(&site);
    let address = server.address();
    let data = site.path().join("data");

    assert_eq!(get(address, "/").text(), "<p>index");
    assert_eq!(get(address, "/hello").text(), "Hello, world!");
    let guesses: Vec<_> = (0..10).map(|n| get(address, &format!("/guess?q={n}")).text()).collect();
    assert!(guesses.iter().any(|answer| answer == "true\nI'm thinking of another number.\n"), "{guesses:?}");
    assert_eq!(ask(address, "POST", "/notes", &[], br#"{"myNote": "one"}"#).text(), "You have 1 notes.\n");
    assert_eq!(ask(address, "POST", "/notes", &[], br#"{"getNote": "0"}"#).text(), "one\n");

    let han = br#"{ "name": "Han Solo" }"#;
    let answer = ask(address, "POST", "/crew/han.json", &[JSON], han);
    assert_eq!((answer.status, answer.text().as_str()), (200, "Wrote data for Han Solo."));
    let read = get(address, "/crew/han.json");
    assert_eq!(read.body, han);
    assert_eq!(read.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(read.header("Content-Security-Policy"), Some("sandbox"));
    assert!(get(address, "/crew/").text().contains("han.json"));

    let created = ask(address, "PUT", "/raw.bin", &[], b"\0\xff");
    assert_eq!((created.status, created.header("Location")), (201, Some("/raw.bin")));
    assert_eq!(ask(address, "PUT", "/raw.bin", &[], b"again").status, 204);
    // Right after the change the tag is weak, which If-Match does not take (RFC 9110 §13.1.1).
    let etag = until("a strong entity tag", || {
        get(address, "/raw.bin").header("ETag").filter(|etag| !etag.starts_with("W/")).map(str::to_owned)
    });
    assert_eq!(ask(address, "PUT", "/raw.bin", &[("If-Match", "\"other\"")], b"x").status, 412);
    assert_eq!(ask(address, "PUT", "/raw.bin", &[("If-Match", &etag)], b"third").status, 204);
    assert_eq!(fs::read(data.join("raw.bin")).unwrap(), b"third");
}

#[test]
fn requests_that_cannot_be_served_are_refused() {
    let site = site();
    let server = demo(&site);
    let address = server.address();
    let table: [(&str, &str, &[(&str, &str)], &[u8], u16, &str); 14] = [
        ("POST", "/taken.json", &[JSON], b"{}", 409, "Conflict"),
        ("PUT", "/index.html", &[], b"x", 409, "Conflict"),
        ("PUT", "/notes.txt", &[], b"x", 409, "Conflict"),
        ("POST", "/a.json", &[JSON], b"{\n nope", 400, "line 2 column"),
        ("POST", "/a.json", &[("Content-Type", "text/plain")], b"{}", 415, "Unsupported request: POST"),
        ("POST", "/a.json", &[JSON], b"", 411, "Content-Length"),
        ("DELETE", "/a.json", &[], b"", 405, "Unsupported request: DELETE."),
        ("PUT", "/guess", &[], b"x", 405, "Unsupported request: PUT."),
        ("GET", "/notes", &[], b"", 405, "Unsupported request: GET."),
        ("GET", "/nothing", &[], b"", 404, "Not found: GET, /nothing"),
        ("GET", "/../www/index.html", &[], b"", 400, "dot segment"),
        ("PUT", "/..%2fx", &[], b"x", 400, "encoded slash"),
        ("PUT", "/a%5cb", &[], b"x", 400, "backslash"),
        ("PUT", "/.hidden", &[], b"x", 400, "dot"),
    ];
    for (method, target, fields, body, status, reason) in table {
        let answer = ask(address, method, target, fields, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert!(answer.text().contains(reason), "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("Allow").is_some(), status == 405, "{method} {target}");
    }
    assert_eq!(fs::read_dir(site.path().join("data")).unwrap().count(), 0, "nothing was written");
}

#[test]
fn traversal_finds_nothing_in_any_spelling() {
    let site = site();
    fs::write(site.path().join("secret.txt"), "the secret").unwrap();
    let server = demo(&site);
    for up in ["..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..%5c", "..;", "%uff0e%uff0e"] {
        for slash in ["/", "%2f", "%2F", "%5c", "\\", "//", "/./"] {
            let path = format!("{up}{slash}secret.txt");
            for target in
                [format!("/{path}"), format!("/x/{up}/{path}"), format!("//{path}"), format!("/{up}/www/{path}")]
            {
                let read = get(server.address(), &target);
                // Empty segments are left out first.
                assert!(matches!(read.status, 301 | 400 | 404), "GET {target}: {}", read.status);
                assert!(!read.text().contains("the secret"), "{target}");
                let written = ask(server.address(), "PUT", &target, &[], b"overwritten");
                if written.status != 201 {
                    assert!(matches!(written.status, 400 | 409), "PUT {target}: {}", written.status);
                }
            }
        }
    }
    assert_eq!(fs::read_to_string(site.path().join("secret.txt")).unwrap(), "the secret");
    let outside: Vec<_> =
        fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(outside.len(), 3, "{outside:?}");
}

#[test]
fn files_that_cannot_be_read_are_403_and_fifos_do_not_block() {
    let site = site();
    let www = site.path().join("www");
    fs::write(www.join("private"), "secret").unwrap();
    fs::set_permissions(www.join("private"), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(Command::new("mkfifo").arg(www.join("fifo")).status().unwrap().success());
    let server = demo(&site);
    assert_eq!(get(server.address(), "/fifo").status, 403);
    // Root reads everything; for everyone else it is forbidden.
    let expected = if fs::read(www.join("private")).is_ok() { 200 } else { 403 };
    assert_eq!(get(server.address(), "/private").status, expected);
}

#[test]
fn a_full_disk_is_507_and_the_old_file_stays() {
    let site = site();
    let data = site.path().join("data");
    fs::create_dir(&data).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs", text(&data)]).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a_full_disk_is_507_and_the_old_file_stays: a file system cannot be mounted here");
        return;
    }
    let _unmount = Unmount(text(&data));
    {
        let www = site.path().join("www");
        let server = Program::hearken(&["--demo", "--min-free", "0", "--write", text(&data), text(&www)]);
        let address = server.address();
        assert_eq!(ask(address, "PUT", "/file", &[], b"old").status, 201);
        let large = vec![b'x'; 1_000_000];
        assert_eq!(ask(address, "PUT", "/file", &[], &large).status, 507);
        let json = format!("[\"{}\"]", "x".repeat(500_000));
        assert_eq!(ask(address, "POST", "/file", &[JSON], json.as_bytes()).status, 507);
        let form = ("Content-Type", "multipart/form-data; boundary=B");
        let file = format!("--B\r\nContent-Disposition: form-data; filename=\"file\"\r\n\r\n{json}\r\n--B--\r\n");
        assert_eq!(ask(address, "POST", "/", &[form], file.as_bytes()).status, 507);
        let note = format!("{{\"myNote\": \"{}\"}}", "x".repeat(500_000));
        assert_eq!(ask(address, "POST", "/notes", &[], note.as_bytes()).status, 507);
        assert_eq!(get(address, "/file").text(), "old");
        assert_eq!(ask(address, "POST", "/notes", &[], br#"{"myNote": "fits"}"#).text(), "You have 1 notes.\n");
        let mut names: Vec<_> =
            fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["file", "notes.txt"]);
    }

    struct Unmount<'a>(&'a str);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0).status();
        }
    }
}

#[test]
fn nothing_is_written_where_writing_is_off() {
    let site = site();
    let server = Program::hearken(&[text(&site.path().join("www"))]);
    for method in ["POST", "PUT"] {
        let answer = ask(server.address(), method, "/a.json", &[JSON], b"{}");
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    assert_eq!(get(server.address(), "/hello").status, 404, "the demonstration is off too");
}

#[test]
fn options_are_answered_with_what_a_path_takes() {
    let site = site();
    let (www, data) = (site.path().join("www"), site.path().join("data"));
    let file = www.join("index.html");
    let all = ["--demo", "--allow-delete", "--write", text(&data), text(&www)];
    let page = ("Origin", "https://app.example");
    let preflight = ("Access-Control-Request-Method", "PUT");
    let table: [(&[&str], &str, &str); 10] = [
        (&[text(&www)], "/", "GET, HEAD, OPTIONS"),
        (&[text(&www)], "/missing", "GET, HEAD, OPTIONS"),
        (&[text(&file)], "/index.html", "GET, HEAD, OPTIONS"),
        (&all, "/", "GET, HEAD, POST, DELETE, OPTIONS"),
        (&all, "/new.txt", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        (&all, "/index.html", "GET, HEAD, OPTIONS"),
        (&all, "/notes.txt", "GET, HEAD, OPTIONS"),
        (&all, "/..%2fup", "GET, HEAD, OPTIONS"),
        (&all, "/hello", "GET, HEAD, OPTIONS"),
        (&all, "/notes", "POST, OPTIONS"),
    ];
    for (arguments, target, allowed) in table {
        let server = Program::hearken(&[&["--cors", "https://app.example"], arguments].concat());
        let answer = ask(server.address(), "OPTIONS", target, &[page], b"");
        assert_eq!((answer.status, answer.header("Allow")), (204, Some(allowed)), "{arguments:?} {target}");
        if target != "/notes" {
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("https://app.example"));
            let preflight = ask(server.address(), "OPTIONS", target, &[page, preflight], b"");
            assert!(preflight.header("Access-Control-Allow-Methods").is_some(), "{arguments:?} {target}");
        }
        // The asterisk stands for the server, which is there (RFC 9110 §9.3.7).
        assert_eq!(ask(server.address(), "OPTIONS", "*", &[], b"").status, 204, "{arguments:?}");
    }
}

#[test]
fn one_file_can_be_served_alone() {
    let site = site();
    let file = site.path().join("www/index.html");
    let server = Program::hearken(&["--demo", text(&file)]);
    let address = server.address();
    let redirect = get(address, "/");
    assert_eq!((redirect.status, redirect.header("Location")), (302, Some("/index.html")));
    assert_eq!(redirect.header("Cache-Control"), Some("no-cache"));
    let whole = get(address, "/index.html");
    assert_eq!((whole.text().as_str(), whole.header("Content-Type")), ("<p>index", Some("text/html; charset=utf-8")));
    let etag = whole.header("ETag").unwrap();
    let table: [(&str, &str, &[(&str, &str)], u16, &str); 8] = [
        ("HEAD", "/index.html", &[], 200, ""),
        ("GET", "/index.html", &[("Range", "bytes=3-4")], 206, "in"),
        ("GET", "/index.html", &[("If-None-Match", etag)], 304, ""),
        ("GET", "/index.html?download", &[], 200, "<p>index"),
        ("GET", "/taken.json", &[], 404, "Not found: GET, /taken.json"),
        ("PUT", "/index.html", &[], 405, "Unsupported request: PUT."),
        ("POST", "/", &[], 405, "Unsupported request: POST."),
        ("GET", "/hello", &[], 200, "Hello, world!"),
    ];
    for (method, target, fields, status, text) in table {
        let answer = ask(address, method, target, fields, b"");
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{method} {target} {fields:?}");
    }
    assert!(get(address, "/index.html?download").header("Content-Disposition").unwrap().starts_with("attachment"));
    assert_eq!(fs::read_dir(site.path().join("www")).unwrap().count(), 2);
}

#[test]
fn options_change_what_is_served() {
    let site = site();
    let www = site.path().join("www");
    fs::write(www.join(".hidden"), "hidden").unwrap();
    fs::write(www.join("home.html"), "home").unwrap();
    fs::create_dir(www.join("dir")).unwrap();
    let server = Program::hearken(&["--include-hidden", "--index", "home.html", "--no-listing", text(&www)]);
    assert_eq!(get(server.address(), "/.hidden").text(), "hidden");
    assert_eq!(get(server.address(), "/").text(), "home");
    assert_eq!(get(server.address(), "/dir/").status, 404);
    let plain = Program::hearken(&[text(&www)]);
    assert_eq!(get(plain.address(), "/.hidden").status, 404);
    assert_eq!(get(plain.address(), "/dir/").status, 200);
}

#[test]
fn the_environment_sets_options_too() {
    let site = site();
    let data = site.path().join("data");
    let server = Program::start(
        hearken()
            .env("HEARKEN_PORT", "0")
            .env("HEARKEN_BIND", "127.0.0.1,127.0.0.2")
            .env("HEARKEN_ROOT", site.path().join("www"))
            .env("HEARKEN_WRITE", &data)
            .env("HEARKEN_MAX_BODY", "1KiB")
            .env("HEARKEN_QUIET", "true"),
        2,
    );
    assert!(server.urls[1].starts_with("http://127.0.0.2:"), "{:?}", server.urls);
    assert_eq!(ask(server.address(), "PUT", "/a", &[], &[0; 1024]).status, 201);
    assert_eq!(ask(server.address(), "PUT", "/a", &[], &[0; 1025]).status, 413);
}

#[test]
fn flags_take_booleans_from_the_environment() {
    let site = site();
    let www = site.path().join("www");
    let table = [
        ("1", 200),
        ("true", 200),
        ("YES", 200),
        ("on", 200),
        ("0", 404),
        ("false", 404),
        ("No", 404),
        ("off", 404),
        ("", 404),
    ];
    for (value, status) in table {
        let mut command = hearken();
        // One flag that is off needs nothing, and is in nobody's way.
        command.args(["-p", "0", "--archive", text(&www)]).env("HEARKEN_DEMO", value);
        command.env("HEARKEN_OVERWRITE", "no").env("HEARKEN_NO_LISTING", "0");
        let server = Program::start(&mut command, 1);
        assert_eq!(get(server.address(), "/hello").status, status, "{value:?}");
    }
}

#[test]
fn an_error_from_the_environment_names_the_variable() {
    const BOTH: &[(&str, &str)] = &[("HEARKEN_SPA", "yes"), ("HEARKEN_TLS", "yes"), ("HEARKEN_TLS_KEY", "a")];
    let table: [(&[&str], &[(&str, &str)], &str); 14] = [
        (&[], &[("HEARKEN_PORT", "abc")], "invalid value 'abc' for HEARKEN_PORT (--port): a number from 0 to 65535\n"),
        (&[], &[("HEARKEN_PORT", "")], "for HEARKEN_PORT (--port)"),
        (&["-p", "abc"], &[("HEARKEN_PORT", "1")], "invalid value 'abc' for '--port <PORT>': a number"),
        (&[], &[("HEARKEN_BIND", "unix:")], "'unix:' for HEARKEN_BIND (--bind): the path of the socket is missing\n"),
        (&["-b", "unix:"], &[("HEARKEN_PORT", "abc")], "'unix:' for '--bind <ADDR>': the path"),
        (
            &[],
            &[("HEARKEN_DEMO", "2")],
            "invalid value '2' for HEARKEN_DEMO (--demo): it is neither 1, true, yes or on, ",
        ),
        (
            &[],
            &[("HEARKEN_ACCESS_LOG", "xml")],
            "invalid value 'xml' for HEARKEN_ACCESS_LOG (--access-log)\n  [possible values: common, ",
        ),
        (&[], &[("HEARKEN_HEADER", "X")], "'X' for HEARKEN_HEADER (--header): a colon is missing after the name\n"),
        (&["--header", "X"], &[("HEARKEN_HEADER", "Y")], "'X' for '--header <NAME: VALUE>': a colon"),
        (&["--tls-key", "a"], &[("HEARKEN_DEMO", "1")], "--tls-cert <FILE>\n\nUsage"),
        (&[], &[("HEARKEN_OVERWRITE", "1")], "--write <DIR>\n\n  note: HEARKEN_OVERWRITE sets --overwrite\n\nUsage"),
        (&["--tls-cert", "a"], BOTH, "\n\n  note: HEARKEN_TLS sets --tls\n"),
        (&["-q"], &[("HEARKEN_VERBOSE", "on")], "\n\n  note: HEARKEN_VERBOSE sets --verbose\n"),
        (
            &["--cors", "*"],
            &[("HEARKEN_AUTH", "a:b")],
            "by name only\n\n  note: HEARKEN_AUTH sets --auth\n\nFor more information",
        ),
    ];
    for (arguments, variables, expected) in table {
        let output = hearken().args(arguments).envs(variables.iter().copied()).run();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {variables:?}: {error}");
        assert!(error.starts_with("error: "), "{error}");
        assert!(error.contains(expected), "{arguments:?} {variables:?}: {error}");
        assert!(error.ends_with("\n\nFor more information, try '--help'.\n"), "{error:?}");
    }
}

#[test]
fn a_failed_start_is_one_line_and_exit_1() {
    let site = site();
    let www = site.path().join("www");
    let (root, file, below) = (text(&www), www.join("index.html"), www.join("index.html/x"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let own = format!("127.0.0.1:{port}");
    let table: [(&[&str], String); 9] = [
        (
            &["-p", &port, root],
            format!(
                "cannot bind 127.0.0.1:{port}: address already in use (another program listens there; choose a port with --port N, \
                 or 0 for a free one)"
            ),
        ),
        (
            &["-b", &own, root],
            format!(
                "cannot bind {own}: address already in use (another program listens there; choose a port with --bind ADDR:N, or 0 \
                 for a free one)"
            ),
        ),
        (&["-p", "0", "-b", "nonsense.invalid", root], "cannot resolve nonsense.invalid:0: ".into()),
        (&["-p", "0", "-b", "203.0.113.1", root], "cannot bind 203.0.113.1:0: address not available".into()),
        (&["-p", "0", "no/such/dir"], "cannot serve no/such/dir: no such file or directory".into()),
        (&["-p", "0", "/dev/null"], "cannot serve /dev/null: neither a directory nor a file".into()),
        (&["-p", "0", "--write", text(&file), root], format!("cannot write to {}: not a directory", file.display())),
        (&["-p", "0", "--write", text(&below), root], format!("cannot write to {}/x: not a directory", file.display())),
        (
            &["-p", "0", "--tls-cert", "no.pem", "--tls-key", "no.pem", root],
            "cannot use no.pem: no such file or directory".into(),
        ),
    ];
    for (arguments, reason) in table {
        let output = run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.starts_with(&format!("hearken: {reason}")), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_privileged_port_is_one_line() {
    // A user that may bind the port gets no error to show.
    if TcpListener::bind("127.0.0.1:1").is_ok() {
        eprintln!("skipped: a_privileged_port_is_one_line: this user may bind port 1");
        return;
    }
    let output = run(&["-p", "1", "."]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "hearken: cannot bind 127.0.0.1:1: permission denied (ports below 1024 need privileges; choose a higher one with --port N)\n"
    );
}

#[test]
fn bad_usage_is_exit_2() {
    for arguments in [
        &["--no-such-option"][..],
        &["-p", "65536"],
        &["-p", "http"],
        &["--max-body", "much"],
        &["--grace", "-1"],
        &["--tls-cert", "a.pem"],
        &["--tls", "--tls-cert", "a.pem", "--tls-key", "b.pem"],
        &["--access-log", "loud"],
        &["-q", "-v"],
        &["www", "www"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8_lossy(&version.stdout), format!("hearken {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn signals_stop_it_gracefully() {
    let site = site();
    for signal in ["TERM", "INT"] {
        let mut server = demo(&site);
        let mut idle = Wire::connect(server.address());
        idle.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(idle.reply().status, 200);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(idle.is_closed());
    }
}

#[test]
fn the_end_of_its_terminal_stops_it() {
    // The tests may run with that signal ignored, and the server would inherit that.
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(hearken().get_program()).args(["--port", "0", "--access-log", "off"]);
    let mut server = Program::start(&mut command, 1);
    server.signal("HUP");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_server_under_nohup_outlives_its_terminal() {
    let mut command = Command::new("nohup");
    let hearken = hearken();
    command.arg(hearken.get_program()).args(["--port", "0", "--access-log", "off"]).stderr(std::process::Stdio::null());
    let mut server = Program::start(&mut command, 1);
    // The system shows, by a bit for each signal, which ones a process ignores: the first one is HUP.
    if let Ok(status) = fs::read_to_string(format!("/proc/{}/status", server.id())) {
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & 1, 1, "{ignored}");
    }
    server.signal("HUP");
    for _ in 0..200 {
        assert_eq!(get(server.address(), "/").status, 200);
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_upload_that_runs_is_finished_and_a_second_signal_cuts_it() {
    let site = site();
    let data = site.path().join("data");
    for cut in [false, true] {
        let mut server = demo(&site);
        let mut wire = Wire::connect(server.address());
        wire.send("PUT /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n");
        wire.send([b'x'; 5000]);
        until("the upload to begin", || {
            let unfinished =
                fs::read_dir(&data).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
            unfinished.into_iter().any(|name| name.starts_with(".hearken-")).then_some(())
        });
        server.signal("TERM");
        until("the listener to close", || std::net::TcpStream::connect(server.address()).is_err().then_some(()));
        if cut {
            server.signal("TERM");
            assert!(wire.is_closed());
        } else {
            wire.send([b'x'; 4000]);
            assert_eq!(wire.reply().status, 201);
        }
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(fs::metadata(data.join("upload")).unwrap().len(), 9000, "whole, or the one from before");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "and nothing unfinished");
    }
}

#[test]
fn requests_are_logged_on_stderr_in_each_form() {
    let site = site();
    let www = site.path().join("www");
    for (format, expected) in [
        ("common", "\"GET /hello?a HTTP/1.1\" 404 "),
        ("combined", "\"-\" \"tester\""),
        ("json", "\"user_agent\":\"tester\""),
        ("off", ""),
    ] {
        let log = site.path().join(format);
        let mut command = hearken();
        command.args(["-p", "0", "--access-log", format, text(&www)]).stderr(fs::File::create(&log).unwrap());
        let mut server = Program::start(&mut command, 1);
        ask(server.address(), "GET", "/hello?a", &[("User-Agent", "tester")], b"");
        server.signal("TERM");
        server.wait();
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.contains(expected), "{format}: {text}");
        assert_eq!(text.lines().count(), usize::from(format != "off"), "{format}: {text}");
    }
}
