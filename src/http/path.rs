//! URL paths: their percent-encoding, and the rules for which of them may name a file.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, percent_encode_byte};

/// What is percent-encoded in a path segment: all but the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The most segments of a path.
const MAX_SEGMENTS: usize = 128;
/// The most bytes of a decoded path, with a slash or the final NUL after each segment: `PATH_MAX` of Linux.
const MAX_BYTES: usize = 4096;
/// The most segments of a path to write to.
const MAX_WRITABLE_SEGMENTS: usize = 32;

/// A URL path as the path of a file below a directory: decoded once, without segments that could lead outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath {
    segments: Vec<Vec<u8>>,
    directory: bool,
}

/// Why a URL path cannot name a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// A segment is `.` or `..`, possibly percent-encoded.
    DotSegment,
    /// A segment is empty: there are two slashes in a row.
    EmptySegment,
    /// A segment contains an encoded slash or a NUL byte.
    ForbiddenByte,
    /// A segment has more than 255 bytes, or the path more than 4,096 bytes or 128 segments.
    TooLong,
    /// A segment contains a control character, a backslash or invalid UTF-8. Such files can be read but not written.
    Unwritable,
    /// A segment starts with a dot. Such files can be read but not written.
    Hidden,
    /// The path ends with a slash, so it names a directory, but a file is to be written.
    Directory,
}

