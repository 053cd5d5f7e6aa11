//! The outline of a JSON document: its levels, and the one string that is picked out. It does not check the grammar.

use std::fmt;

use serde_core::Deserializer as _;
use serde_core::de::{Error, Visitor};

/// How deep arrays and objects may be nested.
pub(super) const MAX_LEVELS: u32 = 128;

/// The most bytes, as sent, that are kept of a name or a string of the outermost object. The picked name is shorter.
const MAX_KEPT: usize = 1024;

/// Follows a document character by character. For one that is not JSON the result is meaningless.
pub(super) struct Outline<'a> {
    picked: &'a str,
    levels: u32,
    within: Within,
    /// The last string of the outermost object as it was sent, up to [`MAX_KEPT`] bytes.
    string: String,
    is_cut: bool,
    follows_picked: bool,
    found: Option<String>,
}

/// An array or object lies deeper than [`MAX_LEVELS`].
pub(super) struct TooDeep;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Structure,
    String,
    Escape,
    /// A `\u` escape with this many digits to come.
    Digits(u8),
}

impl<'a> Outline<'a> {
    pub(super) fn new(picked: &'a str) -> Self {
        let (within, string) = (Within::Structure, String::new());
        Self { picked, levels: 0, within, string, is_cut: false, follows_picked: false, found: None }
    }

    pub(super) fn push(&mut self, character: char) -> Result<(), TooDeep> {
        match (self.within, character) {
            (Within::Structure, '[' | '{') if self.levels == MAX_LEVELS => return Err(TooDeep),
            (Within::Structure, character) => self.structure(character),
            (Within::String, '"') => self.string_ends(),
            (_, character) => self.in_string(character),
        }
        Ok(())
    }

    /// Whether the text that follows belongs to a string of which no more is kept.
    pub(super) fn ignores_text(&self) -> bool {
        self.within == Within::String && (self.levels != 1 || self.is_cut)
    }

    pub(super) fn into_found(self) -> Option<String> {
        self.found
    }

    fn structure(&mut self, character: char) {
        match character {
            '[' | '{' => self.levels += 1,
            ']' | '}' => self.levels = self.levels.saturating_sub(1),
            ':' if self.levels == 1 => self.follows_picked = decode(&self.string) == self.picked,
            ',' => self.follows_picked = false,
            '"' => {
                self.within = Within::String;
                self.string.clear();
                self.is_cut = false;
            }
            _ => {}
        }
    }

    fn in_string(&mut self, character: char) {
        if self.levels == 1 {
            self.is_cut |= self.string.len() >= MAX_KEPT && self.within == Within::String;
            if !self.is_cut {
                self.string.push(character);
            }
        }
        self.within = match (self.within, character) {
            (Within::String, '\\') => Within::Escape,
            (Within::Escape, 'u') => Within::Digits(4),
            (Within::Digits(left @ 2..), _) => Within::Digits(left - 1),
            _ => Within::String,
        };
    }

    fn string_ends(&mut self) {
        self.within = Within::Structure;
        if self.levels == 1 && self.follows_picked {
            self.found = Some(decode(&self.string) + if self.is_cut { "…" } else { "" });
        }
    }
}

/// The text of a string, with its escapes decoded. A lone surrogate, which the grammar allows (§8.2), becomes U+FFFD.
fn decode(sent: &str) -> String {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<String, E> {
            let mut text = String::new();
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                // serde_json decodes a lone surrogate to three bytes, each of which is a chunk. The first one is always this.
                if chunk.invalid() == [0xed] {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            Ok(text)
        }
    }

    let quoted = format!("\"{sent}\"");
    serde_json::Deserializer::from_str(&quoted).deserialize_bytes(Text).unwrap_or_default()
}
