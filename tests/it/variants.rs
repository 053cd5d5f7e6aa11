//! Variants of files over real sockets: those beside the file, and those that `--compress` makes.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;

use crate::support::{
    Program, Reply, Run as _, Wire, ask, hearken, on_path, output_of, read_until_closed, skip, until,
};

const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

/// Text that does not repeat itself too soon.
fn text(bytes: usize) -> String {
    let lines = (0_u64..).map(|number| format!("{number} {:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let mut text = String::new();
    for line in lines {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&line);
    }
    text.truncate(bytes);
    text
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

fn get(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Reply {
    ask(address, "GET", target, fields, b"")
}

fn unzipped(reply: &Reply) -> String {
    let mut text = String::new();
    GzDecoder::new(reply.body.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// A directory with one text of each size that matters, and a picture.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    write(&site.path().join("tiny.txt"), text(1024));
    write(&site.path().join("small.txt"), text(1025));
    write(&site.path().join("index.html"), text(50_000));
    write(&site.path().join("large.txt"), text(3_000_000));
    write(&site.path().join("picture.png"), text(50_000));
    site
}

fn serve(site: &tempfile::TempDir, options: &[&str]) -> Program {
    Program::hearken(&[options, &[site.path().to_str().unwrap()]].concat())
}

#[test]
fn nothing_is_compressed_unless_both_sides_want_it() {
    let site = site();
    let plain = serve(&site, &[]);
    for target in ["/small.txt", "/large.txt"] {
        let reply = get(plain.address(), target, &[GZIP]);
        assert_eq!((reply.header("Content-Encoding"), reply.header("Vary")), (None, None), "{target}");
    }
    let server = serve(&site, &["--compress"]);
    let table = [
        ("/tiny.txt", Some("gzip"), false, false),
        ("/picture.png", Some("gzip"), false, false),
        ("/small.txt", Some("gzip"), true, true),
        ("/large.txt", Some("br, gzip;q=0.5"), true, true),
        ("/", Some("*"), true, true),
        ("/small.txt", None, false, true),
        ("/large.txt", Some("br"), false, true),
        ("/large.txt", Some("gzip;q=0"), false, true),
        ("/large.txt", Some("gzip;q=0.5, identity"), false, true),
    ];
    for (target, accepted, compressed, varies) in table {
        let name = if target == "/" { "index.html" } else { &target[1..] };
        let content = fs::read_to_string(site.path().join(name)).unwrap();
        let fields: Vec<_> = accepted.map(|accepted| ("Accept-Encoding", accepted)).into_iter().collect();
        for method in ["GET", "HEAD"] {
            let reply = ask(server.address(), method, target, &fields, b"");
            let expected = compressed.then_some("gzip");
            assert_eq!(reply.header("Content-Encoding"), expected, "{method} {target} {accepted:?}");
            assert_eq!(reply.header("Vary"), varies.then_some("Accept-Encoding"), "{method} {target} {accepted:?}");
            assert_eq!(reply.header("Accept-Ranges").is_some(), !compressed, "{target}");
            if method == "GET" && compressed {
                assert!(reply.body.len() < content.len(), "{target}");
                assert!(unzipped(&reply) == content, "{target}");
            } else if method == "GET" {
                assert!(reply.text() == content, "{target}");
            }
        }
    }
}

#[test]
fn compressed_answers_have_weak_tags_and_no_ranges() {
    let site = site();
    let server = serve(&site, &["--compress"]);
    let address = server.address();
    for target in ["/small.txt", "/large.txt"] {
        let plain = get(address, target, &[]).header("ETag").unwrap().to_owned();
        let coded = get(address, target, &[GZIP]).header("ETag").unwrap().to_owned();
        assert!(coded.starts_with("W/") && coded.trim_start_matches("W/") != plain, "{plain} {coded}");
        let same = get(address, target, &[GZIP, ("If-None-Match", &coded)]);
        assert_eq!((same.status, same.header("Vary")), (304, Some("Accept-Encoding")));
        assert_eq!(get(address, target, &[GZIP, ("If-None-Match", &plain)]).status, 200);
        // Who wants a part gets one of the file as it is.
        let part = get(address, target, &[GZIP, ("Range", "bytes=0-9")]);
        assert_eq!((part.status, part.header("ETag"), part.body.len()), (206, Some(plain.as_str()), 10));
        assert_eq!((part.header("Vary"), part.header("Content-Encoding")), (Some("Accept-Encoding"), None));
        let only = ("Accept-Encoding", "gzip, identity;q=0");
        let whole = get(address, target, &[only, ("Range", "bytes=0-9")]);
        assert_eq!((whole.status, whole.header("ETag")), (200, Some(coded.as_str())), "there are no parts of it");
    }
    // A client of HTTP/1.0 could not tell whether it got the whole.
    let mut wire = Wire::connect(address);
    wire.send("GET /large.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let old = wire.reply();
    assert_eq!((old.header("Content-Encoding"), old.body.len()), (None, 3_000_000));
    let mut wire = Wire::connect(address);
    wire.send("GET /large.txt HTTP/1.0\r\nAccept-Encoding: gzip, identity;q=0\r\n\r\n");
    assert_eq!(unzipped(&wire.reply()).len(), 3_000_000);
}

#[test]
fn clients_that_take_their_time_do_not_keep_others_waiting() {
    let site = site();
    let many: String = text(1_000_000).repeat(40);
    write(&site.path().join("endless.txt"), &many);
    let server = serve(&site, &["--compress"]);
    // More of them than may be compressed for, on any machine that this runs on; none reads on after the head.
    let slow: Vec<_> = (0..400)
        .map(|_| {
            let mut wire = Wire::connect(server.address());
            wire.send("GET /endless.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
            wire
        })
        .collect();
    let plain = until("an answer that is sent as it is", || {
        let mut wire = Wire::connect(server.address());
        wire.send("GET /endless.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
        let head = wire.head();
        assert_eq!(head.header("Vary"), Some("Accept-Encoding"));
        head.header("Content-Encoding").is_none().then_some(head)
    });
    assert_eq!(plain.header("Content-Length"), Some(many.len().to_string().as_str()));
    drop(slow);
    until("answers that are compressed again", || {
        let mut wire = Wire::connect(server.address());
        wire.send("HEAD /endless.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
        wire.head().header("Content-Encoding").map(drop)
    });
}

#[test]
fn a_file_that_is_cut_while_it_is_compressed_is_not_ended_as_if_it_were_whole() {
    let site = site();
    let path = site.path().join("cut.txt");
    write(&path, text(60 << 20));
    let log = site.path().join("log");
    let mut command = hearken();
    command.args(["--port", "0", "--access-log", "off", "--compress", site.path().to_str().unwrap()]);
    let server = Program::start(command.stderr(File::create(&log).unwrap()), 1);
    let mut wire = Wire::connect(server.address());
    wire.send("GET /cut.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(wire.head().header("Transfer-Encoding"), Some("chunked"));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let (body, _) = read_until_closed(&mut wire.stream);
    assert!(!body.ends_with(b"0\r\n\r\n"), "no last chunk");
    let line = "hearken: error: GET /cut.txt: cut short: the file became shorter while it was sent";
    until(line, || fs::read_to_string(&log).unwrap().contains(line).then_some(()));
}

#[test]
fn precompressed_files_are_sent_to_clients_that_accept_them() {
    let site = site();
    let content = fs::read(site.path().join("large.txt")).unwrap();
    let mut coders: Vec<(&str, &str)> = Vec::new();
    for (program, arguments, coding) in
        [("gzip", &["-k", "-n"][..], "gzip"), ("zstd", &["-q", "-k"], "zstd"), ("brotli", &["-k"], "br")]
    {
        if on_path(program).is_none() {
            skip("precompressed_files_are_sent_to_clients_that_accept_them", program);
            continue;
        }
        let file = site.path().join("large.txt");
        assert!(Command::new(program).args(arguments).arg(&file).run().status.success());
        coders.push((program, coding));
    }
    let server = serve(&site, &["--compress"]);
    for (program, coding) in coders {
        let reply = get(server.address(), "/large.txt", &[("Accept-Encoding", coding)]);
        let (seen, varies) = (reply.header("Content-Encoding"), reply.header("Vary"));
        assert_eq!((seen, varies), (Some(coding), Some("Accept-Encoding")), "{}", reply.head);
        assert_eq!(reply.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert!(reply.header("Content-Length").is_some() && !reply.header("ETag").unwrap().starts_with("W/"));
        let file = site.path().join("fetched");
        fs::write(&file, &reply.body).unwrap();
        let mut decoder = Command::new(program);
        decoder.args(["-d", "-c"]).stdin(File::open(&file).unwrap()).stdout(Stdio::piped());
        let output = output_of(decoder.spawn().unwrap());
        assert!(output.stdout == content, "{program} makes of it what was there");
        let part = [("Accept-Encoding", coding), ("Range", "bytes=10-19")];
        let part = get(server.address(), "/large.txt", &part);
        assert_eq!((part.status, part.header("Content-Encoding")), (206, Some(coding)));
        assert_eq!(part.body, reply.body[10..20]);
        // The file in the coding is a file of its own as well.
        let extension = if coding == "gzip" {
            "gz"
        } else if coding == "zstd" {
            "zst"
        } else {
            "br"
        };
        let itself = get(server.address(), &format!("/large.txt.{extension}"), &[("Accept-Encoding", coding)]);
        assert_eq!((itself.header("Content-Encoding"), itself.body == reply.body), (None, true));
    }
}
