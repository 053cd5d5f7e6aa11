//! What clients get below each prefix.

use std::path::Path;

use hearken::{Method, Request, Router};

fn app() -> Router {
    assets::app(&Path::new(env!("CARGO_MANIFEST_DIR")).join("public"))
}

const SCRIPT: &str = "console.log(\"hello\");\n";

#[test]
fn embedded_files_have_their_bytes_and_their_media_type() {
    let page = include_bytes!("../embedded/index.html").as_slice();
    let table = [
        ("/ui", "text/html; charset=utf-8", page),
        ("/ui/", "text/html; charset=utf-8", page),
        ("/ui/style.css", "text/css; charset=utf-8", b"p { color: navy }\n"),
        ("/ui/dot.gif", "image/gif", include_bytes!("../embedded/dot.gif")),
    ];
    for (target, media_type, bytes) in table {
        let mut response = app().respond(&mut Request::get(target));
        let seen = (response.status().code(), response.header("Content-Type"));
        assert_eq!(seen, (200, Some(media_type)), "{target}");
        assert_eq!(response.read_bytes().unwrap(), bytes, "{target}");
    }
    assert_eq!(app().respond(&mut Request::get("/ui/other.css")).status().code(), 404);
}

#[test]
fn a_directory_is_served_below_its_prefix() {
    let table = [
        ("/assets", 301, Some("/assets/"), ""),
        ("/assets/", 200, None, "href=\"./app.js\""),
        ("/assets/app.js", 200, None, SCRIPT),
        ("/assets/docs", 301, Some("/assets/docs/"), ""),
        ("/assets/docs/", 200, None, "This is the index of a directory."),
        ("/assets/images", 301, Some("/assets/images/"), ""),
        ("/assets/images/", 200, None, "href=\"./dot.svg\""),
        ("/assets/images/?sort=size", 200, None, "href=\"../?sort=size&amp;order=asc\""),
        ("/assets/images/none.svg", 404, None, "There is no such asset."),
        ("/assets/%2e%2e/Cargo.toml", 400, None, "dot segment"),
        ("/assetsapp.js", 404, None, "Not found: GET, /assetsapp.js"),
        ("/app.js", 404, None, "Not found: GET, /app.js"),
    ];
    for (target, status, location, part) in table {
        let mut response = app().respond(&mut Request::get(target));
        assert_eq!((response.status().code(), response.header("Location")), (status, location), "{target}");
        let text = response.read_text().unwrap();
        assert!(text.contains(part), "{target}: {text}");
    }
}

#[test]
fn ranges_and_conditions_hold_below_each_prefix() {
    for target in ["/assets/app.js", "/downloads/app.js"] {
        let whole = app().respond(&mut Request::get(target));
        let (etag, modified) = (whole.header("ETag").unwrap(), whole.header("Last-Modified").unwrap());
        let table = [
            ("Range", "bytes=0-6", 206, "console"),
            ("Range", "bytes=-3", 206, ");\n"),
            ("Range", "bytes=99-", 416, "The range lies outside the 22 bytes of the content."),
            ("If-None-Match", etag, 304, ""),
            ("If-None-Match", "\"another\"", 200, SCRIPT),
            ("If-Modified-Since", modified, 304, ""),
            ("If-Match", "\"another\"", 412, "A precondition of the request does not hold."),
            ("If-Match", etag, 200, SCRIPT),
        ];
        for (name, value, status, text) in table {
            let mut response = app().respond(&mut Request::get(target).with_header(name, value));
            let seen = (response.status().code(), response.read_text().unwrap());
            assert_eq!(seen, (status, text.to_owned()), "{target} {name}: {value}");
        }
        let mut resumed = Request::get(target).with_header("Range", "bytes=8-10").with_header("If-Range", etag);
        let mut response = app().respond(&mut resumed);
        assert_eq!(response.header("Content-Range"), Some("bytes 8-10/22"), "{target}");
        assert_eq!(response.read_text().unwrap(), "log", "{target}");
    }
}

#[test]
fn a_download_is_one_file_of_the_directory() {
    let table = [
        ("/downloads/app.js", 200, Some("attachment"), SCRIPT),
        ("/downloads/images/dot.svg", 200, Some("attachment"), "<svg"),
        ("/downloads/images", 404, None, "Not found"),
        ("/downloads/none", 404, None, "Not found"),
        ("/downloads/%2e%2e/Cargo.toml", 400, None, "path: the path holds a dot segment"),
        ("/downloads/..", 400, None, "path: the path holds a dot segment"),
    ];
    for (target, status, disposition, part) in table {
        let mut response = app().respond(&mut Request::get(target));
        let seen = (response.status().code(), response.header("Content-Disposition"));
        assert_eq!(seen, (status, disposition), "{target}");
        let text = response.read_text().unwrap();
        assert!(text.contains(part), "{target}: {text}");
    }
}

#[test]
fn head_has_the_fields_and_no_body() {
    for target in ["/ui/dot.gif", "/assets/app.js", "/downloads/app.js"] {
        let whole = app().respond(&mut Request::get(target));
        let mut head = app().respond(&mut Request::new(Method::Head, target));
        assert_eq!(head.content_length(), whole.content_length(), "{target}");
        assert_eq!(head.header("Content-Type"), whole.header("Content-Type"), "{target}");
        assert_eq!(head.read_bytes().unwrap(), b"", "{target}");
    }
}
