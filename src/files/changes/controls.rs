//! The controls in the last cell of a row.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::super::listing::entry::{Entry, Kind};
use super::super::lookup::Roots;
use super::super::media_types::MediaTypes;
use super::settings::Changes;
use super::target::tree_of_uploads;
use super::text::{MAX_TEXT, may_be_text};
use crate::http::path::{RelativePath, encode_segment};
use crate::page::shown;
use crate::storage::RootDir;

/// The controls of one directory.
pub(crate) struct Controls {
    changes: Changes,
    directory: RelativePath,
    include_hidden: bool,
    /// The tree whose entries can be changed.
    uploads: Option<Arc<RootDir>>,
}

impl Controls {
    pub(crate) fn new(changes: &Changes, roots: &Roots, directory: &RelativePath) -> Self {
        let uploads = if changes.any() {
            tree_of_uploads(roots, directory).map(|(root_dir, _)| Arc::clone(root_dir))
        } else {
            None
        };
        Self { changes: changes.clone(), directory: directory.clone(), include_hidden: roots.include_hidden, uploads }
    }

    /// Writes the heading of their column, unless there is none.
    pub(crate) fn write_heading(&self, out: &mut Vec<u8>) {
        if self.uploads.is_some() {
            out.extend_from_slice(b"<th scope=\"col\" class=\"do\"><span class=\"unseen\">Actions</span></th>\n");
        }
    }

    /// Writes their cell, for an entry that is in this tree; `None` for a link and for the parent directory.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        entry: Option<(Entry<'_>, &Arc<RootDir>)>,
        media_types: &MediaTypes,
    ) -> io::Result<()> {
        let Some(uploads) = &self.uploads else { return Ok(()) };
        out.extend_from_slice(b"<td class=\"do\">");
        if let Some((entry, _)) = entry.filter(|(_, root_dir)| Arc::ptr_eq(root_dir, uploads)) {
            self.write_links(out, entry, media_types)?;
        }
        out.extend_from_slice(b"</td>");
        Ok(())
    }

    fn write_links(&self, out: &mut Vec<u8>, entry: Entry<'_>, media_types: &MediaTypes) -> io::Result<()> {
        let is_excepted = || self.changes.is_excepted(&self.directory.join(entry.name));
        let name = RelativePath::root().join(entry.name);
        let is_editable = self.changes.edit
            && entry.kind == Kind::File
            && entry.details.size <= MAX_TEXT
            && may_be_text(entry.name, &media_types.of(entry.name))
            && name.clone().check_writable().is_ok();
        let is_removable = self.changes.delete && name.check_removable(self.include_hidden).is_ok();
        if !(is_editable || is_removable) || is_excepted() {
            return Ok(());
        }
        let (href, name) = (encode_segment(entry.name), shown(entry.name));
        for (action, label, is_offered) in [("edit", "Edit", is_editable), ("delete", "Delete", is_removable)] {
            if is_offered {
                write!(
                    out,
                    "<a class=\"{action}\" href=\"?{action}={href}\" title=\"{label}\"><span class=\"unseen\">{label} \
                     <bdi>{name}</bdi></span></a>"
                )?;
            }
        }
        Ok(())
    }
}
