//! What visitors have uploaded: it can be used, and cannot act as the site.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{files, site};
use crate::files::Files;
use crate::handler::{IntoResponse as _, respond};
use crate::http::method::Method;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;

/// Files by their names and contents, old enough to be cached.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    }
    directory
}

fn policy(response: &Response) -> Option<&str> {
    response.header("Content-Security-Policy")
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[test]
fn uploads_cannot_act_as_the_site() {
    let site = site();
    let files = files(&site);
    let response = respond(&files, &mut Request::get("/up.html"));
    assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(policy(&response), Some("sandbox"));
    assert_eq!(policy(&respond(&files, &mut Request::get("/"))), None);
    assert!(files.owns(&RelativePath::parse("/index.html").unwrap()));
    assert!(!files.owns(&RelativePath::parse("/up.html").unwrap()));
}

#[test]
fn uploads_are_in_a_sandbox_unless_they_only_show_something() {
    let table: [(&str, &[u8], &str, bool); 26] = [
        ("a.html", b"<p>", "text/html; charset=utf-8", true),
        ("a.HTM", b"<p>", "text/html; charset=utf-8", true),
        ("a.xht", b"<p>", "application/xhtml+xml", true),
        ("a.xml", b"<p>", "text/xml; charset=utf-8", true),
        ("a.xsl", b"<p>", "text/xml; charset=utf-8", true),
        ("a.svg", b"<svg>", "image/svg+xml; charset=utf-8", true),
        ("a.mht", b"<p>", "message/rfc822", true),
        ("a.js", b"alert(1)", "text/javascript; charset=utf-8", true),
        ("a.css", b"a{}", "text/css; charset=utf-8", true),
        ("a.md", b"# a", "text/markdown; charset=utf-8", true),
        ("a.json", b"{}", "application/json", true),
        ("a.zip", b"PK", "application/zip", true),
        ("binary", b"\0", "application/octet-stream", true),
        ("a.unknown", b"\0", "application/octet-stream", true),
        // Their types decide, whatever they hold.
        ("a.txt", b"<!doctype html><script>alert(1)</script>", "text/plain; charset=utf-8", false),
        ("README", b"<!doctype html><script>alert(1)</script>", "text/plain; charset=utf-8", false),
        ("a.conf", b"a = b", "text/plain; charset=utf-8", false),
        ("a.lock", b"a = b", "text/plain; charset=utf-8", false),
        ("empty", b"", "text/plain; charset=utf-8", false),
        ("a.png", b"<svg onload=alert(1)>", "image/png", false),
        ("a.jpg", PNG, "image/jpeg", false),
        ("a.ico", PNG, "image/x-icon", false),
        ("a.mp4", b"", "video/mp4", false),
        ("a.webm", b"", "video/webm", false),
        ("a.mp3", b"", "audio/mpeg", false),
        ("a.pdf", b"%PDF-1.7", "application/pdf", false),
    ];
    let uploads = directory(&table.map(|(name, content, ..)| (name, content)));
    let ways =
        [Files::embedded([]).with_uploads(uploads.path()), Files::new(uploads.path()).with_uploads(uploads.path())];
    for files in &ways {
        for (name, _, media_type, sandbox) in table {
            let target = format!("/{name}");
            // Read, and from the cache.
            let later = SystemTime::now() + Duration::from_secs(10);
            for method in [Method::Get, Method::Get, Method::Head] {
                let request = Request::new(method, &target);
                let response = files.respond(&request, later).into_response(&request);
                assert_eq!(response.header("Content-Type"), Some(media_type), "{name}");
                assert_eq!(policy(&response), sandbox.then_some("sandbox"), "{name}");
                assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{name}");
            }
        }
        assert!(files.cached() > 0);
    }
    let trusted = Files::new(uploads.path());
    for (name, _, media_type, _) in table {
        let response = respond(&trusted, &mut Request::get(&format!("/{name}")));
        assert_eq!((response.header("Content-Type"), policy(&response)), (Some(media_type), None), "{name}");
    }
}

#[test]
fn each_kind_of_response_keeps_uploads_in_their_sandbox() {
    // Long enough for parts that are not joined.
    let long = [b'-'; 10_000];
    let uploads = directory(&[
        ("page.html", &long),
        ("page.html.gz", b"compressed"),
        ("image.png", &long),
        ("index.html", b"<p>index"),
    ]);
    let files = Files::new(uploads.path()).with_uploads(uploads.path()).single_page(true);
    let get = |target: &str, fields: &[(&str, &str)]| {
        let request =
            fields.iter().fold(Request::get(target), |request, (name, value)| request.with_header(name, value));
        respond(&files, &mut { request })
    };
    let table: [(&str, &[(&str, &str)], u16, Option<&str>, &str); 11] = [
        ("/page.html", &[], 200, Some("sandbox"), "whole"),
        ("/page.html?download", &[], 200, Some("sandbox"), "to be saved"),
        ("/page.html", &[("Range", "bytes=0-1")], 206, Some("sandbox"), "a part"),
        ("/page.html", &[("Range", "bytes=0-0,-1")], 206, Some("sandbox"), "several parts"),
        ("/page.html", &[("Accept-Encoding", "gzip")], 200, Some("sandbox"), "a variant"),
        ("/page.html", &[("If-None-Match", "*")], 304, None, "the client has kept the policy with the content"),
        ("/", &[], 200, Some("sandbox"), "an index file"),
        ("/users/5", &[], 200, Some("sandbox"), "the page of an application"),
        ("/image.png", &[("Range", "bytes=0-1")], 206, None, "a part of an image"),
        (
            "/image.png",
            &[("Range", "bytes=0-0,-1")],
            206,
            Some("sandbox"),
            "no browser asks for several parts of an image",
        ),
        ("/image.png", &[("If-None-Match", "*")], 304, None, "the same"),
    ];
    for (target, fields, status, expected, why) in table {
        let response = get(target, fields);
        assert_eq!((response.status().code(), policy(&response)), (status, expected), "{target} {fields:?}: {why}");
        let several = fields.iter().any(|(_, value)| value.contains(','));
        let media_type = response.header("Content-Type").unwrap_or_default();
        assert_eq!(media_type.starts_with("multipart/byteranges"), several, "{target} {fields:?}");
    }
    let path = RelativePath::parse("/page.html").unwrap();
    assert_eq!(policy(&files.file(&path, &Request::get("/other")).unwrap()), Some("sandbox"));
}

#[test]
fn configured_media_types_decide_about_the_sandbox() {
    let uploads =
        directory(&[("a.txt", b"<p>"), ("README", b"<p>"), ("a.log", b"\0"), ("a.png", PNG), ("a.own", b"text")]);
    let table = [
        ("txt", "text/html", "/a.txt", "text/html; charset=utf-8", true),
        ("txt", "text/plain; charset=ISO-8859-1", "/a.txt", "text/plain; charset=ISO-8859-1", false),
        ("txt", "TEXT/PLAIN", "/a.txt", "TEXT/PLAIN; charset=utf-8", false),
        ("txt", "text/plain;,text/html", "/a.txt", "text/plain;,text/html; charset=utf-8", true),
        ("png", "image/svg+xml", "/a.png", "image/svg+xml; charset=utf-8", true),
        ("log", "text/plain", "/a.log", "text/plain; charset=utf-8", false),
        ("own", "application/octet-stream", "/a.own", "application/octet-stream", true),
        ("own", "video/x-own", "/a.own", "video/x-own", false),
    ];
    for (extension, set, target, media_type, sandbox) in table {
        let files = Files::new(uploads.path()).with_uploads(uploads.path()).media_type(extension, set).unwrap();
        let response = respond(&files, &mut Request::get(target));
        assert_eq!(response.header("Content-Type"), Some(media_type), "{extension}={set}");
        assert_eq!(policy(&response), sandbox.then_some("sandbox"), "{extension}={set}");
    }
}

#[test]
fn text_without_an_extension_is_text_in_each_response() {
    let uploads = directory(&[("notes", "größe\n".repeat(2000).as_bytes()), ("notes.gz", b"\x1f\x8b\0")]);
    let files = Files::new(uploads.path());
    let table: [&[(&str, &str)]; 4] = [
        &[],
        &[("Range", "bytes=3-3")],
        &[("Accept-Encoding", "gzip")],
        &[("If-Range", "\"x\""), ("Range", "bytes=1-")],
    ];
    for fields in table {
        for method in [Method::Get, Method::Head] {
            let request = Request::new(method, "/notes");
            let request = fields.iter().fold(request, |request, (name, value)| request.with_header(name, value));
            let response = respond(&files, &mut { request });
            assert_eq!(response.header("Content-Type"), Some("text/plain; charset=utf-8"), "{fields:?}");
        }
    }
    assert_eq!(respond(&files, &mut Request::get("/notes.gz")).header("Content-Type"), Some("application/gzip"));
    let embedded = Files::embedded([("notes", b"text"), ("binary", b"\0bc\0")]);
    let media_type =
        |target: &str| respond(&embedded, &mut Request::get(target)).header("Content-Type").map(str::to_owned);
    assert_eq!(media_type("/notes").as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(media_type("/binary").as_deref(), Some("application/octet-stream"));
}

#[test]
fn a_root_that_visitors_write_to_is_served_as_uploads() {
    let site = site();
    let www = site.path().join("www");
    let files = Files::new(&www).with_uploads(www.join("../www")).index(["none"]).unwrap().upload_form(true);
    for _ in 0..3 {
        let response = respond(&files, &mut Request::get("/index.html"));
        assert_eq!(response.header("Content-Security-Policy"), Some("sandbox"));
    }
    assert!(!files.owns(&RelativePath::parse("/index.html").unwrap()));
    let listing = respond(&files, &mut Request::get("/empty/")).read_text().unwrap();
    assert!(listing.contains("enctype=\"multipart/form-data\""));
    let listing = respond(&files.upload_form(false), &mut Request::get("/empty/")).read_text().unwrap();
    assert!(!listing.contains("multipart"));
}

/// A visitor who uploaded the script that browsers knew as the site's service worker had the whole site.
#[test]
fn an_upload_is_no_service_worker() {
    let own = directory(&[("own.js", b"1")]);
    let uploads = directory(&[("up.js", b"1"), ("up.txt", b"1")]);
    let files = Files::new(own.path()).with_uploads(uploads.path());
    let table = [
        ("/own.js", Some("script"), 200),
        ("/up.js", None, 200),
        ("/up.js", Some("script"), 403),
        ("/up.js?v=2", Some("script"), 403),
        ("/up.txt", Some(""), 403),
    ];
    for (target, field, status) in table {
        // The second time, the file may come from memory.
        for condition in ["\"x\"", "*"] {
            let request = Request::get(target).with_header("If-None-Match", condition);
            let mut request =
                field.into_iter().fold(request, |request, value| request.with_header("Service-Worker", value));
            let expected = if status == 200 && condition == "*" { 304 } else { status };
            assert_eq!(respond(&files, &mut request).status().code(), expected, "{target} {field:?} {condition}");
        }
    }
    let all = Files::new(own.path()).with_uploads(own.path());
    let mut request = Request::get("/own.js").with_header("Service-Worker", "script");
    assert_eq!(respond(&all, &mut request).status().code(), 403);
}
