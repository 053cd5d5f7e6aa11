//! The service as a whole, without a socket.

mod changes;
mod embedded;
mod little_memory;
#[cfg(feature = "archive")]
mod properties;
mod uploads;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Files;
use crate::handler::{IntoResponse as _, respond};
use crate::http::method::Method;
use crate::http::request::Request;

fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let path = site.path();
    fs::create_dir_all(path.join("www/sub")).unwrap();
    fs::create_dir_all(path.join("www/empty")).unwrap();
    fs::create_dir_all(path.join("data")).unwrap();
    fs::write(path.join("www/index.html"), "<p>index").unwrap();
    fs::write(path.join("www/sub/index.html"), "<p>sub").unwrap();
    fs::write(path.join("www/a b.txt"), "0123456789").unwrap();
    fs::write(path.join("www/.secret"), "secret").unwrap();
    fs::write(path.join("www/raw.unknown-type"), b"\0").unwrap();
    fs::write(path.join("www/README"), "größe").unwrap();
    fs::write(path.join("data/up.html"), "<script>").unwrap();
    fs::write(path.join("data/index.html"), "shadowed").unwrap();
    site
}

fn files(site: &tempfile::TempDir) -> Files {
    Files::new(site.path().join("www")).with_uploads(site.path().join("data"))
}

#[test]
fn paths_get_what_they_name() {
    let site = site();
    let files = files(&site);
    let table = [
        ("/", 200, "<p>index"),
        ("/index.html", 200, "<p>index"),
        ("/sub/", 200, "<p>sub"),
        ("/sub", 301, ""),
        ("/a%20b.txt", 200, "0123456789"),
        ("/a%20b.txt/", 404, "Not found: GET, /a b.txt/"),
        ("/a%20b.txt/x", 404, "Not found: GET, /a b.txt/x"),
        ("/missing", 404, "Not found: GET, /missing"),
        ("/.secret", 404, "Not found: GET, /.secret"),
        ("/up.html", 200, "<script>"),
        ("/../data/up.html", 400, "Bad request: the path holds a dot segment."),
        ("//up.html", 301, ""),
        ("//", 301, ""),
        ("/%00", 400, "Bad request: the path holds an encoded slash or a NUL byte."),
    ];
    for (target, status, body) in table {
        let mut response = respond(&files, &mut Request::get(target));
        assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (status, body), "{target}");
    }
}

