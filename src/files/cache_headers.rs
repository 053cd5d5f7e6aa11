//! The header fields that tell a client how long to keep a file, what to do with it, and what not to take it for.

use crate::error::Error;
use crate::http::disposition;
use crate::http::headers::{Text, is_field_value};
use crate::http::response::Response;
use crate::http::status::Status;

/// What is said of every file.
#[derive(Debug)]
pub(super) struct Labels {
    cache_control: Text,
    immutable: bool,
}

/// So that an edit shows at once: what is kept must be asked for again, and costs no more than a 304.
const ASK_AGAIN: &str = "no-cache";
/// A year. Other content would have another name.
const KEEP: &str = "max-age=31536000, immutable";

impl Labels {
    pub(super) fn new() -> Self {
        Self { cache_control: ASK_AGAIN.into(), immutable: false }
    }

    /// Sets the value of `Cache-Control`; an empty one is not sent.
    ///
    /// # Errors
    ///
    /// When it holds a control character.
    pub(super) fn set_cache_control(&mut self, value: String) -> Result<(), Error> {
        if !is_field_value(&value) {
            return Err(Error::Setting(format!("the value {value:?} of Cache-Control holds a control character")));
        }
        self.cache_control = value.into();
        Ok(())
    }

    pub(super) fn set_immutable(&mut self, immutable: bool) {
        self.immutable = immutable;
    }

    /// Whether what is said depends on the file's name.
    pub(super) fn depend_on_name(&self) -> bool {
        self.immutable
    }

    /// The answer with a file of this name, labelled. It has none of these fields yet, so that there is nothing to replace.
    pub(super) fn put(&self, response: Response, name: &[u8]) -> Response {
        // RFC 9110 §15.4.5: a 304 says what has changed of what is kept, and no more.
        let response = match response.status() {
            Status::NOT_MODIFIED => response,
            _ => response.with_added_header("X-Content-Type-Options", "nosniff"),
        };
        if self.immutable && has_content_hash(name) {
            return response.with_added_header("Cache-Control", KEEP);
        }
        match &*self.cache_control {
            "" => response,
            _ => response.with_added_header("Cache-Control", self.cache_control.clone()),
        }
    }
}

/// The answer with a file of this name, for saving rather than showing.
pub(super) fn as_download(response: Response, name: &[u8]) -> Response {
    response.with_header("Content-Disposition", disposition::attachment(name))
}

/// Whether a part of the name, between dots, hyphens and underscores, looks like a hash of the content: eight or more
/// hexadecimal digits, letters and figures among them, or eight letters and figures that are mixed as in no word or date.
fn has_content_hash(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| matches!(byte, b'.' | b'-' | b'_'));
    // The first part is the name proper. Where there is no other, nothing but the hash tells the file.
    let first = parts.next().unwrap_or_default();
    is_hexadecimal_hash(first) || parts.any(|part| is_hexadecimal_hash(part) || is_mixed_hash(part))
}

fn is_hexadecimal_hash(part: &[u8]) -> bool {
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    let one_case = part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        || part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    part.len() >= 8 && one_case && digits > 0 && digits < part.len()
}

fn is_mixed_hash(part: &[u8]) -> bool {
    let turns = part.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    part.len() == 8 && part.iter().all(u8::is_ascii_alphanumeric) && turns >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_told_from_words_and_dates() {
        let table = [
            ("app.3f9a1c2b.js", true),
            ("main.8e0d62a10c23f5a7b1c2.css", true),
            ("index-BkT3x9aD.js", true),
            ("chunk-5W3XGZQH.js", true),
            ("logo_9B0E77AA.svg", true),
            ("d41d8cd98f00b204e9800998ecf8427e", true),
            ("d41d8cd98f00b204e9800998ecf8427e.png", true),
            ("app.js", false),
            ("document-download.pdf", false),
            ("deadbeef.bin", false),
            ("report-20240101.html", false),
            ("photo-IMG20240101.jpg", false),
            ("report-Backup24.pdf", false),
            ("jquery-3.7.1.min.js", false),
            ("app.3f9a1c2.js", false),
            ("app.3F9a1c2b.js", true),
            ("app.3F9a1c2bB.js", false),
            ("", false),
            ("...", false),
        ];
        for (name, expected) in table {
            assert_eq!(has_content_hash(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn only_hashed_names_are_kept_and_only_on_request() {
        let mut labels = Labels::new();
        let said = |labels: &Labels, name: &str| {
            let response = labels.put(Response::text(""), name.as_bytes());
            assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"));
            response.header("Cache-Control").map(str::to_owned)
        };
        assert_eq!(said(&labels, "app.3f9a1c2b.js").as_deref(), Some("no-cache"));
        labels.set_immutable(true);
        assert_eq!(said(&labels, "app.3f9a1c2b.js").as_deref(), Some("max-age=31536000, immutable"));
        assert_eq!(said(&labels, "app.js").as_deref(), Some("no-cache"));
        labels.set_cache_control("max-age=60".into()).unwrap();
        assert!(labels.set_cache_control("a\r\nb".into()).is_err());
        assert_eq!(said(&labels, "app.js").as_deref(), Some("max-age=60"));
        labels.set_cache_control(String::new()).unwrap();
        assert_eq!(said(&labels, "app.js"), None);
    }
}
