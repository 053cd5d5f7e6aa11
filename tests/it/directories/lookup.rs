//! What a path leads to: files, index files, redirects, refusals.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hearken::{Files, Server};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, mkdirat, mknodat, openat};

use super::{names, text, tree};
use crate::support::{Program, ask, get, hearken, on_path};

#[test]
fn hidden_and_special_files_are_refused() {
    let tree = tree();
    let root = tree.path().join("root");
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    symlink("/dev/zero", root.join("device")).unwrap();
    let server = Program::hearken(&["--follow-links", text(&root)]);
    for (target, status) in [
        ("/fifo", 403),
        ("/socket", 403),
        ("/device", 403),
        ("/fifo/", 404),
        ("/.hidden", 404),
        ("/docs/../.hidden", 400),
    ] {
        // Opening a pipe that nobody writes to, or reading an endless device, would hold the answer up for ever.
        assert_eq!(get(server.address(), target).status, status, "{target}");
    }
    assert_eq!(names(&get(server.address(), "/?format=json")), ["docs", "file.txt"]);
    let open = Program::hearken(&["--include-hidden", text(&root)]);
    assert_eq!(get(open.address(), "/.hidden").text(), "h");
    assert_eq!(names(&get(open.address(), "/?format=json")), ["docs", ".hidden", "file.txt"]);
}

#[test]
fn index_files_are_looked_for_in_order() {
    let root = tempfile::tempdir().unwrap();
    for (directory, files) in [("both", vec!["b.html", "a.html"]), ("one", vec!["b.html"]), ("none", vec!["c.html"])] {
        fs::create_dir(root.path().join(directory)).unwrap();
        for file in files {
            fs::write(root.path().join(directory).join(file), file).unwrap();
        }
    }
    let mut command = hearken();
    command.env("HEARKEN_INDEX", "a.html,b.html").args(["--port", "0", "--access-log", "off", "--no-listing"]);
    let server = Program::start(command.arg(root.path()), 1);
    for (target, status, body) in
        [("/both/", 200, "a.html"), ("/one/", 200, "b.html"), ("/none/", 404, "Not found: GET, /none/")]
    {
        // Twice: the second answer may come from memory.
        for _ in 0..2 {
            let reply = get(server.address(), target);
            assert_eq!((reply.status, reply.text().as_str()), (status, body), "{target}");
        }
    }
    // One that comes before takes the place of one that has been served.
    fs::write(root.path().join("one/a.html"), "new").unwrap();
    assert_eq!(get(server.address(), "/one/").text(), "new");
}

#[test]
fn unknown_paths_get_the_application_or_the_page_for_it() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("index.html"), "<p>app").unwrap();
    fs::write(root.path().join("404.html"), "<p>lost").unwrap();
    fs::create_dir(root.path().join("assets")).unwrap();
    let page = Program::hearken(&["--no-listing", text(root.path())]);
    let app = Program::hearken(&["--spa", "--no-listing", text(root.path())]);
    let table = [
        ("/missing", 404, 200),
        ("/users/5/", 404, 200),
        ("/users/5?q=a.b", 404, 200),
        ("/assets/", 404, 200),
        ("/app.js", 404, 404),
        ("/.git/config", 404, 404),
        ("/..%2fsecret", 400, 400),
    ];
    for (target, lost, found) in table {
        for (server, status) in [(&page, lost), (&app, found)] {
            let reply = get(server.address(), target);
            assert_eq!(reply.status, status, "{target}");
            if status != 400 {
                assert_eq!(reply.header("Content-Type"), Some("text/html; charset=utf-8"), "{target}");
                assert_eq!(reply.text(), if status == 200 { "<p>app" } else { "<p>lost" }, "{target}");
            }
        }
    }
    // The page is no answer to the request's conditions and ranges.
    let fields = [("If-None-Match", "*"), ("Range", "bytes=0-1")];
    let reply = ask(page.address(), "GET", "/missing", &fields, b"");
    assert_eq!((reply.status, reply.text().as_str()), (404, "<p>lost"));
    assert_eq!(reply.header("ETag"), None);
    let head = ask(page.address(), "HEAD", "/missing", &[], b"");
    assert_eq!((head.status, head.header("Content-Length")), (404, Some("7")));
    assert_eq!(get(page.address(), "/404.html").status, 200);
}

