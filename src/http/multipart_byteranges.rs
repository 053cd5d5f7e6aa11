//! Several ranges of a representation as one body: `multipart/byteranges` (RFC 9110 §14.6).

use super::headers::HeaderText;
use super::range::ByteRange;

/// Writes everything in a `multipart/byteranges` body but the ranges themselves.
pub(crate) struct MultipartByteranges {
    boundary: String,
    media_type: HeaderText,
    length: u64,
}

impl MultipartByteranges {
    /// For ranges of a representation of `length` bytes and this media type. `boundary` is a random number, so that the
    /// boundary made from it does not occur in the content.
    pub(crate) fn new(boundary: u128, media_type: HeaderText, length: u64) -> Self {
        Self { boundary: format!("{boundary:032x}"), media_type, length }
    }

    /// The media type of the whole body.
    pub(crate) fn media_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The text before the first of these ranges, between each two, and after the last.
    pub(crate) fn separators(&self, parts: &[ByteRange]) -> Vec<String> {
        let Self { boundary, media_type, length } = self;
        let mut separators: Vec<String> = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            // The line break before a boundary belongs to the boundary, not to the part (RFC 2046 §5.1.1).
            let line_break = if separators.is_empty() { "" } else { "\r\n" };
            let content_range = part.content_range(*length);
            separators.push(format!(
                "{line_break}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {content_range}\r\n\r\n"
            ));
        }
        separators.push(format!("\r\n--{boundary}--\r\n"));
        separators
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_written_as_in_the_example_of_rfc_9110_section_14_6() {
        let frame = MultipartByteranges::new(7, "application/pdf".into(), 8000);
        let parts = [ByteRange { first: 500, last: 999 }, ByteRange { first: 7000, last: 7999 }];
        assert_eq!(frame.media_type(), "multipart/byteranges; boundary=00000000000000000000000000000007");
        assert_eq!(
            frame.separators(&parts),
            [
                "--00000000000000000000000000000007\r\nContent-Type: application/pdf\r\n\
                 Content-Range: bytes 500-999/8000\r\n\r\n",
                "\r\n--00000000000000000000000000000007\r\nContent-Type: application/pdf\r\n\
                 Content-Range: bytes 7000-7999/8000\r\n\r\n",
                "\r\n--00000000000000000000000000000007--\r\n",
            ]
        );
    }
}
