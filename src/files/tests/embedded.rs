//! Embedded files as a root of the service, without a socket.

use std::borrow::Cow;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::Files;
use crate::handler::respond;
use crate::http::method::Method;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::{Response, ResponseBody};

const TEXT: &[u8] = b"0123456789";

/// Files of each kind that the service tells apart.
fn site() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("index.html", b"<p>index"),
        ("404.html", b"<p>missing"),
        ("a b.txt", TEXT),
        ("empty", b""),
        ("100%.txt", b"percent"),
        ("app.3f9a1c2b.js", b"script()"),
        ("app.3f9a1c2b.js.br", b"brotli"),
        ("app.3f9a1c2b.js.gz", b"gzip"),
        ("long.css", "p { color: navy }\n".repeat(200).leak().as_bytes()),
        ("longer.txt", "all work and no play\n".repeat(5000).leak().as_bytes()),
        ("longer.txt.zst", "all\n".repeat(500).leak().as_bytes()),
        ("sub/index.html", b"<p>sub"),
        ("sub/deep/second.html", b"<p>second"),
        ("sub/unknown.type-of-file", b"\0\x01"),
        (".hidden/file", b"hidden"),
        (".secret", b"secret"),
    ]
}

/// Writes the files below the directory, old enough for strong entity tags.
fn write(directory: &Path, files: &[(&str, &[u8])]) {
    let modified = SystemTime::now() - Duration::from_secs(60);
    for (path, bytes) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }
}

/// What a client sees of a response, but for what disk and program cannot have in common: the values of validators, and boundaries.
fn comparable(mut response: Response) -> (u16, Vec<(String, String)>, Option<u64>, String) {
    let media_type = response.header("Content-Type").unwrap_or_default();
    let boundary = media_type.split_once("boundary=").map_or("no boundary", |(_, boundary)| boundary).to_owned();
    let fields = response.headers().iter().filter(|(name, _)| *name != "Last-Modified").map(|(name, value)| {
        let value = if name == "ETag" { without_version(value) } else { value.replace(&boundary, "boundary") };
        (name.to_owned(), value)
    });
    let (fields, length) = (fields.collect(), response.content_length());
    let body = String::from_utf8_lossy(&response.read_bytes().unwrap()).replace(&boundary, "boundary");
    (response.status().code(), fields, length, body)
}

/// An entity tag without what tells versions apart: whether it is weak, the length, and the coding.
fn without_version(etag: &str) -> String {
    let (length, version) = etag.split_once('-').unwrap();
    let coding = ["br", "zstd", "gzip"].into_iter().find(|coding| version.ends_with(&format!("-{coding}\"")));
    format!("{length} {}", coding.unwrap_or("identity"))
}

