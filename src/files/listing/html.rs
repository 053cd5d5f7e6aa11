//! The HTML page that lists a directory, generated piece by piece.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::changes::Controls;
use super::super::media_types::MediaTypes;
use super::super::pieces::{Pieces, Stage};
use super::entries::Entries;
use super::order::{Column, Order};
#[cfg(feature = "markdown")]
use super::readme::ReadmeRules;
use super::row::Rows;
use super::toolbar::{Offers, Toolbar};
use crate::http::path::RelativePath;
use crate::page::{Frame, escape, shown};

/// The page of one directory.
pub(crate) struct Page {
    pub(crate) path: RelativePath,
    pub(crate) order: Order,
    pub(crate) parts: PageParts,
    pub(crate) entries: Entries,
    pub(crate) rows: Rows,
    pub(crate) media_types: Arc<MediaTypes>,
    pub(crate) frame: Frame,
    pub(crate) stage: Stage,
}

/// What the page of a directory has beside the entries.
pub(crate) struct PageParts {
    /// The name of the site, if it has one.
    pub(crate) title: Option<Arc<str>>,
    pub(crate) offers: Offers,
    pub(crate) controls: Controls,
    /// The READMEs that are shown, if any are.
    #[cfg(feature = "markdown")]
    pub(crate) readme: Option<ReadmeRules>,
}

// The last one of each is for pages that take uploads.
const STYLES: [&str; 3] = [include_str!("listing.css"), include_str!("readme.css"), include_str!("upload.css")];
const SCRIPTS: [&str; 3] = [include_str!("times.js"), include_str!("filter.js"), include_str!("upload.js")];

pub(crate) fn heading(column: Column) -> &'static str {
    match column {
        Column::Name => "Name",
        Column::Size => "Size",
        Column::Type => "Type",
        Column::Time => "Changed <span id=\"zone\">(UTC)</span>",
    }
}

/// The class of a column's cells: a letter, because each row has it.
pub(crate) fn class(column: Column) -> &'static str {
    match column {
        Column::Size => " class=\"s\"",
        Column::Type => " class=\"t\"",
        Column::Name | Column::Time => "",
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
                self.rows.write(out, self.entries.entry())?;
                self.parts.controls.write(out, self.entries.entry_in_tree(), &self.media_types)?;
                out.extend_from_slice(b"</tr>\n");
                Stage::Rows
            }
            Stage::Head | Stage::Rows => {
                out.extend_from_slice(b"</tbody>\n</table>\n");
                #[cfg(feature = "markdown")]
                if let Some(rules) = &self.parts.readme {
                    self.entries.write_readme(out, rules)?;
                }
                out.extend_from_slice(b"</main>\n");
                self.frame.end(out, self.needed(&SCRIPTS))?;
                Stage::End
            }
            Stage::End => return Ok(false),
        };
        Ok(true)
    }
}

/// The path from the root, which has this name, to the directory, each segment a link. `is_current` says whether the page is that of
/// the directory.
pub(crate) fn breadcrumb(
    out: &mut Vec<u8>,
    path: &RelativePath,
    root: &str,
    query: &str,
    is_current: bool,
) -> io::Result<()> {
    let depth = path.segments().len();
    let current = if is_current { " aria-current=\"page\"" } else { "" };
    let names = std::iter::once(root.to_owned()).chain(path.segments().iter().map(|name| shown(name)));
    out.extend_from_slice(b"<nav aria-label=\"Breadcrumb\">\n<ol>\n");
    for (level, name) in names.enumerate() {
        match depth - level {
            0 => writeln!(out, "<li><a href=\"./{query}\"{current}><bdi>{name}</bdi></a></li>")?,
            up => writeln!(out, "<li><a href=\"{}{query}\"><bdi>{name}</bdi></a></li>", "../".repeat(up))?,
        }
    }
    out.extend_from_slice(b"</ol>\n</nav>\n");
    Ok(())
}

impl Page {
    fn begin(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let segments = self.path.segments();
        let path: String = segments.iter().map(|name| format!("{}/", String::from_utf8_lossy(name))).collect();
        let title = match &self.parts.title {
            None => format!("Index of /{path}"),
            Some(title) if path.is_empty() => title.to_string(),
            Some(title) => format!("{path} – {title}"),
        };
        self.frame.begin(out, &title, self.needed(&STYLES))?;
        out.extend_from_slice(b"<header>\n");
        // The root is below no other directory.
        if !segments.is_empty() {
            breadcrumb(out, &self.path, &self.root("Home"), &self.order.query(), true)?;
        }
        let name = segments.last().map_or_else(|| self.root("Index of /"), |name| shown(name));
        write!(out, "<h1><bdi>{name}</bdi></h1>\n</header>\n<main>\n")?;
        self.toolbar().write(out)?;
        self.head_of_table(out)
    }

    /// The name of the root: that of the site, else this one.
    fn root(&self, otherwise: &str) -> String {
        self.parts.title.as_deref().map_or_else(|| otherwise.to_owned(), escape)
    }

    fn toolbar(&self) -> Toolbar<'_> {
        Toolbar { path: &self.path, offers: self.parts.offers, totals: self.entries.totals }
    }

    /// The styles or scripts that the page needs.
    fn needed(&self, all: &'static [&'static str; 3]) -> &'static [&'static str] {
        if self.toolbar().takes_uploads() { all } else { &all[..2] }
    }

    fn head_of_table(&self, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(
            b"<table id=\"entries\">\n<caption>Contents of this folder; the headings sort them</caption>\n<thead>\n<tr>\n",
        );
        for column in Column::ALL {
            let (name, heading, class) = (column.name(), heading(column), class(column));
            let (sorted, next) = match (column == self.order.column, self.order.descending) {
                (true, false) => (" aria-sort=\"ascending\"", "desc"),
                (true, true) => (" aria-sort=\"descending\"", "asc"),
                (false, _) if column.descends_first() => ("", "desc"),
                (false, _) => ("", "asc"),
            };
            writeln!(
                out,
                "<th scope=\"col\"{class}{sorted}><a href=\"?sort={name}&amp;order={next}\">{heading}</a></th>"
            )?;
        }
        self.parts.controls.write_heading(out);
        out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
        if !self.path.segments().is_empty() {
            write!(
                out,
                "<tr id=\"parent\"><th scope=\"row\"><a class=\"u\" href=\"../{}\"><span>Parent folder</span></a></th>\
                 <td class=\"s\"></td><td class=\"t\"></td><td></td>",
                self.order.query()
            )?;
            self.parts.controls.write(out, None, &self.media_types)?;
            out.extend_from_slice(b"</tr>\n");
        }
        Ok(())
    }
}
