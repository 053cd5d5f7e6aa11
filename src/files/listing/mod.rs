//! The response that lists a directory, as HTML or JSON, generated while it is sent.

pub(super) mod budget;
pub(super) mod entries;
pub(super) mod entry;
pub(super) mod html;
pub(super) mod json;
#[cfg(feature = "markdown")]
mod markdown;
pub(super) mod numbers;
pub(super) mod order;
#[cfg(feature = "markdown")]
pub(super) mod readme;
pub(super) mod row;
pub(super) mod scan;
pub(super) mod toolbar;
mod type_name;
pub(super) mod window;

use std::io;
use std::sync::Arc;

use super::encoding::gzip::{Compressor, MIN_LENGTH, Slot};
use super::media_types::MediaTypes;
use super::pieces::{Beginning, PieceReader, Pieces, Stage};
use crate::http::accept;
use crate::http::content_coding::{self, ContentCoding, Negotiated};
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::page::Frame;
use budget::Budget;
use entries::ScanTarget;
use html::Page;
pub(super) use html::PageParts;
use json::Json;
use order::Order;
use row::Rows;

/// The response that lists the directory in the form and the order that the request asks for.
pub(super) fn respond(
    target: ScanTarget,
    request: &Request,
    media_types: &Arc<MediaTypes>,
    compressor: Option<&Arc<Compressor>>,
    budget: &Arc<Budget>,
    parts: PageParts,
) -> Result<Response, HttpError> {
    let order = Order::of(request);
    let json = wants_json(request);
    let coding = Coding::negotiate(request, compressor)?;
    let path = target.path.clone();
    let entries = target.read(order, media_types, budget)?;
    let response = if json {
        send(Json::new(path, entries), coding)?.with_header("Content-Type", "application/json")
    } else {
        let frame = Frame::new();
        let rows = Rows::new(media_types, order);
        let media_types = Arc::clone(media_types);
        let page = Page { path, order, parts, entries, rows, media_types, frame: frame.clone(), stage: Stage::Start };
        frame.complete(send(page, coding)?)
    };
    Ok(complete(response, compressor.is_some()))
}

/// Whether the request asks for JSON and not for a page.
pub(super) fn wants_json(request: &Request) -> bool {
    match request.query().value("format").as_deref() {
        Some("json") => true,
        Some("html") => false,
        _ => accept::prefers_json(request.header_list("Accept").as_deref()),
    }
}

/// Adds the fields that all listings have. `may_compress` says whether another client may get it compressed.
pub(super) fn complete(response: Response, may_compress: bool) -> Response {
    response
        .with_header("Cache-Control", "no-cache")
        .with_header("Vary", if may_compress { "Accept, Accept-Encoding" } else { "Accept" })
        .with_header("X-Content-Type-Options", "nosniff")
}

/// A short body is sent with its length, a long one while it is generated.
pub(super) fn send<P: Pieces>(pieces: P, coding: Coding) -> io::Result<Response> {
    Ok(match (PieceReader::new(pieces).begin()?, coding) {
        (Beginning::Whole(whole), Coding::Gzip { slot, only }) if only || whole.len() as u64 >= MIN_LENGTH => {
            in_gzip(Response::bytes(slot.compress(&whole)?))
        }
        (Beginning::Whole(whole), _) => Response::bytes(whole),
        (Beginning::Part(reader), Coding::Gzip { slot, only }) if only || !P::FLUSHES => {
            in_gzip(Response::generated(Arc::new(slot).reader(reader)))
        }
        (Beginning::Part(reader), _) => Response::generated(reader),
    })
}

fn in_gzip(response: Response) -> Response {
    response.with_header("Content-Encoding", ContentCoding::Gzip.name())
}

/// The content coding of a listing.
pub(super) enum Coding {
    /// None.
    Nothing,
    /// Gzip; `only` if the client accepts nothing else.
    Gzip { slot: Slot, only: bool },
}