impl PathError {
    /// The reason, as the client reads it.
    pub fn explain(self) -> &'static str {
        match self {
            Self::DotSegment => "the path holds a dot segment",
            Self::EmptySegment => "the path holds an empty segment",
            Self::ForbiddenByte => "the path holds an encoded slash or a NUL byte",
            Self::TooLong => "the path is too long",
            Self::Unwritable => "the path holds a control character, a backslash or invalid UTF-8",
            Self::Hidden => "a segment of the path starts with a dot",
            Self::Directory => "the path names a directory",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

impl Error for PathError {}

impl RelativePath {
    /// Parses a URL path as it was sent, percent-encoded. A path with a trailing slash names a directory.
    ///
    /// # Errors
    ///
    /// [`PathError`] tells which rule the path breaks. [`PathError::Unwritable`], [`PathError::Hidden`] and
    /// [`PathError::Directory`] are for writing only.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        Self::from_segments(path, |segment| percent_decode_str(segment).collect())
    }

    /// As [`RelativePath::parse`], for a path that is not percent-encoded, or not any more: `%` stands for itself.
    ///
    /// ```
    /// use hearken::{PathError, RelativePath};
    ///
    /// assert_eq!(RelativePath::from_decoded("reports/100%.txt")?, RelativePath::parse("reports/100%25.txt")?);
    /// assert_eq!(RelativePath::from_decoded("../secret"), Err(PathError::DotSegment));
    /// # Ok::<(), PathError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse`].
    pub fn from_decoded(path: &str) -> Result<Self, PathError> {
        Self::from_segments(path, |segment| segment.as_bytes().to_vec())
    }

    fn from_segments(path: &str, decode: impl Fn(&str) -> Vec<u8>) -> Result<Self, PathError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Self { segments: Vec::new(), directory: true });
        }
        let (path, directory) = match path.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (path, false),
        };
        let segments = path.split('/').map(|segment| check_segment(decode(segment))).collect::<Result<Vec<_>, _>>()?;
        let length: usize = segments.iter().map(|segment| segment.len() + 1).sum();
        if segments.len() > MAX_SEGMENTS || length > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(Self { segments, directory })
    }

    /// As [`RelativePath::parse`], for the path of a file to write.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse`], and for names that no file should have, directories, and more than 32 segments.
    pub fn parse_for_writing(path: &str) -> Result<Self, PathError> {
        Self::parse(path)?.check_writable()
    }

    /// The path itself, if what it names may be removed: as [`RelativePath::parse_for_writing`], but it may name a directory, and
    /// with `hidden` its segments may start with a dot.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse_for_writing`], but for [`PathError::Directory`] and, with `hidden`, [`PathError::Hidden`].
    pub(crate) fn check_removable(self, hidden: bool) -> Result<Self, PathError> {
        let checked = self.check_for_writing(MAX_WRITABLE_SEGMENTS)?;
        if hidden { Ok(checked) } else { checked.check_not_hidden() }
    }

    /// The path itself, if [`RelativePath::parse_for_writing`] would accept it.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse_for_writing`].
    pub(crate) fn check_writable(self) -> Result<Self, PathError> {
        self.check_names_a_file()?.check_not_hidden()
    }

    /// As [`RelativePath::parse_for_writing`], for the path of a directory to write into, with or without a trailing
    /// slash.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse_for_writing`], but for [`PathError::Directory`].
    pub(crate) fn parse_directory_for_writing(path: &str) -> Result<Self, PathError> {
        let parsed = Self::parse(path)?.check_for_writing(MAX_WRITABLE_SEGMENTS - 1)?.check_not_hidden()?;
        Ok(Self { directory: true, ..parsed })
    }

    fn check_names_a_file(self) -> Result<Self, PathError> {
        if self.directory {
            return Err(PathError::Directory);
        }
        self.check_for_writing(MAX_WRITABLE_SEGMENTS)
    }

    fn check_for_writing(self, most_segments: usize) -> Result<Self, PathError> {
        if self.segments.len() > most_segments {
            return Err(PathError::TooLong);
        }
        for segment in &self.segments {
            let Ok(text) = std::str::from_utf8(segment) else { return Err(PathError::Unwritable) };
            if text.chars().any(|c| c.is_control() || c == '\\') {
                return Err(PathError::Unwritable);
            }
        }
        Ok(self)
    }

    fn check_not_hidden(self) -> Result<Self, PathError> {
        if self.is_hidden() { Err(PathError::Hidden) } else { Ok(self) }
    }

    /// The empty path, which names the root directory itself.
    pub(crate) fn root() -> Self {
        Self { segments: Vec::new(), directory: true }
    }

    /// The decoded segments. They may contain any byte but `/` and NUL.
    pub fn segments(&self) -> &[Vec<u8>] {
        &self.segments
    }

    /// Whether the path names a directory: it is empty or ends with a slash.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Whether a segment starts with a dot.
    pub fn is_hidden(&self) -> bool {
        self.segments.iter().any(|segment| segment.starts_with(b"."))
    }

    /// The path of the file with this name in this directory.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut segments = self.segments.clone();
        segments.push(name.to_vec());
        Self { segments, directory: false }
    }

    /// As [`RelativePath::join`], for a name from others, which is not percent-encoded.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse`].
    pub(crate) fn join_checked(&self, name: &[u8]) -> Result<Self, PathError> {
        let joined = self.join(&check_segment(name.to_vec())?);
        if joined.segments.len() > MAX_SEGMENTS || joined.to_bytes().len() >= MAX_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(joined)
    }

    /// The path of the directory with this name in this directory.
    pub(crate) fn join_directory(&self, name: &[u8]) -> Self {
        Self { directory: true, ..self.join(name) }
    }

    /// The most bytes of a name in this directory whose path is still valid; 0 if there is none.
    pub(crate) fn max_name_length(&self) -> usize {
        if self.segments.len() >= MAX_SEGMENTS {
            return 0;
        }
        let length: usize = self.segments.iter().map(|segment| segment.len() + 1).sum();
        (MAX_BYTES - length).saturating_sub(1).min(255)
    }

    /// The path of the file beside this one with `extension` appended to its name.
    pub(crate) fn with_extension(&self, extension: &str) -> Self {
        let mut path = self.clone();
        if let Some(name) = path.segments.last_mut() {
            name.extend_from_slice(extension.as_bytes());
        }
        path
    }

    /// The segments joined by slashes, for the file system.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.segments.join(&b'/')
    }
}

/// Decodes a segment and checks it.
fn check_segment(decoded: Vec<u8>) -> Result<Vec<u8>, PathError> {
    match decoded.as_slice() {
        [] => Err(PathError::EmptySegment),
        b"." | b".." => Err(PathError::DotSegment),
        bytes if bytes.contains(&b'/') || bytes.contains(&0) => Err(PathError::ForbiddenByte),
        bytes if bytes.len() > 255 => Err(PathError::TooLong),
        _ => Ok(decoded),
    }
}

/// A path that is percent-decoded for comparison and display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodedPath {
    pub(crate) text: String,
    /// Whether all of it is decoded. If not, the text has slashes, bytes that are not UTF-8, and percent signs as `%2F`, `%FF`, `%25`.
    pub(crate) is_complete: bool,
}