#[test]
fn text_is_served_with_a_charset() {
    let site = site();
    let files = files(&site);
    for (target, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/a%20b.txt", "text/plain; charset=utf-8"),
        ("/raw.unknown-type", "application/octet-stream"),
        ("/README", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(respond(&files, &mut Request::get(target)).header("Content-Type"), Some(media_type), "{target}");
    }
}

#[test]
fn a_redirect_keeps_the_query_and_the_host() {
    let site = site();
    let files = files(&site);
    let response = respond(&files, &mut Request::get("/sub?a=b%20c"));
    assert_eq!(response.header("Location"), Some("/sub/?a=b%20c"));
    let response = respond(&files, &mut Request::get("//sub?a=//b"));
    assert_eq!(response.header("Location"), Some("/sub?a=//b"), "not a way to another host");
}

#[test]
fn other_methods_are_not_allowed() {
    let site = site();
    let response = respond(&files(&site), &mut Request::new(Method::Post, "/"));
    assert_eq!((response.status().code(), response.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn listings_can_be_turned_off_and_hidden_files_on() {
    let site = site();
    assert_eq!(respond(&files(&site), &mut Request::get("/empty/")).status().code(), 200);
    assert_eq!(respond(&files(&site).listing(false), &mut Request::get("/empty/")).status().code(), 404);
    assert_eq!(respond(&files(&site).include_hidden(true), &mut Request::get("/.secret")).status().code(), 200);
    let mut other = respond(&files(&site).index(["a b.txt"]).unwrap(), &mut Request::get("/"));
    assert_eq!(other.read_text().unwrap(), "0123456789");
}

#[test]
fn conditions_and_ranges_are_answered() {
    let site = site();
    // Old enough for a strong entity tag.
    let file = fs::File::open(site.path().join("www/a b.txt")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let files = files(&site);
    let get = |fields: &[(&str, &str)]| {
        let request = fields.iter().fold(Request::get("/a%20b.txt"), |r, (name, value)| r.with_header(name, value));
        let mut request = request;
        respond(&files, &mut request)
    };
    let whole = get(&[]);
    let etag = whole.header("ETag").unwrap().to_owned();
    let modified = whole.header("Last-Modified").unwrap().to_owned();
    assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
    assert_eq!(whole.content_length(), Some(10));

    let cases: [(&[(&str, &str)], u16, &str, Option<&str>); 10] = [
        (&[("If-None-Match", &etag)], 304, "", None),
        (&[("If-Modified-Since", &modified)], 304, "", None),
        (&[("If-None-Match", "\"other\"")], 200, "0123456789", None),
        (&[("If-Match", "\"other\"")], 412, "A precondition of the request does not hold.", None),
        (&[("Range", "bytes=2-4")], 206, "234", Some("bytes 2-4/10")),
        (&[("Range", "bytes=-3")], 206, "789", Some("bytes 7-9/10")),
        (&[("Range", "bytes=10-")], 416, "The range lies outside the 10 bytes of the content.", Some("bytes */10")),
        (&[("Range", "bytes=2-4"), ("If-Range", &etag)], 206, "234", Some("bytes 2-4/10")),
        (&[("Range", "bytes=2-4"), ("If-Range", "\"other\"")], 200, "0123456789", None),
        (&[("Range", "bytes=2-4"), ("If-None-Match", &etag)], 304, "", None),
    ];
    for (fields, status, body, content_range) in cases {
        let mut response = get(fields);
        assert_eq!(response.status().code(), status, "{fields:?}");
        assert_eq!(response.header("Content-Range"), content_range, "{fields:?}");
        if status == 304 {
            let names: Vec<_> = response.headers().iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["ETag", "Cache-Control"], "beside Date (RFC 9110 §15.4.5)");
        }
        assert_eq!(response.read_text().unwrap(), body, "{fields:?}");
    }
}

/// Everything that a client sees of an answer.
fn seen(files: &Files, request: &Request, now: SystemTime) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut response = files.respond(request, now).into_response(request);
    let fields = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (response.status().code(), fields, response.read_bytes().unwrap())
}

#[test]
fn cached_files_are_served_like_uncached_ones() {
    let site = tempfile::tempdir().unwrap();
    let path = |name: &str| site.path().join(name);
    fs::create_dir_all(path("one/sub")).unwrap();
    fs::create_dir_all(path("two/sub")).unwrap();
    for name in
        ["one/app.3f9a1c2b.js", "one/a.txt", "one/sub/b.html", "two/sub/a.html", "one/404.html", "two/index.html"]
    {
        fs::write(path(name), name.repeat(200)).unwrap();
    }
    let one = || Files::new(path("one"));
    let settings: [fn(Files, &Path) -> Files; 8] = [
        |files, _| files,
        |files, _| files.immutable(true),
        |files, _| files.cache_control("max-age=5").unwrap(),
        |files, _| files.cache_control("").unwrap().immutable(true),
        |files, _| files.media_type("txt", "text/x-other").unwrap(),
        |files, _| files.single_page(true).include_hidden(true),
        |files, site| files.follow_links(true).index(["a.html", "b.html"]).unwrap().overlay(site.join("two")),
        |files, site| files.index(["b.html", "a.html"]).unwrap().with_uploads(site.join("two")),
    ];
    let targets = [
        "/a.txt",
        "/a.txt?v=1",
        "/a.txt?download",
        "/a.txt?d%6fwnload",
        "/a.txt?%64ownload=tar",
        "/app.3f9a1c2b.js",
        "/app.3f9a1%632b.js",
        "/sub/",
        "/sub/?download",
        "/sub/b.html",
        "/",
        "/missing",
        "/a.txt/",
    ];
    let fields: [&[(&str, &str)]; 5] = [
        &[],
        &[("Range", "bytes=1-5")],
        &[("If-None-Match", "*")],
        &[("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")],
        &[("Accept-Encoding", "gzip, br")],
    ];
    // Late enough for all to be kept.
    let now = SystemTime::now() + Duration::from_secs(3600);
    let mut kept = 0;
    for (number, set) in settings.iter().enumerate() {
        let warm = set(one(), site.path());
        for target in targets {
            for fields in fields {
                let request =
                    fields.iter().fold(Request::get(target), |request, (name, value)| request.with_header(name, value));
                let fresh = seen(&set(one(), site.path()), &request, now);
                for _ in 0..3 {
                    let mut again = seen(&warm, &request, now);
                    // The page of a listing is known by another number each time.
                    if fresh.1.iter().any(|(_, value)| value.contains("nonce-")) {
                        again = fresh.clone();
                    }
                    assert_eq!(again, fresh, "{target} with {fields:?}, setting {number}");
                }
            }
        }
        kept += warm.cached();
    }
    assert!(kept >= 3 * settings.len(), "only {kept} files were kept");
}

/// Errors of a file with variants once had the file's own `Cache-Control`, a year of it where the file is immutable.
#[test]
fn errors_do_not_have_the_cache_control_of_the_file() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("app.3f9a1c2b.js"), "content").unwrap();
    fs::write(site.path().join("app.3f9a1c2b.js.gz"), "gzip").unwrap();
    let files = Files::new(site.path()).immutable(true);
    for (field, value, status) in [("If-Match", "\"other\"", 412), ("Range", "bytes=100-", 416)] {
        let response = respond(&files, &mut Request::get("/app.3f9a1c2b.js").with_header(field, value));
        assert_eq!(response.status().code(), status);
        assert_eq!(response.header("Cache-Control"), None, "{field}");
        assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{field}");
        assert_eq!(response.headers().all("X-Content-Type-Options").count(), 1, "{field}");
    }
}

#[test]
fn an_uploaded_index_file_does_not_answer_for_a_directory_of_the_site() {
    let site = site();
    fs::create_dir(site.path().join("data/empty")).unwrap();
    fs::create_dir(site.path().join("data/theirs")).unwrap();
    fs::write(site.path().join("data/empty/index.html"), "uploaded").unwrap();
    fs::write(site.path().join("data/theirs/index.html"), "uploaded").unwrap();
    let files = files(&site);
    let body = |target: &str| respond(&files, &mut Request::get(target)).read_text().unwrap();
    assert!(body("/empty/").contains("<table"), "the directory is listed");
    assert_eq!(body("/theirs/"), "uploaded");
}

/// The file cache once kept the index file of a directory that the site's own tree got later.
#[test]
fn an_uploaded_index_file_does_not_count_any_more_when_the_site_gets_its_directory() {
    let site = site();
    let (www, data) = (site.path().join("www"), site.path().join("data"));
    fs::create_dir(data.join("theirs")).unwrap();
    fs::write(data.join("theirs/index.html"), "uploaded").unwrap();
    let files = Files::new(&data).with_uploads(&data).overlay(&www);
    let later = SystemTime::now() + Duration::from_secs(10);
    let body = || files.respond(&Request::get("/theirs/"), later).unwrap().read_text().unwrap();
    assert_eq!([body(), body()], ["uploaded", "uploaded"]);
    fs::create_dir(www.join("theirs")).unwrap();
    assert!(body().contains("<table"), "the directory is listed");
}

/// RFC 9110 §14.2: ranges are defined for GET only.
#[test]
fn a_range_of_head_is_ignored() {
    let site = site();
    let request = |method| Request::new(method, "/a%20b.txt").with_header("Range", "bytes=0-1");
    let files = files(&site);
    assert_eq!(respond(&files, &mut request(Method::Get)).status().code(), 206);
    let head = respond(&files, &mut request(Method::Head));
    assert_eq!((head.status().code(), head.content_length()), (200, Some(10)));
}

#[test]
fn the_page_of_an_application_is_not_immutable_at_other_paths() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("app.3f9a1c2b.html"), "app").unwrap();
    let files = Files::new(site.path()).index(["app.3f9a1c2b.html"]).unwrap().single_page(true).immutable(true);
    for (target, cache_control) in [("/app.3f9a1c2b.html", "max-age=31536000, immutable"), ("/some/view", "no-cache")] {
        let mut response = respond(&files, &mut Request::get(target));
        assert_eq!(response.read_text().unwrap(), "app", "{target}");
        assert_eq!(response.header("Cache-Control"), Some(cache_control), "{target}");
    }
}

