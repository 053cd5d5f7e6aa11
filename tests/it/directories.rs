//! Files and directories over real sockets: what a path leads to, listings, archives, header fields, and bad luck.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use hearken::{Files, Server};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, mkdirat, mknodat, openat};
use serde_json::Value;

use crate::support::{Program, Reply, Run as _, ask, get, hearken, on_path, output_of, until};
use crate::webdriver::{self, Browser};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")), "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

fn names(reply: &Reply) -> Vec<String> {
    let value = json(reply);
    value["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// A directory `root` with ways out of it, and a secret beside it.
fn tree() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    fs::create_dir_all(path("root/docs/old")).unwrap();
    for (name, content) in
        [("secret", "secret"), ("root/file.txt", "inside"), ("root/docs/a", "a"), ("root/.hidden", "h")]
    {
        fs::write(path(name), content).unwrap();
    }
    symlink("../file.txt", path("root/docs/link")).unwrap();
    symlink(path("root/file.txt"), path("root/docs/absolute")).unwrap();
    symlink("../../secret", path("root/docs/out")).unwrap();
    symlink("../..", path("root/docs/up")).unwrap();
    symlink("nowhere", path("root/docs/dangling")).unwrap();
    symlink("loop", path("root/docs/loop")).unwrap();
    outer
}

#[test]
fn links_lead_inside_and_out_only_on_request() {
    let tree = tree();
    let root = tree.path().join("root");
    let table = [
        ("/docs/link", 200, 200),
        ("/docs/absolute", 200, 200),
        ("/docs/out", 403, 200),
        ("/docs/up/secret", 403, 200),
        ("/docs/up/root/file.txt", 403, 200),
        ("/docs/dangling", 404, 404),
        ("/docs/loop", 403, 403),
    ];
    let (within, without) = (Program::hearken(&[text(&root)]), Program::hearken(&["--follow-links", text(&root)]));
    for (target, inside, outside) in table {
        assert_eq!(get(within.address(), target).status, inside, "{target}");
        assert_eq!(get(without.address(), target).status, outside, "{target} with --follow-links");
    }
    assert_eq!(names(&get(within.address(), "/docs/?format=json")), ["old", "a", "absolute", "link"]);
    assert_eq!(names(&get(without.address(), "/docs/?format=json")), ["old", "up", "a", "absolute", "link", "out"]);
}

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
fn a_root_that_is_a_link_follows_its_swap() {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    for version in ["1", "2", "3"] {
        fs::create_dir_all(path(version).join("sub")).unwrap();
        fs::write(path(version).join("index.html"), version).unwrap();
        fs::write(path(version).join(format!("app.{version}.js")), version).unwrap();
        fs::write(path(version).join("sub").join(version), version).unwrap();
        symlink(path("current/index.html"), path(version).join("absolute")).unwrap();
    }
    symlink("1", path("current")).unwrap();
    let server = Program::hearken(&[text(&path("current"))]);
    let get = |target: &str| get(server.address(), target);
    for version in ["1", "2", "3"] {
        // As deployments do it: the new link takes the old one's name in one step.
        symlink(version, path("next")).unwrap();
        fs::rename(path("next"), path("current")).unwrap();
        // What only the new one has is there at once; what both have, within a second or so.
        assert_eq!(get(&format!("/app.{version}.js")).text(), version);
        until("the new version", || {
            let reply = get("/");
            assert_eq!(reply.status, 200, "no request in between fails");
            (reply.text() == version).then_some(())
        });
        assert_eq!(get("/absolute").text(), version);
        assert_eq!(names(&get("/sub/?format=json")), [version]);
    }
    // The old ones can go.
    fs::remove_dir_all(path("1")).unwrap();
    assert_eq!(get("/").text(), "3");
    // While the name leads nowhere, what was there last is still served.
    fs::remove_file(path("current")).unwrap();
    assert_eq!(get("/").text(), "3");
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
        ("data/c", "visitor"),
    ] {
        fs::write(path(name), content).unwrap();
    }
    let files = Files::new(path("site")).overlay(path("theme")).with_uploads(path("data"));
    let server = Server::bind("127.0.0.1:0").unwrap().serve(files).unwrap();
    let address = server.addresses()[0];
    for (target, status, body) in [
        ("/a", 200, "site"),
        ("/b", 200, "theme"),
        ("/c", 200, "visitor"),
        ("/only/", 200, "theme index"),
        ("/mine/", 200, "visitor"),
        ("/missing", 404, "Not found: GET, /missing"),
    ] {
        let reply = get(address, target);
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{target}");
        let sandboxed = reply.header("Content-Security-Policy") == Some("sandbox");
        assert_eq!(sandboxed, body == "visitor", "{target}");
    }
    let all = ["mine", "only", "shared", "404.html", "a", "b", "c", "index.html"];
    assert_eq!(names(&get(address, "/?format=json")), all, "a visitor's index file does not hide what is there");
    server.shutdown(Duration::from_secs(5));
}

