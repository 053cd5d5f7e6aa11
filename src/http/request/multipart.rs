//! The parts of a form with files, one after the other, while the body arrives.

use std::fmt;

use super::part::{Part, read_on};
use super::request::{Request, RequestSource};
use crate::http::body::BodyError;
use crate::http::error::HttpError;
use crate::http::multipart::{FORM_DATA, FormParser, NextPart, boundary};

impl Request {
    /// Reads the body as a form with files (`multipart/form-data`, RFC 7578), part by part as it arrives.
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedMediaType`] if the body is no such form, [`HttpError::BadRequest`] if its `Content-Type` has no valid
    /// boundary, [`HttpError::LengthRequired`] if the head announces no body.
    pub fn multipart(&mut self) -> Result<Multipart<'_>, HttpError> {
        if !self.has_media_type(FORM_DATA) {
            return Err(HttpError::UnsupportedMediaType(FORM_DATA));
        }
        let boundary = self.header("Content-Type").and_then(boundary);
        let boundary = boundary.ok_or(HttpError::bad_request("the form has no boundary"))?;
        if !self.has_body() {
            return Err(HttpError::LengthRequired);
        }
        let parser = FormParser::new(&boundary, self.content_length());
        let source = self.source.as_mut();
        Ok(Multipart { source, parser, max_part_size: u64::MAX, max_parts: DEFAULT_MAX_PARTS, parts: 0 })
    }
}

/// The most parts of a form, unless [`Multipart::max_parts`] sets another limit.
const DEFAULT_MAX_PARTS: usize = 1000;

/// A form with files (`multipart/form-data`, RFC 7578), read part by part as it arrives. [`Request::multipart`] makes one,
/// which borrows the request: take parameters and cookies from it before.
///
/// All parts together may be as long as the body: see [`Settings::max_body`](crate::Settings::max_body),
/// [`BodyLimit`](crate::BodyLimit) and [`Request::set_max_body`]. No more than 64 KiB of the form are in memory at a time,
/// unless heads may be longer.
///
/// ```
/// use std::io;
/// use hearken::{FormData, HttpError, Request, Router};
///
/// /// Takes a title of 1,000 bytes and photos of 5 MiB each.
/// fn upload(request: &mut Request) -> Result<String, HttpError> {
///     let mut answer = String::new();
///     let mut form = request.multipart()?.max_part_size(5 * 1024 * 1024).max_parts(10);
///     while let Some(mut part) = form.next_part()? {
///         match part.name() {
///             Some("title") => answer += &format!("Title: {}\n", part.text_at_most(1000)?),
///             Some("photo") => {
///                 // A name without directories, that leads nowhere else; `None` if the user chose no file.
///                 let Some(name) = part.clean_filename() else { continue };
///                 let mut file = io::sink(); // or a file of the program's own
///                 let length = io::copy(&mut part, &mut file)?;
///                 answer += &format!("{name}: {length} bytes\n");
///             }
///             _ => {} // what is not read is skipped
///         }
///     }
///     Ok(answer)
/// }
///
/// let form = FormData::new().text("title", "The sea").file("photo", "../sea.jpg", "image/jpeg", "abc");
/// let app = Router::new().post("/", upload);
/// let mut response = app.respond(&mut Request::post("/").with_multipart(&form));
/// assert_eq!(response.read_text()?, "Title: The sea\nsea.jpg: 3 bytes\n");
/// # Ok::<(), io::Error>(())
/// ```
pub struct Multipart<'a> {
    source: &'a mut dyn RequestSource,
    parser: FormParser,
    max_part_size: u64,
    max_parts: usize,
    /// How many parts there were.
    parts: usize,
}