/// The response to a request with these fields, in whose values `{etag}` is the entity tag that the client has for the target.
fn ask(files: &Files, method: Method, target: &str, fields: &[(&'static str, &str)]) -> Response {
    let accepted = fields.iter().filter(|(name, _)| *name == "Accept-Encoding");
    let mut kept = accepted.fold(Request::get(target), |request, (name, value)| request.with_header(name, value));
    let kept = respond(files, &mut kept);
    let etag = kept.header("ETag").unwrap_or("\"none\"");
    let mut request = fields.iter().fold(Request::new(method, target), |request, (name, value)| {
        request.with_header(name, &value.replace("{etag}", etag))
    });
    respond(files, &mut request)
}

#[test]
fn embedded_files_are_served_like_files_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &site());
    let settings: [fn(Files) -> Files; 4] = [
        |files| files,
        |files| files.include_hidden(true).index(["second.html", "index.html"]).unwrap(),
        |files| files.immutable(true).cache_control("max-age=5").unwrap().media_type("txt", "text/x-other").unwrap(),
        #[cfg(feature = "compress")]
        |files| files.compress(true).single_page(true),
        #[cfg(not(feature = "compress"))]
        |files| files.single_page(true),
    ];
    let targets = [
        "/",
        "/index.html",
        "/a%20b.txt",
        "/a%20b.txt/",
        "/a%20b.txt/x",
        "/empty",
        "/100%25.txt",
        "/100%2525.txt",
        "/app.3f9a1c2b.js",
        "/app.3f9a1c2b.js.gz",
        "/long.css",
        "/longer.txt",
        "/longer.txt.zst",
        "/sub",
        "/sub?a=b",
        "/sub/",
        "/sub/deep",
        "/sub/deep/",
        "//sub//deep",
        "/sub/unknown.type-of-file",
        "/.secret",
        "/.hidden/file",
        "/.hidden",
        "/missing",
        "/missing/",
        "/missing.txt",
        "/404.html",
        "/%2e%2e/a",
        "/sub/../index.html",
        "/sub%2findex.html",
        "/%00",
        "/a%20b.txt?download",
        "/sub/?download",
        "/?download=tar",
        "/missing/?download=tar",
        "/INDEX.HTML",
        "/a%20b.tx",
    ];
    let requests: [&[(&'static str, &str)]; 22] = [
        &[],
        &[("If-None-Match", "{etag}")],
        &[("If-None-Match", "\"other\", {etag}")],
        &[("If-None-Match", "*")],
        &[("If-None-Match", "\"other\"")],
        &[("If-Match", "{etag}")],
        &[("If-Match", "*")],
        &[("If-Match", "\"other\"")],
        &[("Range", "bytes=2-4")],
        &[("Range", "bytes=-3")],
        &[("Range", "bytes=1500-")],
        &[("Range", "bytes=0-1, 500-600, -2")],
        &[("Range", "bytes=99999999-")],
        &[("Range", "lines=1-2")],
        &[("Range", "bytes=2-4"), ("If-Range", "{etag}")],
        &[("Range", "bytes=0-1, 500-600"), ("If-Range", "{etag}")],
        &[("Range", "bytes=2-4"), ("If-Range", "\"other\"")],
        &[("Range", "bytes=2-4"), ("If-None-Match", "{etag}")],
        &[("Accept-Encoding", "gzip, br, zstd")],
        &[("Accept-Encoding", "gzip"), ("If-None-Match", "{etag}")],
        &[("Accept-Encoding", "gzip"), ("Range", "bytes=1-2"), ("If-Range", "{etag}")],
        &[("Accept-Encoding", "identity;q=0, zstd")],
    ];
    for (setting, set) in settings.into_iter().enumerate() {
        let on_disk = set(Files::new(directory.path()).listing(false));
        let embedded = set(Files::embedded([]).overlay_embedded(&site()).listing(false));
        for target in targets {
            for fields in requests {
                for method in [Method::Get, Method::Head, Method::Post] {
                    let seen =
                        [&embedded, &on_disk].map(|files| comparable(ask(files, method.clone(), target, fields)));
                    assert_eq!(seen[0], seen[1], "{method:?} {target} {fields:?}, setting {setting}");
                }
            }
            let path = RelativePath::parse(target.split('?').next().unwrap());
            assert_eq!(path.clone().map(|path| embedded.owns(&path)), path.map(|path| on_disk.owns(&path)), "{target}");
        }
    }
}

#[test]
fn clients_keep_embedded_files_by_their_entity_tag() {
    let files = || Files::embedded([("a.txt", TEXT), ("same.txt", TEXT), ("other.txt", b"0123456780")]);
    let etag_of = |target: &str| respond(&files(), &mut Request::get(target)).header("ETag").unwrap().to_owned();
    let etag = etag_of("/a.txt");
    assert!(etag.starts_with("\"a-"), "{etag} is strong");
    // Each call builds the files anew, as another run of the program does.
    assert_eq!([etag_of("/a.txt"), etag_of("/same.txt")], [etag.clone(), etag.clone()]);
    assert_ne!(etag_of("/other.txt"), etag);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let table: [(&[(&'static str, &str)], u16, &str); 7] = [
        (&[("If-None-Match", &etag)], 304, ""),
        (&[("Range", "bytes=2-4"), ("If-Range", &etag)], 206, "234"),
        // RFC 9110 §13.1.3 to §13.1.5: without a modification time, conditions on one are ignored, and a range is not sent.
        (&[("If-Modified-Since", date)], 200, "0123456789"),
        (&[("If-Unmodified-Since", date)], 200, "0123456789"),
        (&[("Range", "bytes=2-4"), ("If-Range", date)], 200, "0123456789"),
        (&[("Range", "bytes=2-4"), ("If-Modified-Since", date)], 206, "234"),
        (&[("If-None-Match", "\"other\""), ("If-Modified-Since", date)], 200, "0123456789"),
    ];
    for (fields, status, body) in table {
        let mut response = ask(&files(), Method::Get, "/a.txt", fields);
        assert_eq!((response.status().code(), response.header("Last-Modified")), (status, None), "{fields:?}");
        assert_eq!(response.read_text().unwrap(), body, "{fields:?}");
    }
}

#[test]
fn embedded_bytes_are_sent_from_where_they_are() {
    static BYTES: [u8; 100_000] = [7; 100_000];
    let files = Files::embedded([("a", &BYTES), ("404.html", &BYTES)]);
    for (target, range, expected) in
        [("/a", "", &BYTES[..]), ("/a", "bytes=5-9", &BYTES[5..=9]), ("/missing", "", &BYTES)]
    {
        let body = respond(&files, &mut Request::get(target).with_header("Range", range)).into_body();
        let ResponseBody::Bytes(Cow::Borrowed(sent)) = body else { panic!("{target} {range}: the bytes are copied") };
        assert!(std::ptr::eq(sent, expected), "{target} {range}");
    }
}

#[test]
fn embedded_files_and_directories_lie_over_each_other() {
    let site = tempfile::tempdir().unwrap();
    let (www, data) = (site.path().join("www"), site.path().join("data"));
    write(
        &www,
        &[("both.txt", b"disk"), ("sub/disk.txt", b"disk"), ("d/index.html", b"disk"), ("404.html", b"404 on disk")],
    );
    write(
        &data,
        &[
            ("both.txt", b"upload"),
            ("sub/index.html", b"upload"),
            ("e/index.html", b"upload"),
            ("f/index.html", b"upload"),
        ],
    );
    let built_in: [(&str, &[u8]); 6] = [
        ("both.txt", b"program"),
        ("sub/program.txt", b"program"),
        ("d/index.html", b"program"),
        ("d/index.htm", b"program, preferred"),
        ("e/page.html", b"program"),
        ("404.html", b"404 in the program"),
    ];
    let disk_first = || Files::new(&www).overlay_embedded(&built_in).with_uploads(&data);
    let program_first = || Files::embedded(built_in).overlay(&www).with_uploads(&data);
    let preferred = |files: Files| files.index(["index.htm", "index.html"]).unwrap();
    let table: [(&str, Files, &[(&str, u16, &str)]); 4] = [
        (
            "disk over program",
            disk_first(),
            &[
                ("/both.txt", 200, "disk"),
                ("/sub/program.txt", 200, "program"),
                ("/sub/disk.txt", 200, "disk"),
                ("/d/", 200, "disk"),
                ("/e/", 404, "404 on disk"),
                ("/f/", 200, "upload"),
                ("/missing", 404, "404 on disk"),
            ],
        ),
        (
            "program over disk",
            program_first(),
            &[
                ("/both.txt", 200, "program"),
                ("/sub/program.txt", 200, "program"),
                ("/sub/disk.txt", 200, "disk"),
                ("/d/", 200, "program"),
                ("/e/", 404, "404 in the program"),
                ("/f/", 200, "upload"),
                ("/missing", 404, "404 in the program"),
            ],
        ),
        ("another index file, disk over program", preferred(disk_first()), &[("/d/", 200, "program, preferred")]),
        ("another index file, program over disk", preferred(program_first()), &[("/d/", 200, "program, preferred")]),
    ];
    for (roots, files, expected) in table {
        let files = files.listing(false);
        let later = SystemTime::now() + Duration::from_secs(10);
        // Again and again, because files on disk are cached.
        for (target, status, body) in [expected; 3].concat() {
            let request = Request::get(target);
            let mut response = crate::handler::IntoResponse::into_response(files.respond(&request, later), &request);
            let seen = (response.status().code(), response.read_text().unwrap());
            assert_eq!(seen, (status, body.to_owned()), "{roots}: {target}");
            let is_sandboxed = response.header("Content-Security-Policy").is_some();
            assert_eq!(is_sandboxed, body == "upload", "{roots}: {target}");
        }
        let owns = ["/both.txt", "/sub/program.txt", "/f/index.html"]
            .map(|path| files.owns(&RelativePath::parse(path).unwrap()));
        assert_eq!(owns, [true, true, false], "{roots}");
    }
}

#[test]
fn files_of_the_first_directory_behind_embedded_files_are_cached() {
    let site = tempfile::tempdir().unwrap();
    let (first, second) = (site.path().join("first"), site.path().join("second"));
    write(&first, &[("a.txt", b"first"), ("b.txt", b"hidden"), ("d/index.html", b"index")]);
    write(&second, &[("c.txt", b"second")]);
    let embedded = || Files::embedded([("b.txt", b"program")]);
    let later = SystemTime::now() + Duration::from_secs(10);
    let table = [
        ("/b.txt", "program", 0),
        ("/a.txt", "first", 1),
        ("/a.txt", "first", 1),
        ("/b.txt", "program", 1),
        ("/c.txt", "second", 1),
        ("/d/", "index", 2),
    ];
    for files in [embedded().overlay(&first).overlay(&second), embedded().with_uploads(&first).with_uploads(&second)] {
        for (target, body, cached) in table {
            assert_eq!(files.respond(&Request::get(target), later).unwrap().read_text().unwrap(), body);
            assert_eq!(files.cached(), cached, "{target}");
        }
    }
}

#[test]
fn listings_leave_out_what_is_embedded() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("sub/disk.txt", b"disk")]);
    let files =
        Files::embedded([("sub/program.txt", b"program"), ("own/program.txt", b"program")]).overlay(directory.path());
    let listing = respond(&files, &mut Request::get("/sub/")).read_text().unwrap();
    assert!(listing.contains("disk.txt") && !listing.contains("program.txt"), "{listing}");
    for (target, status) in [("/own", 301), ("/own/", 404), ("/own/program.txt", 200), ("/none/", 404)] {
        assert_eq!(respond(&files, &mut Request::get(target)).status().code(), status, "{target}");
    }
    let alone = Files::embedded([("program.txt", b"program")]);
    assert_eq!(respond(&alone, &mut Request::get("/")).status().code(), 404);
}

#[cfg(feature = "archive")]
#[test]
fn archives_leave_out_what_is_embedded() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("sub/disk.txt", b"disk")]);
    let embedded = || Files::embedded([("sub/program.txt", b"program"), ("own/program.txt", b"program")]).archive(true);
    let get = |files: Files, target: &str| respond(&files, &mut Request::get(target));
    let archive = get(embedded().overlay(directory.path()), "/sub/?download=tar").read_bytes().unwrap();
    let has = |name: &str| archive.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(has("sub/disk.txt") && !has("program.txt"));
    assert_eq!(get(embedded().overlay(directory.path()), "/own/?download=tar").status().code(), 404);
    assert_eq!(get(embedded(), "/sub/?download=tar").status().code(), 404);
}

