//! What clients get below each prefix.

use std::path::Path;

use hearken::testing::TestServer;
use hearken::{Method, Request, Response, Router};

fn app() -> Router {
    assets::app(&Path::new(env!("CARGO_MANIFEST_DIR")).join("public"))
}

const SCRIPT: &str = "console.log(\"hello\");\n";

const STYLE: &[u8] = include_bytes!("../embedded/style.css");
const DOT: &[u8] = include_bytes!("../embedded/dot.gif");

#[test]
fn embedded_files_have_their_bytes_and_their_media_type() {
    let page = include_bytes!("../embedded/index.html").as_slice();
    let table = [
        ("/ui/", "text/html; charset=utf-8", page),
        ("/ui/index.html", "text/html; charset=utf-8", page),
        ("/ui/style.css", "text/css; charset=utf-8", STYLE),
        ("/ui/images/dot.gif", "image/gif", DOT),
    ];
    for (target, media_type, bytes) in table {
        let mut response = app().respond(&mut Request::get(target));
        let seen = (response.status().code(), response.header("Content-Type"));
        assert_eq!(seen, (200, Some(media_type)), "{target}");
        assert_eq!(response.header("Cache-Control"), Some("no-cache"), "{target}: with the entity tag it is kept");
        assert_eq!(response.read_bytes().unwrap(), bytes, "{target}");
    }
}

