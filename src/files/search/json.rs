//! The JSON object of a search, generated while the search goes on.

use std::io::{self, Write as _};

use serde_json::Value;

use super::super::listing::json::write_entry;
use super::super::pieces::{Pieces, Stage};
use super::walk::{End, Walk};
use crate::http::path::{RelativePath, encode_segment};

/// The object: that of a listing, whose entries have their path below the directory too, and whose end says how the search ended.
pub(super) struct Json {
    path: String,
    /// The URL of the directory.
    base: String,
    text: String,
    walk: Walk,
    stage: Stage,
}

impl Json {
    pub(super) fn new(walk: Walk, path: &RelativePath, text: String) -> Self {
        let names = path.segments().iter();
        let base = names.clone().map(|name| format!("{}/", encode_segment(name))).collect::<String>();
        let path = names.map(|name| format!("{}/", String::from_utf8_lossy(name))).collect::<String>();
        Self { path: format!("/{path}"), base: format!("/{base}"), text, walk, stage: Stage::Start }
    }
}

impl Pieces for Json {
    const FLUSHES: bool = true;

    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.stage = match self.stage {
            Stage::Start => {
                let (path, text) = (Value::from(self.path.as_str()), Value::from(self.text.as_str()));
                write!(out, "{{\"path\":{path},\"search\":{text},\"entries\":[")?;
                Stage::Head
            }
            Stage::Head | Stage::Rows if self.walk.advance()? => self.objects(out)?,
            Stage::Head | Stage::Rows => {
                let limit = match self.walk.end() {
                    Some(End::Results) => "\"results\"",
                    Some(End::Time) => "\"time\"",
                    Some(End::Complete) | None => "null",
                };
                let (truncated, unreadable) = (limit != "null", self.walk.unreadable());
                writeln!(out, "\n],\"truncated\":{truncated},\"limit\":{limit},\"unreadable\":{unreadable}}}")?;
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

impl Json {
    fn objects(&self, out: &mut Vec<u8>) -> io::Result<Stage> {
        let (directory, entries) = self.walk.matches();
        let base: String = directory.iter().map(|name| format!("{}/", encode_segment(name))).collect();
        let base = format!("{}{base}", self.base);
        let place: String = directory.iter().map(|name| format!("{}/", String::from_utf8_lossy(name))).collect();
        let mut stage = self.stage;
        for entry in entries {
            out.extend_from_slice(if stage == Stage::Head { b"\n" } else { b",\n" });
            let path = format!("{place}{}", String::from_utf8_lossy(entry.name));
            write_entry(out, &base, Some(&path), entry)?;
            stage = Stage::Rows;
        }
        Ok(stage)
    }
}
