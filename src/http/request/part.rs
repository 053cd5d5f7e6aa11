//! One part of a form with files: its head, and its content as a reader.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::request::RequestSource;
use super::shortened::shortened;
use crate::http::body::BodyError;
use crate::http::byte_size::ByteSize;
use crate::http::charset::Charset;
use crate::http::error::HttpError;
use crate::http::multipart::{Content, FormError, FormParser, PartHead};
use crate::http::upload_filename;

/// A part of a [form with files](crate::Multipart), and a reader for its content, which reads it while it arrives.
///
/// Reading fails if the part is longer than [`Multipart::max_part_size`](crate::Multipart::max_part_size) or
/// [`Part::set_max_size`] allows, if the body is longer than its own limit or too slow, or if the form is truncated or malformed;
/// `?` converts the error to its status, as for [`Request::body`](crate::Request::body).
pub struct Part<'a> {
    source: &'a mut dyn RequestSource,
    parser: &'a mut FormParser,
    head: PartHead,
    max_size: u64,
    /// How many bytes of the content were read.
    read: u64,
}

impl<'a> Part<'a> {
    pub(super) fn new(
        source: &'a mut dyn RequestSource,
        parser: &'a mut FormParser,
        head: PartHead,
        max_size: u64,
    ) -> Self {
        Self { source, parser, head, max_size, read: 0 }
    }

    /// The name of the field in the form, with what browsers escape in it decoded. Several parts may have the same.
    pub fn name(&self) -> Option<&str> {
        self.head.name.as_deref()
    }

    /// The name of the file as the client sent it, with what browsers escape in it decoded; `None` for a field that is not a file. It
    /// is empty if the user chose no file. It may be a path, or anything else: [`Part::clean_filename`] is safe to store under.
    /// `filename*` takes precedence over `filename`: some clients send it, against RFC 7578 §4.2.
    pub fn filename(&self) -> Option<&str> {
        self.head.filename.as_deref()
    }

    /// A name to store the file under, made from the one that the client sent: the last component of what may be a path of any
    /// operating system, without control characters, without leading dots or white space, at most 255 bytes, and `upload` if nothing
    /// is left of it. `None` for a field that is not a file, and if the user chose no file.
    pub fn clean_filename(&self) -> Option<String> {
        self.filename().filter(|name| !name.is_empty()).map(upload_filename::sanitize)
    }

    /// The media type that the client gives the content, with its parameters: the value of `Content-Type`. It may be wrong.
    pub fn media_type(&self) -> Option<&str> {
        self.header("Content-Type")
    }

    /// The value of the first header field of this name in the part's head. The name is compared without regard to case. Bytes that
    /// are not UTF-8 are replacement characters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The header fields in the part's head, in the order in which they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.fields()
    }

    /// Sets the most bytes that this part may have, fewer or more than
    /// [`Multipart::max_part_size`](crate::Multipart::max_part_size), to which it defaults.
    pub fn set_max_size(&mut self, bytes: u64) {
        self.max_size = bytes;
    }

    /// Reads what is left of the content.
    ///
    /// # Errors
    ///
    /// [`HttpError::FormTooLarge`] if the part is longer than its limit, [`HttpError::BadRequest`] if the form is truncated or
    /// malformed, and the errors of reading the body: [`HttpError::ContentTooLarge`] and [`HttpError::RequestTimeout`].
    pub fn read_all(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what is left of the content. The part may have at most this many bytes; its other limits hold as well.
    ///
    /// # Errors
    ///
    /// As [`Part::read_all`].
    pub fn read_at_most(&mut self, limit: u64) -> Result<Vec<u8>, HttpError> {
        self.max_size = self.max_size.min(limit);
        self.read_all()
    }

    /// Reads what is left of the content as text, in the charset that the media type of the part names, as
    /// [`Request::text`](crate::Request::text) does.
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedCharset`] if the charset is not supported, [`HttpError::BadRequest`] if the content is not valid in it,
    /// and those of [`Part::read_all`].
    pub fn text(&mut self) -> Result<String, HttpError> {
        let charset = Charset::of(self.media_type())?;
        charset.decode(self.read_all()?)
    }

    /// Reads what is left of the content as text. The part may have at most this many bytes; its other limits hold as well.
    ///
    /// # Errors
    ///
    /// As [`Part::text`].
    pub fn text_at_most(&mut self, limit: u64) -> Result<String, HttpError> {
        self.max_size = self.max_size.min(limit);
        self.text()
    }

    /// The content that has arrived and was not read yet, after waiting for some; empty at its end.
    fn arrived(&mut self) -> Result<&[u8], BodyError> {
        while self.parser.content() == Content::Missing {
            read_on(self.parser, self.source)?;
        }
        match self.parser.content() {
            Content::Bytes(bytes) => match usize::try_from(self.max_size.saturating_sub(self.read)) {
                Ok(0) => Err(too_long(&self.head, self.max_size)),
                Ok(left) => Ok(&bytes[..left.min(bytes.len())]),
                Err(_) => Ok(bytes),
            },
            Content::End | Content::Missing => Ok(&[]),
        }
    }
}

fn too_long(head: &PartHead, limit: u64) -> BodyError {
    let name = head.name.as_ref().map(|name| format!(" {:?}", shortened(name.clone()))).unwrap_or_default();
    BodyError::FormTooLarge(format!("the part{name} of the form is longer than {}", ByteSize(limit)))
}

/// Reads more of the form.
pub(super) fn read_on(parser: &mut FormParser, source: &mut dyn RequestSource) -> Result<(), BodyError> {
    let read = source.read(parser.room())?;
    Ok(parser.received(read)?)
}

impl From<FormError> for BodyError {
    fn from(error: FormError) -> Self {
        Self::Malformed(error.0)
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let arrived = self.arrived()?;
        let length = arrived.len().min(buffer.len());
        buffer[..length].copy_from_slice(&arrived[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Part<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.arrived()?)
    }

    fn consume(&mut self, bytes: usize) {
        self.parser.consume(bytes);
        self.read += bytes as u64;
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.head.name)
            .field("filename", &self.head.filename)
            .field("media_type", &self.media_type())
            .finish_non_exhaustive()
    }
}