#[test]
fn other_paths_below_the_embedded_files_get_what_they_would_get_from_a_directory() {
    let table = [
        ("/ui", 301, Some("/ui/"), ""),
        ("/ui/images", 301, Some("/ui/images/"), ""),
        ("/ui//style.css", 301, Some("/ui/style.css"), ""),
        ("/ui/images/", 404, None, "Not found"),
        ("/ui/other.css", 404, None, "Not found"),
        ("/ui/style.css/", 404, None, "Not found"),
        ("/ui/%2e%2e/app.js", 400, None, "dot segment"),
    ];
    for (target, status, location, part) in table {
        let mut response = app().respond(&mut Request::get(target));
        assert_eq!((response.status().code(), response.header("Location")), (status, location), "{target}");
        let text = response.read_text().unwrap();
        assert!(text.contains(part), "{target}: {text}");
    }
    let response = app().respond(&mut Request::new(Method::Put, "/ui/style.css"));
    assert_eq!((response.status().code(), response.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_client_that_accepts_gzip_gets_the_compressed_file() {
    let request = || Request::get("/ui/style.css").with_header("Accept-Encoding", "br, gzip");
    let compressed = include_bytes!("../embedded/style.css.gz");
    let mut whole = app().respond(&mut request());
    let seen = (whole.header("Content-Encoding"), whole.header("Vary"), whole.header("Content-Type"));
    assert_eq!(seen, (Some("gzip"), Some("Accept-Encoding"), Some("text/css; charset=utf-8")));
    assert_eq!(whole.read_bytes().unwrap(), compressed);
    let etag = whole.header("ETag").unwrap();
    let mut part = app().respond(&mut request().with_header("Range", "bytes=0-1").with_header("If-Range", etag));
    assert_eq!((part.status().code(), part.read_bytes().unwrap()), (206, compressed[..2].to_vec()));
    let plain = app().respond(&mut Request::get("/ui/style.css").with_header("If-None-Match", etag));
    assert_eq!(plain.status().code(), 200, "the original has an entity tag of its own");
    assert_eq!((plain.header("Content-Encoding"), plain.header("Vary")), (None, Some("Accept-Encoding")));
}

/// The parts of a `multipart/byteranges` body: the `Content-Range` and the bytes of each.
fn parts(mut response: Response) -> Vec<(String, Vec<u8>)> {
    let media_type = response.header("Content-Type").unwrap();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    let length = response.content_length();
    let body = response.read_bytes().unwrap();
    assert_eq!(length, Some(body.len() as u64));
    let body: String = body.into_iter().map(char::from).collect();
    let inside = body.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    let delimiter = format!("\r\n--{boundary}\r\n");
    let part = |part: &str| {
        let (head, bytes) = part.split_once("\r\n\r\n").unwrap();
        let content_range = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).unwrap();
        (content_range.to_owned(), bytes.chars().map(|c| u8::try_from(c).unwrap()).collect())
    };
    format!("\r\n{inside}").split(&delimiter).skip(1).map(part).collect()
}

#[test]
fn several_ranges_of_an_embedded_file_come_in_one_response() {
    let licence = include_bytes!("../../../../LICENSE-MIT");
    let mut request = Request::get("/ui/licence.txt").with_header("Range", "bytes=500-519, 0-9, -5");
    let found = parts(app().respond(&mut request));
    let (length, tail) = (licence.len(), licence.len() - 5);
    let expected = [(500, 519), (0, 9), (tail, length - 1)]
        .map(|(first, last)| (format!("bytes {first}-{last}/{length}"), licence[first..=last].to_vec()));
    assert_eq!(found, expected);
}

#[test]
fn embedded_files_cross_a_socket_as_they_are() -> std::io::Result<()> {
    let server = TestServer::new(app()).unwrap();
    let licence = include_bytes!("../../../../LICENSE-MIT");
    let get = || Request::get("/ui/licence.txt");
    let mut whole = server.send(get())?;
    assert_eq!(whole.read_bytes()?, licence);
    let etag = whole.header("ETag").unwrap();
    let mut part = server.send(get().with_header("Range", "bytes=-9"))?;
    assert_eq!((part.status().code(), part.read_bytes()?.as_slice()), (206, &licence[licence.len() - 9..]));
    let several = parts(server.send(get().with_header("Range", "bytes=0-0, 900-903"))?);
    assert_eq!(several.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [&licence[..1], &licence[900..904]]);
    assert_eq!(server.send(get().with_header("If-None-Match", etag))?.status().code(), 304);
    let mut head = server.send(Request::new(Method::Head, "/ui/licence.txt"))?;
    assert_eq!(head.header("Content-Length"), Some(licence.len().to_string().as_str()));
    assert_eq!(head.read_bytes()?, b"");
    Ok(())
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
    for target in ["/ui/app.js", "/assets/app.js", "/downloads/app.js"] {
        let whole = app().respond(&mut Request::get(target));
        let etag = whole.header("ETag").unwrap();
        let table = [
            ("Range", "bytes=0-6", 206, "console"),
            ("Range", "bytes=-3", 206, ");\n"),
            ("Range", "bytes=99-", 416, "The range lies outside the 22 bytes of the content."),
            ("If-None-Match", etag, 304, ""),
            ("If-None-Match", "\"another\"", 200, SCRIPT),
            ("If-Match", "\"another\"", 412, "A precondition of the request does not hold."),
            ("If-Match", etag, 200, SCRIPT),
        ];
        for (name, value, status, text) in table {
            let mut response = app().respond(&mut Request::get(target).with_header(name, value));
            let seen = (response.status().code(), response.read_text().unwrap());
            assert_eq!(seen, (status, text.to_owned()), "{target} {name}: {value}");
        }
        for (version, content_range, text) in [(etag, Some("bytes 8-10/22"), "log"), ("\"another\"", None, SCRIPT)] {
            let request = Request::get(target).with_header("Range", "bytes=8-10").with_header("If-Range", version);
            let mut response = app().respond(&mut { request });
            assert_eq!(response.header("Content-Range"), content_range, "{target}, if it is {version}");
            assert_eq!(response.read_text().unwrap(), text, "{target}, if it is {version}");
        }
    }
}

#[test]
fn only_files_of_the_directory_have_a_date() {
    let modified = |target: &str| app().respond(&mut Request::get(target)).header("Last-Modified").map(str::to_owned);
    let date = modified("/assets/app.js").unwrap();
    assert_eq!(modified("/ui/app.js"), None);
    for (target, status) in [("/assets/app.js", 304), ("/ui/app.js", 200)] {
        let response = app().respond(&mut Request::get(target).with_header("If-Modified-Since", &date));
        assert_eq!(response.status().code(), status, "{target}");
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
    for target in ["/ui/images/dot.gif", "/ui/", "/assets/app.js", "/downloads/app.js"] {
        let whole = app().respond(&mut Request::get(target));
        let mut head = app().respond(&mut Request::new(Method::Head, target));
        assert_eq!(head.content_length(), whole.content_length(), "{target}");
        assert_eq!(head.header("Content-Type"), whole.header("Content-Type"), "{target}");
        assert_eq!(head.read_bytes().unwrap(), b"", "{target}");
    }
}