impl Coding {
    /// The coding that the request's `Accept-Encoding` asks for (RFC 9110 §12.5.3), if a slot is free.
    pub(super) fn negotiate(request: &Request, compressor: Option<&Arc<Compressor>>) -> Result<Self, HttpError> {
        let accepted = request.header_list("Accept-Encoding");
        let choose = |available: &[ContentCoding]| content_coding::negotiate(accepted.as_deref(), available);
        let only = choose(&[]) == Negotiated::NotAcceptable;
        let wants_gzip = choose(&[ContentCoding::Gzip]) == Negotiated::Coded(ContentCoding::Gzip);
        match compressor.filter(|_| wants_gzip).and_then(Compressor::take_slot) {
            Some(slot) => Ok(Self::Gzip { slot, only }),
            None if only => Err(HttpError::NotAcceptable),
            None => Ok(Self::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::Value;

    use super::*;
    use crate::files::Files;
    use crate::handler::respond;
    #[cfg(feature = "compress")]
    use crate::http::method::Method;

    fn page(files: &Files, target: &str) -> String {
        let mut response = respond(files, &mut Request::get(target));
        assert_eq!(response.status().code(), 200, "{target}");
        response.read_text().unwrap()
    }

    /// The links to the entries of a page, in its order.
    fn links(page: &str) -> Vec<String> {
        let rows = page.split("<tbody>").nth(1).unwrap();
        rows.split("href=\"./").skip(1).map(|rest| rest.split(['"', '?']).next().unwrap().to_owned()).collect()
    }

    fn write(path: &Path, length: usize, seconds: u64) {
        fs::write(path, vec![b'x'; length]).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn columns_sort_both_ways_with_directories_first() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("a10.txt"), 300, 30);
        write(&root.path().join("a9.html"), 20, 10);
        write(&root.path().join("B.txt"), 1, 20);
        for name in ["z", "Y"] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::File::open(root.path().join(name)).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(5)).unwrap();
        }
        let files = Files::new(root.path());
        let table = [
            ("/", "Y/ z/ a9.html a10.txt B.txt"),
            ("/?sort=name&order=desc", "z/ Y/ B.txt a10.txt a9.html"),
            ("/?sort=size", "Y/ z/ B.txt a9.html a10.txt"),
            ("/?sort=size&order=desc", "Y/ z/ a10.txt a9.html B.txt"),
            ("/?sort=time", "Y/ z/ a9.html B.txt a10.txt"),
            ("/?sort=time&order=desc", "Y/ z/ a10.txt B.txt a9.html"),
            ("/?sort=type", "Y/ z/ a10.txt B.txt a9.html"),
            ("/?sort=type&order=desc", "Y/ z/ a9.html a10.txt B.txt"),
            ("/?sort=nonsense&order=nonsense", "Y/ z/ a9.html a10.txt B.txt"),
        ];
        for (target, expected) in table {
            assert_eq!(links(&page(&files, target)).join(" "), expected, "{target}");
        }
        let sorted = page(&files, "/?sort=size&order=desc");
        assert!(sorted.contains("class=\"s\" aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">"));
        assert!(sorted.contains("href=\"./z/?sort=size&amp;order=desc\""), "the order is kept on the way down");
    }

    #[test]
    fn names_are_escaped_in_text_and_in_links() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("<b>\"&'");
        fs::create_dir_all(directory.join("d\"ir")).unwrap();
        write(&directory.join("<script>'&.txt"), 1536, 784_111_777);
        fs::write(directory.join("javascript:x"), "").unwrap();
        fs::write(directory.join("a\u{202e}gpj.exe\n"), "").unwrap();
        let page = page(&Files::new(root.path()), "/%3Cb%3E%22%26%27/");
        for expected in [
            "<title>Index of /&lt;b&gt;&quot;&amp;&#39;/</title>",
            "<h1><bdi>&lt;b&gt;&quot;&amp;&#39;</bdi></h1>",
            "<li><a href=\"../\"><bdi>Home</bdi></a></li>",
            "<a class=\"u\" href=\"../\">",
            "<a class=\"d\" href=\"./d%22ir/\"><span><bdi>d&quot;ir</bdi>/</span></a>",
            "<a class=\"n\" href=\"./%3Cscript%3E%27%26.txt\"><span><bdi>&lt;script&gt;&#39;&amp;.txt</bdi></span></a>",
            "<a href=\"./javascript%3Ax\"><span><bdi>javascript:x</bdi></span></a>",
            "<a href=\"./a%E2%80%AEgpj.exe%0A\"><span><bdi>a\u{fffd}gpj.exe\u{fffd}</bdi></span></a>",
            "<td class=\"s\">1.5 KiB</td><td class=\"t\" title=\"text/plain\">Text</td>",
            "<td class=\"t\">Folder</td>",
            "<td><time datetime=\"1994-11-06T08:49Z\">1994-11-06 08:49</time></td>",
            "<p>1 folder, 3 files ",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(!page.contains("<script>") && !page.contains("<b>"));
    }

    #[test]
    fn the_root_has_no_parent_and_an_empty_directory_says_so() {
        let root = tempfile::tempdir().unwrap();
        let page = page(&Files::new(root.path()), "/");
        assert!(page.contains("This folder is empty") && !page.contains("../"), "{page}");
    }

    #[test]
    fn the_title_of_the_site_stands_for_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        let files = Files::new(root.path()).title("Tom & <Ann>");
        let table = [
            ("/", "<title>Tom &amp; &lt;Ann&gt;</title>", "<h1><bdi>Tom &amp; &lt;Ann&gt;</bdi></h1>"),
            (
                "/a/",
                "<title>a/ – Tom &amp; &lt;Ann&gt;</title>",
                "<li><a href=\"../\"><bdi>Tom &amp; &lt;Ann&gt;</bdi></a>",
            ),
        ];
        for (target, title, name) in table {
            let page = page(&files, target);
            assert!(page.contains(title) && page.contains(name), "{target}: {page}");
            assert!(!page.contains("Home") && !page.contains("Index of"), "{target}");
        }
        assert!(page(&Files::new(root.path()).title(""), "/").contains("<title>Index of /</title>"));
    }

    #[cfg(feature = "markdown")]
    #[test]
    fn the_readme_of_the_site_is_shown_and_no_upload() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        for directory in ["md", "txt", "bare", "none/README.md", "hidden", "up/sub", "long", "link"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let uploads = outer.path().join("uploads");
        for directory in ["md", "only"] {
            fs::create_dir_all(uploads.join(directory)).unwrap();
        }
        let long = "a line\n".repeat(40_000);
        let files = [
            (root.join("md/readme.MD"), "\u{feff}# One <b>"),
            (root.join("md/README.txt"), "Two"),
            (root.join("txt/Readme.txt"), "<i>*a*</i>\r\nb"),
            (root.join("txt/README"), "no"),
            (root.join("bare/README"), "bare"),
            (root.join("none/README.rst"), "no"),
            (root.join("hidden/.README.md"), "no"),
            (root.join("up/README.md"), "written by a visitor"),
            (root.join("up/sub/README.md"), "written by a visitor"),
            (root.join("long/README.md"), long.as_str()),
            (root.join("other.md"), "linked"),
            (uploads.join("README.md"), "written by a visitor"),
            (uploads.join("md/README.md"), "written by a visitor"),
            (uploads.join("only/README.md"), "written by a visitor"),
        ];
        for (path, content) in files {
            fs::write(path, content).unwrap();
        }
        symlink("../other.md", root.join("link/README.md")).unwrap();
        symlink("up/sub", root.join("alias")).unwrap();
        let shown = |files: &Files, target: &str| {
            let page = page(files, target);
            let readme = page.split("<section id=\"readme\"").nth(1)?;
            Some(readme.split("</section>").next().unwrap().split("</h2>\n").nth(1).unwrap().to_owned())
        };
        let own = Files::new(&root).readme(true);
        let with_uploads = Files::new(&root).with_uploads(&uploads).readme(true);
        // Uploads go into a directory that the site itself has.
        let inside = Files::new(&root).with_uploads(root.join("up")).readme(true);
        for files in [&own, &with_uploads, &inside] {
            let table = [
                ("/md/", Some("<div>\n<h3 id=\"readme-one\">One </h3>\n</div>\n")),
                ("/txt/", Some("<div>\n<pre>&lt;i&gt;*a*&lt;/i&gt;\nb</pre>\n</div>\n")),
                ("/bare/", Some("<div>\n<pre>bare</pre>\n</div>\n")),
                ("/none/", None),
                ("/hidden/", None),
                ("/", None),
            ];
            for (target, expected) in table {
                assert_eq!(shown(files, target).as_deref(), expected, "{target}");
            }
        }
        let is_shown = |files: &Files, target: &str| shown(files, target).is_some();
        let table = [
            // where, without uploads, beside uploads, around uploads
            ("/link/", true, false, false),
            ("/up/", true, true, false),
            ("/up/sub/", true, true, false),
            ("/alias/", true, true, false),
        ];
        for (target, alone, beside, around) in table {
            let found = [&own, &with_uploads, &inside].map(|files| is_shown(files, target));
            assert_eq!(found, [alone, beside, around], "{target}");
        }
        assert!(!is_shown(&with_uploads, "/only/") && !is_shown(&Files::new(&root), "/md/"));
        assert!(!is_shown(&Files::new(&uploads).with_uploads(&uploads).readme(true), "/"));
        let cut = shown(&own, "/long/").unwrap();
        assert!(
            cut.len() < 160_000
                && cut.ends_with(
                    "a line</p>\n<p class=\"note\">This is only the beginning. \
            <a href=\"./README.md\">Open the whole file</a></p>\n</div>\n"
                ),
            "{} {}",
            cut.len(),
            &cut[cut.len() - 200..]
        );
    }

    #[test]
    fn json_lists_kind_size_time_and_url() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("s p/sub")).unwrap();
        write(&root.path().join("s p/a\"\n.txt"), 7, 784_111_777);
        let files = Files::new(root.path());
        for (target, accept) in [("/s%20p/?format=json", "text/html"), ("/s%20p/", "application/json")] {
            let mut response = respond(&files, &mut Request::get(target).with_header("Accept", accept));
            assert_eq!(response.header("Content-Type"), Some("application/json"), "{target}");
            assert_eq!(response.header("Vary"), Some("Accept"));
            let value: Value = serde_json::from_slice(&response.read_bytes().unwrap()).unwrap();
            assert_eq!((&value["path"], &value["truncated"]), (&"/s p/".into(), &false.into()));
            let entries = value["entries"].as_array().unwrap();
            assert_eq!(entries[0]["url"], "/s%20p/sub/");
            assert_eq!((&entries[0]["kind"], &entries[0]["size"]), (&"directory".into(), &Value::Null));
            let file = serde_json::json!({
                "name": "a\"\n.txt", "kind": "file", "size": 7, "mtime": "1994-11-06T08:49:37Z",
                "url": "/s%20p/a%22%0A.txt",
            });
            assert_eq!(entries[1], file);
            assert_eq!(entries.len(), 2);
        }
        let html = respond(&files, &mut Request::get("/?format=html").with_header("Accept", "application/json"));
        assert_eq!(html.header("Content-Type"), Some("text/html; charset=utf-8"));
    }

    #[test]
    fn times_out_of_range_are_shown() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("f"), "").unwrap();
        let file = fs::File::options().write(true).open(root.path().join("f")).unwrap();
        let files = Files::new(root.path());
        let far = UNIX_EPOCH + Duration::from_secs(1 << 33);
        for (time, expected) in
            [(UNIX_EPOCH - Duration::from_secs(86_400), "1969-12-31T00:00:00Z"), (far, "2242-03-16T12:56:32Z")]
        {
            file.set_modified(time).unwrap();
            let mut response = respond(&files, &mut Request::get("/?format=json"));
            assert!(response.read_text().unwrap().contains(expected), "{expected}");
        }
    }

    #[test]
    fn the_policy_allows_only_the_script_of_the_page() {
        let root = tempfile::tempdir().unwrap();
        let files = Files::new(root.path());
        let nonce = || {
            let mut response = respond(&files, &mut Request::get("/"));
            let policy = response.header("Content-Security-Policy").unwrap().to_owned();
            let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
            assert!(response.read_text().unwrap().contains(&format!("<script nonce=\"{nonce}\">")));
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
            nonce
        };
        assert_ne!(nonce(), nonce(), "nobody can foresee it");
    }

    #[test]
    fn listed_entries_can_be_fetched_and_no_others() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("z")).unwrap();
        fs::write(outer.path().join("outside"), "").unwrap();
        for name in ["b", "a", ".hidden", ".hearken-0123456789abcdef"] {
            fs::write(root.join(name), "").unwrap();
        }
        symlink("a", root.join("link")).unwrap();
        symlink(root.join("z"), root.join("absolute")).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        let list = |files: Files| links(&page(&files, "/"));
        assert_eq!(list(Files::new(&root)), ["absolute/", "z/", "a", "b", "link"]);
        let all = page(&Files::new(&root), "/");
        assert!(all.contains("<p>2 folders, 3 files, 3 more cannot be opened <"), "no hidden ones: {all}");
        let json = page(&Files::new(&root).follow_links(true), "/?format=json");
        assert!(json.contains("\"truncated\":false,\"skipped\":2,"), "the link that leads out may be followed: {json}");
        fs::create_dir(root.join("z/bad")).unwrap();
        symlink("nowhere", root.join("z/bad/dangling")).unwrap();
        assert!(page(&Files::new(&root), "/z/bad/").contains("This folder is empty, 1 entry cannot be opened <"));
        assert_eq!(
            list(Files::new(&root).include_hidden(true)),
            ["absolute/", "z/", ".hidden", "a", "b", "link"],
            "what is still being written stays out of sight"
        );
        assert_eq!(list(Files::new(&root).follow_links(true)), ["absolute/", "z/", "a", "b", "link", "out"]);
    }

    #[test]
    fn directories_laid_over_each_other_are_listed_as_one() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        for directory in ["one/sub", "two/sub", "three/sub"] {
            fs::create_dir_all(path(directory)).unwrap();
        }
        for (name, length) in
            [("one/sub/a", 1), ("two/sub/a", 22), ("two/sub/b", 2), ("three/sub/c", 3), ("three/d", 4)]
        {
            fs::write(path(name), vec![b'x'; length]).unwrap();
        }
        // What may not be fetched hides what is behind it; what leads nowhere does not.
        symlink("/etc/passwd", path("one/sub/b")).unwrap();
        symlink("nowhere", path("two/sub/c")).unwrap();
        let files = Files::new(path("one")).overlay(path("two")).with_uploads(path("three"));
        let mut response = respond(&files, &mut Request::get("/sub/?format=json"));
        let value: Value = serde_json::from_slice(&response.read_bytes().unwrap()).unwrap();
        let entries: Vec<_> = value["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["name"].as_str().unwrap(), entry["size"].as_u64().unwrap()))
            .collect();
        assert_eq!(entries, [("a", 1), ("c", 3)]);
        for (name, size) in entries {
            let response = respond(&files, &mut Request::get(&format!("/sub/{name}")));
            assert_eq!(response.content_length(), Some(size), "{name}");
        }
        assert_eq!(links(&page(&files, "/")), ["sub/", "d"]);
    }

    #[cfg(feature = "compress")]
    #[test]
    fn listings_are_compressed_for_clients_that_accept_gzip() {
        use std::io::Read as _;

        use flate2::read::GzDecoder;

        let root = tempfile::tempdir().unwrap();
        for directory in ["few", "many"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("few/a"), "").unwrap();
        for number in 0..2000 {
            fs::write(root.path().join(format!("many/a file with the number {number}")), "").unwrap();
        }
        let table = [
            // what, Accept-Encoding, status, whether it comes in gzip, why
            ("/few/", "gzip", 200, true, "a page"),
            ("/few/?format=json", "gzip", 200, false, "too short"),
            ("/few/?format=json", "gzip, identity;q=0", 200, true, "short, and nothing else will do"),
            ("/few/?format=json", "identity;q=0", 406, false, "nothing will do"),
            ("/many/", "gzip, br", 200, true, "a long page"),
            ("/many/?format=json", "*", 200, true, "anything"),
            ("/many/?format=json", "br", 200, false, "what cannot be made"),
            ("/many/?format=json", "gzip;q=0.5x", 200, false, "what does not parse"),
            ("/many/?format=json", "gzip;q=0", 200, false, "refused"),
        ];
        for (target, accepted, status, is_coded, why) in table {
            let plain = respond(&Files::new(root.path()), &mut Request::get(target)).read_bytes().unwrap();
            let compressing = Files::new(root.path()).compress(true);
            let mut lengths = Vec::new();
            for method in [Method::Get, Method::Head] {
                let mut request = Request::new(method, target).with_header("Accept-Encoding", accepted);
                let mut response = respond(&compressing, &mut request);
                assert_eq!(response.status().code(), status, "{target}: {why}");
                if status != 200 {
                    continue;
                }
                assert_eq!(response.header("Content-Encoding"), is_coded.then_some("gzip"), "{target}: {why}");
                assert_eq!(response.header("Vary"), Some("Accept, Accept-Encoding"), "{target}");
                assert_eq!((response.header("ETag"), response.header("Accept-Ranges")), (None, None), "{target}");
                lengths.push(response.content_length());
                let mut bytes = response.read_bytes().unwrap();
                if is_coded {
                    let mut decoded = Vec::new();
                    GzDecoder::new(bytes.as_slice()).read_to_end(&mut decoded).unwrap();
                    assert!(bytes.len() < decoded.len() || decoded.len() < 1024, "{target}");
                    bytes = decoded;
                }
                if target.contains("json") {
                    assert!(bytes == plain, "{target}: {why}");
                }
                assert_eq!(bytes.len(), plain.len(), "{target}: but for its nonce the page is the same");
            }
            assert!(target.starts_with("/many") || lengths.iter().all(Option::is_some), "{target}");
        }
        let response =
            respond(&Files::new(root.path()), &mut Request::get("/few/").with_header("Accept-Encoding", "gzip"));
        assert_eq!((response.header("Content-Encoding"), response.header("Vary")), (None, Some("Accept")));
    }
}