impl DecodedPath {
    /// Decodes the path once, which keeps the number of its segments; `None` if nothing is encoded.
    ///
    /// Part of it is decoded even if the rest cannot be: `/%61dmin/%FF` is below `/admin` for whoever serves files, so it must be
    /// for the router that asks for a password there.
    pub(crate) fn of(path: &str) -> Option<Self> {
        if !path.contains('%') {
            return None;
        }
        let decoded = percent_decode_str(path).decode_utf8().map(Cow::into_owned);
        let slashes = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
        Some(match decoded {
            Ok(text) if slashes(&text) == slashes(path) => Self { text, is_complete: true },
            _ => Self { text: decode_in_part(path), is_complete: false },
        })
    }
}

/// Decodes a path but for the bytes that are not UTF-8, slashes, and percent signs.
fn decode_in_part(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            bytes.push(b'/');
        }
        for byte in percent_decode_str(segment) {
            match byte {
                b'/' | b'%' => bytes.extend_from_slice(percent_encode_byte(byte).as_bytes()),
                byte => bytes.push(byte),
            }
        }
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| percent_encode_byte(*byte)));
    }
    text
}

/// The name of a file as a segment of a URL path.
pub(crate) fn encode_segment(name: &[u8]) -> String {
    percent_encode(name, SEGMENT).to_string()
}

