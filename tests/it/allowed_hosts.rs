//! By which names the `hearken` program answers, over real sockets. A page whose name was made to point at the server (DNS
//! rebinding) is of the same origin for its browser: only the name that the browser sends gives it away.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::support::{Program, Reply, Wire, hearken};

const EVIL: &str = "evil.example";
const REFUSAL: &str =
    "Misdirected request: evil.example is not a name of this server; allow it with --allow-host NAME.";

struct Site {
    server: Program,
    directory: tempfile::TempDir,
}

fn site(options: &[&str], environment: &[(&str, &str)]) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let (www, data, log) = (directory.path().join("www"), directory.path().join("data"), directory.path().join("log"));
    fs::create_dir(&www).unwrap();
    fs::write(www.join("index.html"), "<p>index").unwrap();
    let mut command = hearken();
    command.args(["--port", "0", "--demo", "--write"]).arg(data).arg(www).args(options);
    command.envs(environment.iter().copied()).stderr(fs::File::create(log).unwrap());
    Site { server: Program::start(&mut command, 1), directory }
}

impl Site {
    fn ask(&self, method: &str, target: &str, host: &str, fields: &[(&str, &str)]) -> Reply {
        let mut wire = Wire::connect(self.server.address());
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = if method == "PUT" { "Content-Length: 1\r\n\r\nx" } else { "\r\n" };
        wire.send(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}{body}"));
        wire.reply_to(method)
    }

    /// What becomes of reading, of a program that writes, and of a page of this host that writes.
    fn statuses(&self, host: &str) -> [u16; 3] {
        let own = format!("http://{host}");
        [
            self.ask("GET", "/", host, &[]).status,
            self.ask("PUT", "/f", host, &[]).status,
            self.ask("PUT", "/f", host, &[("Origin", &own)]).status,
        ]
    }

