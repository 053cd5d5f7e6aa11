//! Writing over real sockets: accepted names, races, and refused writes.

mod memory;
mod mounts;
mod room;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use hearken::{Server, Settings, WriteFile};

use crate::support::{Program, Reply, Wire, ask, get, until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const JSON_CHUNKED: &str =
    "POST /f HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const FORM: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=B");

/// A directory with an empty `www` and a `data` that is written to.
struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["www", "data"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn serve(&self, options: &[&str]) -> Program {
        let (data, www) = (self.data(), self.directory.path().join("www"));
        let mut arguments = vec!["--write", data.to_str().unwrap(), www.to_str().unwrap()];
        arguments.extend_from_slice(options);
        Program::hearken(&arguments)
    }
}

/// All files and directories below one, by their paths from it.
fn tree(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(tree(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        }
        found.insert(name);
    }
    found
}

fn put(address: SocketAddr, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
    let fields: Vec<_> = fields.iter().copied().chain(body.is_empty().then_some(("Content-Length", "0"))).collect();
    ask(address, "PUT", target, &fields, body)
}

#[test]
fn names_that_lead_elsewhere_or_hide_are_refused_in_every_spelling() {
    let site = Site::new();
    fs::write(site.directory.path().join("victim"), "untouched").unwrap();
    std::os::unix::fs::symlink("..", site.data().join("up")).unwrap();
    std::os::unix::fs::symlink("../victim", site.data().join("out")).unwrap();
    fs::write(site.data().join("file"), "a file").unwrap();
    let server = site.serve(&["--allow-delete"]);
    let (long, deep) = (format!("/{}", "a".repeat(256)), "/d".repeat(33));
    let far = format!("{}/{}", "/..".repeat(20), "victim");
    let table: &[&str] = &[
        // Dot segments, plain and encoded.
        "/..",
        "/../victim",
        "/./x",
        "/.",
        "/x/../victim",
        "/x/..",
        "/x/.",
        "/x/./y",
        "/../../victim",
        "/x/../../victim",
        "/%2e%2e",
        "/%2e%2e/victim",
        "/%2E%2E/victim",
        "/.%2e/victim",
        "/%2e./victim",
        "/%2E./victim",
        "/x/%2e%2e/victim",
        "/%2e/x",
        "/x/%2e",
        "/x/%2e%2E/%2e%2e/victim",
        &far,
        // Encoded separators.
        "/..%2fvictim",
        "/..%2Fvictim",
        "/%2e%2e%2fvictim",
        "/%2e%2e%2Fvictim",
        "/x%2fy",
        "/x%2F..%2F..%2Fvictim",
        "/%2fetc%2fx",
        "/%2f",
        "/x%2f",
        "/%2F%2Fx",
        // Backslashes.
        "/..%5cvictim",
        "/..%5Cvictim",
        "/%2e%2e%5cvictim",
        "/x%5cy",
        "/%5c",
        "/%5c%5chost%5cshare",
        "/C:%5cx",
        // Empty segments.
        "//victim",
        "//x",
        "/x//y",
        "///x",
        "/x///",
        "//host/share",
        "//..//victim",
        "/x//",
        // Bytes that end or break a name.
        "/x%00",
        "/%00",
        "/x%00.txt",
        "/victim%00.png",
        "/..%00/victim",
        "/x%0ay",
        "/x%0d%0ay",
        "/x%7f",
        "/x%1b[2J",
        "/x%09y",
        "/x%C2%85",
        "/x%c2%9b",
        // What is no UTF-8: overlong forms of dots and slashes, halves, single bytes.
        "/%c0%ae%c0%ae/victim",
        "/%c0%ae%c0%ae%c0%afvictim",
        "/..%c0%afvictim",
        "/..%c1%9cvictim",
        "/%e0%80%ae%e0%80%ae/victim",
        "/%f0%80%80%ae/x",
        "/%ff",
        "/%fe%ff",
        "/x%c3",
        "/%ed%a0%80",
        // Hidden names, ours among them.
        "/.hidden",
        "/.git/config",
        "/x/.htaccess",
        "/.hearken-0123456789abcdef",
        "/%2ehidden",
        "/x/%2Eenv",
        "/...",
        "/....//x",
        "/..;/victim",
        "/..;x",
        // Encodings that are none.
        "/%",
        "/%2",
        "/%zz",
        "/%2g",
        "/%u002e%u002e/victim",
        "/x%",
        // Too long, too deep, and no file.
        &long,
        &deep,
        "/x/",
        "/",
        "/up/victim",
        "/up/x",
        "/out/x",
        "/file/x",
        "/file/../victim",
    ];
    assert!(table.len() >= 60);
    let before = tree(site.directory.path());
    for target in table {
        let answers = [
            put(server.address(), target, &[], b"overwritten"),
            ask(server.address(), "POST", target, &[JSON], b"{}"),
            ask(server.address(), "DELETE", target, &[], b""),
        ];
        for answer in answers {
            assert!(
                matches!(answer.status, 400 | 409) || (answer.status, *target) == (404, "/x/"),
                "{target}: {}",
                answer.status
            );
        }
    }
    assert_eq!(tree(site.directory.path()), before);
    assert_eq!(fs::read_to_string(site.directory.path().join("victim")).unwrap(), "untouched");

    // Names that only look as if they led elsewhere are names. They are decoded once.
    for (target, name) in [
        ("/%252e%252e%252fx", "%2e%2e%2fx"),
        ("/a..b", "a..b"),
        ("/x..", "x.."),
        ("/%uff0e", ""),
        ("/gr%C3%B6%C3%9Fe%20%F0%9F%98%80", "größe 😀"),
        ("/%ef%bc%8e%ef%bc%8e", "．．"),
        ("/~x", "~x"),
        ("/CON", "CON"),
        ("/a%3Ab%2A", "a:b*"),
    ] {
        let status = put(server.address(), target, &[], b"x").status;
        if name.is_empty() {
            assert_eq!(status, 400, "{target}");
        } else {
            assert_eq!(status, 201, "{target}");
            assert!(site.data().join(name).is_file(), "{target}");
        }
    }
    // A link in the place of a file is replaced, not followed.
    assert_eq!(put(server.address(), "/out", &[], b"new").status, 204);
    assert_eq!(fs::read_to_string(site.directory.path().join("victim")).unwrap(), "untouched");
    assert_eq!(fs::read_to_string(site.data().join("out")).unwrap(), "new");
}

