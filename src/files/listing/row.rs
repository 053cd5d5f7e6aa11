//! The row of one entry in the table.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::media_types::MediaTypes;
use super::entry::{Entry, Kind};
use super::numbers::readable_size;
use super::order::Order;
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
    pub(super) fn new(media_types: &Arc<MediaTypes>, order: Order) -> Self {
        Self { media_types: Arc::clone(media_types), query: order.query() }
    }

    /// Writes the row without its end.
    pub(super) fn write(&self, out: &mut Vec<u8>, entry: Entry<'_>) -> io::Result<()> {
        let (href, name) = (encode_segment(entry.name), shown(entry.name));
        let time = date::rfc3339(entry.details.modified);
        let (day, clock) = (&time[..10], &time[11..16]);
        match entry.kind {
            Kind::Directory => write!(
                out,
                "<tr><th scope=\"row\"><a class=\"d\" href=\"./{href}/{}\"><span><bdi>{name}</bdi>/</span></a></th>\
                 <td class=\"size\"></td><td class=\"type\">directory</td>",
                self.query
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
        write!(out, "<td><time>{day}<span> {clock}</span></time></td>")
    }
}