#[test]
fn an_index_file_that_appears_before_a_cached_one_answers() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("second.html"), "second").unwrap();
    let files = Files::new(site.path()).index(["first.html", "second.html"]).unwrap();
    let later = SystemTime::now() + Duration::from_secs(10);
    let body = || files.respond(&Request::get("/"), later).unwrap().read_text().unwrap();
    assert_eq!((body(), body()), ("second".into(), "second".into()));
    fs::write(site.path().join("first.html"), "first").unwrap();
    assert_eq!(body(), "first");
}

#[cfg(feature = "archive")]
#[test]
fn a_hidden_directory_is_not_archived() {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join(".git")).unwrap();
    let files = Files::new(site.path()).archive(true);
    assert_eq!(respond(&files, &mut Request::get("/?download=tar")).status().code(), 200);
    assert_eq!(respond(&files, &mut Request::get("/.git/?download=tar")).status().code(), 404);
}

#[cfg(feature = "compress")]
#[test]
fn gzip_that_is_made_for_the_request_has_no_ranges() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("a.txt"), "text ".repeat(1000)).unwrap();
    let files = Files::new(site.path()).compress(true);
    let request = || Request::get("/a.txt").with_header("Accept-Encoding", "gzip, identity;q=0");
    let whole = respond(&files, &mut request()).read_bytes().unwrap();
    let mut ranged = respond(&files, &mut request().with_header("Range", "bytes=0-5"));
    assert_eq!((ranged.status().code(), ranged.header("Accept-Ranges")), (200, None));
    assert_eq!(ranged.read_bytes().unwrap(), whole);
}

