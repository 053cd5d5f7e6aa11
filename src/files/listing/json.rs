//! The JSON object that lists a directory, generated piece by piece.

use std::io::{self, Write as _};

use serde_json::Value;

use super::super::pieces::{Pieces, Stage};
use super::entries::{Entries, Totals};
use super::entry::{Entry, Kind};
use crate::http::date;
use crate::http::path::{RelativePath, encode_segment};

/// The object: the path, whether there are more entries than are listed, how many cannot be opened, and the entries.
pub(super) struct Json {
    path: RelativePath,
    /// The URL of the directory.
    base: String,
    entries: Entries,
    stage: Stage,
}

impl Json {
    pub(super) fn new(path: RelativePath, entries: Entries) -> Self {
        let base: String = path.segments().iter().map(|name| format!("/{}", encode_segment(name))).collect();
        Self { path, base: base + "/", entries, stage: Stage::Start }
    }
}

impl Pieces for Json {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.stage = match self.stage {
            Stage::Start => {
                let path: String =
                    self.path.segments().iter().map(|name| format!("{}/", String::from_utf8_lossy(name))).collect();
                let (path, Totals { truncated, skipped, .. }) = (Value::from(format!("/{path}")), self.entries.totals);
                write!(out, "{{\"path\":{path},\"truncated\":{truncated},\"skipped\":{skipped},\"entries\":[")?;
                Stage::Head
            }
            Stage::Head | Stage::Rows if self.entries.advance()? => {
                out.extend_from_slice(if self.stage == Stage::Head { b"\n" } else { b",\n" });
                write_entry(out, &self.base, None, self.entries.entry())?;
                Stage::Rows
            }
            Stage::Head | Stage::Rows => {
                out.extend_from_slice(b"\n]}\n");
                Stage::End
            }
            Stage::End => return Ok(false),
        };
        Ok(true)
    }
}

/// Writes the object of one entry of the directory whose URL is `base`, with its relative path if there is one.
pub(crate) fn write_entry(out: &mut Vec<u8>, base: &str, path: Option<&str>, entry: Entry<'_>) -> io::Result<()> {
    // The name and the path have invalid UTF-8 replaced; the URL is exact.
    let name = Value::from(String::from_utf8_lossy(entry.name));
    let path = path.map(|path| format!("\"path\":{},", Value::from(path))).unwrap_or_default();
    let time = date::rfc3339(entry.details.modified);
    let url = format!("{base}{}", encode_segment(entry.name));
    match entry.kind {
        Kind::Directory => write!(
            out,
            "{{\"name\":{name},{path}\"kind\":\"directory\",\"size\":null,\"mtime\":\"{time}\",\"url\":\"{url}/\"}}"
        ),
        Kind::File => write!(
            out,
            "{{\"name\":{name},{path}\"kind\":\"file\",\"size\":{},\"mtime\":\"{time}\",\"url\":\"{url}\"}}",
            entry.details.size
        ),
    }
}