#[test]
fn header_fields_are_as_asked_for() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.md", "c", "app.3f9a1c2b.js", "größe \"x\".tar.gz"] {
        fs::write(root.path().join(name), "content").unwrap();
        let file = File::options().write(true).open(root.path().join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).unwrap();
    }
    let plain = Program::hearken(&[text(root.path())]);
    let told = Program::hearken(&[
        "--header",
        "X-Frame-Options: DENY",
        "--header",
        "Permissions-Policy: camera=(), geolocation=()",
        "--cache-control",
        "max-age=60",
        "--immutable",
        "--mime",
        "md=text/x-notes",
        "--mime",
        "tar.gz=application/x-gtar",
        text(root.path()),
    ]);
    let table = [
        ("/a.txt", "text/plain; charset=utf-8", "text/plain; charset=utf-8", "max-age=60"),
        ("/b.md", "text/markdown; charset=utf-8", "text/x-notes; charset=utf-8", "max-age=60"),
        ("/c", "application/octet-stream", "application/octet-stream", "max-age=60"),
        (
            "/app.3f9a1c2b.js",
            "text/javascript; charset=utf-8",
            "text/javascript; charset=utf-8",
            "max-age=31536000, immutable",
        ),
        ("/gr%C3%B6%C3%9Fe%20%22x%22.tar.gz", "application/gzip", "application/x-gtar", "max-age=60"),
    ];
    for (target, known, set, cache_control) in table {
        // Three times: read, read again, and from memory.
        for _ in 0..3 {
            let reply = get(plain.address(), target);
            assert_eq!(reply.header("Content-Type"), Some(known), "{target}");
            assert_eq!(reply.header("Cache-Control"), Some("no-cache"), "{target}");
            assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"), "{target}");
            assert_eq!(reply.header("Content-Disposition"), None, "{target}");
            let reply = get(told.address(), target);
            assert_eq!(reply.header("Content-Type"), Some(set), "{target}");
            assert_eq!(reply.header("Cache-Control"), Some(cache_control), "{target}");
            let etag = reply.header("ETag").unwrap().to_owned();
            let fresh = ask(told.address(), "GET", target, &[("If-None-Match", &etag)], b"");
            assert_eq!((fresh.status, fresh.header("Cache-Control")), (304, Some(cache_control)), "{target}");
        }
    }
    for (method, target, status) in
        [("GET", "/a.txt", 200), ("GET", "/missing", 404), ("POST", "/a.txt", 405), ("HEAD", "/", 200)]
    {
        let reply = ask(told.address(), method, target, &[], b"");
        assert_eq!(reply.status, status, "{method} {target}");
        assert_eq!(reply.header("X-Frame-Options"), Some("DENY"), "{method} {target}");
        assert_eq!(reply.header("Permissions-Policy"), Some("camera=(), geolocation=()"), "{method} {target}");
    }
    for (target, disposition) in [
        ("/a.txt?download", "attachment; filename=\"a.txt\""),
        ("/a.txt?x&d%6fwnload=1", "attachment; filename=\"a.txt\""),
        (
            "/gr%C3%B6%C3%9Fe%20%22x%22.tar.gz?download",
            "attachment; filename=\"gr__e _x_.tar.gz\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%22x%22.tar.gz",
        ),
    ] {
        let reply = get(plain.address(), target);
        assert_eq!(
            (reply.header("Content-Disposition"), reply.text().as_str()),
            (Some(disposition), "content"),
            "{target}"
        );
        let part = ask(plain.address(), "GET", target, &[("Range", "bytes=0-2")], b"");
        assert_eq!((part.status, part.header("Content-Disposition")), (206, Some(disposition)), "{target}");
    }
    assert_eq!(get(plain.address(), "/a.txt?v=1").header("Content-Disposition"), None);

    let mut command = hearken();
    command.env("HEARKEN_HEADER", "X-A: 1, 2\nX-B: 3").args(["--port", "0", "--access-log", "off"]);
    let environment = Program::start(command.arg(root.path()), 1);
    let reply = get(environment.address(), "/a.txt");
    assert_eq!((reply.header("X-A"), reply.header("X-B")), (Some("1, 2"), Some("3")));

    for (arguments, reason) in [
        (["--header", "X: a\rb"], "holds a control character"),
        (["--header", "Content-Length: 1"], "the server's own"),
        (["--mime", "x=y"], "is not a media type"),
        (["--index", "../x"], "is not a file's name"),
    ] {
        let output = hearken().args(arguments).run();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(reason), "{arguments:?}");
    }
}

