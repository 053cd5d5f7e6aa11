//! Strings of JSON (RFC 8259 §7) as they are read: escapes, hashes of names, and the one string that is picked out.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The most bytes that are kept of the string that is picked out.
const LONGEST_PICKED: usize = 1024;

/// Reads strings, one after the other.
pub(super) struct Strings {
    picked_name: &'static str,
    random: RandomState,
    reading: Reading,
    escape: Escape,
    /// The first half of a surrogate pair, whose second may follow.
    high: Option<u32>,
    /// Whether the name before is the one whose value is picked out.
    follows_picked_name: bool,
    picked: Option<String>,
}

/// What a string turns out to be.
pub(super) enum Use {
    /// A name, of this hash, which tells its level too.
    Name(u64),
    Value,
}

enum Reading {
    Name { hash: StableHash, outermost: bool },
    Picked(Picked),
    Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// `\u` and so many of its digits, with the value they have so far.
    Unicode(u8, u32),
}

impl Strings {
    pub(super) fn new(picked_name: &'static str, random: &RandomState) -> Self {
        Self {
            picked_name,
            random: random.clone(),
            reading: Reading::Value,
            escape: Escape::None,
            high: None,
            follows_picked_name: false,
            picked: None,
        }
    }

    pub(super) fn begin_name(&mut self, level: u32) {
        self.reading = Reading::Name { hash: StableHash::new(&self.random, level), outermost: level == 1 };
    }

    /// Begins a value, which in the outermost object may be the one to pick out.
    pub(super) fn begin_value(&mut self, in_outermost_object: bool) {
        let picked = std::mem::take(&mut self.follows_picked_name) && in_outermost_object;
        self.reading = if picked { Reading::Picked(Picked::default()) } else { Reading::Value };
    }

    /// A value begins that is no string.
    pub(super) fn other_value(&mut self) {
        self.follows_picked_name = false;
    }

    pub(super) fn is_escaping(&self) -> bool {
        self.escape != Escape::None
    }

    pub(super) fn begin_escape(&mut self) {
        self.escape = Escape::Begun;
    }

    /// Takes a character of an escape, or says what should have come.
    pub(super) fn escape(&mut self, character: char) -> Result<(), &'static str> {
        self.escape = match self.escape {
            Escape::Unicode(digits, value) => {
                let digit = character.to_digit(16).ok_or("a hexadecimal digit")?;
                let value = value << 4 | digit;
                if digits == 3 {
                    self.unit(value);
                    Escape::None
                } else {
                    Escape::Unicode(digits + 1, value)
                }
            }
            _ if character == 'u' => Escape::Unicode(0, 0),
            _ => {
                let plain = match character {
                    '"' => "\"",
                    '\\' => "\\",
                    '/' => "/",
                    'b' => "\u{8}",
                    'f' => "\u{c}",
                    'n' => "\n",
                    'r' => "\r",
                    't' => "\t",
                    _ => return Err("an escape"),
                };
                self.push(plain);
                Escape::None
            }
        };
        Ok(())
    }

    /// Takes text that stands for itself.
    pub(super) fn push(&mut self, text: &str) {
        self.lone_surrogate();
        self.keep(text);
    }

    pub(super) fn end(&mut self) -> Use {
        self.lone_surrogate();
        match std::mem::replace(&mut self.reading, Reading::Value) {
            Reading::Name { hash, outermost } => {
                self.follows_picked_name = outermost && hash.is(self.picked_name.as_bytes());
                Use::Name(hash.finish())
            }
            Reading::Picked(picked) => {
                self.picked = Some(picked.finish());
                Use::Value
            }
            Reading::Value => Use::Value,
        }
    }

    pub(super) fn into_picked(self) -> Option<String> {
        self.picked
    }

    /// Takes a UTF-16 code unit that was escaped.
    fn unit(&mut self, unit: u32) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, unit) {
            self.high = None;
            let character = char::from_u32(0x10000 + ((high - 0xd800) << 10 | (unit - 0xdc00)));
            self.keep_char(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        self.lone_surrogate();
        match unit {
            0xd800..=0xdbff => self.high = Some(unit),
            // The grammar allows a half without its other half (§8.2); it stands for nothing.
            unit => self.surrogate_or_char(unit),
        }
    }

    fn lone_surrogate(&mut self) {
        if let Some(high) = self.high.take() {
            self.surrogate_or_char(high);
        }
    }

    fn surrogate_or_char(&mut self, unit: u32) {
        match char::from_u32(unit) {
            Some(character) => self.keep_char(character),
            None => {
                self.keep_char(char::REPLACEMENT_CHARACTER);
                // Two names that differ in such a half only are two names.
                if let Reading::Name { hash, .. } = &mut self.reading {
                    hash.push(&[0xff]);
                    hash.push(&unit.to_be_bytes());
                }
            }
        }
    }

    fn keep_char(&mut self, character: char) {
        self.keep(character.encode_utf8(&mut [0; 4]));
    }

    fn keep(&mut self, text: &str) {
        match &mut self.reading {
            Reading::Name { hash, .. } => hash.push(text.as_bytes()),
            Reading::Picked(picked) => picked.push(text),
            Reading::Value => {}
        }
    }
}

/// A hash that does not depend on the pieces in which the bytes came: they are hashed in blocks.
struct StableHash {
    hasher: std::hash::DefaultHasher,
    block: [u8; 64],
    filled: usize,
    length: u64,
}

impl StableHash {
    fn new(random: &RandomState, level: u32) -> Self {
        let mut hasher = random.build_hasher();
        hasher.write_u32(level);
        Self { hasher, block: [0; 64], filled: 0, length: 0 }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.filled == self.block.len() {
                self.hasher.write(&self.block);
                self.filled = 0;
            }
            let taken = bytes.len().min(self.block.len() - self.filled);
            self.block[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
        }
    }

    /// Whether exactly these bytes came. They must fit into one block.
    fn is(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64 && &self.block[..self.filled] == bytes
    }

    fn finish(mut self) -> u64 {
        self.hasher.write(&self.block[..self.filled]);
        self.hasher.write_u64(self.length);
        self.hasher.finish()
    }
}

/// The string that is picked out, or its beginning.
#[derive(Default)]
struct Picked {
    text: String,
    cut: bool,
}

impl Picked {
    fn push(&mut self, text: &str) {
        if self.cut {
            return;
        }
        let room = LONGEST_PICKED - self.text.len();
        let kept = if text.len() <= room {
            text.len()
        } else {
            (0..=room).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
        };
        self.text.push_str(&text[..kept]);
        self.cut = kept < text.len();
    }

    fn finish(mut self) -> String {
        if self.cut {
            self.text.push('…');
        }
        self.text
    }
}