#[test]
fn one_file_of_the_program_is_sent_by_its_path() {
    let files = Files::embedded([("a/b.txt", TEXT)]);
    let get = |path: &str| {
        let request = Request::get("/other").with_header("Range", "bytes=-2");
        files.file(&RelativePath::parse(path).unwrap(), &request)
    };
    assert_eq!(get("a/b.txt").unwrap().read_text().unwrap(), "89");
    for missing in ["a", "a/", "a/b.txt/", "c"] {
        assert!(matches!(get(missing), Err(crate::http::error::HttpError::NotFound)), "{missing}");
    }
}

#[cfg(feature = "compress")]
#[test]
fn gzip_of_small_embedded_text_is_kept() {
    use std::io::Read as _;
    use std::sync::Arc;

    let (small, large) = ("small ".repeat(1000).leak().as_bytes(), "large ".repeat(20_000).leak().as_bytes());
    let files = Files::embedded([("small.txt", small), ("large.txt", large)]).compress(true);
    let get = |target: &str| {
        let response = respond(&files, &mut Request::get(target).with_header("Accept-Encoding", "gzip"));
        assert!(response.header("ETag").unwrap().starts_with("W/"), "{target}");
        assert_eq!(response.header("Content-Encoding"), Some("gzip"));
        response
    };
    for (target, text) in [("/small.txt", small), ("/large.txt", large)] {
        for _ in 0..2 {
            let (compressed, mut plain) = (get(target).read_bytes().unwrap(), Vec::new());
            flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut plain).unwrap();
            assert_eq!(plain, text, "{target}");
        }
    }
    let kept = [get("/small.txt"), get("/small.txt")].map(|response| match response.into_body() {
        ResponseBody::Shared(bytes, _) => bytes,
        _ => panic!("it is compressed again"),
    });
    assert!(Arc::ptr_eq(&kept[0], &kept[1]));
}

#[cfg(feature = "compress")]
#[test]
fn embedded_text_is_sent_as_it_is_while_many_responses_are_compressed() {
    let files = Files::embedded([("large.txt", "large ".repeat(20_000).leak().as_bytes())]).compress(true);
    let coding = |response: &Response| response.header("Content-Encoding").map(str::to_owned);
    let get = || respond(&files, &mut Request::get("/large.txt").with_header("Accept-Encoding", "gzip"));
    let mut under_way = vec![get()];
    while coding(under_way.last().unwrap()).is_some() {
        under_way.push(get());
    }
    assert!(under_way.len() > 1);
    assert_eq!(under_way.pop().unwrap().header("Vary"), Some("Accept-Encoding"));
    under_way.pop();
    assert_eq!(coding(&get()), Some("gzip".to_owned()), "there is room again");
}
