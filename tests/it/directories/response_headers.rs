//! Header fields of files, as the options set them.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use super::text;
use crate::support::{Program, Run as _, ask, get, hearken};

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
        ("/c", "text/plain; charset=utf-8", "text/plain; charset=utf-8", "max-age=60"),
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
        ("/a.txt?x&d%6fwnload=", "attachment; filename=\"a.txt\""),
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
