//! The README of a directory, which its listing shows.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustix::fs::{AtFlags, Stat};

use super::markdown::{escape_up_to, render};
use crate::http::path::{RelativePath, encode_segment};
use crate::page::shown;
use crate::storage::RootDir;

/// The READMEs that a scan has found in one directory.
#[derive(Debug, Default)]
pub(super) struct Readmes(Vec<Found>);

/// A file that is called README.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    form: Form,
    name: Vec<u8>,
    is_link: bool,
    layer: usize,
}

/// How a README is written, the preferred one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Markdown,
    Text,
    /// A text without an extension.
    Bare,
}

/// Whose READMEs are shown.
#[derive(Clone)]
pub(crate) struct ReadmeRules {
    /// The directories of uploads: what visitors have written does not speak for the site.
    pub(crate) uploads: Vec<Arc<RootDir>>,
}

/// How much of a README is read, and how much HTML it may become.
const MAX_LENGTH: usize = 128 * 1024;
const MAX_HTML: usize = 256 * 1024;

/// Names that differ in case only; nobody has more.
const MAX_FOUND: usize = 16;

impl Form {
    fn of(name: &[u8]) -> Option<Self> {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            6 if is(b"README") => Some(Self::Bare),
            9 if is(b"README.md") => Some(Self::Markdown),
            10 if is(b"README.txt") => Some(Self::Text),
            _ => None,
        }
    }
}

impl Readmes {
    /// Adds a file, if its name is that of a README.
    pub(super) fn add(&mut self, name: &[u8], is_link: bool, layer: usize) {
        let Some(form) = Form::of(name).filter(|_| self.0.len() < MAX_FOUND) else { return };
        self.0.push(Found { form, name: name.to_vec(), is_link, layer });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Writes the first one that may be shown, of the directory at this path. `root_dir` gives the tree of a layer.
    pub(super) fn write<'a>(
        &self,
        out: &mut Vec<u8>,
        rules: &ReadmeRules,
        path: &RelativePath,
        root_dir: impl Fn(usize) -> &'a Arc<RootDir>,
    ) -> io::Result<()> {
        let mut found = self.0.clone();
        found.sort();
        let first = found.iter().find_map(|found| {
            let root_dir = root_dir(found.layer);
            rules
                .permit(root_dir, path, found)
                .then(|| read(root_dir, &path.join(&found.name)))?
                .ok()
                .flatten()
                .map(|content| (found, content))
        });
        let Some((found, Content { text, is_cut })) = first else { return Ok(()) };
        let (href, name) = (encode_segment(&found.name), shown(&found.name));
        write!(
            out,
            "<section id=\"readme\" aria-labelledby=\"about\">\n<h2 id=\"about\"><a href=\"./{href}\">{name}</a></h2>\n<div>\n"
        )?;
        let is_whole = if found.form == Form::Markdown {
            render(&text, MAX_HTML, out)?
        } else {
            out.extend_from_slice(b"<pre>");
            let is_whole = escape_up_to(&text, out.len() + MAX_HTML, out);
            out.extend_from_slice(b"</pre>\n");
            is_whole
        };
        if is_cut || !is_whole {
            writeln!(
                out,
                "<p class=\"note\">This is only the beginning. <a href=\"./{href}\">Open the whole file</a></p>"
            )?;
        }
        out.extend_from_slice(b"</div>\n</section>\n");
        Ok(())
    }
}

impl ReadmeRules {
    /// Whether this README may be shown: nothing that lies in a directory of uploads, even if the site's own directory contains that
    /// or a link leads there.
    fn permit(&self, root_dir: &Arc<RootDir>, path: &RelativePath, found: &Found) -> bool {
        if self.uploads.iter().any(|uploads| Arc::ptr_eq(uploads, root_dir)) {
            return false;
        }
        let uploads: Vec<_> = self.uploads.iter().filter_map(|uploads| rustix::fs::stat(uploads.path()).ok()).collect();
        if uploads.is_empty() {
            return true;
        }
        let Ok(directory) = root_dir.open(path) else { return false };
        !found.is_link && !is_within(&directory, &uploads).unwrap_or(true)
    }
}

/// Whether the directory is one of these others, or lies in one of them.
fn is_within(directory: &File, others: &[Stat]) -> io::Result<bool> {
    let is_same = |a: &Stat, b: &Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
    let mut path = ".".to_owned();
    let mut status = rustix::fs::statat(directory, &path, AtFlags::empty())?;
    for _ in 0..MAX_DEPTH {
        if others.iter().any(|other| is_same(other, &status)) {
            return Ok(true);
        }
        path.push_str("/..");
        let parent = rustix::fs::statat(directory, &path, AtFlags::empty())?;
        if is_same(&parent, &status) {
            return Ok(false);
        }
        status = parent;
    }
    Err(io::ErrorKind::InvalidInput.into())
}

/// How many directories a directory may lie in: paths that the kernel takes have 4096 bytes.
const MAX_DEPTH: usize = 1024;

/// The beginning of a README.
struct Content {
    text: String,
    is_cut: bool,
}

/// Reads a regular file; `None` if it is none.
fn read(root_dir: &RootDir, path: &RelativePath) -> io::Result<Option<Content>> {
    let file = root_dir.open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MAX_LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() > MAX_LENGTH;
    if is_cut {
        // Not in the middle of a line.
        let end = bytes[..MAX_LENGTH].iter().rposition(|byte| *byte == b'\n').map_or(MAX_LENGTH, |end| end + 1);
        bytes.truncate(end);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(Some(Content { text: String::from_utf8_lossy(bytes).into_owned(), is_cut }))
}
