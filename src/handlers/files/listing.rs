//! The page that lists a directory.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType};

use crate::handlers::sandbox::Sandbox;
use crate::http::date;
use crate::http::error::HttpError;
use crate::http::path::{RelativePath, encode_segment};
use crate::http::request::Request;
use crate::http::response::Response;

/// One line of a listing.
struct Entry {
    name: Vec<u8>,
    directory: bool,
    size: u64,
    modified: SystemTime,
}

/// The page for the directory at this path, directories first, each by name.
pub(super) fn page(
    sandbox: &Sandbox,
    path: &RelativePath,
    directory: &File,
    request: &Request,
    hidden: bool,
) -> Result<Response, HttpError> {
    let mut entries = read(sandbox, path, directory, hidden)?;
    entries.sort_by(|a, b| b.directory.cmp(&a.directory).then_with(|| a.name.cmp(&b.name)));
    Ok(Response::html(render(request.path(), &entries)).with_header("Cache-Control", "no-cache"))
}

fn read(sandbox: &Sandbox, path: &RelativePath, directory: &File, hidden: bool) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") || (!hidden && name.starts_with(b".")) {
            continue;
        }
        // What has vanished meanwhile, a link that leads out or nowhere, and what is no file are left out.
        let Ok(stat) = rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let stat = if FileType::from_raw_mode(stat.st_mode).is_symlink() {
            let Ok(target) = sandbox.open(&path.join(name)) else { continue };
            rustix::fs::fstat(&target)?
        } else {
            stat
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        entries.push(Entry {
            name: name.to_vec(),
            directory: kind.is_dir(),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0)),
        });
    }
    Ok(entries)
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.3rem;overflow-wrap:anywhere}\
table{width:100%;border-collapse:collapse}\
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}\
td:first-child{overflow-wrap:anywhere}\
td:not(:first-child){white-space:nowrap;font-variant-numeric:tabular-nums}\
.size{text-align:right}\
@media(max-width:36rem){.time{display:none}}";

fn render(path: &str, entries: &[Entry]) -> String {
    let title = escape(path);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n\
         <table>\n<thead><tr><th scope=\"col\">Name<th scope=\"col\" class=\"size\">Size<th scope=\"col\" class=\"time\">Changed\n<tbody>\n"
    );
    if path != "/" {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td class=\"time\">\n");
    }
    for entry in entries {
        let slash = if entry.directory { "/" } else { "" };
        let size = if entry.directory { String::new() } else { readable_size(entry.size) };
        writeln!(
            page,
            "<tr><td><a href=\"./{href}{slash}\">{name}{slash}</a><td class=\"size\">{size}<td class=\"time\">{time}",
            href = encode_segment(&entry.name),
            name = escape(&String::from_utf8_lossy(&entry.name)),
            time = date::format(entry.modified),
        )
        .expect("writing to a String does not fail");
    }
    page.push_str("</table>\n</html>\n");
    page
}

/// Text with the characters that mean something in HTML, in text and in quoted attributes, escaped; control characters and
/// those that turn the direction of writing are shown as replacement characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A size in bytes, with three digits or so.
fn readable_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // The remainder is kept apart, so that no size is too large to be exact in a float.
    let mut whole = bytes;
    let mut remainder = 0;
    let mut unit = 0;
    while whole >= 1024 {
        remainder = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    let tenths = remainder * 10 / 1024;
    format!("{whole}.{tenths} {}", UNITS[unit - 1])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_are_escaped_in_text_and_in_links() {
        let entry = |name: &[u8], directory| Entry {
            name: name.to_vec(),
            directory,
            size: 1536,
            modified: UNIX_EPOCH + Duration::from_secs(784_111_777),
        };
        let page = render(
            "/<b>/",
            &[
                entry(b"d\"ir", true),
                entry(b"<script>'&.txt", false),
                entry(b"bad\xff", false),
                entry(b"javascript:x", false),
            ],
        );
        for expected in [
            "<title>/&lt;b&gt;/</title>",
            "<a href=\"../\">../</a>",
            "<a href=\"./d%22ir/\">d&quot;ir/</a>",
            "<a href=\"./%3Cscript%3E%27%26.txt\">&lt;script&gt;&#39;&amp;.txt</a>",
            "<a href=\"./bad%FF\">bad\u{fffd}</a>",
            "<a href=\"./javascript%3Ax\">javascript:x</a>",
            "1.5 KiB",
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(!page.contains("<script>") && !page.contains("<b>"));
        assert!(!render("/", &[]).contains("../"));
    }

    #[test]
    fn text_that_turns_direction_is_made_visible() {
        assert_eq!(escape("a\u{202e}gpj.exe\n"), "a\u{fffd}gpj.exe\u{fffd}");
    }

    #[test]
    fn sizes_are_readable() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(readable_size(bytes), expected);
        }
    }

    #[test]
    fn what_is_listed_is_what_can_be_fetched() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("z")).unwrap();
        fs::write(outer.path().join("outside"), "").unwrap();
        for name in ["b", "a", ".hidden"] {
            fs::write(root.join(name), "").unwrap();
        }
        symlink("a", root.join("link")).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let list = |hidden| {
            let sandbox = Sandbox::new(&root);
            let path = RelativePath::parse("/").unwrap();
            let directory = sandbox.open(&path).unwrap();
            let mut response = page(&sandbox, &path, &directory, &Request::get("/"), hidden).unwrap();
            let page = response.read_text().unwrap();
            let links = page.split("href=\"./").skip(1);
            links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list(false), ["z/", "a", "b", "link"]);
        assert_eq!(list(true), ["z/", ".hidden", "a", "b", "link"]);
    }
}
