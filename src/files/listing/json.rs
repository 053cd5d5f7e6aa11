//! The JSON object that lists a directory, made a piece at a time.

use std::io::{self, Write as _};

use serde_json::Value;

use super::super::body_stream::{Made, Pieces};
use super::entries::Entries;
use super::entry::{Entry, Kind};
use crate::http::date;
use crate::http::path::{RelativePath, encode_segment};

/// The listing as a JSON object: the path, whether there is more than is listed, and the entries.
pub(super) struct Json {
    path: RelativePath,
    /// The directory's own URL.
    base: String,
    entries: Entries,
    made: Made,
}

impl Json {
    pub(super) fn new(path: RelativePath, entries: Entries) -> Self {
        let base: String = path.segments().iter().map(|name| format!("/{}", encode_segment(name))).collect();
        Self { path, base: base + "/", entries, made: Made::Nothing }
    }
}

impl Pieces for Json {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.made = match self.made {
            Made::Nothing => {
                let path: String =
                    self.path.segments().iter().map(|name| format!("{}/", String::from_utf8_lossy(name))).collect();
                let (path, truncated) = (Value::from(format!("/{path}")), self.entries.totals.truncated);
                write!(out, "{{\"path\":{path},\"truncated\":{truncated},\"entries\":[")?;
                Made::Beginning
            }
            Made::Beginning | Made::Rows if self.entries.advance()? => {
                out.extend_from_slice(if self.made == Made::Beginning { b"\n" } else { b",\n" });
                self.object(out, self.entries.entry())?;
                Made::Rows
            }
            Made::Beginning | Made::Rows => {
                out.extend_from_slice(b"\n]}\n");
                Made::Everything
            }
            Made::Everything => return Ok(false),
        };
        Ok(true)
    }
}

impl Json {
    fn object(&self, out: &mut Vec<u8>, entry: Entry<'_>) -> io::Result<()> {
        // Invalid UTF-8 is replaced here, and whole in the URL.
        let name = Value::from(String::from_utf8_lossy(entry.name));
        let time = date::rfc3339(entry.details.modified);
        let url = format!("{}{}", self.base, encode_segment(entry.name));
        match entry.kind {
            Kind::Directory => write!(
                out,
                "{{\"name\":{name},\"kind\":\"directory\",\"size\":null,\"mtime\":\"{time}\",\"url\":\"{url}/\"}}"
            ),
            Kind::File => write!(
                out,
                "{{\"name\":{name},\"kind\":\"file\",\"size\":{},\"mtime\":\"{time}\",\"url\":\"{url}\"}}",
                entry.details.size
            ),
        }
    }
}
