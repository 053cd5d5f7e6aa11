//! The response with one file: preconditions, then the range, then the bytes (RFC 9110 §13.2.2).

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::http::conditional::{Conditions, Evaluation};
use crate::http::content_coding::ContentCoding;
use crate::http::date;
use crate::http::error::HttpError;
use crate::http::headers::HeaderText;
use crate::http::multipart_byteranges::MultipartByteranges;
use crate::http::range::{self, ByteRange, Selection};
use crate::http::response::Response;
use crate::http::status::Status;
use crate::http::validators::{Validators, file_validators};

use super::embedded::EmbeddedContent;
use super::encoding::gzip::Slot;
use super::error::unreadable;
use super::file_body::{FileBody, MultipartBody, OpenedFile};

/// A file in the form in which it is sent (RFC 9110 §3.2). A clone shares the content.
#[derive(Clone)]
pub(super) struct Representation {
    validators: Validators,
    last_modified: Option<String>,
    media_type: HeaderText,
    /// The content coding.
    coding: Option<ContentCoding>,
    /// Whether the file has other variants.
    varies: bool,
    /// Whether ranges of it can be sent. Not of gzip that is made anew for each client.
    has_ranges: bool,
    /// The value of `Cache-Control`.
    cache_control: Option<HeaderText>,
    content: Content,
}

/// Where the content comes from.
#[derive(Clone)]
pub(super) enum Content {
    /// The file, read while it is sent.
    Disk(OpenedFile),
    /// Memory.
    Memory(Arc<[u8]>),
    /// The program itself.
    Embedded(&'static [u8]),
    /// Content that is compressed while it is sent.
    Gzipped(Uncompressed, Arc<Slot>),
}

/// Where content comes from that is compressed while it is sent.
#[derive(Clone)]
pub(super) enum Uncompressed {
    Disk(OpenedFile),
    Embedded(&'static [u8]),
}

/// Files up to this many bytes are read at once, and sent in one write with the head.
const SMALL: u64 = 64 * 1024;

impl Representation {
    /// The representation of an open file, which has this status. A small one is read.
    pub(super) fn read(
        file: File,
        metadata: Metadata,
        media_type: HeaderText,
        now: SystemTime,
    ) -> Result<Self, HttpError> {
        let (metadata, content) = take_in(file, metadata)?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let validators = file_validators(metadata.len(), modified, metadata.ino(), now);
        let last_modified = Some(date::format(modified.min(now)));
        Ok(Self { last_modified, ..Self::new(validators, media_type, content) })
    }

    /// The representation of an embedded file.
    pub(super) fn embedded(file: &EmbeddedContent, media_type: HeaderText) -> Self {
        Self::new(file.validators.clone(), media_type, Content::Embedded(file.bytes))
    }

    fn new(validators: Validators, media_type: HeaderText, content: Content) -> Self {
        Self {
            validators,
            last_modified: None,
            media_type,
            coding: None,
            varies: false,
            has_ranges: true,
            cache_control: None,
            content,
        }
    }

    /// The same, for a file that holds its content in this coding.
    pub(super) fn in_coding(self, coding: ContentCoding) -> Self {
        Self { validators: self.validators.in_coding(coding), coding: Some(coding), ..self }
    }

    /// The same in gzip: small content is compressed now, large content while it is sent.
    pub(super) fn gzipped(self, slot: Slot) -> io::Result<Self> {
        let content = match &self.content {
            Content::Memory(bytes) => Content::Memory(slot.compress(bytes)?.into()),
            Content::Embedded(bytes) if bytes.len() as u64 <= SMALL => Content::Memory(slot.compress(bytes)?.into()),
            Content::Embedded(bytes) => Content::Gzipped(Uncompressed::Embedded(bytes), Arc::new(slot)),
            Content::Disk(file) => Content::Gzipped(Uncompressed::Disk(file.clone()), Arc::new(slot)),
            Content::Gzipped(..) => return Ok(self),
        };
        Ok(self.with_gzip(content))
    }