#[test]
fn redirects_keep_the_query_and_stay_on_this_host() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path();
    for directory in ["docs", "a b", "\\evil.example", "evil.example"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    let table = [
        ("/docs?a=b%20c&d", 301, Some("/docs/?a=b%20c&d")),
        ("/docs?", 301, Some("/docs/?")),
        ("/a%20b", 301, Some("/a%20b/")),
        ("/\\evil.example", 301, Some("/%5Cevil.example/")),
        ("/%5cevil.example", 301, Some("/%5Cevil.example/")),
        ("//evil.example", 301, Some("/evil.example")),
        ("///evil.example/", 301, Some("/evil.example/")),
        ("//", 301, Some("/")),
        ("/docs//b?c=//d", 301, Some("/docs/b?c=//d")),
        ("//nothing//here", 301, Some("/nothing/here")),
        ("/%2fevil.example", 400, None),
        ("/.//evil.example", 400, None),
        ("http://other.localhost/docs", 301, Some("/docs/")),
        ("/docs?\\r%0d%0aX-Evil:1", 301, Some("/docs/?\\r%0d%0aX-Evil:1")),
    ];
    let data = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["--spa"], &["--demo", "--write", text(data.path()), "--allow-delete"]] {
        let server = Program::hearken(&[arguments, &[text(root)]].concat());
        for (target, status, location) in table {
            let reply = get(server.address(), target);
            assert_eq!((reply.status, reply.header("Location")), (status, location), "{target} with {arguments:?}");
        }
        for method in ["PUT", "DELETE"] {
            let status = ask(server.address(), method, "//a.txt", &[], b"x").status;
            let expected = if arguments.contains(&"--write") { 400 } else { 405 };
            assert_eq!(status, expected, "{method} with {arguments:?}");
        }
    }
}

#[test]
fn directories_lie_over_each_other() {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    for directory in ["site/shared", "theme/shared", "theme/only", "data/shared", "data/mine"] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    for (name, content) in [
        ("site/a", "site"),
        ("theme/a", "theme"),
        ("theme/b", "theme"),
        ("theme/only/index.html", "theme index"),
        ("data/index.html", "visitor"),
        ("data/404.html", "visitor"),
        ("data/mine/index.html", "visitor"),
        ("data/b", "visitor"),
        ("data/c.html", "visitor"),
    ] {
        fs::write(path(name), content).unwrap();
    }
    let files = Files::new(path("site")).overlay(path("theme")).with_uploads(path("data"));
    let server = Server::bind("127.0.0.1:0").unwrap().serve(files).unwrap();
    let address = server.addresses()[0];
    for (target, status, body) in [
        ("/a", 200, "site"),
        ("/b", 200, "theme"),
        ("/c.html", 200, "visitor"),
        ("/only/", 200, "theme index"),
        ("/mine/", 200, "visitor"),
        ("/missing", 404, "Not found: GET, /missing"),
    ] {
        let reply = get(address, target);
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{target}");
        let sandboxed = reply.header("Content-Security-Policy") == Some("sandbox");
        assert_eq!(sandboxed, body == "visitor", "{target}");
    }
    let all = ["mine", "only", "shared", "404.html", "a", "b", "c.html", "index.html"];
    assert_eq!(names(&get(address, "/?format=json")), all, "a visitor's index file does not hide what is there");
    server.shutdown(Duration::from_secs(5));
}

