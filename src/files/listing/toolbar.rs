//! What stands above the table: how many entries there are, and what can be done with the directory.

use std::io::{self, Write as _};

use super::super::search::words::MAX_CHARS;
use super::super::upload_limit::UploadLimit;
use super::entries::Totals;
use super::numbers::with_commas;
use crate::http::byte_size::ByteSize;
use crate::http::path::RelativePath;
use crate::page::{escape, escape_value};

/// What the page offers beside the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offers {
    /// A link to the directory as an archive.
    pub(crate) archive: bool,
    /// Forms to upload files into the directory, and to create a directory in it.
    pub(crate) upload: bool,
    /// How long an upload may be.
    pub(crate) upload_limit: Option<UploadLimit>,
}

/// The toolbar of the page of one directory.
pub(super) struct Toolbar<'a> {
    pub(super) path: &'a RelativePath,
    pub(super) offers: Offers,
    pub(super) totals: Totals,
}

/// The form works without the script; with it, each file has its own progress and result.
const UPLOAD: &[u8] = b"<form id=\"upload\" method=\"post\" enctype=\"multipart/form-data\" action=\"./\">\n\
    <label>Upload files <input type=\"file\" name=\"file\" multiple required></label>\n\
    <button class=\"button\">Upload</button>\n";
const NEW_DIRECTORY: &[u8] = b"<p role=\"status\"></p>\n</form>\n\
    <details id=\"new-directory\">\n<summary>New folder</summary>\n<form method=\"post\" action=\"./\">\n\
    <label>Name <input name=\"new-directory\" autocomplete=\"off\" required></label>\n\
    <button class=\"button\">Create</button>\n</form>\n</details>\n";

/// The form that searches below the directory, with this text in it. With scripts, a listing filters its rows by the text, too, and
/// shows the form once it has some.
pub(crate) fn search_form(out: &mut Vec<u8>, text: &str, is_shown: bool) -> io::Result<()> {
    write!(
        out,
        "<form id=\"search\" role=\"search\" action=\"./\"{}><label>Find <input type=\"search\" name=\"search\" value=\"{}\" \
         maxlength=\"{MAX_CHARS}\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <button class=\"button\">Search subfolders</button></form>\n",
        if is_shown { "" } else { " hidden" },
        escape_value(text)
    )
}

impl Toolbar<'_> {
    /// Whether the page has forms that store something: nothing can be stored below a name that starts with a dot.
    pub(super) fn takes_uploads(&self) -> bool {
        self.offers.upload && !self.path.is_hidden()
    }

    /// The number of entries, and what can be done with the whole directory.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let Totals { directories, files, skipped, truncated } = self.totals;
        let count = |number: usize, one: &str, many: &str| {
            format!("{} {}", with_commas(number), if number == 1 { one } else { many })
        };
        let skipped = match (skipped, directories + files) {
            (0, _) => String::new(),
            (skipped, 0) => format!(", {} cannot be opened", count(skipped, "entry", "entries")),
            (skipped, _) => format!(", {} more cannot be opened", with_commas(skipped)),
        };
        let counted = match (directories, files) {
            (0, 0) => "This folder is empty".to_owned(),
            (0, _) => count(files, "file", "files"),
            (_, 0) => count(directories, "folder", "folders"),
            _ => format!("{}, {}", count(directories, "folder", "folders"), count(files, "file", "files")),
        };
        write!(out, "<div class=\"tools\">\n<p>{counted}{skipped} <span id=\"shown\" role=\"status\"></span></p>\n")?;
        if self.offers.archive {
            out.extend_from_slice(b"<a class=\"button\" href=\"?download=tar\" download>Download all (tar)</a>\n");
        }
        search_form(out, "", directories + files > 0)?;
        out.extend_from_slice(b"</div>\n");
        if self.takes_uploads() {
            out.extend_from_slice(UPLOAD);
            if let Some(limit) = self.offers.upload_limit {
                upload_limit(out, limit)?;
            }
            out.extend_from_slice(NEW_DIRECTORY);
        }
        if truncated {
            let most = with_commas(directories + files);
            writeln!(out, "<p class=\"note\">There is more here: only {most} entries are shown.</p>")?;
        }
        Ok(())
    }
}

/// How long an upload may be. The script reads the number of bytes, and the option that sets it.
fn upload_limit(out: &mut Vec<u8>, limit: UploadLimit) -> io::Result<()> {
    let bytes = limit.bytes();
    let option = limit.option_name().map_or_else(String::new, |name| format!(" ({})", escape(name)));
    write!(out, "<p id=\"limit\" data-bytes=\"{bytes}\" data-option=\"{option}\">")?;
    match bytes {
        0 => writeln!(out, "Nothing more fits here{option}.</p>"),
        _ => writeln!(out, "Up to {} fit here{option}.</p>", ByteSize(bytes)),
    }
}
