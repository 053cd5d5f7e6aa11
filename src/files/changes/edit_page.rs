//! The page in which a text file is edited.

use std::io::{self, Write as _};
use std::time::SystemTime;

use super::super::error::unreadable;
use super::super::pieces::{Beginning, PieceReader, Pieces, Stage};
use super::page;
use super::target::{Target, nothing_to_change};
use super::text::{self, EscapedText, LineEnd, NotEditable};
use crate::http::error::HttpError;
use crate::http::path::encode_segment;
use crate::http::response::Response;
use crate::http::validators::{Validators, file_validators, strong_file_validators};
use crate::page::{Frame, escape_value};
use crate::storage::FileId;

const SCRIPT: &str = include_str!("editor.js");

/// The page about this file. Its text is read as it is sent: many pages that are read slowly take little memory.
pub(super) fn respond(target: Target) -> Result<Response, HttpError> {
    if !target.is_writable_file() {
        return Err(nothing_to_change());
    }
    let frame = Frame::new();
    let mut out = Vec::new();
    page::begin(&frame, &mut out, "Edit", &target, "")?;
    // The tag is that of the file before it is read: if it changes in between, it has another one when it is saved.
    let etag = validators(&FileId::of_open(&target.file)?).etag.filter(|etag| !etag.starts_with("W/"));
    let text = text::inspect(&target.file).map_err(unreadable)?;
    match text.and_then(|text| Ok((text, etag.ok_or(NotEditable::JustChanged)?))) {
        Ok((text, etag)) => {
            begin_editor(&mut out, &target.name, text.line_end, &etag)?;
            let text = EscapedText::new(target.file, text);
            let page = Page { before: out, text, after: end_of_page(&frame)?, stage: Stage::Start };
            Ok(page::complete(&frame, send(page)?))
        }
        Err(reason) => {
            let reason = reason.explain();
            write!(out, "<p class=\"note\">{reason}</p>\n<p><a class=\"button\" href=\"./\">Back</a></p>\n")?;
            Ok(page::respond(&frame, out)?)
        }
    }
}

/// A short page is sent with its length, a long one while it is generated.
fn send(page: Page) -> io::Result<Response> {
    Ok(match PieceReader::new(page).begin()? {
        Beginning::Whole(whole) => Response::bytes(whole),
        Beginning::Part(reader) => Response::generated(reader),
    })
}

/// The page with the editor.
struct Page {
    before: Vec<u8>,
    text: EscapedText,
    after: Vec<u8>,
    stage: Stage,
}

impl Pieces for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.stage = match self.stage {
            Stage::Start => {
                out.append(&mut self.before);
                Stage::Head
            }
            Stage::Head | Stage::Rows if self.text.next(out)? => Stage::Rows,
            Stage::Head | Stage::Rows => {
                out.append(&mut self.after);
                Stage::End
            }
            Stage::End => return Ok(false),
        };
        Ok(true)
    }
}

/// Writes what stands before the text. It is read-only in the form until a script can save it, by a `PUT` to the URL in `data-url` with
/// the tag in `data-etag` as `If-Match`, and with the line ends in `data-line-end`.
fn begin_editor(out: &mut Vec<u8>, name: &str, line_end: LineEnd, etag: &str) -> io::Result<()> {
    let line_end = match line_end {
        LineEnd::Lf => "lf",
        LineEnd::CrLf => "crlf",
    };
    let (url, etag) = (encode_segment(name.as_bytes()), escape_value(etag));
    // The parser drops one line end at the beginning of a text area.
    write!(
        out,
        "<form id=\"editor\" data-url=\"./{url}\" data-etag=\"{etag}\" data-line-end=\"{line_end}\">\n\
         <p id=\"needs-script\" class=\"note\">Saving needs JavaScript.</p>\n\
         <label for=\"text\" class=\"unseen\">Text</label>\n\
         <textarea id=\"text\" spellcheck=\"false\" autocomplete=\"off\" readonly dir=\"auto\">\n"
    )
}

/// What stands behind the text.
fn end_of_page(frame: &Frame) -> io::Result<Vec<u8>> {
    let mut out = b"</textarea>\n<p role=\"status\"></p>\n\
        <div class=\"buttons\">\n<button class=\"button\" hidden>Save</button>\n\
        <a class=\"button\" href=\"./\">Cancel</a>\n</div>\n</form>\n"
        .to_vec();
    page::end(frame, &mut out, &[SCRIPT])?;
    Ok(out)
}

/// The validators of the file. Where times are kept to the second only, the tag is weak while another change could leave it as it is.
fn validators(file: &FileId) -> Validators {
    let (size, modified, inode) = (file.size(), file.modified(), file.inode());
    if file.has_whole_seconds() {
        file_validators(size, modified, inode, SystemTime::now())
    } else {
        strong_file_validators(size, modified, inode)
    }
}
