//! The page in which a text file is edited.

use std::io::Write as _;
use std::time::SystemTime;

use super::super::error::unreadable;
use super::page;
use super::target::Target;
use super::text::{self, LineEnd, NotEditable, Text};
use crate::http::error::HttpError;
use crate::http::path::encode_segment;
use crate::http::response::Response;
use crate::http::validators::{Validators, file_validators, strong_file_validators};
use crate::page::{Frame, escape_value};
use crate::storage::FileId;

const SCRIPT: &str = include_str!("editor.js");

/// The page about this file.
pub(super) fn respond(target: Target) -> Result<Response, HttpError> {
    if !target.is_writable_file() {
        return Err(HttpError::NotFound);
    }
    let frame = Frame::new();
    let mut out = Vec::new();
    page::begin(&frame, &mut out, "Edit", &target, "")?;
    // The tag is that of the file before it is read: if it changes in between, it has another one when it is saved.
    let etag = validators(&FileId::of_open(&target.file)?).etag.filter(|etag| !etag.starts_with("W/"));
    let text = text::read(&target.file).map_err(unreadable)?;
    match text.and_then(|text| Ok((text, etag.ok_or(NotEditable::JustChanged)?))) {
        Ok((text, etag)) => write_editor(&mut out, &target.name, &text, &etag)?,
        Err(reason) => write!(
            out,
            "<p class=\"note\">{}</p>\n<p><a class=\"button\" href=\"./\">Back</a></p>\n",
            reason.explain()
        )?,
    }
    Ok(page::respond(&frame, out, SCRIPT)?)
}

/// The text stands read-only in the form until a script can save it, by a `PUT` to the URL in `data-url` with the tag in `data-etag`
/// as `If-Match`, and with the line ends in `data-line-end`.
fn write_editor(out: &mut Vec<u8>, name: &str, text: &Text, etag: &str) -> std::io::Result<()> {
    let line_end = match text.line_end {
        LineEnd::Lf => "lf",
        LineEnd::CrLf => "crlf",
    };
    let (url, etag, text) = (encode_segment(name.as_bytes()), escape_value(etag), escape_value(&text.text));
    // The parser drops one line end at the beginning of a text area.
    write!(
        out,
        "<form id=\"editor\" data-url=\"./{url}\" data-etag=\"{etag}\" data-line-end=\"{line_end}\">\n\
         <p id=\"needs-script\" class=\"note\">Saving needs JavaScript.</p>\n\
         <label for=\"text\" class=\"unseen\">Text</label>\n\
         <textarea id=\"text\" spellcheck=\"false\" autocomplete=\"off\" readonly dir=\"auto\">\n{text}</textarea>\n\
         <p role=\"status\"></p>\n\
         <div class=\"buttons\">\n<button class=\"button\" hidden>Save</button>\n\
         <a class=\"button\" href=\"./\">Cancel</a>\n</div>\n</form>\n"
    )
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