#[test]
fn one_of_several_writers_with_if_match_wins() {
    const RACERS: usize = 8;
    let site = Site::new();
    let server = site.serve(&[]);
    let address = server.address();
    let mut etag = put(address, "/f", &[], b"start").header("ETag").unwrap().to_owned();
    for round in 0..10 {
        let barrier = Barrier::new(RACERS);
        let answers: Vec<(String, Reply)> = thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    let (barrier, etag) = (&barrier, &etag);
                    scope.spawn(move || {
                        let body = format!("{round} {racer}");
                        barrier.wait();
                        let answer = put(address, "/f", &[("If-Match", etag)], body.as_bytes());
                        (body, answer)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 204);
        assert_eq!(won.len(), 1, "round {round}");
        assert!(lost.iter().all(|(_, answer)| answer.status == 412));
        assert_eq!(fs::read_to_string(site.data().join("f")).unwrap(), won[0].0);
        etag = won[0].1.header("ETag").unwrap().to_owned();
    }
    // The answered tag is the one that reading shows, once the file has settled.
    until("the tag to be strong", || (get(address, "/f").header("ETag") == Some(&*etag)).then_some(()));
    assert_eq!(ask(address, "GET", "/f", &[("If-None-Match", &etag)], b"").status, 304);

    for round in 0..10 {
        let target = format!("/new{round}/f");
        let barrier = Barrier::new(RACERS);
        let created: usize = thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        match put(address, &target, &[("If-None-Match", "*")], b"mine").status {
                            201 => 1,
                            412 => 0,
                            status => panic!("{status}"),
                        }
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(created, 1, "round {round}");
    }
}

#[test]
fn a_refused_write_leaves_the_old_file_and_nothing_else() {
    let site = Site::new();
    let server = site.serve(&["--max-body", "64KiB"]);
    let address = server.address();
    assert_eq!(ask(address, "POST", "/f", &[JSON], b"{\"name\": \"old\"}").text(), "Wrote data for old.");
    let before = tree(&site.data());
    let large = vec![b' '; 64 * 1024 + 1];
    let form_cut = b"--B\r\nContent-Disposition: form-data; filename=\"f\"\r\n\r\nbegun";
    let table: [(&str, &[(&str, &str)], &[u8], u16, &str); 11] = [
        ("POST", &[JSON], b"{\"a\": 1,\n  \"b\": tru }", 400, "line 2 column 11"),
        ("POST", &[JSON], b"[1, 2", 400, "line 1 column 5"),
        ("POST", &[JSON], b"\"\xff\"", 400, "not valid UTF-8 at line 1 column 2"),
        ("POST", &[JSON], &large, 413, "64 KiB"),
        ("POST", &[JSON], b"", 411, "Content-Length"),
        ("POST", &[("Content-Type", "text/plain")], b"{}", 415, "application/json"),
        ("POST", &[], b"{}", 415, "application/json"),
        ("POST", &[FORM], form_cut, 400, "last boundary"),
        ("PUT", &[], &large, 413, "64 KiB"),
        ("PUT", &[("Content-Range", "bytes 0-0/9")], b"x", 400, "part"),
        ("PUT", &[("If-None-Match", "*")], b"x", 412, "precondition"),
    ];
    for (method, fields, body, status, reason) in table {
        let target = if fields.contains(&FORM) { "/" } else { "/f" };
        let answer = ask(address, method, target, fields, body);
        assert_eq!(answer.status, status, "{method} {fields:?}: {}", answer.text());
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    assert_eq!(ask(address, "PUT", "/new/dir/g", &[], &large).status, 413);
    let mut wire = Wire::connect(address);
    wire.send(format!("{JSON_CHUNKED}{:x}\r\n", large.len()));
    wire.send(&large);
    assert_eq!(wire.reply().status, 413);

    // Bodies that are cut short, with a length and in chunks.
    for (head, body) in [
        ("PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", "cut".to_owned()),
        ("PUT /new/g HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", "cut".to_owned()),
        ("PUT /f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\ncut".to_owned()),
        (
            "POST /f HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n",
            format!("{{\"name\": \"{}", "x".repeat(3000)),
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 5000\r\n\r\n",
            "--B\r\nContent-Disposition: form-data; filename=\"f\"\r\n\r\ncut".to_owned(),
        ),
    ] {
        let mut wire = Wire::connect(address);
        wire.send(head);
        wire.send(&body);
        wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        let answer = wire.reply();
        assert_eq!(answer.status, 400, "{head}: {}", answer.text());
    }
    assert_eq!(tree(&site.data()), before);
    assert_eq!(get(address, "/f").text(), "{\"name\": \"old\"}");
    // The connection of a refusal that was read to its end goes on.
    let mut wire = Wire::connect(address);
    wire.send(
        "POST /f HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{\"a}",
    );
    assert_eq!(wire.reply().status, 400);
    wire.send("PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnew");
    assert_eq!(wire.reply().status, 204);
}

#[test]
fn a_body_that_stalls_is_408_and_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let settings = Settings::default().rate_grace(Duration::from_millis(300));
    let writer = WriteFile::new(data.path()).put(true).forms(true);
    let server = Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(writer).unwrap();
    for head in ["PUT /f HTTP/1.1", "POST /f HTTP/1.1\r\nContent-Type: application/json"] {
        let mut wire = Wire::connect(server.address());
        wire.send(format!("{head}\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"));
        wire.send(format!("\"{}", "x".repeat(3000)));
        assert_eq!(wire.reply().status, 408, "{head}");
    }
    assert_eq!(tree(data.path()), BTreeSet::new());
}

#[test]
fn unfinished_files_are_swept_at_the_start_but_not_those_of_another_server() {
    let site = Site::new();
    fs::write(site.data().join(".hearken-00000000deadbeef"), "left by one that was killed").unwrap();
    fs::write(site.data().join(".hearken-notes"), "no file of ours").unwrap();
    let first = site.serve(&[]);
    assert_eq!(tree(&site.data()), BTreeSet::from([".hearken-notes".into()]));
    let mut wire = Wire::connect(first.address());
    wire.send("PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n");
    wire.send([b'x'; 5000]);
    until("the upload to begin", || (tree(&site.data()).len() == 2).then_some(()));
    let second = site.serve(&[]);
    assert_eq!(put(second.address(), "/g", &[], b"other").status, 201);
    wire.send([b'x'; 4000]);
    assert_eq!(wire.reply().status, 201);
    assert_eq!(get(second.address(), "/f").body, [b'x'; 9000]);
}

#[test]
fn forms_store_files_that_delete_removes() {
    let site = Site::new();
    let server = site.serve(&["--allow-delete", "--max-total", "1000"]);
    let address = server.address();
    let form = |files: &[(&str, &str)]| -> Vec<u8> {
        let part = |(name, content): &(&str, &str)| {
            format!("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
        };
        (files.iter().map(part).collect::<String>() + "--B--\r\n").into_bytes()
    };
    let answer = ask(address, "POST", "/pics/", &[FORM], &form(&[("a.txt", "1"), ("../a.txt", "2")]));
    assert_eq!((answer.status, answer.text().as_str()), (201, "Stored a.txt.\nStored a (1).txt.\n"));
    let html = ("Accept", "text/html,application/xhtml+xml");
    let answer = ask(address, "POST", "/pics", &[FORM, html], &form(&[("b.txt", "3")]));
    assert_eq!((answer.status, answer.header("Location")), (303, Some("/pics/")));
    assert_eq!(get(address, "/pics/a%20(1).txt").text(), "2");
    let stranger = ("Origin", "http://elsewhere.example");
    assert_eq!(ask(address, "POST", "/pics/", &[FORM, stranger], &form(&[("c.txt", "4")])).status, 403);
    assert_eq!(ask(address, "DELETE", "/pics/b.txt", &[("If-Match", "\"x\"")], b"").status, 412);
    assert_eq!(ask(address, "DELETE", "/pics/b.txt", &[], b"").status, 204);
    assert_eq!(ask(address, "DELETE", "/pics/b.txt", &[], b"").status, 404);
    assert_eq!(ask(address, "DELETE", "/pics", &[], b"").status, 409);
    assert_eq!(put(address, "/large", &[], &[b'x'; 999]).status, 507);
    assert_eq!(put(address, "/large", &[], &[b'x'; 998]).status, 201);
    assert_eq!(ask(address, "POST", "/pics/", &[FORM], &form(&[("c.txt", "4")])).status, 507);
    assert_eq!(ask(address, "POST", "/f", &[JSON], b"[1]").status, 507);
    let mut wire = Wire::connect(address);
    wire.send(format!("{JSON_CHUNKED}3\r\n[1]\r\n0\r\n\r\n"));
    assert_eq!(wire.reply().status, 507);
    assert_eq!(
        tree(&site.data()),
        ["large", "pics", "pics/a (1).txt", "pics/a.txt"].into_iter().map(str::to_owned).collect()
    );

    let plain = site.serve(&["--overwrite"]);
    let answer = ask(plain.address(), "DELETE", "/large", &[], b"");
    assert_eq!((answer.status, answer.text().as_str()), (405, "Unsupported request: DELETE."));
    assert_eq!(answer.header("Allow"), Some("GET, HEAD, POST, PUT, OPTIONS"));
    assert_eq!(ask(plain.address(), "POST", "/pics/", &[FORM], &form(&[("a.txt", "new")])).text(), "Stored a.txt.\n");
    assert_eq!(fs::read_to_string(site.data().join("pics/a.txt")).unwrap(), "new");
}

#[test]
fn listed_files_can_be_deleted() {
    let site = Site::new();
    fs::create_dir_all(site.data()).unwrap();
    // A name that the sweep at the start leaves alone, and that is still the server's own.
    for name in [".env", ".hearken-other"] {
        fs::write(site.data().join(name), "x").unwrap();
    }
    let delete = |server: &Program, target: &str| ask(server.address(), "DELETE", target, &[], b"").status;
    let closed = site.serve(&["--allow-delete"]);
    assert_eq!(delete(&closed, "/.env"), 400);
    drop(closed);
    let open = site.serve(&["--allow-delete", "--include-hidden"]);
    assert!(get(open.address(), "/?format=json").text().contains("\".env\""));
    assert_eq!(delete(&open, "/.env"), 204);
    assert_eq!(get(open.address(), "/.env").status, 404);
    assert_eq!(delete(&open, "/.hearken-other"), 400);
    assert_eq!(tree(&site.data()), [".hearken-other".to_owned()].into());
}

#[test]
fn the_site_itself_can_be_written_to() {
    let site = Site::new();
    let data = site.data();
    let server = Program::hearken(&["--write", data.to_str().unwrap(), data.to_str().unwrap()]);
    assert_eq!(put(server.address(), "/f.html", &[], b"1").status, 201);
    assert_eq!(put(server.address(), "/f.html", &[], b"2").status, 204);
    let read = get(server.address(), "/f.html");
    assert_eq!((read.text().as_str(), read.header("Content-Security-Policy")), ("2", Some("sandbox")));
    assert!(get(server.address(), "/").text().contains("<form id=\"upload\""));
}
