//! The head of a part: its fields, and the names in them of the form's field and of the file.

use percent_encoding::percent_decode_str;

use crate::http::headers::is_token;
use crate::http::parameters::Parameters;

/// The head of a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    fields: Vec<(String, String)>,
    /// The name of the field.
    pub(crate) name: Option<String>,
    /// The name that the client gives the file; `None` for a field that is not a file.
    pub(crate) filename: Option<String>,
}

impl PartHead {
    /// Parses the lines of a head. What is not a field is ignored.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut head = Self { fields: fields(&String::from_utf8_lossy(bytes)), ..Self::default() };
        let (mut name, mut filename, mut extended) = (None, None, None);
        for (parameter, value) in Parameters::of(head.field("Content-Disposition").unwrap_or("")) {
            if parameter.eq_ignore_ascii_case("name") {
                name.get_or_insert(unescape(&value));
            } else if parameter.eq_ignore_ascii_case("filename") {
                filename.get_or_insert(unescape(&value));
            } else if parameter.eq_ignore_ascii_case("filename*") {
                extended = extended.or(decode_extended(&value));
            }
        }
        // RFC 7578 §4.2 forbids `filename*`, but .NET sends it, beside a `filename` that is encoded as in mail (RFC 2047 §2).
        (head.name, head.filename) = (name, extended.or(filename));
        head
    }

    /// The fields by name and value, in the order in which they were sent.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of the first field of this name.
    pub(crate) fn field(&self, sought: &str) -> Option<&str> {
        self.fields().find(|(name, _)| name.eq_ignore_ascii_case(sought)).map(|(_, value)| value)
    }
}

/// The fields in the lines of a head, a folded one as one line (RFC 5322 §2.2.3).
fn fields(head: &str) -> Vec<(String, String)> {
    let lines = head.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let fields = lines.split("\r\n").filter_map(|line| line.split_once(':')).filter(|(name, _)| is_token(name));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// Undoes what browsers escape in names: only the quote and line breaks, in this way.
fn unescape(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// Decodes an extended value (RFC 8187 §3.2): character set, language, and percent-encoded text.
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (set, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    set.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_have_the_names_that_the_client_sends() {
        let table = [
            ("form-data; name=a; filename=plain.txt", Some("a"), Some("plain.txt")),
            ("form-data; name=\"a\"; filename=\"C:\\dir\\file.txt\"", Some("a"), Some("C:\\dir\\file.txt")),
            ("form-data; filename=\"größe.txt\"; name=\"größe\"", Some("größe"), Some("größe.txt")),
            ("form-data; filename=\"a%22b%0D%0A%41\"", None, Some("a\"b\r\n%41")),
            ("form-data; name=\"a%22b%0D%0A%41;c\"", Some("a\"b\r\n%41;c"), None),
            ("form-data; filename=\"old\"; filename*=UTF-8''gr%C3%B6%C3%9Fe; name=a", Some("a"), Some("größe")),
            ("form-data; filename*=UTF-8'en'a%22; filename=\"old\"", None, Some("a\"")),
            ("form-data; filename*=utf-8''first; filename*=utf-8''second", None, Some("first")),
            ("form-data; filename=\"kept\"; filename*=latin1''x", None, Some("kept")),
            ("form-data; FILENAME=\"a\"; filename=\"b\"; NAME=c; name=d", Some("c"), Some("a")),
            ("form-data; filename=\"dir\\\"", None, Some("dir\\")),
            ("form-data; filename=\"dir\\\"; name=\"a\"", Some("a"), Some("dir\\")),
            ("form-data; name=\"say \\\"a\\\"; b\"; filename=\"c\"", Some("say \"a\"; b"), Some("c")),
            ("form-data; filename=\"never ends", None, None),
            ("form-data; name=\"filename=x\"", Some("filename=x"), None),
            ("form-data; name=\"\"; filename=\"\"", Some(""), Some("")),
            ("form-data", None, None),
        ];
        for (disposition, name, filename) in table {
            let head = PartHead::parse(format!("\r\nX: y\r\nContent-Disposition: {disposition}").as_bytes());
            assert_eq!((head.name.as_deref(), head.filename.as_deref()), (name, filename), "{disposition}");
        }
    }

    #[test]
    fn fields_are_lines_with_a_name_and_a_colon() {
        let table: [(&str, &[(&str, &str)]); 9] = [
            ("Content-Type: text/plain; charset=utf-8", &[("Content-Type", "text/plain; charset=utf-8")]),
            ("a:1 \r\nA: \t2\r\nb: 3:4", &[("a", "1"), ("A", "2"), ("b", "3:4")]),
            ("a: 1\r\n b: 2\r\n\t3\r\nc: 4", &[("a", "1 b: 2\t3"), ("c", "4")]),
            (" folded: 1\r\na: 2", &[("a", "2")]),
            ("a: größe", &[("a", "größe")]),
            ("a:", &[("a", "")]),
            ("a", &[]),
            ("a b: 1\r\n: 2\r\na : 3\r\nö: 4", &[]),
            ("", &[]),
        ];
        for (lines, expected) in table {
            let head = PartHead::parse(format!("\r\n{lines}").as_bytes());
            assert_eq!(head.fields().collect::<Vec<_>>(), expected, "{lines:?}");
            assert_eq!(head.field("A"), expected.iter().find(|(name, _)| *name == "a").map(|(_, value)| *value));
        }
        let folded = PartHead::parse(b"\r\nContent-Disposition: form-data;\r\n name=a;\r\n\tfilename=\"b \r\n c\"");
        assert_eq!((folded.name.as_deref(), folded.filename.as_deref()), (Some("a"), Some("b  c")));
        assert_eq!(PartHead::parse(b"\r\na: \xff").field("a"), Some("\u{fffd}"));
    }
}
