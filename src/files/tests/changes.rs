//! What listings offer to change among the uploads, and the pages for it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::files::Files;
use crate::handler::respond;
use crate::http::request::Request;

/// A site with its own files, and uploads.
struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["www/both", "data/both", "data/empty", "data/sub/full", "data/.git"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let site = Self { directory };
        for name in
            ["www/own.txt", "www/both/own.txt", "data/own.txt", "data/notes.txt", "data/.env", "data/sub/full/f"]
        {
            fs::write(site.path(name), "x").unwrap();
        }
        for name in ["data/a b.txt", "data/a.bin", "data/both/a.txt", "data/README", "data/a%2fb.md"] {
            fs::write(site.path(name), "text\n").unwrap();
        }
        fs::write(site.path("data/large.txt"), vec![b'x'; (1 << 20) + 1]).unwrap();
        symlink("README", site.path("data/link.txt")).unwrap();
        symlink("sub", site.path("data/linked")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, site.path("data/fifo"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        for name in [&b"data/nl\n.txt"[..], b"data/raw\xff.txt", b"data/back\\slash.txt"] {
            fs::write(site.path(Path::new(std::ffi::OsStr::from_bytes(name))), "x").unwrap();
        }
        site
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    fn files(&self) -> Files {
        let files = Files::new(self.path("www")).with_uploads(self.path("data"));
        files.edit_form(true).delete_form(true).except_from_forms(|path| path.segments() == [b"notes.txt"])
    }
}

fn get(files: &Files, target: &str) -> (u16, String) {
    let mut response = respond(files, &mut Request::get(target));
    (response.status().code(), response.read_text().unwrap())
}

/// The queries that the controls of a listing lead to, in its order.
fn controls(files: &Files, target: &str) -> Vec<String> {
    let (status, page) = get(files, target);
    assert_eq!(status, 200, "{target}");
    let links = page.split("href=\"?").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    links.filter(|link| !link.starts_with("sort=")).collect()
}

#[test]
fn rows_of_uploads_lead_to_what_can_be_done_with_them() {
    let site = Site::new();
    let expected = [
        "delete=empty",
        "delete=sub",
        "edit=a%20b.txt",
        "delete=a%20b.txt",
        "edit=a%252fb.md",
        "delete=a%252fb.md",
        "delete=a.bin",
        "delete=large.txt",
        "edit=README",
        "delete=README",
    ];
    assert_eq!(controls(&site.files(), "/"), expected);
    assert_eq!(controls(&site.files(), "/both/"), ["edit=a.txt", "delete=a.txt"]);
    assert!(controls(&site.files(), "/linked/").is_empty(), "no write follows a link");
    assert_eq!(controls(&site.files().edit_form(false), "/both/"), ["delete=a.txt"]);
    assert_eq!(controls(&site.files().delete_form(false), "/both/"), ["edit=a.txt"]);
    let nothing = site.files().delete_form(false).edit_form(false);
    assert!(controls(&nothing, "/").is_empty() && !get(&nothing, "/").1.contains("class=\"do\""));
    let own = Files::new(site.path("www")).delete_form(true).edit_form(true);
    assert!(controls(&own, "/").is_empty() && !get(&own, "/").1.contains("class=\"do\""));
    let hidden = controls(&site.files().include_hidden(true), "/");
    assert!(hidden.contains(&"delete=.env".into()) && hidden.contains(&"delete=.git".into()), "{hidden:?}");
    assert!(!hidden.contains(&"edit=.env".into()), "nothing is written under a hidden name");
}

#[test]
fn controls_say_which_file_they_are_for() {
    let site = Site::new();
    fs::write(site.path("data/both/<b>\"\u{202e}.txt"), "").unwrap();
    let page = get(&site.files(), "/both/").1;
    for (action, label) in [("edit", "Edit"), ("delete", "Delete")] {
        let control = format!(
            "<a class=\"{action}\" href=\"?{action}=%3Cb%3E%22%E2%80%AE.txt\" title=\"{label}\"><span class=\"unseen\">{label} \
             <bdi>&lt;b&gt;&quot;\u{fffd}.txt</bdi></span></a>"
        );
        assert!(page.contains(&control), "{control}\n{page}");
    }
    assert!(page.contains("<span class=\"unseen\">Actions</span></th>"));
    let cells: Vec<_> =
        page.lines().filter(|line| line.starts_with("<tr")).map(|row| row.matches("<td").count()).collect();
    assert_eq!(cells, [0, 4, 4, 4, 4], "each row has a cell for them");
}

#[test]
fn the_pages_are_for_uploads_only() {
    let site = Site::new();
    let table = [
        "own.txt",
        "notes.txt",
        "both",
        "missing",
        ".env",
        ".git",
        "link.txt",
        "linked",
        "fifo",
        "nl%0A.txt",
        "raw%FF.txt",
        "raw%EF%BF%BD.txt",
        "back%5Cslash.txt",
        "",
        ".",
        "..",
        "sub%2Ffull",
        "sub/full",
        "..%2Fwww%2Fown.txt",
        "%00",
        "empty%2F",
    ];
    for name in table {
        for action in ["delete", "edit"] {
            let nothing = (404, "there is nothing of this name here that can be changed.".to_owned());
            assert_eq!(get(&site.files(), &format!("/?{action}={name}")), nothing, "{action} {name}");
        }
    }
    assert_eq!(get(&site.files(), "/?edit=empty").0, 404);
    assert_eq!(get(&site.files(), "/linked/?delete=full").0, 404);
    assert_eq!(get(&site.files(), "/own.txt?delete=own.txt"), (200, "x".into()));
    assert_eq!(get(&site.files().include_hidden(true), "/?delete=.env").0, 200);
    assert_eq!(get(&site.files().include_hidden(true), "/?edit=.env").0, 404);
    // Where they are not offered, the query means nothing. A page of the site's own may have one.
    for files in [site.files().delete_form(false), site.files().delete_form(false).edit_form(false)] {
        assert!(get(&files, "/?delete=empty").1.contains("<tbody>"));
    }
    fs::write(site.path("www/index.html"), "the front page").unwrap();
    assert_eq!(get(&site.files(), "/?edit=README").1, "the front page");
    assert_eq!(get(&site.files().listing(false), "/both/?edit=a.txt").0, 404);
}

#[test]
fn the_page_to_delete_has_a_form_for_the_file_that_was_clicked() {
    let site = Site::new();
    let name = "x\u{202e}\"<b>.txt";
    fs::write(site.path("data").join(name), "12345").unwrap();
    let mut response = respond(&site.files(), &mut Request::get("/?delete=x%E2%80%AE%22%3Cb%3E.txt"));
    let policy = response.header("Content-Security-Policy").unwrap();
    assert!(policy.contains("form-action 'self'") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    let page = response.read_text().unwrap();
    for part in [
        "<title>Delete x\u{fffd}&quot;&lt;b&gt;.txt?</title>",
        "<h1>Delete <bdi>x\u{fffd}&quot;&lt;b&gt;.txt</bdi>?</h1>",
        "This is a file of 5 bytes.",
        "method=\"post\" action=\"./\"",
        "name=\"delete\" value=\"x\u{202e}&quot;&lt;b&gt;.txt\"",
        "name=\"if-match\" value=\"&quot;5-",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let page = get(&site.files(), "/?delete=empty").1;
    assert!(page.contains("This is an empty folder.") && page.contains("name=\"delete\" value=\"empty/\""), "{page}");
    assert!(!page.contains("if-match"));
    // What a killed server has left is removed with the folder.
    fs::write(site.path("data/empty/.hearken-0123456789abcdef"), "x").unwrap();
    assert!(get(&site.files(), "/?delete=empty").1.contains("This is an empty folder."));
    let page = get(&site.files(), "/sub/?delete=full").1;
    assert!(page.contains("This folder is not empty") && !page.contains("<form"), "{page}");
    assert!(page.contains("<a href=\"./\"><bdi>sub</bdi></a>"));
}

#[test]
fn the_editor_has_the_text_as_it_is_or_says_why_not() {
    let site = Site::new();
    let edit = |content: &[u8]| {
        fs::write(site.path("data/both/a.txt"), content).unwrap();
        let (status, page) = get(&site.files(), "/both/?edit=a.txt");
        assert_eq!(status, 200);
        page
    };
    let text = |page: &str| page.split("dir=\"auto\">").nth(1).unwrap().split("</textarea>").next().unwrap().to_owned();
    let page = edit(b"\n</textarea>&amp;\n");
    assert_eq!(text(&page), "\n\n&lt;/textarea&gt;&amp;amp;\n", "the parser drops the first line end");
    assert!(page.contains("<form id=\"editor\" data-url=\"./a.txt\" data-etag=\"&quot;12-"), "{page}");
    assert!(
        page.contains("data-line-end=\"lf\"") && page.contains("readonly") && page.contains("Saving needs JavaScript")
    );
    let page = edit(b"a\r\nb\r\n");
    assert_eq!((text(&page).as_str(), page.contains("data-line-end=\"crlf\"")), ("\na\nb\n", true));
    for (content, reason) in [
        (&b"a\r\nb\n"[..], "end in different ways"),
        (b"\xff", "not text in UTF-8"),
        (b"a\0", "not text in UTF-8"),
        (&vec![b'x'; (1 << 20) + 1], "larger than 1 MiB"),
    ] {
        let page = edit(content);
        assert!(page.contains(reason) && !page.contains("<textarea"), "{reason}: {page}");
    }
    assert!(edit(&vec![b'x'; 1 << 20]).contains("<textarea"));
    // Where times are kept to the second only, a change at the same time could go unnoticed.
    let is_refused = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let file = fs::File::options().write(true).open(site.path("data/both/a.txt")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(now)).unwrap();
        get(&site.files(), "/both/?edit=a.txt").1.contains("This file was changed a moment ago.")
    };
    assert!((0..10).any(|_| is_refused()), "however slow the machine is, one try of ten is soon enough");
}

/// 120 clients that read such a page slowly made the server hold more than 1 GB.
#[test]
fn a_long_text_is_not_held_in_memory_while_its_page_is_sent() {
    let site = Site::new();
    for (length, is_stream) in [(1000, false), (1 << 20, true)] {
        fs::write(site.path("data/README"), vec![b'&'; length]).unwrap();
        let mut response = respond(&site.files(), &mut Request::get("/?edit=README"));
        assert_eq!(response.is_stream(), is_stream, "{length}");
        assert_eq!(response.read_text().unwrap().matches("&amp;").count(), length);
    }
}
