//! The HTML page that lists a directory, generated piece by piece.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::media_types::MediaTypes;
use super::super::pieces::{Pieces, Stage};
use super::entries::{Entries, Totals};
use super::entry::{Entry, Kind};
use super::order::{Column, Order};
use crate::http::date;
use crate::http::media_type;
use crate::http::path::{RelativePath, encode_segment};
use crate::page::{Frame, escape, shown};

/// What the page offers beside the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offers {
    /// A link to the directory as an archive.
    pub(crate) archive: bool,
    /// A form to upload files into the directory.
    pub(crate) upload: bool,
}

/// The page of one directory.
pub(crate) struct Page {
    pub(crate) path: RelativePath,
    pub(crate) order: Order,
    pub(crate) offers: Offers,
    pub(crate) entries: Entries,
    pub(crate) media_types: Arc<MediaTypes>,
    pub(crate) frame: Frame,
    pub(crate) stage: Stage,
}

const STYLE: &str = include_str!("listing.css");
const SCRIPT: &str = include_str!("listing.js");

/// Works without the script; with it, errors are shown beside the form.
const UPLOAD_FORM: &[u8] = b"<form id=\"upload\" method=\"post\" enctype=\"multipart/form-data\" action=\"./\">\n\
    <label>Upload files <input type=\"file\" name=\"file\" multiple required></label>\n\
    <button class=\"button\">Upload</button>\n<p role=\"status\"></p>\n</form>\n";

fn heading(column: Column) -> &'static str {
    match column {
        Column::Name => "Name",
        Column::Size => "Size",
        Column::Type => "Type",
        Column::Time => "Changed<span class=\"zone\"> (UTC)</span>",
    }
}

impl Pieces for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.stage = match self.stage {
            Stage::Start => {
                self.begin(out)?;
                Stage::Head
            }
            Stage::Head | Stage::Rows if self.entries.advance()? => {
                self.row(out, self.entries.entry())?;
                Stage::Rows
            }
            Stage::Head | Stage::Rows => {
                out.extend_from_slice(b"</tbody>\n</table>\n</main>\n");
                self.frame.end(out, SCRIPT)?;
                Stage::End
            }
            Stage::End => return Ok(false),
        };
        Ok(true)
    }
}

impl Page {
    fn begin(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let segments = self.path.segments();
        let path: String = segments.iter().map(|name| format!("{}/", String::from_utf8_lossy(name))).collect();
        self.frame.begin(out, &format!("Index of /{path}"), STYLE)?;
        out.extend_from_slice(b"<header>\n");
        self.breadcrumb(out)?;
        let name = segments.last().map_or_else(|| "Index of /".to_owned(), |name| shown(name));
        write!(out, "<h1><bdi>{name}</bdi></h1>\n</header>\n<main>\n")?;
        self.tools(out)?;
        self.head_of_table(out)
    }

    /// The path from the root to the directory, each segment a link.
    fn breadcrumb(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let depth = self.path.segments().len();
        let query = self.query();
        let names = std::iter::once("Home".to_owned()).chain(self.path.segments().iter().map(|name| shown(name)));
        out.extend_from_slice(b"<nav aria-label=\"Breadcrumb\">\n<ol>\n");
        for (level, name) in names.enumerate() {
            match depth - level {
                0 => writeln!(out, "<li><a href=\"./{query}\" aria-current=\"page\"><bdi>{name}</bdi></a></li>")?,
                up => writeln!(out, "<li><a href=\"{}{query}\"><bdi>{name}</bdi></a></li>", "../".repeat(up))?,
            }
        }
        out.extend_from_slice(b"</ol>\n</nav>\n");
        Ok(())
    }

