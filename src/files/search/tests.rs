//! Searches, without a socket.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::walk::{Limits, Searches, Walk};
use super::words::Words;
use crate::files::Files;
use crate::files::listing::budget::{self, Budget};
use crate::files::lookup::{Lookup, Root, Roots, Tree};
use crate::handler::respond;
use crate::http::body_channel::{BodyReceiver, Piece};
use crate::http::connection::{Connection, Link};
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::ResponseBody;
use crate::storage::RootDir;

const LIMITS: Limits = Limits { searches: 2, results: 1000, time: Duration::from_secs(10) };

/// A tree with these files, and directories for the names that end with a slash.
fn tree(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    grow(root.path(), names);
    root
}

fn grow(root: &Path, names: &[&str]) {
    for name in names {
        let path = root.join(name);
        fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
        if !name.ends_with('/') {
            fs::write(path, name).unwrap();
        }
    }
}

fn search(files: &Files, target: &str) -> Value {
    let mut response = respond(files, &mut Request::get(target).with_header("Accept", "application/json"));
    assert_eq!(response.status().code(), 200, "{target}");
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    serde_json::from_slice(&response.read_bytes().unwrap()).unwrap()
}

/// The paths of what is found, in its order.
fn found(files: &Files, target: &str) -> Vec<String> {
    let value = search(files, target);
    let path = |entry: &Value| {
        let slash = if entry["kind"] == "directory" { "/" } else { "" };
        format!("{}{slash}", entry["path"].as_str().unwrap())
    };
    value["entries"].as_array().unwrap().iter().map(path).collect()
}

fn page(files: &Files, target: &str) -> String {
    respond(files, &mut Request::get(target).with_header("Accept", "text/html")).read_text().unwrap()
}

#[test]
fn a_search_goes_through_all_directories_below() {
    let root = tree(&[
        "a10.txt",
        "a9.txt",
        "B/a.txt",
        "B/c/",
        "B/c/d/xa.png",
        "c/A/",
        "c/other",
        "other/deep/er/still/the last a",
        "z",
    ]);
    let files = Files::new(root.path());
    let table: [(&str, &[&str]); 7] = [
        ("/?search=a", &["a9.txt", "a10.txt", "B/a.txt", "B/c/d/xa.png", "c/A/", "other/deep/er/still/the last a"]),
        ("/?search=TXT", &["a9.txt", "a10.txt", "B/a.txt"]),
        ("/B/?search=a", &["a.txt", "c/d/xa.png"]),
        ("/?search=b+a", &["B/a.txt", "B/c/d/xa.png"]),
        ("/?search=c/d/", &[]),
        ("/?search=c/d/x", &["B/c/d/xa.png"]),
        ("/?search=nothing", &[]),
    ];
    for (target, expected) in table {
        assert_eq!(found(&files, target), expected, "{target}");
    }
}

#[test]
fn json_has_the_shape_of_a_listing() {
    let root = tree(&["s p/in/ä\"<a>"]);
    let files = Files::new(root.path());
    let mut value = search(&files, "/s%20p/?search=%C3%84");
    let entry = value["entries"][0].as_object_mut().unwrap();
    assert!(entry.remove("mtime").is_some());
    let expected = json!({
        "path": "/s p/", "search": "Ä", "truncated": false, "limit": null, "unreadable": 0,
        "entries": [{
            "name": "ä\"<a>", "path": "in/ä\"<a>", "kind": "file", "size": 13, "url": "/s%20p/in/%C3%A4%22%3Ca%3E",
        }],
    });
    assert_eq!(value, expected);
}