/// A URL path whose segments are decoded and encoded again, without the empty ones.
pub(crate) fn encode_again(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| format!("/{}", encode_segment(&percent_decode_str(segment).collect::<Vec<_>>()))).collect()
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(crate) fn has_valid_percent_encoding(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|rest| matches!(rest.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_root_are_decoded_once() {
        let table: [(&str, &str, bool); 10] = [
            ("/", "", true),
            ("/a", "a", false),
            ("/a/", "a", true),
            ("/a/b.txt", "a/b.txt", false),
            ("/a%20b", "a b", false),
            ("/%61", "a", false),
            ("/%2561", "%61", false),
            ("/...", "...", false),
            ("/a..b", "a..b", false),
            ("/.hidden", ".hidden", false),
        ];
        for (path, expected, directory) in table {
            let parsed = RelativePath::parse(path).unwrap();
            assert_eq!(parsed.to_bytes(), expected.as_bytes(), "{path}");
            assert_eq!(parsed.is_directory(), directory, "{path}");
        }
    }

    #[test]
    fn paths_that_could_lead_outside_are_refused() {
        let long = format!("/{}", "a".repeat(256));
        let deep = "/a".repeat(129);
        let table = [
            ("//", PathError::EmptySegment),
            ("//etc/passwd", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("/..", PathError::DotSegment),
            ("/../etc/passwd", PathError::DotSegment),
            ("/a/../b", PathError::DotSegment),
            ("/a/..", PathError::DotSegment),
            ("/a/./b", PathError::DotSegment),
            ("/%2e%2e/etc/passwd", PathError::DotSegment),
            ("/%2E./etc/passwd", PathError::DotSegment),
            ("/.%2e/", PathError::DotSegment),
            ("/..%2fetc", PathError::ForbiddenByte),
            ("/a%2fb", PathError::ForbiddenByte),
            ("/%2Fetc%2Fpasswd", PathError::ForbiddenByte),
            ("/a%00.txt", PathError::ForbiddenByte),
            (&long, PathError::TooLong),
            (&deep, PathError::TooLong),
        ];
        for (path, expected) in table {
            assert_eq!(RelativePath::parse(path), Err(expected), "{path}");
            assert_eq!(RelativePath::parse_for_writing(path), Err(expected), "{path}");
        }
    }

    #[test]
    fn some_paths_can_be_read_but_not_written() {
        let deep = "/a".repeat(33);
        let table = [
            ("/a%5cb", PathError::Unwritable),
            ("/a%5c..%5cetc", PathError::Unwritable),
            ("/a%0ab", PathError::Unwritable),
            ("/a%7f", PathError::Unwritable),
            ("/a%C2%85", PathError::Unwritable),
            ("/%ff", PathError::Unwritable),
            ("/a%c0%ae", PathError::Unwritable),
            ("/.htaccess", PathError::Hidden),
            ("/.git/config", PathError::Hidden),
            ("/a/%2egit", PathError::Hidden),
            ("/...", PathError::Hidden),
            ("/", PathError::Directory),
            ("/a/", PathError::Directory),
            (&deep, PathError::TooLong),
        ];
        for (path, expected) in table {
            assert!(RelativePath::parse(path).is_ok(), "{path}");
            assert_eq!(RelativePath::parse_for_writing(path), Err(expected), "{path}");
            for hidden in [false, true] {
                let removed = RelativePath::parse(path).and_then(|path| path.check_removable(hidden)).err();
                let may = |error: &PathError| *error == PathError::Directory || hidden && *error == PathError::Hidden;
                assert_eq!(removed, Some(expected).filter(|error| !may(error)), "{path} {hidden}");
            }
        }
        assert!(RelativePath::parse_for_writing("/a/gr%C3%B6%C3%9Fe%20(1).json").is_ok());
    }

    #[test]
    fn a_name_from_others_is_one_segment() {
        let directory = RelativePath::parse("/a/").unwrap();
        let long = [b'x'; 256];
        let table: [(&[u8], Result<&str, PathError>); 10] = [
            (b"b", Ok("a/b")),
            (b"%2e%2e", Ok("a/%2e%2e")),
            (b"...", Ok("a/...")),
            (b"", Err(PathError::EmptySegment)),
            (b".", Err(PathError::DotSegment)),
            (b"..", Err(PathError::DotSegment)),
            (b"../b", Err(PathError::ForbiddenByte)),
            (b"b/", Err(PathError::ForbiddenByte)),
            (b"b\0", Err(PathError::ForbiddenByte)),
            (&long, Err(PathError::TooLong)),
        ];
        for (name, expected) in table {
            let joined = directory.join_checked(name).map(|path| String::from_utf8(path.to_bytes()).unwrap());
            assert_eq!(joined, expected.map(str::to_owned), "{name:?}");
        }
        let deep = RelativePath::parse(&"/a".repeat(128)).unwrap();
        assert_eq!(deep.join_checked(b"b"), Err(PathError::TooLong));
        let long = RelativePath::parse(&format!("/{}", "a".repeat(200)).repeat(20)).unwrap();
        assert!(long.join_checked(&[b'x'; 75]).is_ok());
        assert_eq!(long.join_checked(&[b'x'; 76]), Err(PathError::TooLong));
    }

    #[test]
    fn a_path_is_decoded_as_far_as_it_can_be() {
        let table = [
            ("/a%20b", "/a b", true),
            ("/%25ff", "/%ff", true),
            ("/%C3%B6%2e%2E", "/ö..", true),
            ("/%61/%ff", "/a/%FF", false),
            ("/%61%2fb/%C3%B6", "/a%2Fb/ö", false),
            ("/%61%c3%28/%25", "/a%C3(/%25", false),
            ("/%2525%2F", "/%2525%2F", false),
            ("/%c0%af/%00", "/%C0%AF/\0", false),
        ];
        for (path, text, is_complete) in table {
            assert_eq!(DecodedPath::of(path), Some(DecodedPath { text: text.into(), is_complete }), "{path}");
            // Whether decoded or not, the text names the same file as the path.
            let named = if is_complete { RelativePath::from_decoded(text) } else { RelativePath::parse(text) };
            assert_eq!(named, RelativePath::parse(path), "{path}");
        }
        assert_eq!(DecodedPath::of("/a+b"), None);
    }

    #[test]
    fn a_path_that_is_encoded_again_names_no_host() {
        let table = [
            ("", ""),
            ("/", ""),
            ("/a/b%20c", "/a/b%20c"),
            ("/%61", "/a"),
            ("//evil.example", "/evil.example"),
            ("/\\evil.example/x", "/%5Cevil.example/x"),
            ("/%2f%2fevil.example", "/%2F%2Fevil.example"),
            ("/%ff", "/%FF"),
        ];
        for (path, expected) in table {
            assert_eq!(encode_again(path), expected, "{path}");
        }
    }

    #[test]
    fn encoded_names_are_parsed_back() {
        for name in [&b"a b"[..], b"a?b#c%", b"<script>", b"\xff\xfe", "größe".as_bytes(), b"a\\b", b"...", b"\n"] {
            let path = format!("/{}", encode_segment(name));
            assert_eq!(RelativePath::parse(&path).unwrap().segments(), [name], "{path}");
        }
    }
}
