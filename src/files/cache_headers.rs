//! `Cache-Control` of files: how long a client may keep one.

use crate::error::Error;
use crate::http::headers::{HeaderText, is_field_value};

/// The values of `Cache-Control`.
#[derive(Debug)]
pub(super) struct CacheHeaders {
    default: HeaderText,
    immutable: bool,
}

/// Clients revalidate their copy for each use, at the cost of a 304, so an edit shows at once.
const REVALIDATE: &str = "no-cache";
/// A year: other content has another name.
const IMMUTABLE: &str = "max-age=31536000, immutable";

impl Default for CacheHeaders {
    fn default() -> Self {
        Self { default: REVALIDATE.into(), immutable: false }
    }
}

impl CacheHeaders {
    /// Sets the value for all files but immutable ones. An empty one is not sent.
    ///
    /// # Errors
    ///
    /// When the value holds a control character.
    pub(super) fn set_default(&mut self, value: String) -> Result<(), Error> {
        if !is_field_value(&value) {
            return Err(Error::Setting(format!("the value {value:?} of Cache-Control holds a control character")));
        }
        self.default = value.into();
        Ok(())
    }

    /// Sets whether files with a hash of their content in the name are immutable.
    pub(super) fn set_immutable(&mut self, immutable: bool) {
        self.immutable = immutable;
    }

    /// The value for a file of this name.
    pub(super) fn of(&self, name: &[u8]) -> Option<HeaderText> {
        if self.immutable && has_content_hash(name) { Some(IMMUTABLE.into()) } else { self.of_any() }
    }

    /// The value for a file that is sent in place of another one, whatever its name.
    pub(super) fn of_any(&self) -> Option<HeaderText> {
        Some(&self.default).filter(|value| !value.is_empty()).cloned()
    }
}

/// Whether a part of the name, between dots, hyphens and underscores, looks like a hash of the content: eight or more
/// hexadecimal digits, both letters and decimal digits among them, or eight letters and digits mixed as in no word or date.
fn has_content_hash(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| matches!(byte, b'.' | b'-' | b'_'));
    // The first part is most often a name, so only hexadecimal digits count there.
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
    fn only_hashed_names_are_immutable_and_only_on_request() {
        let mut headers = CacheHeaders::default();
        let said = |headers: &CacheHeaders, name: &str| headers.of(name.as_bytes()).map(HeaderText::into_owned);
        assert_eq!(said(&headers, "app.3f9a1c2b.js").as_deref(), Some("no-cache"));
        headers.set_immutable(true);
        assert_eq!(said(&headers, "app.3f9a1c2b.js").as_deref(), Some("max-age=31536000, immutable"));
        assert_eq!(said(&headers, "app.js").as_deref(), Some("no-cache"));
        headers.set_default("max-age=60".into()).unwrap();
        assert!(headers.set_default("a\r\nb".into()).is_err());
        assert_eq!(said(&headers, "app.js").as_deref(), Some("max-age=60"));
        headers.set_default(String::new()).unwrap();
        assert_eq!(said(&headers, "app.js"), None);
        assert_eq!(said(&headers, "app.3f9a1c2b.js").as_deref(), Some("max-age=31536000, immutable"));
    }
}
