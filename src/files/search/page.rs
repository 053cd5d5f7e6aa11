//! The HTML page of a search, generated while the search goes on.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::listing::html::{breadcrumb, class, heading};
use super::super::listing::numbers::with_commas;
use super::super::listing::order::Column;
use super::super::listing::row::Rows;
use super::super::listing::toolbar::search_form;
use super::super::pieces::{Pieces, Stage};
use super::walk::{End, Walk};
use crate::http::path::RelativePath;
use crate::page::{Frame, escape, shown};

/// The page of one search.
pub(super) struct Page {
    /// The name of the site, if it has one.
    pub(super) title: Option<Arc<str>>,
    pub(super) path: RelativePath,
    /// The search text, as it was sent.
    pub(super) text: String,
    pub(super) walk: Walk,
    pub(super) rows: Rows,
    pub(super) frame: Frame,
    pub(super) stage: Stage,
}

const STYLES: [&str; 2] = [include_str!("../listing/listing.css"), include_str!("search.css")];
const SCRIPTS: [&str; 2] = [include_str!("../listing/times.js"), include_str!("search.js")];

impl Pieces for Page {
    const FLUSHES: bool = true;

    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.stage = match self.stage {
            Stage::Start => {
                self.begin(out)?;
                Stage::Head
            }
            Stage::Head | Stage::Rows if self.walk.advance()? => self.write_rows(out)?,
            Stage::Head | Stage::Rows => {
                self.end(out)?;
                Stage::End
            }
            Stage::End => return Ok(false),
        };
        Ok(true)
    }

    fn wants_flush(&mut self) -> bool {
        self.walk.wants_flush()
    }
}

impl Page {
    fn begin(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let name = self.path.segments().last().map(|name| String::from_utf8_lossy(name));
        let place = name.map(|name| format!(" in {name}")).unwrap_or_default();
        let site = self.title.as_deref().map(|title| format!(" – {title}")).unwrap_or_default();
        self.frame.begin(out, &format!("Search for {}{place}{site}", self.text), &STYLES)?;
        out.extend_from_slice(b"<header>\n");
        let root = self.title.as_deref().map_or_else(|| "Home".to_owned(), escape);
        breadcrumb(out, &self.path, &root, "", false)?;
        let place = self.path.segments().last().map(|name| format!(" in <bdi>{}</bdi>", shown(name)));
        let (text, place) = (escape(&self.text), place.unwrap_or_default());
        writeln!(out, "<h1>Search for “<bdi>{text}</bdi>”{place}</h1>\n</header>\n<main>\n<div class=\"tools\">")?;
        out.extend_from_slice(b"<p><a href=\"./\">Back to the folder</a></p>\n");
        search_form(out, &self.text, true)?;
        // The number of results follows them, and is shown before them.
        out.extend_from_slice(
            b"</div>\n<div id=\"results\">\n<p id=\"state\" role=\"status\">Searching\xe2\x80\xa6</p>\n",
        );
        Ok(())
    }

    fn write_rows(&self, out: &mut Vec<u8>) -> io::Result<Stage> {
        let (directory, entries) = self.walk.matches();
        let mut entries = entries.peekable();
        if entries.peek().is_some() && self.stage == Stage::Head {
            head_of_table(out)?;
        } else if entries.peek().is_none() {
            return Ok(self.stage);
        }
        for entry in entries {
            self.rows.write_below(out, directory, entry)?;
            out.extend_from_slice(b"</tr>\n");
        }
        Ok(Stage::Rows)
    }

    fn end(&self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.stage == Stage::Rows {
            out.extend_from_slice(b"</tbody>\n</table>\n");
        }
        writeln!(out, "<p id=\"found\">{}</p>\n</div>\n</main>", summary(&self.walk))?;
        self.frame.end(out, &SCRIPTS)
    }
}

fn head_of_table(out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(
        b"<table id=\"entries\">\n<caption>Files and folders that were found</caption>\n<thead>\n<tr>\n",
    );
    for column in Column::ALL {
        writeln!(out, "<th scope=\"col\"{}>{}</th>", class(column), heading(column))?;
    }
    out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
    Ok(())
}

/// What the search has found, and whether that is all.
fn summary(walk: &Walk) -> String {
    let results = |number: usize| {
        if number == 1 { "1 result".to_owned() } else { format!("{} results", with_commas(number)) }
    };
    let found = match walk.found() {
        0 => "Nothing found".to_owned(),
        found => results(found),
    };
    let mut text = match walk.end() {
        Some(End::Results) => {
            format!("The first {}. There are more: add a word, or search in one of the folders.", results(walk.found()))
        }
        Some(End::Time) => {
            let seconds = walk.limits().time.as_secs();
            format!("{found} in {seconds} seconds. Not everything was searched: search in one of the folders.")
        }
        Some(End::Complete) | None => format!("{found}."),
    };
    match walk.unreadable() {
        0 => {}
        1 => text.push_str(" 1 folder could not be read."),
        number => text.push_str(&format!(" {} folders could not be read.", with_commas(number))),
    }
    text
}
