//! Passwords of the `hearken` program: for reading, for writing, and guessed.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Output, Stdio};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use socket2::{Domain, Socket, Type};

use crate::support::{Program, Reply, Run as _, Wire, ask, client, hearken, output_of};

/// A directory with a site in `www` and nothing yet in `data`, and the server for it.
struct Site {
    directory: tempfile::TempDir,
    server: Program,
}

fn site(options: &[&str]) -> Site {
    site_with(options, &[])
}

fn site_with(options: &[&str], environment: &[(&str, &str)]) -> Site {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("www")).unwrap();
    fs::write(directory.path().join("www/index.html"), "<p>index").unwrap();
    let mut command = hearken();
    command.args(["--port", "0", "--access-log", "off", "--quiet", "--demo", "--write"]);
    command.arg(directory.path().join("data")).arg(directory.path().join("www")).args(options);
    command.envs(environment.iter().copied());
    Site { server: Program::start(&mut command, 1), directory }
}

impl Site {
    fn send(&self, method: &str, target: &str, credentials: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        let value = basic(credentials);
        let mut fields = fields.to_vec();
        if !credentials.is_empty() {
            fields.push(("Authorization", &value));
        }
        ask(self.server.address(), method, target, &fields, body)
    }

    /// What becomes of reading, writing and adding a note.
    fn statuses(&self, credentials: &str) -> [u16; 3] {
        let note = br#"{"myNote": "a"}"#;
        [
            self.send("GET", "/", credentials, &[], b"").status,
            self.send("PUT", "/f", credentials, &[], b"x").status,
            self.send("POST", "/notes", credentials, &[], note).status,
        ]
    }
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

/// The hash of a password, as `hearken --make-hash` prints it.
fn make_hash(password: &str) -> String {
    let mut child = hearken()
        .arg("--make-hash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let Output { status, stdout, .. } = output_of(child);
    assert!(status.success());
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

/// The hash of `bcrypt`, as the system's `crypt` made it.
const BCRYPT: &str = "$2b$05$/tzJ03QdpXu45P5T7XE9EeoTydicvjjVYCXf7uuPaakEWdAz2JC16";

#[test]
fn everything_or_only_writing_may_need_a_password() {
    let all = site(&["--auth", "ada:pass:word", "-a", "bob:größe"]);
    assert_eq!(all.statuses(""), [401, 401, 401]);
    assert_eq!(all.statuses("ada:pass:word"), [200, 201, 200]);
    assert_eq!(all.statuses("bob:größe"), [200, 204, 200]);
    assert_eq!(all.statuses("ada:größe"), [401, 401, 401]);
    let asked = all.send("GET", "/", "", &[], b"");
    assert_eq!(asked.header("WWW-Authenticate"), Some(r#"Basic realm="hearken", charset="UTF-8""#));
    assert_eq!(asked.text(), "Unauthorized: this needs a user name and a password.");

    let writing = site(&["--write-auth", "ada:a"]);
    assert_eq!(writing.statuses(""), [200, 401, 401]);
    assert_eq!(writing.statuses("ada:a"), [200, 201, 200]);

    let both = site(&["--auth", "ada:a", "--write-auth", "wil:w"]);
    assert_eq!(both.statuses(""), [401, 401, 401]);
    assert_eq!(both.statuses("ada:a"), [200, 403, 403]);
    assert_eq!(both.statuses("wil:w"), [200, 201, 200]);
    assert_eq!(fs::read_to_string(both.directory.path().join("data/notes.txt")).unwrap(), "a\n");
}

#[test]
fn passwords_come_as_hashes_from_files_and_from_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        format!("@{}", path.display())
    };
    let argon2 = make_hash("argon2\n");
    assert!(argon2.starts_with("$argon2id$v=19$"), "{argon2}");
    let users = file("users", &format!("# who may\ncyd:{argon2}\n\ndan:plain\n"));
    let password = format!("eve:{}", file("password", "from a file\n"));
    let hashed = site(&["--auth", &format!("bob:{BCRYPT}"), "--auth", &users, "--auth", &password]);
    for right in ["bob:bcrypt", "cyd:argon2", "dan:plain", "eve:from a file", "cyd:argon2"] {
        assert_eq!(hashed.statuses(right)[0], 200, "{right}");
    }
    let hash = format!("cyd:{argon2}");
    for wrong in ["bob:argon2", "nobody:bcrypt", &hash] {
        assert_eq!(hashed.send("GET", "/", wrong, &[], b"").status, 401, "{wrong}");
    }

    let environment =
        site_with(&[], &[("HEARKEN_AUTH", &format!("ada:a,b\nbob:{argon2}")), ("HEARKEN_WRITE_AUTH", "wil:w")]);
    assert_eq!(environment.statuses("ada:a,b"), [200, 403, 403]);
    assert_eq!(environment.statuses("bob:argon2")[0], 200);
    assert_eq!(environment.statuses("wil:w"), [200, 201, 200]);
}

#[test]
fn a_body_is_not_read_before_it_is_known_who_sends_it() {
    let site = site(&["--write-auth", "ada:a"]);
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut wire = Wire::connect(site.server.address());
        wire.send(format!("PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n{expect}\r\n"));
        // Nothing of the body is sent, and the answer is there.
        let reply = wire.reply_to("PUT");
        assert_eq!((reply.status, reply.header("Connection")), (401, Some("close")), "{reply:?}");
    }
    let left: Vec<_> = fs::read_dir(site.directory.path().join("data")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Sends a request from this address of the loopback network.
fn ask_from(source: &str, address: SocketAddr, credentials: &str) -> Reply {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{source}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut wire = Wire::of(TcpStream::from(socket));
    wire.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n", basic(credentials)));
    wire.reply()
}

#[test]
fn guessing_passwords_ends_after_a_burst_and_others_are_not_concerned() {
    let site = site(&["--auth", "ada:a", "--auth", &format!("bob:{BCRYPT}"), "--max-connections", "64"]);
    let address = site.server.address();
    thread::scope(|scope| {
        let guesses: Vec<_> = (0..50)
            .map(|number| scope.spawn(move || ask_from("127.0.0.7", address, &format!("ada:{number}")).status))
            .collect();
        // While they are answered late, everyone else is answered.
        for _ in 0..20 {
            assert_eq!(ask_from("127.0.0.8", address, "ada:a").status, 200);
        }
        let statuses: Vec<u16> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
        assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
        let tried = statuses.iter().filter(|status| **status == 401).count();
        // One more is forgotten every six seconds, should it take so long.
        assert!((10..=14).contains(&tried), "{statuses:?}");
    });
    let refused = ask_from("127.0.0.7", address, "ada:wrong");
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("Retry-After").unwrap().parse::<u64>().unwrap() <= 6);
    assert_eq!(ask_from("127.0.0.8", address, "bob:bcrypt").status, 200);
}

#[test]
fn known_users_get_in_while_others_guess() {
    let site = site(&["--auth", "ada:a", "--auth", &format!("bob:{BCRYPT}")]);
    let address = site.server.address();
    for known in ["ada:a", "bob:bcrypt"] {
        assert_eq!(ask_from("127.0.0.7", address, known).status, 200);
    }
    let guess = |name: &str| {
        let statuses: Vec<u16> = thread::scope(|scope| {
            let ask = |number| ask_from("127.0.0.7", address, &format!("{name}:{number}")).status;
            let guesses: Vec<_> = (0..30).map(|number| scope.spawn(move || ask(number))).collect();
            guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
        });
        assert!(statuses.contains(&429) && !statuses.contains(&200), "{name}: {statuses:?}");
    };
    for (name, known) in [("ada", "ada:a"), ("bob", "bob:bcrypt"), ("nobody", "ada:a")] {
        guess(name);
        assert_eq!(ask_from("127.0.0.7", address, known).status, 200, "{known}");
    }
}

#[test]
fn guesses_from_many_addresses_take_the_memory_of_a_few() {
    let site = site(&["--auth", &format!("bob:{}", make_hash("secret"))]);
    let address = site.server.address();
    thread::scope(|scope| {
        for number in 1..=40 {
            scope.spawn(move || {
                for guess in 0..2 {
                    let status = ask_from(&format!("127.0.6.{number}"), address, &format!("bob:{guess}")).status;
                    assert!(matches!(status, 401 | 429), "{status}");
                }
            });
        }
    });
    assert_eq!(ask_from("127.0.7.1", address, "bob:secret").status, 200);
    let kib = site.server.peak_memory();
    // One computation takes 19 MiB, and half of the processors compute.
    let computing = thread::available_parallelism().unwrap().get().div_ceil(2) as u64 * 20 * 1024;
    assert!(kib < computing + 50 * 1024, "{kib} KiB");
}

#[test]
fn a_page_of_another_origin_cannot_use_the_password_that_the_browser_keeps() {
    let site = site(&["--auth", "ada:a", "--cors", "https://app.example"]);
    let note = br#"{"myNote": "a"}"#;
    for (target, body) in [("/notes", &note[..]), ("/f.json", b"{}")] {
        let fields = [("Origin", "https://evil.example"), ("Content-Type", "text/plain")];
        assert_eq!(site.send("POST", target, "ada:a", &fields, body).status, 403, "{target}");
    }
    let asked = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT")];
    let preflight = site.send("OPTIONS", "/f", "", &asked, b"");
    assert_eq!(preflight.status, 204, "a browser asks without the password");
    assert_eq!(preflight.header("Access-Control-Allow-Credentials"), Some("true"));
    assert!(preflight.header("Access-Control-Allow-Headers").unwrap().starts_with("Authorization, "));
    let app = [("Origin", "https://app.example")];
    assert_eq!(site.send("PUT", "/f", "ada:a", &app, b"x").status, 201);
    let refused = site.send("PUT", "/f", "", &app, b"x");
    assert_eq!((refused.status, refused.header("Access-Control-Allow-Origin")), (401, Some("https://app.example")));
    assert_eq!(site.send("OPTIONS", "/f", "", &[("Origin", "https://evil.example"), asked[1]], b"").status, 401);
}

#[test]
fn the_notes_keep_the_headers_of_the_tutorial() {
    let site = site(&["--write-auth", "ada:a"]);
    let preflight = site.send("OPTIONS", "/notes", "", &[], b"");
    assert_eq!((preflight.status, preflight.header("Access-Control-Allow-Origin")), (204, Some("*")));
    let added = site.send("POST", "/notes", "ada:a", &[], br#"{"myNote": "a"}"#);
    assert_eq!((added.status, added.header("Access-Control-Allow-Origin")), (200, Some("*")));
}

#[test]
fn an_invalid_user_keeps_the_server_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    let table: [(&[&str], i32, &str); 8] = [
        (&["--auth", "ada"], 2, "there is no colon between user name and password"),
        (&["--auth", "ada:"], 1, "cannot add the user \"ada\": the password is empty"),
        (&["--auth", "ada:$2b$04$short"], 1, "cannot add the user \"ada\": the password looks like a hash but"),
        (
            &["--auth", "ada:a", "--write-auth", "ada:a"],
            1,
            "cannot add the user \"ada\": there is already a user of this name",
        ),
        (&["--auth", "ada:@/no/such/file"], 1, "cannot read the password of ada from /no/such/file: no such file"),
        (&["--auth", "@/no/such/file"], 1, "cannot read users from /no/such/file: no such file or directory"),
        (&["--auth", &format!("@{}", empty.display())], 1, "it names no user"),
        (&["--auth", "ada:a", "--cors", "*"], 2, "cannot use --cors '*' with --auth"),
    ];
    for (arguments, code, reason) in table {
        let output = hearken().args(["--port", "0"]).args(arguments).run();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
    let help = hearken().arg("--help").env("HEARKEN_AUTH", "ada:top secret").run();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("top secret"));
}

#[test]
fn the_log_names_the_user_and_no_password() {
    let site = tempfile::tempdir().unwrap();
    let log = site.path().join("log");
    let mut command = hearken();
    command.args(["--port", "0", "--auth", "ada:sesame", "--verbose"]).arg(site.path());
    let mut server = Program::start(command.stderr(fs::File::create(&log).unwrap()), 1);
    for credentials in ["ada:sesame", "ada:sesame?", "sesame:ada"] {
        ask(server.address(), "GET", "/", &[("Authorization", &basic(credentials))], b"");
    }
    server.signal("TERM");
    server.wait();
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("127.0.0.1 - ada ["), "{log}");
    assert_eq!(log.matches("127.0.0.1: a wrong user name or password, 1 recently").count(), 2, "{log}");
    assert!(!log.contains("sesame"), "{log}");
}

#[test]
fn the_client_sends_its_password_and_says_what_it_lacks() {
    let site = site(&["--auth", "ada:a", "--write-auth", "wil:w"]);
    let file = site.directory.path().join("password");
    fs::write(&file, "w\n").unwrap();
    let from_file = format!("wil:@{}", file.display());
    let (url, hint) = (site.server.url(), ": 401 Unauthorized: give a user name and a password with --auth USER:PASS");
    let run = |arguments: &[&str]| {
        let output = client().args(arguments).run();
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        (output.status.code().unwrap(), out, error)
    };
    let json = format!("{url}a.json");
    let table: [(&[&str], i32, &str, &str); 7] = [
        (&["get", url], 1, "Unauthorized: this needs a user name and a password.", hint),
        (&["get", url, "--auth", "ada:a"], 0, "<p>index", ""),
        (
            &["get", url, "--auth", "ada:b"],
            1,
            "Unauthorized: the user name or the password is wrong.",
            ": 401 Unauthorized\n",
        ),
        (
            &["post", &json, "{}", "--auth", "ada:a"],
            1,
            "Forbidden: ada may read here and not write.",
            ": 403 Forbidden\n",
        ),
        (&["post", &json, "{}", "--auth", &from_file], 0, "Wrote data for a.json.", ""),
        (&["guess", &format!("{url}guess")], 1, "Guess is ", hint),
        (&["get", url, "--auth", "wil:@/no/such/file"], 1, "", "cannot read the password of wil from /no/such/file"),
    ];
    for (arguments, code, out, error) in table {
        let seen = run(arguments);
        assert_eq!(seen.0, code, "{arguments:?} {seen:?}");
        assert!(seen.1.starts_with(out) && seen.2.contains(error), "{arguments:?} {seen:?}");
        assert_eq!(seen.2.is_empty(), error.is_empty(), "{arguments:?} {seen:?}");
    }
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| ask_from("127.0.0.1", site.server.address(), "x:y"));
        }
    });
    let (code, out, _) = run(&["get", url, "--auth", "x:z"]);
    assert_eq!(code, 1);
    assert!(out.starts_with("Too many requests: try again in ") && out.ends_with(" s."), "{out}");
}