    fn log(mut self) -> String {
        self.server.signal("TERM");
        self.server.wait();
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

#[test]
fn on_loopback_foreign_names_are_refused_before_anything_else() {
    let site = site(&["--header", "X-Site: hearken"], &[]);
    let page = ("Origin", "http://evil.example");
    let table: [(&str, &str, &[(&str, &str)]); 8] = [
        ("GET", "/", &[]),
        ("HEAD", "/", &[]),
        ("GET", "/nothing", &[]),
        ("PUT", "/f", &[]),
        ("PUT", "/f", &[page, ("Sec-Fetch-Site", "same-origin")]),
        ("OPTIONS", "/f", &[page, ("Access-Control-Request-Method", "PUT")]),
        ("OPTIONS", "/notes", &[page, ("Access-Control-Request-Method", "POST")]),
        ("GET", "/", &[("X-Forwarded-Host", "localhost"), ("X-Forwarded-For", "192.0.2.1")]),
    ];
    for (method, target, fields) in table {
        let reply = site.ask(method, target, EVIL, fields);
        assert_eq!(reply.status, 421, "{method} {target}: {reply:?}");
        assert!(reply.head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{reply:?}");
        assert_eq!(reply.header("X-Site"), Some("hearken"), "{method} {target}");
        assert_eq!(reply.header("Access-Control-Allow-Origin"), None, "{method} {target}");
        assert_eq!(reply.text(), if method == "HEAD" { "" } else { REFUSAL });
    }
    assert_eq!(site.ask("GET", "http://evil.example/", "localhost", &[]).status, 421, "of an absolute target");
    for host in ["localhost:9000", "127.0.0.1", "192.0.2.1:8080", "[::1]:1", "app.localhost", "LOCALHOST."] {
        let [read, write, page] = site.statuses(host);
        assert!(read == 200 && matches!(write, 201 | 204) && page == 204, "{host}: {read} {write} {page}");
    }
    assert_eq!(site.ask("GET", "/", "", &[]).status, 200, "an empty host");
    let mut old = Wire::connect(site.server.address());
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old.reply().status, 200, "HTTP/1.0 without a host");
    let log = site.log();
    assert!(log.contains("\"GET /nothing HTTP/1.1\" 421 "), "{log}");
}

#[test]
fn on_a_network_only_what_pages_write_is_checked() {
    let site = site(&["--bind", "0.0.0.0", "--quiet"], &[]);
    assert_eq!(site.statuses(EVIL), [200, 201, 421]);
    for host in ["nas:8080", "nas.local", "192.0.2.1:8080", "host.docker.internal"] {
        assert_eq!(site.statuses(host), [200, 204, 204], "{host}");
    }
    let refused = site.ask("PUT", "/f", EVIL, &[("Origin", "http://evil.example")]);
    assert_eq!(refused.text(), REFUSAL);
}

#[test]
fn names_are_allowed_by_options() {
    let table: [(&[&str], &[(&str, &str)], &str, u16); 9] = [
        (&["--allow-host", EVIL], &[], EVIL, 200),
        (&["--allow-host", "a.example", "--allow-host", "Evil.Example"], &[], EVIL, 200),
        (&["--allow-host", "a.example"], &[], EVIL, 421),
        (&["--allow-host", "*"], &[], EVIL, 200),
        (&[], &[("HEARKEN_ALLOW_HOST", "a.example,evil.example")], EVIL, 200),
        (&["--cors", "https://evil.example:8443/"], &[], EVIL, 200),
        (&["--cors", "*"], &[], EVIL, 200),
        (&["--cors", "https://app.example"], &[], EVIL, 421),
        (&["--bind", "localhost"], &[], "localhost", 200),
    ];
    for (options, environment, host, status) in table {
        let site = site(options, environment);
        assert_eq!(site.ask("GET", "/", host, &[]).status, status, "{options:?} {environment:?}");
    }
}

#[test]
fn requests_with_a_password_need_no_allowed_name() {
    let authorization = format!("Basic {}", BASE64_STANDARD.encode("ada:a"));
    let known = ("Authorization", authorization.as_str());
    let all = site(&["--auth", "ada:a"], &[]);
    assert_eq!(all.ask("GET", "/", EVIL, &[]).status, 401);
    assert_eq!(all.ask("GET", "/", EVIL, &[known]).status, 200);
    let writing = site(&["--write-auth", "ada:a"], &[]);
    assert_eq!(writing.ask("GET", "/", EVIL, &[known]).status, 421, "reading needs none");
    assert_eq!(writing.ask("GET", "/", "localhost", &[]).status, 200);
    assert_eq!(writing.ask("PUT", "/f", EVIL, &[]).status, 401);
    assert_eq!(writing.ask("PUT", "/f", EVIL, &[known]).status, 201);
}

#[test]
fn a_proxy_passes_its_own_name_on() {
    let client = ("X-Forwarded-For", "192.0.2.1");
    let told = ("X-Forwarded-Host", "files.example");
    let proxied = site(&["--trust-proxy", "127.0.0.1"], &[]);
    assert_eq!(proxied.ask("GET", "/", "files.example", &[client]).status, 200);
    assert_eq!(proxied.ask("GET", "/", "127.0.0.1", &[client, told]).status, 200);
    let page = [client, told, ("Origin", "https://files.example"), ("X-Forwarded-Proto", "https")];
    assert_eq!(proxied.ask("PUT", "/f", "127.0.0.1", &page).status, 201, "a page of that name");
    assert_eq!(proxied.ask("PUT", "/f", "127.0.0.1", &[page[2]]).status, 403, "and not without the proxy's word");
    assert_eq!(proxied.ask("GET", "/", EVIL, &[]).status, 421, "no proxy sends it");
    let checked = site(&["--trust-proxy", "127.0.0.1", "--allow-host", "files.example"], &[]);
    assert_eq!(checked.ask("GET", "/", "files.example", &[client]).status, 200);
    assert_eq!(checked.ask("GET", "/", EVIL, &[client, told]).status, 421);
    let untrusted = site(&["--trust-proxy", "192.0.2.7"], &[]);
    assert_eq!(untrusted.ask("GET", "/", "files.example", &[client, told]).status, 421);
}
