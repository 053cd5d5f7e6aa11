//! The page that asks whether a file or a directory is to be deleted.

use std::io::{self, Write as _};

use rustix::fs::Dir;

use super::super::error::unreadable;
use super::page;
use super::target::Target;
use crate::http::byte_size::ByteSize;
use crate::http::error::HttpError;
use crate::http::response::Response;
use crate::http::validators::strong_file_validators;
use crate::page::{Frame, escape_value};
use crate::storage::{FileId, is_unfinished};

/// The page about this file or directory.
pub(super) fn respond(target: Target) -> Result<Response, HttpError> {
    let frame = Frame::new();
    let mut out = Vec::new();
    page::begin(&frame, &mut out, "Delete", &target, "?")?;
    if target.metadata.is_dir() {
        if is_empty(&target).map_err(unreadable)? {
            out.extend_from_slice(b"<p class=\"note\">This is an empty folder.</p>\n");
            write_form(&mut out, &format!("{}/", target.name), None)?;
        } else {
            out.extend_from_slice(
                b"<p class=\"note\">This folder is not empty, so it cannot be deleted. Delete what is in it first.</p>\n\
                  <p><a class=\"button\" href=\"./\">Back</a></p>\n",
            );
        }
    } else {
        let id = FileId::of_open(&target.file)?;
        writeln!(out, "<p class=\"note\">This is a file of {}. It cannot be restored.</p>", ByteSize(id.size()))?;
        let etag = strong_file_validators(id.size(), id.modified(), id.inode()).etag;
        write_form(&mut out, &target.name, etag.as_deref())?;
    }
    Ok(page::respond(&frame, out)?)
}

/// Works without a script. `name` ends with a slash if it is that of a directory. A file is deleted only while it has this entity tag.
fn write_form(out: &mut Vec<u8>, name: &str, etag: Option<&str>) -> io::Result<()> {
    let name = escape_value(name);
    write!(
        out,
        "<form id=\"delete\" class=\"buttons\" method=\"post\" action=\"./\">\n\
         <input type=\"hidden\" name=\"delete\" value=\"{name}\">\n"
    )?;
    if let Some(etag) = etag {
        writeln!(out, "<input type=\"hidden\" name=\"if-match\" value=\"{}\">", escape_value(etag))?;
    }
    out.extend_from_slice(
        b"<button class=\"button danger\">Delete</button>\n<a class=\"button\" href=\"./\">Cancel</a>\n</form>\n",
    );
    Ok(())
}

/// Whether nothing is in the directory but unfinished files that a killed server has left.
fn is_empty(target: &Target) -> io::Result<bool> {
    for entry in Dir::read_from(&target.file)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") && !is_unfinished(name) {
            return Ok(false);
        }
    }
    Ok(true)
}
