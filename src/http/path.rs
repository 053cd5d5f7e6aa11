//! Paths of URLs: percent-encoding, and the one rule for which of them may name a file.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What stands for itself in a path segment: the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How deep a path may lead.
const MAX_SEGMENTS: usize = 128;
/// How long a path may be, decoded: what Linux takes, less the byte that ends it.
const MAX_BYTES: usize = 4096;
/// The most segments of a path that something is stored under.
const MAX_WRITABLE_SEGMENTS: usize = 32;

/// The path of a URL as a way down from a directory: decoded once, none of its segments leading elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath {
    segments: Vec<Vec<u8>>,
    directory: bool,
}

/// Why a URL path cannot name a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A segment is `.` or `..`, spelt in any way.
    DotSegment,
    /// A segment is empty: two slashes side by side.
    EmptySegment,
    /// An encoded slash or a NUL byte in a segment.
    ForbiddenByte,
    /// More than 255 bytes in a segment, more than 4,096 in all, or more than 128 segments.
    TooLong,
    /// A control character, a backslash or invalid UTF-8: readable, were it there, but never written.
    Unwritable,
    /// A segment starts with a dot: never written.
    Hidden,
    /// The path ends with a slash: a directory, where a file is to be written.
    Directory,
}

impl PathError {
    /// The reason in words for the client.
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

impl RelativePath {
    /// The way that a URL path, as it was sent, describes. A trailing slash asks for a directory.
    ///
    /// # Errors
    ///
    /// [`PathError`] says which rule the path breaks. The last three are for writing only.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Self { segments: Vec::new(), directory: true });
        }
        let (path, directory) = match path.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (path, false),
        };
        let segments = path.split('/').map(decode_segment).collect::<Result<Vec<_>, _>>()?;
        let length: usize = segments.iter().map(|segment| segment.len() + 1).sum();
        if segments.len() > MAX_SEGMENTS || length > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(Self { segments, directory })
    }

    /// The same, for a path that something is to be stored under.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse`], and for names that no file should get; at most 32 segments.
    pub fn parse_for_writing(path: &str) -> Result<Self, PathError> {
        Self::parse_for_removing(path).and_then(Self::check_not_hidden)
    }

    /// The same, for the path of something that is to be removed: its names may start with a dot.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse_for_writing`], and no [`PathError::Hidden`].
    pub(crate) fn parse_for_removing(path: &str) -> Result<Self, PathError> {
        let parsed = Self::parse(path)?;
        if parsed.directory {
            return Err(PathError::Directory);
        }
        parsed.check_for_writing(MAX_WRITABLE_SEGMENTS)
    }

    /// The same, for the path of a directory that something is to be stored in, with or without a trailing slash.
    ///
    /// # Errors
    ///
    /// As [`RelativePath::parse_for_writing`], and no [`PathError::Directory`].
    pub(crate) fn parse_directory_for_writing(path: &str) -> Result<Self, PathError> {
        let parsed = Self::parse(path)?.check_for_writing(MAX_WRITABLE_SEGMENTS - 1)?.check_not_hidden()?;
        Ok(Self { directory: true, ..parsed })
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

    /// The path of the directory itself.
    pub(crate) fn root() -> Self {
        Self { segments: Vec::new(), directory: true }
    }

    /// The decoded segments. They may hold any byte but `/` and NUL.
    pub fn segments(&self) -> &[Vec<u8>] {
        &self.segments
    }

    /// Whether the path asks for a directory: it is empty or ends with a slash.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Whether a segment starts with a dot.
    pub fn is_hidden(&self) -> bool {
        self.segments.iter().any(|segment| segment.starts_with(b"."))
    }

    /// The path of a file of this name in the directory that this path names.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut segments = self.segments.clone();
        segments.push(name.to_vec());
        Self { segments, directory: false }
    }

    /// The path of the directory of this name in the directory that this path names.
    #[cfg(feature = "archive")]
    pub(crate) fn join_directory(&self, name: &[u8]) -> Self {
        Self { directory: true, ..self.join(name) }
    }

    /// How long a name may be for its path, in the directory that this path names, to be taken; 0 for none.
    pub(crate) fn max_name_length(&self) -> usize {
        if self.segments.len() >= MAX_SEGMENTS {
            return 0;
        }
        let length: usize = self.segments.iter().map(|segment| segment.len() + 1).sum();
        (MAX_BYTES - length).saturating_sub(1).min(255)
    }

    /// The path of the file beside this one whose name ends with `extension` in addition.
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

/// One segment, decoded and judged.
fn decode_segment(encoded: &str) -> Result<Vec<u8>, PathError> {
    let decoded: Vec<u8> = percent_decode_str(encoded).collect();
    match decoded.as_slice() {
        [] => Err(PathError::EmptySegment),
        b"." | b".." => Err(PathError::DotSegment),
        bytes if bytes.contains(&b'/') || bytes.contains(&0) => Err(PathError::ForbiddenByte),
        bytes if bytes.len() > 255 => Err(PathError::TooLong),
        _ => Ok(decoded),
    }
}

/// A path as text: percent-decoded where that gives UTF-8 and leaves its segments as they are, as it was sent otherwise.
pub(crate) fn decode_for_display(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) if decoded.matches('/').count() == path.matches('/').count() => decoded,
        _ => Cow::Borrowed(path),
    }
}

/// A file's name as a path segment of a URL.
pub(crate) fn encode_segment(name: &[u8]) -> String {
    percent_encode(name, SEGMENT).to_string()
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
    fn paths_that_lead_down_are_decoded_once() {
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
    fn paths_that_lead_elsewhere_are_refused() {
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
    fn some_names_can_be_read_but_not_written() {
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
            let removed = RelativePath::parse_for_removing(path).err();
            assert_eq!(removed, Some(expected).filter(|error| *error != PathError::Hidden), "{path}");
        }
        assert!(RelativePath::parse_for_writing("/a/gr%C3%B6%C3%9Fe%20(1).json").is_ok());
    }

    #[test]
    fn every_name_survives_its_encoding() {
        for name in [&b"a b"[..], b"a?b#c%", b"<script>", b"\xff\xfe", "größe".as_bytes(), b"a\\b", b"...", b"\n"] {
            let path = format!("/{}", encode_segment(name));
            assert_eq!(RelativePath::parse(&path).unwrap().segments(), [name], "{path}");
        }
    }
}