#[test]
fn unreadable_files_are_403_and_missing_ones_404() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("closed")).unwrap();
    fs::create_dir(root.path().join("unlisted")).unwrap();
    for name in ["file", "gone", "open", "closed/file", "unlisted/file", "unlisted/index.html"] {
        fs::write(root.path().join(name), "content").unwrap();
    }
    let mode =
        |name: &str, mode: u32| fs::set_permissions(root.path().join(name), Permissions::from_mode(mode)).unwrap();
    mode("file", 0o000);
    mode("closed", 0o000);
    mode("unlisted", 0o311);
    let mut command = hearken();
    if rustix::process::geteuid().is_root() {
        // Who may read everything must be kept from it.
        if on_path("setpriv").is_none() {
            let _ =
                writeln!(io::stderr(), "skipped: unreadable_files_are_403: setpriv is not installed, and this is root");
            return;
        }
        command = Command::new("setpriv");
        let capabilities = "-dac_override,-dac_read_search";
        command.args(["--inh-caps", capabilities, "--bounding-set", capabilities, env!("CARGO_BIN_EXE_hearken")]);
    }
    let server = Program::start(command.args(["--port", "0", "--access-log", "off", "--archive"]).arg(root.path()), 1);
    let listed = names(&get(server.address(), "/?format=json"));
    assert_eq!(listed, ["closed", "unlisted", "file", "gone", "open"]);
    fs::remove_file(root.path().join("gone")).unwrap();
    for (target, status) in [
        ("/file", 403),
        ("/closed/", 403),
        ("/closed/file", 403),
        ("/closed/nothing", 403),
        ("/unlisted/", 200),
        ("/unlisted/file", 200),
        ("/unlisted/nothing", 404),
        ("/gone", 404),
    ] {
        let reply = get(server.address(), target);
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
    }
    // What may not be read is left out of an archive, and the rest is there.
    let archive = get(server.address(), "/?download=tar");
    assert_eq!((archive.status, archive.body.len() % 512), (200, 0));
    let archive = archive.text();
    assert!(archive.contains("files/open") && !archive.contains("files/file"), "{archive}");
    fs::remove_file(root.path().join("unlisted/index.html")).unwrap();
    assert_eq!(get(server.address(), "/unlisted/").status, 403, "it may be entered, but not listed");
    for name in ["closed", "unlisted"] {
        mode(name, 0o755);
    }
}

#[test]
fn names_of_255_bytes_100_levels_and_paths_of_4096_bytes_are_served() {
    let root = tempfile::tempdir().unwrap();
    // Deeper than what a path from / may name: each level is opened from the one above.
    let nest = |name: &str, levels: usize| {
        let mut current = openat(CWD, root.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..levels {
            mkdirat(&current, name, Mode::RWXU).unwrap();
            current = openat(&current, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let file = openat(&current, name, OFlags::WRONLY | OFlags::CREATE, Mode::RUSR | Mode::WUSR).unwrap();
        File::from(file).write_all(b"found").unwrap();
    };
    let long = "n".repeat(255);
    nest(&long, 15);
    nest("d", 100);
    let server = Program::hearken(&[text(root.path())]);
    let path = format!("/{long}").repeat(16);
    assert_eq!(path.len(), 4096);
    assert_eq!(get(server.address(), &path).text(), "found");
    assert_eq!(get(server.address(), &"/d".repeat(101)).text(), "found");
    assert!(get(server.address(), &format!("{}/", "/d".repeat(100))).text().contains("href=\"./d\""));
    let listed = names(&get(server.address(), &format!("{}/?format=json", &path[..3840])));
    assert_eq!(listed, std::slice::from_ref(&long));
    // Beyond what there can be.
    for (target, status) in [
        (format!("{path}a"), 400),
        (format!("{path}/"), 404),
        (format!("{path}/a"), 400),
        (format!("/{long}n"), 400),
        ("/d".repeat(129), 400),
        (format!("/{}", "%6e".repeat(255)), 301),
    ] {
        assert_eq!(get(server.address(), &target).status, status, "{} bytes", target.len());
    }
    remove_nested(root.path());
}

/// Empties a directory whose contents are nested too deep for their paths.
fn remove_nested(path: &Path) {
    let top = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    assert_eq!(Dir::read_from(&top).unwrap().count(), 4, "two directories and the dots");
    fs::remove_dir_all(path).unwrap();
}