    /// The number of entries, and what can be done with the whole directory.
    fn tools(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let Totals { directories, files, truncated } = self.entries.totals;
        let count = |number: usize, one: &str, many: &str| {
            format!("{} {}", with_commas(number), if number == 1 { one } else { many })
        };
        let counted = match (directories, files) {
            (0, 0) => "This directory is empty".to_owned(),
            (0, _) => count(files, "file", "files"),
            (_, 0) => count(directories, "directory", "directories"),
            _ => format!("{}, {}", count(directories, "directory", "directories"), count(files, "file", "files")),
        };
        write!(out, "<div class=\"tools\">\n<p>{counted} <span id=\"shown\" role=\"status\"></span></p>\n")?;
        if self.offers.archive {
            out.extend_from_slice(b"<a class=\"button\" href=\"?download=tar\" download>Download all (tar)</a>\n");
        }
        out.extend_from_slice(
            b"<form id=\"filter\" role=\"search\" hidden><label>Filter <input type=\"search\" autocomplete=\"off\" \
              spellcheck=\"false\"></label></form>\n</div>\n",
        );
        // Nothing can be stored below a name that starts with a dot.
        if self.offers.upload && !self.path.is_hidden() {
            out.extend_from_slice(UPLOAD_FORM);
        }
        if truncated {
            let most = with_commas(directories + files);
            writeln!(out, "<p class=\"note\">There is more here: only {most} entries are shown.</p>")?;
        }
        Ok(())
    }

    fn head_of_table(&self, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(
            b"<table>\n<caption>Entries of this directory; the headings sort them</caption>\n<thead>\n<tr>\n",
        );
        for column in Column::ALL {
            let (name, heading) = (column.name(), heading(column));
            let (sorted, next) = match (column == self.order.column, self.order.descending) {
                (true, false) => (" aria-sort=\"ascending\"", "desc"),
                (true, true) => (" aria-sort=\"descending\"", "asc"),
                (false, _) if column.descends_first() => ("", "desc"),
                (false, _) => ("", "asc"),
            };
            writeln!(
                out,
                "<th scope=\"col\" class=\"{name}\"{sorted}><a href=\"?sort={name}&amp;order={next}\">{heading}</a></th>"
            )?;
        }
        out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
        if !self.path.segments().is_empty() {
            writeln!(
                out,
                "<tr id=\"parent\"><th scope=\"row\"><a class=\"u\" href=\"../{}\"><span>Parent directory</span></a></th>\
                 <td class=\"size\"></td><td class=\"type\"></td><td></td></tr>",
                self.query()
            )?;
        }
        Ok(())
    }

    fn row(&self, out: &mut Vec<u8>, entry: Entry<'_>) -> io::Result<()> {
        let (href, name) = (encode_segment(entry.name), shown(entry.name));
        let time = date::rfc3339(entry.details.modified);
        let (day, clock) = (&time[..10], &time[11..16]);
        match entry.kind {
            Kind::Directory => write!(
                out,
                "<tr><th scope=\"row\"><a class=\"d\" href=\"./{href}/{}\"><span><bdi>{name}</bdi>/</span></a></th>\
                 <td class=\"size\"></td><td class=\"type\">directory</td>",
                self.query()
            )?,
            Kind::File => {
                let media_type = self.media_types.of(entry.name);
                let essence = escape(media_type::essence(&media_type));
                let size = readable_size(entry.details.size);
                write!(
                    out,
                    "<tr><th scope=\"row\"><a href=\"./{href}\"><span><bdi>{name}</bdi></span></a></th>\
                     <td class=\"size\">{size}</td><td class=\"type\">{essence}</td>"
                )?;
            }
        }
        writeln!(out, "<td><time>{day}<span> {clock}</span></time></td></tr>")
    }

    /// The query that keeps the order in a link to another directory.
    fn query(&self) -> String {
        if self.order == Order::default() {
            return String::new();
        }
        let name = self.order.column.name();
        format!("?sort={name}&amp;order={}", if self.order.descending { "desc" } else { "asc" })
    }
}

/// A number with its thousands separated.
fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in bytes, with about three digits.
fn readable_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // The remainder is kept apart: a large size is not exact as a float.
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
    use super::*;

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
    fn thousands_are_separated() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(with_commas(number), expected);
        }
    }
}