#[test]
fn the_page_escapes_names_and_the_text() {
    let root = tree(&["<b>/\"x'\n.txt", "<b>/dir x/"]);
    fs::create_dir(root.path().join(OsStr::from_bytes(b"\xff x"))).unwrap();
    let files = Files::new(root.path());
    let page = page(&files, "/?search=X");
    for expected in [
        "<title>Search for X</title>",
        "<h1>Search for “<bdi>X</bdi>”</h1>",
        "name=\"search\" value=\"X\"",
        "<a class=\"d\" href=\"./%FF%20x/\"><span><bdi>\u{fffd} x</bdi>/</span></a></th>",
        "<a class=\"d\" href=\"./%3Cb%3E/dir%20x/\"><span><bdi>dir x</bdi>/</span></a>\
         <p class=\"in\">in <a href=\"./%3Cb%3E/\"><bdi>&lt;b&gt;</bdi></a></p></th>",
        "href=\"./%3Cb%3E/%22x%27%0A.txt\"><span><bdi>&quot;x&#39;\u{fffd}.txt</bdi></span></a>",
        "<p id=\"found\">3 results.</p>",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    let page = self::page(&files, "/?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""), "{page}");
    assert!(!page.contains("<script>") && page.contains("Nothing found.") && !page.contains("<table"), "{page}");
    let page = self::page(&files, "/?search=a%E2%80%AEb");
    assert!(page.contains("“<bdi>a\u{fffd}b</bdi>”"), "{page}");
    assert!(page.contains("name=\"search\" value=\"a\u{202e}b\""), "what is sent again is what was sent: {page}");
    let below = self::page(&files, "/%3Cb%3E/?search=y&format=html");
    assert!(below.contains("<title>Search for y in &lt;b&gt;</title>"), "{below}");
    assert!(
        below
            .contains("<li><a href=\"../\"><bdi>Home</bdi></a></li>\n<li><a href=\"./\"><bdi>&lt;b&gt;</bdi></a></li>")
    );
}

#[test]
fn only_what_listings_lead_to_is_found() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    grow(
        outer.path(),
        &[
            "root/a/x1",
            "root/.hidden/x2",
            "root/a/.x3",
            "root/a/.hearken-0123456789abcdefx",
            "root/page/index.html",
            "root/page/x4",
            "root/page/below/x5",
            "outside/x6",
        ],
    );
    symlink("x1", root.join("a/x link")).unwrap();
    symlink("..", root.join("a/x up")).unwrap();
    symlink("../../outside/x6", root.join("a/x out")).unwrap();
    symlink("nowhere", root.join("a/x dangling")).unwrap();
    symlink("x loop", root.join("a/x loop")).unwrap();
    mknodat(CWD, root.join("a/x fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let files = || Files::new(&root);
    assert_eq!(found(&files(), "/?search=x"), ["a/x up/", "a/x link", "a/x1"]);
    assert_eq!(
        found(&files().include_hidden(true), "/?search=x"),
        [".hidden/x2", "a/x up/", "a/.x3", "a/x link", "a/x1"]
    );
    let linked = found(&files().follow_links(true), "/?search=x");
    assert_eq!(linked, ["a/x up/", "a/x link", "a/x out", "a/x1"], "no link to a directory is followed");
    let any_page = found(&files().index(["none"]).unwrap(), "/?search=x");
    assert_eq!(any_page, ["a/x up/", "a/x link", "a/x1", "page/index.html", "page/x4", "page/below/x5"]);
}

#[test]
fn a_page_of_the_site_keeps_its_own_query() {
    let root = tree(&["index.html", "sub/a"]);
    let files = Files::new(root.path());
    assert_eq!(page(&files, "/?search=a"), "index.html");
    assert_eq!(found(&files, "/sub/?search=a"), ["a"]);
    let status = |files: &Files, target: &str| respond(files, &mut Request::get(target)).status().code();
    assert_eq!(status(&files, "/sub?search=a"), 301);
    assert_eq!(status(&files, "/sub/a?search=a"), 200);
    assert_eq!(status(&files, "/none/?search=a"), 404);
    let unlisted = Files::new(root.path()).listing(false);
    assert_eq!((status(&unlisted, "/sub/?search=a"), status(&unlisted, "/sub/")), (404, 404));
}

#[test]
fn the_text_has_a_length() {
    let root = tree(&["a"]);
    let files = Files::new(root.path());
    for target in ["/?search=", "/?search=+%20", "/?search"] {
        assert!(page(&files, target).contains("<title>Index of /</title>"), "{target}");
    }
    let text = |length: usize| format!("/?search={}", "%C3%A4".repeat(length));
    assert_eq!(found(&files, &text(256)), Vec::<String>::new());
    let mut response = respond(&files, &mut Request::get(&text(257)));
    assert_eq!(response.status().code(), 400);
    assert_eq!(response.read_text().unwrap(), "Bad request: the search text is longer than 256 characters.");
}

#[test]
fn directories_laid_over_each_other_are_searched_as_one() {
    let outer = tree(&[
        "one/sub/x",
        "two/sub/x",
        "two/sub/xy",
        "two/file/x",
        "one/file",
        "three/sub/xz",
        "three/only/x",
        "three/only/index.html",
        "three/sub/index.html",
    ]);
    symlink("/etc/passwd", outer.path().join("one/sub/xy")).unwrap();
    let path = |name: &str| outer.path().join(name);
    let files = Files::new(path("one")).overlay(path("two")).with_uploads(path("three"));
    // What may not be fetched hides what is behind it, a file hides a directory, and an uploaded index file counts where the site has
    // no directory.
    assert_eq!(found(&files, "/?search=x"), ["sub/index.html", "sub/x", "sub/xz"]);
    assert_eq!(search(&files, "/?search=xz")["entries"][0]["url"], "/sub/xz");
}

#[test]
fn results_are_bounded() {
    let root = tree(&["d/a1", "d/a2", "d/a3", "a4", "e/a5"]);
    for (results, expected, limit) in
        [(4, 4, json!("results")), (5, 5, Value::Null), (6, 5, Value::Null), (0, 0, json!("results"))]
    {
        let mut files = Files::new(root.path());
        files.set_searches(Searches::new(Limits { results, ..LIMITS }, Instant::now));
        let value = search(&files, "/?search=a");
        assert_eq!(value["entries"].as_array().unwrap().len(), expected, "{results}");
        assert_eq!((&value["limit"], value["truncated"] == true), (&limit, limit != Value::Null), "{results}");
        assert_eq!(page(&files, "/?search=a").contains("There are more"), limit != Value::Null);
    }
}

/// A clock that is a second later each time.
fn ticking() -> impl Fn() -> Instant + Send + Sync + 'static {
    let (start, seconds) = (Instant::now(), AtomicU64::new(0));
    move || start + Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn time_is_bounded() {
    let root = tree(&[]);
    for number in 0..100 {
        grow(root.path(), &[&format!("a{number}/a")]);
    }
    let mut files = Files::new(root.path());
    files.set_searches(Searches::new(LIMITS, ticking()));
    let value = search(&files, "/?search=a");
    assert_eq!((&value["limit"], &value["truncated"]), (&json!("time"), &json!(true)));
    assert!(value["entries"].as_array().unwrap().len() < 10);
    let page = page(&files, "/?search=a");
    assert!(page.contains(" in 10 seconds. Not everything was searched"), "{page}");
}

#[test]
fn searches_at_the_same_time_are_bounded() {
    let root = tree(&["a"]);
    let mut files = Files::new(root.path());
    // The clock makes each of them a stream.
    let limits = Limits { time: Duration::from_secs(1000), ..LIMITS };
    files.set_searches(Searches::new(limits, ticking()));
    let mut open: Vec<_> = (0..3).map(|_| respond(&files, &mut Request::get("/?search=a"))).collect();
    assert_eq!(open.iter().map(|response| response.status().code()).collect::<Vec<_>>(), [200, 200, 503]);
    assert!(open[2].header("Retry-After").is_some());
    assert_eq!(respond(&files, &mut Request::get("/")).status().code(), 200, "listings are not searches");
    assert!(open[0].read_text().unwrap().contains("1 result."));
    open.remove(0);
    assert_eq!(respond(&files, &mut Request::get("/?search=a")).status().code(), 200);
}

#[test]
fn what_was_found_is_sent_while_the_search_goes_on() {
    let root = tree(&["a", "b/a", "c/d/a"]);
    let mut files = Files::new(root.path());
    let limits = Limits { time: Duration::from_secs(1000), ..LIMITS };
    files.set_searches(Searches::new(limits, ticking()));
    let response = respond(&files, &mut Request::get("/?search=a"));
    assert_eq!((response.content_length(), response.header("X-Accel-Buffering")), (None, Some("no")));
    let ResponseBody::Stream { mut reader, .. } = response.into_body() else { panic!("the clock is slow") };
    let mut pieces = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = reader.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        pieces.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    let of = |part: &str| pieces.iter().position(|piece| piece.contains(part)).unwrap();
    let order = [of("Searching…"), of("href=\"./a\""), of("href=\"./b/a\""), of("href=\"./c/d/a\""), of("3 results")];
    assert!(order.is_sorted() && order[0] < order[1] && order[1] < order[2], "{order:?}");
}

#[cfg(feature = "compress")]
#[test]
fn only_a_search_that_ends_at_once_is_compressed() {
    let root = tree(&[]);
    for number in 0..100 {
        grow(root.path(), &[&format!("a{number}")]);
    }
    let table = [
        // whether it takes long, Accept-Encoding, the content coding, why
        (false, "gzip", Some("gzip"), "all of it is there"),
        (true, "gzip", None, "gzip would hold back what was found"),
        (true, "gzip, identity;q=0", Some("gzip"), "the client accepts nothing else"),
        (true, "br", None, "there is no such coding"),
    ];
    for (is_long, accepted, coding, why) in table {
        let mut files = Files::new(root.path()).compress(true);
        if is_long {
            files.set_searches(Searches::new(Limits { time: Duration::from_secs(1000), ..LIMITS }, ticking()));
        }
        let response = respond(&files, &mut Request::get("/?search=a").with_header("Accept-Encoding", accepted));
        assert_eq!(response.header("Content-Encoding"), coding, "{why}");
        assert_eq!(response.header("Vary"), Some("Accept, Accept-Encoding"));
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_passed_over() {
    let root = tree(&["a/x", "b/x", "c/x"]);
    let closed = root.path().join("b");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let is_readable = fs::read_dir(&closed).is_ok();
    let files = Files::new(root.path());
    let value = search(&files, "/?search=x");
    let text = page(&files, "/?search=x");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    // The superuser may read everything.
    let (unreadable, results) = if is_readable { (0, 3) } else { (1, 2) };
    assert_eq!((&value["unreadable"], value["entries"].as_array().unwrap().len()), (&json!(unreadable), results));
    assert_eq!(text.contains("1 folder could not be read."), !is_readable, "{text}");
}

#[test]
fn a_directory_that_is_refused_is_passed_over() {
    let root = tree(&["a/x", "b/x", "c/x"]);
    // What it has in place of its index file may not be opened: listing the directory is 403.
    mknodat(CWD, root.path().join("b/index.html"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let files = Files::new(root.path());
    assert_eq!(respond(&files, &mut Request::get("/b/")).status().code(), 403);
    let value = search(&files, "/?search=x");
    assert_eq!((&value["unreadable"], value["entries"].as_array().unwrap().len()), (&json!(1), 2));
    assert!(page(&files, "/?search=x").contains("<p id=\"found\">2 results. 1 folder could not be read.</p>"));
}

#[test]
fn a_search_in_little_memory_finds_the_same() {
    let root = tree(&[]);
    for number in 0..300 {
        grow(root.path(), &[&format!("a directory, index {number}/x{number}/x")]);
    }
    let with = |limits| {
        let budget = Budget::new(limits);
        let mut files = Files::new(root.path());
        files.set_budget(Arc::clone(&budget));
        let found = found(&files, "/?search=x");
        assert_eq!(budget.held(), 0, "all is given back");
        found
    };
    let ample = usize::MAX / 4;
    let expected = with(budget::Limits { least: ample, window: ample, all: ample, ample });
    assert_eq!(expected.len(), 900);
    assert_eq!(
        expected[299..302],
        ["a directory, index 299/", "a directory, index 0/x0/", "a directory, index 0/x0/x"]
    );
    assert_eq!(with(budget::Limits { least: 4 << 10, window: 4 << 10, all: 8 << 10, ample: 0 }), expected);
}

#[test]
fn paths_as_long_as_they_may_be_are_searched() {
    let root = tempfile::tempdir().unwrap();
    let name = "d".repeat(200);
    // Deeper than a path of a request may be, made step by step because no path may be that long.
    let mut directory = fs::File::open(root.path()).unwrap();
    for _ in 0..25 {
        rustix::fs::mkdirat(&directory, &*name, Mode::RWXU).unwrap();
        let next = rustix::fs::openat(&directory, &*name, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
        directory = next.into();
    }
    let files = Files::new(root.path());
    let value = search(&files, "/?search=D");
    let entries = value["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &value["unreadable"]), (20, &json!(0)));
    let deepest = entries[19]["url"].as_str().unwrap();
    assert_eq!(respond(&files, &mut Request::get(deepest)).status().code(), 200);
}

#[test]
fn a_tree_that_changes_under_the_walk_does_no_harm() {
    let root = tree(&["still/x"]);
    let done = Arc::new(AtomicBool::new(false));
    let (path, stop) = (root.path().to_owned(), Arc::clone(&done));
    let (began, has_begun) = mpsc::channel();
    let changing = std::thread::spawn(move || {
        let mut number = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            let (one, other) = (path.join(format!("d{}", number % 3)), path.join(format!("d{}/e", (number + 1) % 3)));
            grow(&one, &["x", "e/f/x"]);
            let _ = fs::rename(&one, &other);
            let _ = symlink("..", path.join("d0/e/up"));
            for index in 0..3 {
                let _ = fs::remove_dir_all(path.join(format!("d{index}")));
            }
            number += 1;
            let _ = began.send(());
        }
    });
    has_begun.recv().unwrap();
    let files = Files::new(root.path());
    for _ in 0..300 {
        let found = found(&files, "/?search=x");
        assert!(found.contains(&"still/x".to_owned()), "{found:?}");
    }
    done.store(true, Ordering::Relaxed);
    changing.join().unwrap();
}

/// The link of a client that leaves after it was asked this many times.
struct Leaving(AtomicU64);

impl Link for Leaving {
    fn is_open(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn is_stopping(&self) -> bool {
        false
    }

    fn wait(&self, _: Duration) {}

    fn next_piece(&self, _: &BodyReceiver) -> Piece {
        Piece::Disconnected
    }
}

#[test]
fn a_search_ends_when_the_client_leaves() {
    let root = tree(&["a", "b/a", "c/d/a"]);
    let tree = Tree::Disk(Arc::new(RootDir::new(root.path())));
    let roots = Roots { roots: vec![Root { tree, uploads: false }], index_names: Vec::new(), include_hidden: false };
    let roots = Arc::new(roots);
    let path = RelativePath::root();
    let Ok(Lookup::Directory(layers)) = roots.lookup(&path) else { panic!("it is there") };
    let searches = Searches::new(Limits { searches: 1, time: Duration::from_secs(1000), ..LIMITS }, ticking());
    let connection = Connection::new(Leaving(AtomicU64::new(2)));
    let words = Words::parse("a").unwrap().unwrap();
    let slot = searches.take_slot().unwrap();
    let mut walk = Walk::new(slot, &roots, &Budget::of_process(), connection, words, path, layers);
    assert!(walk.advance().unwrap() && walk.advance().unwrap());
    assert_eq!(walk.advance().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert!(searches.take_slot().is_none());
    drop(walk);
    assert!(searches.take_slot().is_some());
}