/// Bodies of the service once counted as streams of the program: with two pages that listened for events, and room for two streams,
/// listings, archives and compressed files were refused.
#[test]
fn no_body_of_the_service_is_a_stream_of_the_program() {
    let site = tempfile::tempdir().unwrap();
    for number in 0..1000 {
        fs::write(site.path().join(format!("{number:064}")), "").unwrap();
    }
    fs::write(site.path().join("long.txt"), "text ".repeat(20_000)).unwrap();
    #[allow(unused_mut, reason = "only features change them")]
    let (mut files, mut targets) = (Files::new(site.path()), vec!["/", "/?format=json"]);
    #[cfg(feature = "archive")]
    {
        files = files.archive(true);
        targets.push("/?download=tar");
    }
    #[cfg(feature = "compress")]
    {
        files = files.compress(true);
        targets.push("/long.txt");
    }
    for target in targets {
        for accepted in ["identity", "gzip"] {
            let response = respond(&files, &mut Request::get(target).with_header("Accept-Encoding", accepted));
            let is_long = response.is_stream() && (target == "/long.txt" || response.content_length().is_none());
            assert!(is_long && !response.is_open_ended(), "{target} {accepted}");
        }
    }
}

#[cfg(feature = "archive")]
#[test]
fn a_download_that_there_is_not_is_a_bad_request() {
    let site = site();
    let text = "Bad request: ?download saves a file and ?download=tar a directory; there are no other downloads.";
    let files = files(&site).archive(true).single_page(true);
    let table = [
        ("/empty/?download=zip", 400, "a directory"),
        ("/?download=zip", 400, "with an index file"),
        ("/a%20b.txt?download=zip", 400, "a file"),
        ("/up.html?download=1", 400, "a file"),
        ("/empty/?download", 200, "the listing, as always"),
        ("/empty/?download=", 200, "the listing, as always"),
        ("/empty/?download=tar", 200, "an archive"),
        ("/a%20b.txt?download=tar", 200, "a file has no other form"),
        ("/empty?download=zip", 301, "to the directory"),
        ("/missing/a.b?download=zip", 404, "nothing"),
        ("/.secret?download=zip", 404, "hidden"),
        ("/some/view?download=zip", 200, "an application has parameters of its own"),
    ];
    for (target, status, why) in table {
        for _ in 0..2 {
            let mut response = respond(&files, &mut Request::get(target));
            assert_eq!(response.status().code(), status, "{target}: {why}");
            if status == 400 {
                assert_eq!(response.read_text().unwrap(), text, "{target}");
            }
        }
    }
}