    /// The same in gzip, which is made for clients and has this content.
    pub(super) fn with_gzip(self, content: Content) -> Self {
        let (coding, validators) = (ContentCoding::Gzip, self.validators.in_dynamic_coding(ContentCoding::Gzip));
        Self { validators, coding: Some(coding), has_ranges: false, content, ..self }
    }

    /// The same, with or without other variants beside it.
    pub(super) fn varying(self, varies: bool) -> Self {
        Self { varies, ..self }
    }

    /// The same, with this `Cache-Control`.
    pub(super) fn with_cache_control(self, cache_control: Option<HeaderText>) -> Self {
        Self { cache_control, ..self }
    }

    /// Whether the response, whatever its status, depends on what the client accepts (RFC 9110 §12.5.5).
    pub(super) fn varies(&self) -> bool {
        self.varies
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// A 200 with all of it, whatever the request's conditions.
    pub(super) fn into_whole(self) -> Response {
        let response = whole(self.content).with_header("Content-Type", self.media_type);
        with_optional(typed(response), "Cache-Control", self.cache_control)
    }

    /// The same, with these bytes in memory as its content.
    pub(super) fn in_memory(&self, bytes: Vec<u8>) -> Self {
        Self { content: Content::Memory(bytes.into()), ..self.clone() }
    }
}

impl Content {
    /// The length in bytes; `None` if it is not known yet.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Disk(file) => Some(file.length()),
            Self::Memory(bytes) => Some(bytes.len() as u64),
            Self::Embedded(bytes) => Some(bytes.len() as u64),
            Self::Gzipped(..) => None,
        }
    }
}

/// The response to a `GET` or `HEAD` with these conditions, evaluated in the order of RFC 9110 §13.2.2.
pub(super) fn respond(file: Representation, conditions: &Conditions, now: SystemTime) -> Result<Response, HttpError> {
    let evaluation = conditions.evaluate(Some(&file.validators));
    let range = conditions.range(&file.validators, now);
    let Representation { validators, last_modified, media_type, coding, varies: _, has_ranges, cache_control, content } =
        file;
    let described = |response: Response| {
        let response = with_optional(response, "ETag", validators.etag.map(HeaderText::Owned));
        with_optional(response, "Cache-Control", cache_control)
    };
    match evaluation {
        Evaluation::Proceed => {}
        // RFC 9110 §15.4.5: what a cache needs to find and keep its copy, and nothing that describes the content.
        Evaluation::NotModified => return Ok(described(Response::new(Status::NOT_MODIFIED))),
        Evaluation::PreconditionFailed => return Err(HttpError::PreconditionFailed),
    }
    let length = content.length();
    let selection = match (range, length) {
        (Some(field), Some(length)) if has_ranges => range::select(field, length),
        _ => Selection::Whole,
    };
    let length = length.unwrap_or_default();
    let response = match selection {
        Selection::Whole => whole(content).with_header("Content-Type", media_type),
        Selection::Part(range) => part(content, range, length).with_header("Content-Type", media_type),
        Selection::Several(ranges) => several(content, length, media_type, ranges),
        Selection::Unsatisfiable => return Err(HttpError::RangeNotSatisfiable(length)),
    };
    let response = if has_ranges { response.with_header("Accept-Ranges", "bytes") } else { response };
    let response = with_optional(response, "Content-Encoding", coding.map(|coding| coding.name().into()));
    Ok(with_optional(described(typed(response)), "Last-Modified", last_modified.map(HeaderText::Owned)))
}

/// The response with the field that keeps browsers from guessing another media type.
fn typed(response: Response) -> Response {
    response.with_header("X-Content-Type-Options", "nosniff")
}

/// The response with this field, if there is a value.
fn with_optional(response: Response, name: &'static str, value: Option<HeaderText>) -> Response {
    match value {
        Some(value) => response.with_header(name, value),
        None => response,
    }
}

/// A 200 with the whole content in gzip, made while it is sent.
fn gzipped(content: Uncompressed, slot: Arc<Slot>) -> Response {
    match content {
        Uncompressed::Disk(file) => {
            let length = file.length();
            Response::generated(slot.reader(FileBody::new(file, 0, length)))
        }
        Uncompressed::Embedded(bytes) => Response::generated(slot.reader(bytes)),
    }
}

/// A 200 with the whole content.
fn whole(content: Content) -> Response {
    match content {
        Content::Disk(file) => {
            let length = file.length();
            Response::body_stream(FileBody::new(file, 0, length), Some(length))
        }
        Content::Memory(bytes) => {
            let length = bytes.len();
            Response::shared(bytes, 0..length)
        }
        Content::Embedded(bytes) => Response::bytes(bytes),
        Content::Gzipped(content, slot) => gzipped(content, slot),
    }
}

/// A 206 with one range of content that has this length.
fn part(content: Content, range: ByteRange, length: u64) -> Response {
    let response = match content {
        Content::Disk(file) => {
            Response::body_stream(FileBody::new(file, range.first, range.length()), Some(range.length()))
        }
        Content::Memory(bytes) => Response::shared(bytes, index(range.first)..index(range.last) + 1),
        Content::Embedded(bytes) => Response::bytes(slice(bytes, range)),
        // Without a length there are no ranges.
        Content::Gzipped(content, slot) => return gzipped(content, slot),
    };
    response.with_status(Status::PARTIAL_CONTENT).with_header("Content-Range", range.content_range(length))
}

/// A 206 with several ranges in one body (RFC 9110 §15.3.7.2).
fn several(content: Content, length: u64, media_type: HeaderText, ranges: Vec<ByteRange>) -> Response {
    let frame = MultipartByteranges::new(rand::random(), media_type, length);
    let texts = frame.separators(&ranges);
    let around: u64 = texts.iter().map(|text| text.len() as u64).sum();
    let length = around + ranges.iter().map(|range| range.length()).sum::<u64>();
    let response = match content {
        Content::Disk(file) => {
            let part = |range: ByteRange| FileBody::new(file.clone(), range.first, range.length());
            let parts = ranges.into_iter().map(part).collect();
            Response::body_stream(MultipartBody::new(texts, parts), Some(length))
        }
        Content::Embedded(bytes) => {
            let parts = ranges.into_iter().map(|range| slice(bytes, range)).collect();
            Response::body_stream(MultipartBody::new(texts, parts), Some(length))
        }
        Content::Memory(bytes) => {
            let mut body = Vec::new();
            for (part, text) in texts.iter().enumerate() {
                body.extend_from_slice(text.as_bytes());
                if let Some(range) = ranges.get(part) {
                    body.extend_from_slice(slice(&bytes, *range));
                }
            }
            Response::bytes(body)
        }
        // Without a length there are no ranges.
        Content::Gzipped(content, slot) => return gzipped(content, slot),
    };
    response.with_status(Status::PARTIAL_CONTENT).with_header("Content-Type", frame.media_type())
}

/// The bytes of a range.
fn slice(bytes: &[u8], range: ByteRange) -> &[u8] {
    &bytes[index(range.first)..=index(range.last)]
}

/// A position in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).expect("what is in memory has positions in memory")
}