#[test]
fn a_large_directory_is_streamed_to_every_kind_of_client() {
    let root = tempfile::tempdir().unwrap();
    let count = 5000;
    for number in 0..count {
        File::create(root.path().join(format!("file-{number}"))).unwrap();
    }
    let server = Program::hearken(&[text(root.path())]);
    let reply = get(server.address(), "/?format=json");
    assert_eq!(reply.header("Transfer-Encoding"), Some("chunked"));
    let expected: Vec<_> = (0..count).map(|number| format!("file-{number}")).collect();
    assert_eq!(names(&reply), expected, "in the order of their numbers");
    let page = get(server.address(), "/?sort=name&order=desc").text();
    assert_eq!(page.matches("<a href=\"./file-").count(), count);
    assert!(page.contains("5,000 files") && page.ends_with("</html>\n"));
    assert!(page.find("file-4999") < page.find("file-10\""));

    let mut old = crate::support::Wire::connect(server.address());
    old.send("GET /?format=json HTTP/1.0\r\n\r\n");
    let old = old.reply();
    assert_eq!((old.header("Transfer-Encoding"), names(&old).len()), (None, count));
    let head = ask(server.address(), "HEAD", "/", &[], b"");
    assert_eq!((head.status, head.header("Vary")), (200, Some("Accept")));
}

