//! Media types of files: by extension, and text without a known one by its bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::error::Error;
use crate::http::headers::HeaderText;
use crate::http::media_type::{self, has_charset, is_media_type};
use crate::http::sniffing;

/// Media types by extension: configured ones, and the known ones.
#[derive(Debug, Default)]
pub(super) struct MediaTypes {
    /// Extension in lower case, without its dot, and media type; longest extension first.
    set: Vec<(String, String)>,
}

impl MediaTypes {
    /// Sets the media type of an extension, given with or without its dot.
    ///
    /// # Errors
    ///
    /// When the extension is empty or holds a slash, or the media type is not one.
    pub(super) fn set(&mut self, extension: &str, media_type: &str) -> Result<(), Error> {
        let extension = extension.strip_prefix('.').unwrap_or(extension).to_ascii_lowercase();
        if extension.is_empty() || extension.contains('/') {
            return Err(Error::Setting(format!("{extension:?} is not an extension")));
        }
        if !is_media_type(media_type) {
            return Err(Error::Setting(format!("{media_type:?} is not a media type")));
        }
        self.set.retain(|(known, _)| *known != extension);
        self.set.push((extension, with_charset(media_type.to_owned().into()).into_owned()));
        self.set.sort_by_key(|(extension, _)| std::cmp::Reverse(extension.len()));
        Ok(())
    }

    /// The media type of a file of this name, whatever it holds.
    pub(super) fn of(&self, name: &[u8]) -> HeaderText {
        self.by_extension(name).unwrap_or(Cow::Borrowed(UNKNOWN))
    }

    /// The media type of a file of this name. If its extension is not known, the file is read to see whether it is text.
    pub(super) fn of_file(&self, name: &[u8], file: &File) -> io::Result<HeaderText> {
        if let Some(known) = self.by_extension(name) {
            return Ok(known);
        }
        let mut beginning = [0; sniffing::BEGINNING];
        let length = file.read_at(&mut beginning, 0)?;
        Ok(by_content(&beginning[..length]))
    }

    /// The media type of a file of this name that holds these bytes.
    pub(super) fn of_bytes(&self, name: &[u8], bytes: &[u8]) -> HeaderText {
        self.by_extension(name).unwrap_or_else(|| by_content(&bytes[..bytes.len().min(sniffing::BEGINNING)]))
    }

    /// The media type of the extension, if that is known. Text is labelled UTF-8, unless configured otherwise.
    fn by_extension(&self, name: &[u8]) -> Option<HeaderText> {
        if let Some((_, media_type)) = self.set.iter().find(|(extension, _)| has_extension(name, extension)) {
            return Some(Cow::Owned(media_type.clone()));
        }
        let name = String::from_utf8_lossy(name);
        Some(with_charset(Cow::Borrowed(mime_guess::from_path(name.as_ref()).first_raw()?)))
    }
}

/// The media type of content that begins with these bytes.
fn by_content(beginning: &[u8]) -> HeaderText {
    Cow::Borrowed(if sniffing::is_text(beginning) { "text/plain; charset=utf-8" } else { UNKNOWN })
}

const UNKNOWN: &str = "application/octet-stream";

fn has_extension(name: &[u8], extension: &str) -> bool {
    let Some(rest) = name.len().checked_sub(extension.len() + 1) else { return false };
    name[rest] == b'.' && name[rest + 1..].eq_ignore_ascii_case(extension.as_bytes())
}

fn with_charset(media_type: HeaderText) -> HeaderText {
    let essence = media_type::essence(&media_type).to_ascii_lowercase();
    // XML declares its own encoding, and JSON is always UTF-8 (RFC 8259 §8.1).
    let textual = essence.starts_with("text/") || matches!(&*essence, "application/javascript" | "image/svg+xml");
    if textual && !has_charset(&media_type) { format!("{media_type}; charset=utf-8").into() } else { media_type }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_follow_the_extension() {
        let table = [
            ("a.html", "text/html; charset=utf-8"),
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.png", "image/png"),
            ("a.tar.gz", "application/gzip"),
            ("a", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("html", "application/octet-stream"),
            ("a.b\u{fffd}", "application/octet-stream"),
        ];
        for (name, expected) in table {
            assert_eq!(MediaTypes::default().of(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(MediaTypes::default().of(b"\xff.txt"), "text/plain; charset=utf-8");
    }

    #[test]
    fn configured_media_types_come_before_known_ones() {
        let mut types = MediaTypes::default();
        types.set("TXT", "text/markdown").unwrap();
        types.set(".log", "text/plain; charset=ISO-8859-1").unwrap();
        types.set("gz", "application/x-gzip").unwrap();
        types.set("tar.gz", "application/x-gtar").unwrap();
        types.set("none", "application/x-first").unwrap();
        types.set("none", "application/x-second").unwrap();
        let table = [
            ("a.txt", "text/markdown; charset=utf-8"),
            ("a.log", "text/plain; charset=ISO-8859-1"),
            ("a.gz", "application/x-gzip"),
            ("a.tar.gz", "application/x-gtar"),
            ("a.NONE", "application/x-second"),
            (".none", "application/x-second"),
            ("none", "application/octet-stream"),
            ("a.css", "text/css; charset=utf-8"),
        ];
        for (extension, media_type) in [("", "a/b"), (".", "a/b"), ("a/b", "a/b"), ("a", "text")] {
            assert!(types.set(extension, media_type).is_err(), "{extension:?} {media_type:?}");
        }
        for (name, expected) in table {
            assert_eq!(types.of(name.as_bytes()), expected, "{name}");
        }
    }
}