impl Multipart<'_> {
    /// The most bytes that the content of a part may have. Reading more of it fails with 413; skipping it does not. [`Part::set_max_size`]
    /// sets another limit for one part. Defaults to no limit but that of the body.
    #[must_use]
    pub fn max_part_size(mut self, bytes: u64) -> Self {
        self.max_part_size = bytes;
        self
    }

    /// The most parts that the form may have, skipped ones too. Defaults to 1,000.
    #[must_use]
    pub fn max_parts(mut self, count: usize) -> Self {
        self.max_parts = count;
        self
    }

    /// The most bytes that the head of a part may have: its fields, with the names in them. A longer one is a 400. Defaults to 8 KiB.
    #[must_use]
    pub fn max_part_head(mut self, bytes: usize) -> Self {
        self.parser.max_head(bytes);
        self
    }

    /// The next part; `None` at the end of the form. What was not read of the part before is skipped.
    ///
    /// # Errors
    ///
    /// [`HttpError::FormTooLarge`] if there are more parts than [`Multipart::max_parts`], [`HttpError::BadRequest`] if the form is
    /// truncated or malformed, and the errors of reading the body: [`HttpError::ContentTooLarge`] and [`HttpError::RequestTimeout`].
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, HttpError> {
        let head = loop {
            match self.parser.next_part().map_err(BodyError::from)? {
                NextPart::Part(head) => break head,
                NextPart::End => return Ok(None),
                NextPart::Missing => read_on(&mut self.parser, self.source)?,
            }
        };
        if self.parts == self.max_parts {
            return Err(HttpError::FormTooLarge(format!("the form has more than {} parts", self.max_parts).into()));
        }
        self.parts += 1;
        Ok(Some(Part::new(self.source, &mut self.parser, head, self.max_part_size)))
    }
}