#[test]
fn an_archive_is_what_tar_unpacks() {
    if on_path("tar").is_none() {
        let _ = writeln!(io::stderr(), "skipped: an_archive_is_what_tar_unpacks: tar is not installed");
        return;
    }
    let tree = tree();
    let docs = tree.path().join("root/docs");
    let long = format!("{}/{}", "d".repeat(200), "e".repeat(200));
    fs::create_dir_all(docs.join(&long)).unwrap();
    fs::write(docs.join(&long).join("n".repeat(255)), "deep").unwrap();
    fs::write(docs.join(OsStr::from_bytes(b"\xff \n\"")), vec![7; 1_000_000]).unwrap();
    fs::write(docs.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(docs.join("run.sh"), Permissions::from_mode(0o700)).unwrap();
    let server = Program::hearken(&["--archive", text(&tree.path().join("root"))]);
    let reply = get(server.address(), "/docs/?download=tar");
    assert_eq!(reply.header("Content-Type"), Some("application/x-tar"));
    assert_eq!(reply.header("Content-Disposition"), Some("attachment; filename=\"docs.tar\""));

    let out = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar").args(["-xf", "-", "-C"]).arg(out.path()).stdin(Stdio::piped()).spawn().unwrap();
    tar.stdin.take().unwrap().write_all(&reply.body).unwrap();
    assert!(output_of(tar).status.success());
    fs::remove_file(docs.join("out")).unwrap();
    fs::remove_file(docs.join("up")).unwrap();
    let (mut packed, mut served) = (BTreeMap::new(), BTreeMap::new());
    read_tree(&out.path().join("docs"), &mut packed);
    read_tree(&docs, &mut served);
    assert_eq!(packed.keys().collect::<Vec<_>>(), served.keys().collect::<Vec<_>>());
    assert!(packed == served, "the contents are the same");
    assert_eq!(fs::metadata(out.path().join("docs/run.sh")).unwrap().permissions().mode() & 0o111, 0o111);

    assert_eq!(get(server.address(), "/nothing/?download=tar").status, 404);
    let without = Program::hearken(&[text(&tree.path().join("root"))]);
    assert_eq!(get(without.address(), "/docs/?download=tar").status, 403);
    assert!(!get(without.address(), "/docs/").text().contains("download=tar"));
}

/// The paths below a directory and what is there; links that lead nowhere are left out.
fn read_tree(directory: &Path, into: &mut BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
    let mut open = vec![(directory.to_owned(), Vec::new())];
    while let Some((path, name)) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            let name = [&name, &b"/"[..], entry.file_name().as_bytes()].concat();
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() => {
                    into.insert(name.clone(), None);
                    open.push((entry.path(), name));
                }
                Ok(_) => drop(into.insert(name, Some(fs::read(entry.path()).unwrap()))),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn what_cannot_be_read_is_403_and_what_has_gone_404() {
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
            let _ = writeln!(
                io::stderr(),
                "skipped: what_cannot_be_read_is_403: setpriv is not installed, and this is root"
            );
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

#[test]
fn a_listing_works_in_a_browser() {
    if !webdriver::available() {
        let _ =
            writeln!(io::stderr(), "skipped: a_listing_works_in_a_browser: chromedriver or chromium is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("photos & <notes>");
    fs::create_dir_all(directory.join("2026")).unwrap();
    let odd = "a \"quoted\" <b>&amp; ?#% \u{202e}name\n.txt";
    for (name, length) in [("big.jpg", 5000), ("small.jpg", 5), (odd, 50)] {
        fs::write(directory.join(name), vec![b'x'; length]).unwrap();
    }
    fs::write(directory.join(format!("{}.log", "long".repeat(50))), "").unwrap();
    let server = Program::hearken(&["--archive", text(root.path())]);
    let browser = Browser::start();
    let shown = || {
        let script = "return [...document.querySelectorAll('tbody tr')].filter(r => r.offsetParent || r.offsetHeight)
            .map(r => r.cells[0].innerText.trim())";
        let value = browser.execute(script);
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (width, height) in [(390, 844), (1280, 800)] {
        browser.resize(width, height);
        browser.navigate(&format!("{}photos%20%26%20%3Cnotes%3E/", server.url()));
        let widths =
            browser.execute("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]");
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{widths} at {width}");
        assert_eq!(browser.find("h1").text(), "photos & <notes>");
        assert_eq!(shown().len(), 6, "{:?}", shown());
    }
    assert_eq!(shown()[..2], ["Parent directory", "2026/"]);
    // The filter, which is there only because the script runs.
    browser.find("input[type=search]").send_keys("JPG");
    assert_eq!(shown(), ["Parent directory", "big.jpg", "small.jpg"]);
    assert_eq!(browser.find("#shown").text(), "2 of 5 shown");
    // The headings.
    browser.find("th.size a").click();
    let first = |count: usize| shown()[2..2 + count].to_vec();
    assert_eq!(first(1), ["big.jpg"]);
    assert_eq!(browser.execute("return document.querySelector('th.size').ariaSort"), "descending");
    // The odd name is fetched by its link, as is the way up.
    let odd_link = "return [...document.querySelectorAll('tbody a')].find(a => a.innerText.includes('quoted')).href";
    let link = browser.execute(odd_link).as_str().unwrap().to_owned();
    let path = format!("/{}", link.strip_prefix(server.url()).unwrap());
    assert_eq!(get(server.address(), &path).body.len(), 50, "{path}");
    browser.find("nav li:first-child a").click();
    assert_eq!(browser.execute("return location.pathname + location.search"), "/?sort=size&order=desc");
    // Scripts and styles other than the page's own do not run.
    let blocked = "const s = document.createElement('script'); s.textContent = 'window.broken = 1';
        document.body.append(s); return window.broken === undefined";
    assert_eq!(browser.execute(blocked), true);
}
