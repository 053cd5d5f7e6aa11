//! Checks JSON (RFC 8259) as it arrives, a piece at a time and in bounded memory, and picks out one string on the way.
//!
//! Nothing of the document is kept but hashes of the names in objects that are open, at most [`MOST_NAMES`] of them.

mod names;
mod number;
mod text;

use std::fmt;
use std::hash::RandomState;

use names::Names;
use number::Number;
use text::{Strings, Use};

/// How deep arrays and objects may lie in each other.
pub(crate) const MOST_LEVELS: u32 = 128;

/// The names in objects open at the same time that are compared with each other. Further ones are not.
const MOST_NAMES: usize = 1 << 18;

/// Checks one document.
///
/// What is JSON by RFC 8259 passes, but for two things that readers disagree about: a name twice in one object (§4 lets each
/// reader pick one) and more than [`MOST_LEVELS`] levels (§9 lets each reader have its limit).
pub(crate) struct Checker {
    /// The first bytes of a character whose last have not arrived.
    carried: Vec<u8>,
    position: Position,
    token: Token,
    expected: Expected,
    /// A bit for each open level, the innermost lowest: 1 for an object.
    objects: u128,
    levels: u32,
    strings: Strings,
    names: Names,
}

/// Why a document is refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    pub(crate) problem: Problem,
    position: Position,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NotUtf8,
    /// Something else stands where this should.
    Expected(&'static str),
    /// The document ends where this should come.
    Ended(&'static str),
    ControlCharacter,
    DuplicateName,
    TooDeep,
}

/// A place in the text: the line from 1, and how many characters of it have been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    line: u64,
    column: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// The token that is being read.
#[derive(Clone, Copy)]
enum Token {
    None,
    String,
    Number(Number),
    /// What is still to come of `true`, `false` or `null`.
    Literal(&'static [u8]),
}

impl Checker {
    /// A check that picks out the string under the key `picked` of the outermost object. The random state keeps a client from
    /// choosing names whose hashes are the same.
    pub(crate) fn new(picked: &'static str, random: &RandomState) -> Self {
        Self {
            carried: Vec::new(),
            position: Position { line: 1, column: 0 },
            token: Token::None,
            expected: Expected::Value,
            objects: 0,
            levels: 0,
            strings: Strings::new(picked, random),
            names: Names::new(MOST_NAMES, random),
        }
    }

    /// Takes the next piece of the document, of whatever length.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), JsonError> {
        while !self.carried.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            self.carried.push(*first);
            let carried = std::mem::take(&mut self.carried);
            match std::str::from_utf8(&carried) {
                Ok(text) => self.text(text)?,
                Err(error) if error.error_len().is_none() => self.carried = carried,
                Err(_) => return Err(self.error(Problem::NotUtf8)),
            }
            bytes = rest;
        }
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return self.text(text),
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        self.text(std::str::from_utf8(valid).expect("it is valid up to there"))?;
        if error.error_len().is_some() {
            return Err(self.error(Problem::NotUtf8));
        }
        self.carried.extend_from_slice(rest);
        Ok(())
    }

    /// The string that was picked out, once the document has ended; `None` where it has none. A very long one is cut, with an
    /// ellipsis in the end.
    pub(crate) fn finish(mut self) -> Result<Option<String>, JsonError> {
        if !self.carried.is_empty() {
            return Err(self.error(Problem::NotUtf8));
        }
        match self.token {
            Token::Number(number) if number.is_complete() => self.value_ended(),
            Token::Number(_) => return Err(self.ended("a digit")),
            Token::String => return Err(self.ended("the end of a string")),
            Token::Literal(_) => return Err(self.ended("true, false or null")),
            Token::None => {}
        }
        match self.expected {
            Expected::Nothing => Ok(self.strings.into_picked()),
            expected => Err(self.ended(expected.in_words(self.in_object()))),
        }
    }

    fn text(&mut self, mut text: &str) -> Result<(), JsonError> {
        while let Some(byte) = text.bytes().next() {
            if let Token::String = self.token {
                text = self.in_string(text)?;
                continue;
            }
            if !self.token_ends(byte)? {
                self.step(byte);
                text = &text[1..];
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'"' => self.string_begins()?,
                _ => self.structural(byte)?,
            }
            self.step(byte);
            text = &text[1..];
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) {
        if byte == b'\n' {
            self.position = Position { line: self.position.line + 1, column: 0 };
        } else {
            self.position.column += 1;
        }
    }

    /// Whether the number or literal that is being read, if any, has ended before this byte. Otherwise the byte is its next.
    fn token_ends(&mut self, byte: u8) -> Result<bool, JsonError> {
        match self.token {
            Token::Number(number) => match number.next(byte) {
                Some(next) => {
                    self.token = Token::Number(next);
                    Ok(false)
                }
                None if number.is_complete() => {
                    self.value_ended();
                    Ok(true)
                }
                None => Err(self.unexpected("a digit")),
            },
            Token::Literal([next, rest @ ..]) if *next == byte => {
                self.token = Token::Literal(rest);
                if rest.is_empty() {
                    self.value_ended();
                }
                Ok(false)
            }
            Token::Literal(_) => Err(self.unexpected("true, false or null")),
            Token::None | Token::String => Ok(true),
        }
    }

    fn string_begins(&mut self) -> Result<(), JsonError> {
        match self.expected {
            Expected::Value | Expected::ValueOrEnd => self.strings.begin_value(self.levels == 1 && self.in_object()),
            Expected::Name | Expected::NameOrEnd => self.strings.begin_name(self.levels),
            expected => return Err(self.unexpected(expected.in_words(self.in_object()))),
        }
        self.token = Token::String;
        Ok(())
    }

    /// Reads on in a string, and gives what follows the part that was read.
    fn in_string<'a>(&mut self, text: &'a str) -> Result<&'a str, JsonError> {
        let run = text.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(text.len());
        if run > 0 && !self.strings.is_escaping() {
            let (plain, rest) = text.split_at(run);
            self.strings.push(plain);
            self.position.column += plain.chars().count() as u64;
            return Ok(rest);
        }
        let character = text.chars().next().expect("there is text");
        let byte = text.as_bytes()[0];
        if self.strings.is_escaping() {
            self.strings.escape(character).map_err(|expected| self.unexpected(expected))?;
        } else if byte == b'\\' {
            self.strings.begin_escape();
        } else if byte == b'"' {
            self.string_ends()?;
        } else {
            return Err(self.unexpected_problem(Problem::ControlCharacter));
        }
        self.position.column += 1;
        Ok(&text[character.len_utf8()..])
    }

    fn string_ends(&mut self) -> Result<(), JsonError> {
        self.token = Token::None;
        match self.strings.end() {
            Use::Name(hash) => {
                if !self.names.add(hash) {
                    return Err(self.unexpected_problem(Problem::DuplicateName));
                }
                self.expected = Expected::Colon;
            }
            Use::Value => self.value_ended(),
        }
        Ok(())
    }

    fn structural(&mut self, byte: u8) -> Result<(), JsonError> {
        use Expected::{Colon, CommaOrEnd, Name, NameOrEnd, Value, ValueOrEnd};
        let in_object = self.in_object();
        match (self.expected, byte) {
            (Value | ValueOrEnd, b'{' | b'[') => self.open(byte == b'{')?,
            (Value | ValueOrEnd, b't') => self.begin(Token::Literal(b"rue")),
            (Value | ValueOrEnd, b'f') => self.begin(Token::Literal(b"alse")),
            (Value | ValueOrEnd, b'n') => self.begin(Token::Literal(b"ull")),
            (Value | ValueOrEnd, b'-') => self.begin(Token::Number(Number::Minus)),
            (Value | ValueOrEnd, b'0') => self.begin(Token::Number(Number::Zero)),
            (Value | ValueOrEnd, b'1'..=b'9') => self.begin(Token::Number(Number::Integer)),
            (Colon, b':') => self.expected = Value,
            (CommaOrEnd, b',') => self.expected = if in_object { Name } else { Value },
            (NameOrEnd | CommaOrEnd, b'}') if in_object => self.close(),
            (ValueOrEnd | CommaOrEnd, b']') if !in_object => self.close(),
            (expected, _) => return Err(self.unexpected(expected.in_words(in_object))),
        }
        Ok(())
    }

    fn begin(&mut self, token: Token) {
        self.strings.other_value();
        self.token = token;
    }

    fn open(&mut self, object: bool) -> Result<(), JsonError> {
        if self.levels == MOST_LEVELS {
            return Err(self.unexpected_problem(Problem::TooDeep));
        }
        self.strings.other_value();
        self.levels += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.expected = if object { Expected::NameOrEnd } else { Expected::ValueOrEnd };
        if object {
            self.names.open();
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.in_object() {
            self.names.close();
        }
        self.objects >>= 1;
        self.levels -= 1;
        self.value_ended();
    }

    fn value_ended(&mut self) {
        self.token = Token::None;
        self.expected = if self.levels == 0 { Expected::Nothing } else { Expected::CommaOrEnd };
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// An error at the character that comes next.
    fn unexpected(&self, expected: &'static str) -> JsonError {
        self.unexpected_problem(Problem::Expected(expected))
    }

    fn unexpected_problem(&self, problem: Problem) -> JsonError {
        let position = Position { column: self.position.column + 1, ..self.position };
        JsonError { problem, position }
    }

    fn error(&self, problem: Problem) -> JsonError {
        self.unexpected_problem(problem)
    }

    /// An error at the end of the document.
    fn ended(&self, expected: &'static str) -> JsonError {
        JsonError { problem: Problem::Ended(expected), position: self.position }
    }
}

impl Expected {
    fn in_words(self, in_object: bool) -> &'static str {
        match self {
            Self::Value => "value",
            Self::ValueOrEnd => "value or `]`",
            Self::Name => "a name in double quotes",
            Self::NameOrEnd => "a name in double quotes or `}`",
            Self::Colon => "`:`",
            Self::CommaOrEnd if in_object => "`,` or `}`",
            Self::CommaOrEnd => "`,` or `]`",
            Self::Nothing => "the end of the document",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::NotUtf8 => f.write_str("not valid UTF-8"),
            Problem::Expected(what) => write!(f, "not valid JSON: expected {what}"),
            Problem::Ended(what) => write!(f, "not valid JSON: it ends where {what} should come"),
            Problem::ControlCharacter => f.write_str("not valid JSON: a control character in a string"),
            Problem::DuplicateName => f.write_str("JSON with a name twice in one object"),
            Problem::TooDeep => write!(f, "JSON of more than {MOST_LEVELS} levels"),
        }?;
        write!(f, " at line {} column {}", self.position.line, self.position.column)
    }
}

#[cfg(test)]
mod tests;