impl fmt::Debug for Multipart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("max_part_size", &self.max_part_size)
            .field("max_parts", &self.max_parts)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead as _, Read as _};

    use proptest::prelude::*;

    use super::*;
    use crate::http::body::BodyLength;
    use crate::http::byte_size::ByteSize;
    use crate::http::method::Method;
    use crate::http::multipart::FormData;
    use crate::http::target::Target;
    use crate::http::version::Version;

    const FORM_TYPE: &str = "multipart/form-data; boundary=B";

    /// A body that arrives in pieces of this many bytes, and ends in this error or, without one, properly.
    struct Arriving {
        media_type: String,
        body: io::Cursor<Vec<u8>>,
        piece: usize,
        error: Option<BodyError>,
    }

    impl RequestSource for Arriving {
        fn target(&self) -> &str {
            "/"
        }

        fn field(&self, index: usize) -> Option<(&str, &str)> {
            [("Content-Type", self.media_type.as_str())].get(index).copied()
        }

        fn field_bytes(&self, index: usize) -> Option<&[u8]> {
            self.field(index).map(|(_, value)| value.as_bytes())
        }

        fn max_body(&self) -> u64 {
            u64::MAX
        }

        fn set_max_body(&mut self, _: u64) {}

        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BodyError> {
            let length = buffer.len().min(self.piece);
            match self.body.read(&mut buffer[..length]) {
                Ok(0) => self.error.take().map_or(Ok(0), Err),
                read => read.map_err(BodyError::Io),
            }
        }
    }

    fn arriving(body: impl Into<Vec<u8>>, piece: usize, error: Option<BodyError>) -> Request {
        arriving_as(FORM_TYPE, body, piece, error)
    }

    fn arriving_as(media_type: &str, body: impl Into<Vec<u8>>, piece: usize, error: Option<BodyError>) -> Request {
        let source = Arriving { media_type: media_type.into(), body: io::Cursor::new(body.into()), piece, error };
        let target = Target::parse(&Method::Post, "/").unwrap();
        Request::from_source(Method::Post, Version::Http11, target, BodyLength::Chunked, Box::new(source))
    }

    fn post(body: &str) -> Request {
        Request::post("/").with_header("Content-Type", FORM_TYPE).with_body(body)
    }

    /// A form with a part of this head and content for each name.
    fn form(parts: &[(&str, &str)]) -> String {
        let parts = parts
            .iter()
            .map(|(head, content)| format!("--B\r\nContent-Disposition: form-data{head}\r\n\r\n{content}\r\n"));
        parts.chain(["--B--\r\n".to_owned()]).collect()
    }

    const THREE: [(&str, &str); 3] = [
        ("; name=\"title\"", "größe"),
        ("; name=\"photo\"; filename=\"C:\\dir\\a;b%22c.jpg\"\r\nContent-Type: image/jpeg", "\r\n--b\r\n"),
        ("; name=\"photo\"; filename=\"\"\r\nContent-Type: application/octet-stream", ""),
    ];

    #[test]
    fn the_parts_of_a_form_come_one_after_the_other() {
        for piece in [1, 2, 3, 100_000] {
            let mut request = arriving(form(&THREE), piece, None);
            let mut form = request.multipart().unwrap();
            let mut part = form.next_part().unwrap().unwrap();
            assert_eq!((part.name(), part.filename(), part.clean_filename()), (Some("title"), None, None));
            assert_eq!(part.media_type(), None);
            let mut text = String::new();
            part.read_to_string(&mut text).unwrap();
            assert_eq!(text, "größe");
            assert_eq!(part.read_all().unwrap(), b"", "its end stays its end");
            let mut part = form.next_part().unwrap().unwrap();
            assert_eq!((part.name(), part.filename()), (Some("photo"), Some("C:\\dir\\a;b\"c.jpg")));
            assert_eq!(part.clean_filename().as_deref(), Some("a;b\"c.jpg"));
            assert_eq!(part.media_type(), Some("image/jpeg"));
            assert_eq!(part.header("content-type"), Some("image/jpeg"));
            assert_eq!(part.header("Content-Length"), None);
            let names = part.headers().map(|(name, _)| name).collect::<Vec<_>>();
            assert_eq!(names, ["Content-Disposition", "Content-Type"]);
            assert_eq!(part.read_all().unwrap(), b"\r\n--b\r\n");
            let mut part = form.next_part().unwrap().unwrap();
            assert_eq!((part.filename(), part.clean_filename()), (Some(""), None), "no file was chosen");
            assert_eq!(part.read_all().unwrap(), b"");
            assert!(form.next_part().unwrap().is_none());
            assert!(form.next_part().unwrap().is_none(), "the end stays the end");
        }
    }

    #[test]
    fn what_is_not_read_of_a_part_is_skipped() {
        let long = "x".repeat(200_000);
        let mut request = arriving(form(&[("; name=a", &long), ("; name=b", "last")]), 1000, None);
        let mut form = request.multipart().unwrap().max_part_size(10);
        let mut part = form.next_part().unwrap().unwrap();
        part.read_exact(&mut [0; 7]).unwrap();
        assert_eq!(part.fill_buf().unwrap().len(), 3, "no more than the limit");
        part.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(part.read(&mut []).unwrap(), 0, "nothing is read beyond the limit");
        assert_eq!(form.next_part().unwrap().unwrap().text().unwrap(), "last");
    }

    #[test]
    fn parts_and_their_number_are_limited() {
        /// Reads the parts, but skips those named `skip`; those named `big` may have 8 bytes.
        fn contents(mut request: Request, max_part_size: u64, max_parts: usize) -> Result<Vec<String>, HttpError> {
            let mut form = request.multipart()?.max_part_size(max_part_size).max_parts(max_parts);
            let mut contents = Vec::new();
            while let Some(mut part) = form.next_part()? {
                match part.name() {
                    Some("skip") => {}
                    Some("big") => {
                        part.set_max_size(8);
                        contents.push(part.text()?);
                    }
                    _ => contents.push(part.text()?),
                }
            }
            Ok(contents)
        }
        let long = format!("; name=\"{}\"", "n%22".repeat(1900));
        let table: [(&[(&str, &str)], u64, usize, Result<&[&str], &str>); 10] = [
            (&[("; name=a", "1234")], 4, 1, Ok(&["1234"])),
            (&[("; name=a", "1234"), ("", "")], 4, 2, Ok(&["1234", ""])),
            (&[("; name=a", "1")], 0, 1, Err("the part \"a\" of the form is longer than 0 bytes")),
            (&[("; name=a", "")], 0, 1, Ok(&[""])),
            (&[("; name=a", "12345")], 4, 1, Err("the part \"a\" of the form is longer than 4 bytes")),
            (&[("", "12345")], 4, 1, Err("the part of the form is longer than 4 bytes")),
            (&[("; name=big", "12345678")], 4, 1, Ok(&["12345678"])),
            (&[("; name=big", "123456789")], u64::MAX, 1, Err("the part \"big\" of the form is longer than 8 bytes")),
            (&[("; name=skip", "12345"), ("; name=a", "1")], 4, 2, Ok(&["1"])),
            (&[("; name=skip", "12345"), ("; name=a", "1")], 4, 1, Err("the form has more than 1 parts")),
        ];
        for (parts, max_part_size, max_parts, expected) in table {
            for piece in [1, 100_000] {
                let seen = contents(arriving(form(parts), piece, None), max_part_size, max_parts);
                let seen = seen.map_err(|error| (error.status().code(), error.to_string()));
                let expected = expected.map(|texts| texts.iter().map(ToString::to_string).collect::<Vec<_>>());
                assert_eq!(seen, expected.map_err(|text| (413, text.to_owned())), "{parts:?}");
            }
        }
        let error = contents(post(&form(&[(&long, "12345")])), 4, 1).unwrap_err();
        assert!(error.to_string().len() < 500, "{error}");
        let many = vec![("", ""); DEFAULT_MAX_PARTS + 1];
        let count = |parts: &[(&str, &str)]| {
            let mut request = post(&form(parts));
            let mut form = request.multipart().unwrap();
            while let Some(part) = form.next_part()? {
                drop(part);
            }
            Ok::<_, HttpError>(form.parts)
        };
        assert_eq!(count(&many[1..]).unwrap(), 1000);
        assert_eq!(count(&many).unwrap_err().to_string(), "the form has more than 1000 parts");
    }

    #[test]
    fn a_part_is_read_up_to_the_smallest_limit() {
        type Read = fn(&mut Part<'_>) -> Result<String, HttpError>;
        fn utf8(bytes: Result<Vec<u8>, HttpError>) -> Result<String, HttpError> {
            bytes.map(|bytes| String::from_utf8(bytes).unwrap())
        }
        let table: [(u64, Read, Result<&str, u64>, &str); 10] = [
            (4, |part| part.text(), Ok("1234"), "as long as the limit"),
            (3, |part| part.text(), Err(3), "longer than the limit"),
            (3, |part| utf8(part.read_all()), Err(3), "longer than the limit"),
            (9, |part| part.text_at_most(4), Ok("1234"), "as long as the limit of the call"),
            (9, |part| part.text_at_most(3), Err(3), "longer than the limit of the call"),
            (3, |part| part.text_at_most(9), Err(3), "the call does not raise the limit"),
            (9, |part| utf8(part.read_at_most(4)), Ok("1234"), "as long as the limit of the call"),
            (9, |part| utf8(part.read_at_most(3)), Err(3), "longer than the limit of the call"),
            (3, |part| utf8(part.read_at_most(9)), Err(3), "the call does not raise the limit"),
            (
                3,
                |part| {
                    part.set_max_size(4);
                    part.text()
                },
                Ok("1234"),
                "the part's own limit",
            ),
        ];
        for (max_part_size, read, expected, why) in table {
            for piece in [1, 100] {
                let mut request = arriving(form(&[("; name=a", "1234")]), piece, None);
                let mut form = request.multipart().unwrap().max_part_size(max_part_size);
                let seen = read(&mut form.next_part().unwrap().unwrap()).map_err(|error| error.to_string());
                let expected = expected.map(str::to_owned);
                let expected =
                    expected.map_err(|limit| format!("the part \"a\" of the form is longer than {}", ByteSize(limit)));
                assert_eq!(seen, expected, "{why}");
            }
        }
    }

    #[test]
    fn heads_may_be_as_long_as_the_program_says() {
        let value = "x".repeat(100_000);
        let body = form(&[(&format!("\r\nA: {value}"), "content")]);
        let head = "\r\nContent-Disposition: form-data\r\nA: ".len() + value.len();
        for piece in [4000, 1_000_000] {
            let parse = |max: Option<usize>| {
                let mut request = arriving(body.as_str(), piece, None);
                let form = request.multipart().unwrap();
                let mut form = if let Some(max) = max { form.max_part_head(max) } else { form };
                let mut part = form.next_part()?.expect("there is a part");
                assert_eq!(part.header("A"), Some(value.as_str()));
                part.text()
            };
            for max in [head, head + 1, usize::MAX] {
                assert_eq!(parse(Some(max)).unwrap(), "content", "{piece} {max}");
            }
            for max in [None, Some(0), Some(head - 1)] {
                let error = parse(max).unwrap_err();
                assert_eq!(error.status().code(), 400);
                assert_eq!(
                    error.to_string(),
                    "bad request: the head of a part of the form is too long",
                    "{piece} {max:?}"
                );
            }
        }
    }

    #[test]
    fn errors_keep_their_status_whichever_way_a_part_is_read() {
        /// Copies the parts as a handler does, whose `?` converts what `io::copy` returns.
        fn copied(mut request: Request) -> Result<(), HttpError> {
            let mut form = request.multipart()?.max_part_size(100);
            while let Some(mut part) = form.next_part()? {
                io::copy(&mut part, &mut io::sink())?;
            }
            Ok(())
        }
        fn read(mut request: Request) -> Result<(), HttpError> {
            let mut form = request.multipart()?.max_part_size(100);
            while let Some(mut part) = form.next_part()? {
                part.read_all()?;
            }
            Ok(())
        }
        fn skipped(mut request: Request) -> Result<(), HttpError> {
            let mut form = request.multipart()?;
            while form.next_part()?.is_some() {}
            Ok(())
        }
        let begun = "--B\r\n\r\nbegun";
        let head = "--B\r\nContent-Dis";
        let whole = "--B\r\n\r\nwhole\r\n--B--";
        let long = format!("--B\r\n\r\n{}", "x".repeat(101));
        let table: [(&str, fn() -> Option<BodyError>, u16, &str); 12] = [
            (begun, || None, 400, "the form ends before its last boundary"),
            (head, || None, 400, "the form ends before its last boundary"),
            ("", || None, 400, "the form ends before its last boundary"),
            ("--B\r\n\r\n\r\n--B?", || None, 400, "other text follows a boundary"),
            (begun, || Some(BodyError::Truncated), 400, "the connection ended"),
            (head, || Some(BodyError::Truncated), 400, "the connection ended"),
            (whole, || Some(BodyError::Truncated), 400, "the connection ended"),
            (begun, || Some(BodyError::Malformed("a bad chunk")), 400, "a bad chunk"),
            (begun, || Some(BodyError::TimedOut), 408, "took too long"),
            (begun, || Some(BodyError::TooLarge(5)), 413, "the request body is longer than 5 bytes"),
            (whole, || Some(BodyError::TooLarge(5)), 413, "the request body is longer than 5 bytes"),
            (whole, || Some(BodyError::Io(io::ErrorKind::Other.into())), 400, "cannot read the request body"),
        ];
        for (body, error, status, text) in table {
            for handler in [copied, read, skipped] {
                for piece in [1, 100_000] {
                    let seen = handler(arriving(body, piece, error())).unwrap_err();
                    assert_eq!(seen.status().code(), status, "{body:?}: {seen}");
                    assert!(seen.to_string().contains(text), "{body:?}: {seen}");
                }
            }
        }
        for handler in [copied, read] {
            let seen = handler(post(&long)).unwrap_err();
            assert_eq!(
                (seen.status().code(), seen.to_string().as_str()),
                (413, "the part of the form is longer than 100 bytes")
            );
        }
    }

    #[test]
    fn a_part_is_text_in_its_own_charset() {
        let latin = b"--B\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ngr\xf6\xdfe\r\n--B\r\n\r\ngr\xf6\xdfe\r\n--B--";
        let mut request = arriving(latin.to_vec(), 5, None);
        let mut form = request.multipart().unwrap();
        let first = form.next_part().unwrap().unwrap().text();
        if cfg!(feature = "charset") {
            assert_eq!(first.unwrap(), "größe");
        } else {
            assert_eq!(first.unwrap_err().status().code(), 415);
        }
        let second = form.next_part().unwrap().unwrap().text().unwrap_err();
        assert_eq!(second.to_string(), "bad request: the text is not valid UTF-8");
    }

    /// Names that browsers can send so that they come back: they do not escape the percent sign.
    fn name() -> impl Strategy<Value = String> {
        let characters = prop_oneof![
            proptest::sample::select(&['"', '\\', ';', '=', '\r', '\n', '\'', '*', ' ', 'a', 'ö', '%', '2', '0']),
            any::<char>(),
        ];
        let names = proptest::collection::vec(characters, 0..12).prop_map(String::from_iter);
        names.prop_filter("an escape", |name| !["%22", "%0D", "%0A"].iter().any(|escape| name.contains(escape)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_parts_of_form_data_come_back(
            parts in proptest::collection::vec((name(), proptest::option::of(name()), proptest::collection::vec(any::<u8>(), 0..50)), 0..5),
            piece in 1_usize..200,
        ) {
            let sent = parts.iter().fold(FormData::new(), |form, (name, filename, content)| match filename {
                Some(filename) => form.file(name, filename, "a/b; c=\"d\"", content.as_slice()),
                None => form.text(name, &String::from_utf8_lossy(content)),
            });
            let (media_type, body) = sent.encode();
            let mut request = arriving_as(&media_type, body, piece, None);
            let mut form = request.multipart().unwrap();
            for (name, filename, content) in parts {
                let mut part = form.next_part().unwrap().expect("there is a part for each that was sent");
                prop_assert_eq!(part.name(), Some(name.as_str()));
                prop_assert_eq!(part.filename(), filename.as_deref());
                prop_assert_eq!(part.media_type(), filename.is_some().then_some("a/b; c=\"d\""));
                let text = String::from_utf8_lossy(&content).into_owned().into_bytes();
                prop_assert_eq!(part.read_all().unwrap(), if filename.is_some() { content } else { text });
            }
            prop_assert!(form.next_part().unwrap().is_none());
        }
    }

    #[test]
    fn other_bodies_are_refused() {
        let request = |media_type: &str| Request::post("/").with_header("Content-Type", media_type);
        let table = [
            (Request::post("/").with_body(""), 415, "multipart/form-data is accepted"),
            (request("multipart/mixed; boundary=B").with_body(""), 415, "multipart/form-data is accepted"),
            (request("multipart/form-data").with_body(""), 400, "the form has no boundary"),
            (request("multipart/form-data; boundary=\"\"").with_body(""), 400, "the form has no boundary"),
            (request(FORM_TYPE), 411, "Content-Length"),
        ];
        for (mut request, status, text) in table {
            let error = request.multipart().unwrap_err();
            assert_eq!(error.status().code(), status, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
        assert!(request("Multipart/Form-Data; Boundary=B").with_body("--B--").multipart().is_ok());
    }
}
