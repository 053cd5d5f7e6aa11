//! Checks a JSON document (RFC 8259) as it is read, in bounded memory, and picks out one string on the way.
//!
//! serde_json checks the grammar. Its `IgnoredAny` accepts any bytes in strings, and any number of levels at a byte of memory each,
//! so UTF-8 and the levels are checked here.

mod outline;

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use serde_core::de::IgnoredAny;

use outline::{MAX_LEVELS, Outline};

/// Reads a document to its end, while `next` puts piece after piece of it into the buffer. Returns the string under the key `picked`
/// of the outermost object. A very long one is cut, with an ellipsis at the end.
///
/// Everything that is JSON by RFC 8259 passes, up to [`MAX_LEVELS`] levels (§9 permits a limit). Where an object has the same name
/// twice (§4), the last one counts.
///
/// # Errors
///
/// The error of `next`, and where and why the document is not JSON.
pub(crate) fn check<E: From<JsonError>>(
    picked: &str,
    buffer: Vec<u8>,
    next: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<Option<String>, E> {
    let mut document = Document {
        next,
        buffer,
        unread: 0..0,
        character: [0; 4],
        ready: 0..0,
        position: Position { line: 1, column: 0 },
        line_ended: false,
        outline: Outline::new(picked),
        failure: None,
    };
    let result = serde_json::from_reader::<_, IgnoredAny>(&mut document);
    if let Some(failure) = document.failure {
        return Err(failure);
    }
    match result {
        Ok(_) => Ok(document.outline.into_found()),
        Err(error) => {
            let text = error.to_string();
            // Its own position counts bytes, and skipped text is not counted.
            let problem = text.rsplit_once(" at line ").map_or(&*text, |(problem, _)| problem);
            Err(JsonError { problem: Problem::Grammar(problem.into()), position: document.position }.into())
        }
    }
}

/// Why a document is refused, and where.
#[derive(Debug)]
pub(crate) struct JsonError {
    problem: Problem,
    position: Position,
}

#[derive(Debug)]
enum Problem {
    NotUtf8,
    TooDeep,
    /// In the words of serde_json.
    Grammar(String),
}

/// The position of a character: line and column from 1. The column is 0 before the first character.
#[derive(Clone, Copy, Debug)]
struct Position {
    line: u64,
    column: u64,
}

/// The document as serde_json reads it: as far as it is UTF-8 and not nested too deeply.
struct Document<'a, F, E> {
    next: F,
    buffer: Vec<u8>,
    unread: Range<usize>,
    /// The last character, and which bytes of it serde_json has not read.
    character: [u8; 4],
    ready: Range<usize>,
    /// The position of the last character.
    position: Position,
    line_ended: bool,
    outline: Outline<'a>,
    failure: Option<E>,
}

impl<E: From<JsonError>, F: FnMut(&mut [u8]) -> Result<usize, E>> Document<'_, F, E> {
    /// Reads and checks one character.
    fn advance(&mut self) -> Result<(), E> {
        if self.outline.ignores_text() {
            self.skip_text();
        }
        let first = self.next_byte()?;
        if self.line_ended {
            self.position = Position { line: self.position.line + 1, column: 0 };
        }
        self.line_ended = first == Some(b'\n');
        let Some(first) = first else { return Ok(()) };
        self.position.column += 1;
        let Some(character) = self.character(first)? else { return Err(self.error(Problem::NotUtf8)) };
        self.ready = 0..character.encode_utf8(&mut self.character).len();
        self.outline.push(character).map_err(|_| self.error(Problem::TooDeep))
    }

    /// Skips the text of a string up to an escape, its end or an error: serde_json would do that byte by byte. Without this, strings
    /// took 6 times the CPU.
    fn skip_text(&mut self) {
        let unread = &self.buffer[self.unread.clone()];
        let end = unread.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' ')).unwrap_or(unread.len());
        let text = unread[..end].utf8_chunks().next().map_or("", |chunk| chunk.valid());
        self.unread.start += text.len();
        self.position.column += text.chars().count() as u64;
    }

    /// Reads the rest of the character that begins with this byte; `None` where it is not UTF-8.
    fn character(&mut self, first: u8) -> Result<Option<char>, E> {
        if first.is_ascii() {
            return Ok(Some(char::from(first)));
        }
        let mut bytes = vec![first];
        while str::from_utf8(&bytes).is_err_and(|error| error.error_len().is_none()) {
            let Some(next) = self.next_byte()? else { break };
            bytes.push(next);
        }
        Ok(str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()))
    }

    fn next_byte(&mut self) -> Result<Option<u8>, E> {
        if self.unread.is_empty() {
            self.unread = 0..(self.next)(&mut self.buffer)?;
        }
        Ok(self.unread.next().map(|index| self.buffer[index]))
    }

    fn error(&self, problem: Problem) -> E {
        JsonError { problem, position: self.position }.into()
    }
}

impl<E: From<JsonError>, F: FnMut(&mut [u8]) -> Result<usize, E>> Read for Document<'_, F, E> {
    /// Reads at most one character: the next one is checked once serde_json has read this one.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() {
            self.advance().map_err(|failure| {
                self.failure = Some(failure);
                io::ErrorKind::Other
            })?;
        }
        let read = (&self.character[self.ready.clone()]).read(buffer)?;
        self.ready.start += read;
        Ok(read)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::NotUtf8 => f.write_str("not valid UTF-8"),
            Problem::TooDeep => write!(f, "JSON of more than {MAX_LEVELS} levels"),
            Problem::Grammar(problem) => write!(f, "not valid JSON: {problem}"),
        }?;
        write!(f, " at line {} column {}", self.position.line, self.position.column)
    }
}

#[cfg(test)]
mod tests;
