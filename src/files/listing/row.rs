//! The row of one entry in the table.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::media_types::MediaTypes;
use super::entry::{Entry, Kind};
use super::order::Order;
use super::type_name::{Icon, TypeName, type_name};
use crate::http::byte_size::ByteSize;
use crate::http::date;
use crate::http::media_type;
use crate::http::path::encode_segment;
use crate::page::{escape, shown};

/// What the rows of a page have in common.
pub(crate) struct Rows {
    media_types: Arc<MediaTypes>,
    /// The query that keeps the order in a link to another directory.
    query: String,
}

impl Rows {
    pub(crate) fn new(media_types: &Arc<MediaTypes>, order: Order) -> Self {
        Self { media_types: Arc::clone(media_types), query: order.query() }
    }

    /// Writes the row of an entry of the directory itself, without the row's end.
    pub(super) fn write(&self, out: &mut Vec<u8>, entry: Entry<'_>) -> io::Result<()> {
        self.write_below(out, &[], entry)
    }

    /// Writes the row of an entry of the directory with this relative path, without the row's end.
    pub(crate) fn write_below(&self, out: &mut Vec<u8>, path: &[Vec<u8>], entry: Entry<'_>) -> io::Result<()> {
        let base: String = path.iter().map(|name| encode_segment(name) + "/").collect();
        let place = Place { path, base: &base };
        let (href, name) = (encode_segment(entry.name), shown(entry.name));
        let title = Title(&name);
        match entry.kind {
            Kind::Directory => write!(
                out,
                "<tr><th scope=\"row\"><a class=\"d\" href=\"./{base}{href}/{}\"{title}><span><bdi>{name}</bdi>/</span></a>{place}</th>\
                 <td class=\"s\"></td><td class=\"t\">Folder</td>",
                self.query
            )?,
            Kind::File => {
                let media_type = self.media_types.of(entry.name);
                let essence = media_type::essence(&media_type);
                let TypeName { name: type_name, icon } = type_name(entry.name, essence);
                let (essence, size) = (escape(essence), ByteSize(entry.details.size).in_column());
                out.extend_from_slice(b"<tr><th scope=\"row\"><a ");
                if icon != Icon::File {
                    write!(out, "class=\"{}\" ", icon.class())?;
                }
                write!(
                    out,
                    "href=\"./{base}{href}\"{title}><span><bdi>{name}</bdi></span></a>{place}</th>\
                     <td class=\"s\">{size}</td><td class=\"t\" title=\"{essence}\">{type_name}</td>"
                )?;
            }
        }
        let time = date::rfc3339(entry.details.modified);
        let (day, clock) = (&time[..10], &time[11..16]);
        write!(out, "<td><time datetime=\"{day}T{clock}Z\">{day} {clock}</time></td>")
    }
}

/// The link to the directory of an entry that is not in the listed one itself.
struct Place<'a> {
    path: &'a [Vec<u8>],
    base: &'a str,
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return Ok(());
        }
        write!(f, "<p class=\"in\">in <a href=\"./{}\">", self.base)?;
        for (index, name) in self.path.iter().enumerate() {
            write!(f, "{}<bdi>{}</bdi>", if index > 0 { "/" } else { "" }, shown(name))?;
        }
        f.write_str("</a></p>")
    }
}

/// The attribute that shows a whole name, escaped already, on hover: only where the page may have to cut it.
struct Title<'a>(&'a str);

/// The narrowest page has room for two lines of about so many bytes together.
const SHORT: usize = 40;

impl Display for Title<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.len() <= SHORT { Ok(()) } else { write!(f, " title=\"{}\"", self.0) }
    }
}