/// Reads a file if it is small, and returns the metadata that goes with the content. If the file becomes shorter meanwhile, it is
/// read again.
fn take_in(file: File, mut metadata: Metadata) -> Result<(Metadata, Content), HttpError> {
    for _ in 0..MAX_READS {
        if metadata.len() > SMALL {
            let opened = OpenedFile::new(file, &metadata);
            return Ok((metadata, Content::Disk(opened)));
        }
        if let Some(bytes) = read(&file, metadata.len()).map_err(unreadable)? {
            return Ok((metadata, Content::Memory(bytes)));
        }
        metadata = file.metadata().map_err(unreadable)?;
    }
    Err(HttpError::internal("the file became shorter each time that it was read"))
}

const MAX_READS: usize = 3;

/// The first bytes of a file; `None` if it has fewer.
fn read(file: &File, length: u64) -> io::Result<Option<Arc<[u8]>>> {
    let mut bytes = vec![0; usize::try_from(length).expect("a small length fits any usize")];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::request::Request;

    /// Where a representation of these bytes may have its content.
    const PLACES: [fn(&[u8]) -> Content; 3] = [
        |bytes| Content::Memory(bytes.into()),
        |bytes| Content::Embedded(bytes.to_vec().leak()),
        |bytes| {
            let mut file = tempfile::tempfile().unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
            let metadata = file.metadata().unwrap();
            Content::Disk(OpenedFile::new(file, &metadata))
        },
    ];

    fn representation(bytes: &[u8], content: Content) -> Representation {
        let validators = file_validators(bytes.len() as u64, UNIX_EPOCH, 1, SystemTime::now());
        Representation::new(validators, "a/b".into(), content)
    }

    /// The parts of a body with this boundary: where each begins and ends, and its bytes.
    fn split<'a>(mut body: &'a [u8], boundary: &str) -> Vec<(u64, u64, &'a [u8])> {
        let mut parts = Vec::new();
        while let Some(rest) = body.strip_prefix(format!("--{boundary}\r\n").as_bytes()) {
            let blank = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            let head = std::str::from_utf8(&rest[..blank]).unwrap();
            let (first, last) = positions(head.strip_prefix("Content-Type: a/b\r\nContent-Range: ").unwrap());
            let (part, rest) = rest[blank + 4..].split_at(index(last - first + 1));
            parts.push((first, last, part));
            body = rest.strip_prefix(b"\r\n").unwrap();
        }
        assert_eq!(body, format!("--{boundary}--\r\n").as_bytes(), "the end, and nothing behind it");
        parts
    }

    /// The two positions of a `Content-Range`.
    fn positions(content_range: &str) -> (u64, u64) {
        let (range, _) = content_range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        let (first, last) = range.split_once('-').unwrap();
        (first.parse().unwrap(), last.parse().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

        #[test]
        fn any_range_of_any_length_gives_the_bytes_that_it_says(
            field in prop_oneof![
                3 => "bytes=(([0-9]{1,4}-[0-9]{0,4}|-[0-9]{1,4})(, ?)){1,20}",
                1 => "bytes=[0-9]{1,21}-[0-9]{0,21}",
                1 => "[a-zA-Z0-9=, -]{0,30}",
            ],
            length in prop_oneof![Just(0_usize), 1_usize..20, 1_usize..6000],
            place in prop::sample::select(&PLACES[..]),
        ) {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let request = Request::get("/f").with_header("Range", &field);
            let now = SystemTime::now();
            let answer = respond(representation(&bytes, place(&bytes)), &Conditions::of(&request, now), now);
            let mut response = match answer {
                Err(HttpError::RangeNotSatisfiable(of)) => {
                    prop_assert_eq!(of, length as u64);
                    return Ok(());
                }
                answer => answer.unwrap(),
            };
            let body = response.read_bytes().unwrap();
            prop_assert_eq!(response.content_length(), Some(body.len() as u64));
            if response.status() == Status::OK {
                prop_assert_eq!(body, bytes);
                return Ok(());
            }
            prop_assert_eq!(response.status(), Status::PARTIAL_CONTENT);
            let media_type = response.header("Content-Type").unwrap();
            let parts = match media_type.strip_prefix("multipart/byteranges; boundary=") {
                Some(boundary) => split(&body, boundary),
                None => {
                    let (first, last) = positions(response.header("Content-Range").unwrap());
                    vec![(first, last, body.as_slice())]
                }
            };
            prop_assert_eq!(parts.len() > 1, response.header("Content-Range").is_none());
            for (first, last, part) in parts {
                prop_assert_eq!(part, &bytes[index(first)..=index(last)]);
            }
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_while_it_is_read_is_read_again() {
        let file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut &file, b"0123456789").unwrap();
        let before = file.metadata().unwrap();
        file.set_len(4).unwrap();
        let (metadata, content) = take_in(file, before).unwrap();
        assert!(matches!(content, Content::Memory(bytes) if *bytes == *b"0123"));
        assert_eq!(metadata.len(), 4, "the tag is of what is sent");
    }
}
