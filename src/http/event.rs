//! One event of a stream of server-sent events, as it is written (WHATWG HTML §9.2.5).

use std::fmt;
use std::io;
use std::time::Duration;

use serde_core::Serialize;

/// An event for [`Response::events`](crate::Response::events): data of one line or several, and optionally a name, an id and the
/// time after which the client reconnects.
///
/// ```
/// use std::time::Duration;
/// use hearken::Event;
///
/// let event = Event::data("one\ntwo").name("tick").id("7").retry(Duration::from_secs(3));
/// assert_eq!(event.to_string(), "event: tick\nid: 7\nretry: 3000\ndata: one\ndata: two\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    data: Option<String>,
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Event {
    /// An event with this data. Each line of it is sent as one; the client joins them with line feeds, whatever the line breaks were.
    pub fn data(data: impl Into<String>) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }

    /// An event with this value as JSON.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it cannot be JSON: it has a map with keys that are no strings, or its own `Serialize`
    /// fails.
    pub fn json(value: &(impl Serialize + ?Sized)) -> io::Result<Self> {
        let json = serde_json::to_string(value);
        json.map(Self::data).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The name by which a page listens for it: `source.addEventListener("tick", ...)`. Defaults to none, which a page hears as
    /// `message`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The id that the client sends as `Last-Event-ID` when it reconnects, until another event has one. After an empty one it sends
    /// none. Defaults to the id of the event before.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How long the client waits before it reconnects after the stream has ended, in whole milliseconds. Defaults to what the
    /// client chooses, a few seconds.
    #[must_use]
    pub fn retry(mut self, time: Duration) -> Self {
        self.retry = Some(time);
        self
    }

    /// Checks that it can be sent: a line break in a name or an id would begin another field.
    pub(crate) fn check(&self) -> io::Result<()> {
        let refused = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.name.as_ref().is_some_and(|name| name.contains(['\r', '\n'])) {
            return refused("the name of an event holds a line break");
        }
        if self.id.as_ref().is_some_and(|id| id.contains(['\r', '\n', '\0'])) {
            return refused("the id of an event holds a line break or a NUL");
        }
        Ok(())
    }
}

/// As it is sent, with the empty line that ends it.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            writeln!(f, "event: {name}")?;
        }
        if let Some(id) = &self.id {
            writeln!(f, "id: {id}")?;
        }
        if let Some(retry) = self.retry {
            writeln!(f, "retry: {}", retry.as_millis())?;
        }
        if let Some(data) = &self.data {
            write_lines(f, "data: ", data)?;
        }
        writeln!(f)
    }
}

/// A comment, which clients ignore.
pub(crate) struct Comment<'a>(pub(crate) &'a str);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, ": ", self.0)?;
        writeln!(f)
    }
}

/// Writes each line of the text, of which there is at least one, behind the prefix. A line ends as the client sees it: with CR,
/// LF or both.
fn write_lines(f: &mut fmt::Formatter<'_>, prefix: &str, text: &str) -> fmt::Result {
    let mut rest = text;
    loop {
        let end = rest.find(['\r', '\n']);
        writeln!(f, "{prefix}{}", &rest[..end.unwrap_or(rest.len())])?;
        let Some(end) = end else { return Ok(()) };
        rest = rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_written_field_by_field() {
        let table = [
            (Event::data("a"), "data: a\n\n"),
            (Event::data(""), "data: \n\n"),
            (Event::data(" a: b"), "data:  a: b\n\n"),
            (Event::data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            (Event::data("\n"), "data: \ndata: \n\n"),
            (Event::data("\r\n\r\ndata: x"), "data: \ndata: \ndata: data: x\n\n"),
            (Event::data("größe").name("n").id("1"), "event: n\nid: 1\ndata: größe\n\n"),
            (Event::data("a").id(""), "id: \ndata: a\n\n"),
            (Event::default().retry(Duration::from_micros(1_500_900)), "retry: 1500\n\n"),
            (Event::json(&["a\nb"]).unwrap(), "data: [\"a\\nb\"]\n\n"),
            (Event::default(), "\n"),
        ];
        for (event, expected) in table {
            assert_eq!(event.to_string(), expected, "{event:?}");
            event.check().unwrap();
        }
        assert_eq!(Comment("").to_string(), ": \n\n");
        assert_eq!(Comment("a\nid: 7").to_string(), ": a\n: id: 7\n\n");
    }

    #[test]
    fn a_name_or_an_id_cannot_begin_another_field() {
        for break_ in ["\n", "\r", "\r\n"] {
            let text = format!("a{break_}data: x");
            assert!(Event::data("").name(text.as_str()).check().unwrap_err().to_string().contains("name"));
            assert!(Event::data("").id(text).check().unwrap_err().to_string().contains("id"));
        }
        Event::data("").id("a\0").check().unwrap_err();
        Event::data("").name("a: b").check().unwrap();
    }

    #[test]
    fn what_cannot_be_json_is_an_error() {
        let keys_that_are_no_strings = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(Event::json(&keys_that_are_no_strings).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
