//! What the pages about one entry have in common.

use std::io::{self, Write as _};

use super::target::Target;
use crate::http::path::RelativePath;
use crate::http::response::Response;
use crate::page::{Frame, shown};

const STYLE: &str = include_str!("changes.css");

/// Begins the page about an entry, up to the content of `<main>`. `title` goes before the name, `end` after it.
pub(super) fn begin(frame: &Frame, out: &mut Vec<u8>, title: &str, target: &Target, end: &str) -> io::Result<()> {
    let name = &target.name;
    frame.begin(out, &format!("{title} {name}{end}"), &[STYLE])?;
    let place = place(&target.directory);
    let name = shown(name.as_bytes());
    write!(
        out,
        "<header>\n<nav aria-label=\"Breadcrumb\"><ol><li><a href=\"./\"><bdi>{place}</bdi></a></li></ol></nav>\n\
         <h1>{title} <bdi>{name}</bdi>{end}</h1>\n</header>\n<main>\n"
    )
}

/// The directory's name for the link back to it.
fn place(directory: &RelativePath) -> String {
    directory.segments().last().map_or_else(|| "Home".to_owned(), |name| shown(name))
}

/// Ends the page.
pub(super) fn end(frame: &Frame, out: &mut Vec<u8>, scripts: &[&str]) -> io::Result<()> {
    out.extend_from_slice(b"</main>\n");
    frame.end(out, scripts)
}

/// Adds the fields that go with the page to a response with it. It holds what no cache should keep, and may stand in no other page,
/// where a visitor could be led to press its buttons unseen.
pub(super) fn complete(frame: &Frame, response: Response) -> Response {
    frame.complete_unframed(response).with_header("Cache-Control", "no-store")
}

/// Ends a page without a script, and makes the response with it.
pub(super) fn respond(frame: &Frame, mut page: Vec<u8>) -> io::Result<Response> {
    end(frame, &mut page, &[])?;
    Ok(complete(frame, Response::bytes(page)))
}
