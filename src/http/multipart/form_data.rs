//! Making a form with files, to try a handler with.

use memchr::memmem;

use super::FORM_DATA;

/// A form with files (`multipart/form-data`, RFC 7578), made for a test: see
/// [`Request::with_multipart`](crate::Request::with_multipart).
///
/// ```
/// use hearken::{FormData, Request};
///
/// let form = FormData::new().text("title", "The sea").file("photo", "\"sea\".jpg", "image/jpeg", [0xff, 0xd8]);
/// let mut request = Request::post("/").with_multipart(&form);
/// let mut form = request.multipart()?;
/// let mut title = form.next_part()?.expect("there is a title");
/// assert_eq!(title.text()?, "The sea");
/// let photo = form.next_part()?.expect("there is a photo");
/// assert_eq!(photo.filename(), Some("\"sea\".jpg"));
/// # Ok::<(), hearken::HttpError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct FormData {
    parts: Vec<(String, Vec<u8>)>,
}

impl FormData {
    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The form with one more field, which is not a file.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{}\"", escape(name));
        self.parts.push((head, value.into()));
        self
    }

    /// The form with one more file: the name of its field, its own name and its media type. Browsers send an empty name and empty
    /// content if the user chose no file.
    ///
    /// # Panics
    ///
    /// If the media type contains a line break.
    pub fn file(mut self, name: &str, filename: &str, media_type: &str, content: impl Into<Vec<u8>>) -> Self {
        assert!(!media_type.contains(['\r', '\n']), "{media_type:?} contains a line break");
        let (name, filename) = (escape(name), escape(filename));
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"");
        self.parts.push((format!("{disposition}\r\nContent-Type: {media_type}"), content.into()));
        self
    }

    /// The value of `Content-Type`, and the body.
    pub(crate) fn encode(&self) -> (String, Vec<u8>) {
        let boundary = self.boundary();
        let mut body = Vec::new();
        for (head, content) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("{FORM_DATA}; boundary={boundary}"), body)
    }

    /// A boundary that no part contains.
    fn boundary(&self) -> String {
        let mut boundaries = (0_u64..).map(|number| format!("hearken-form-{number}"));
        let is_free = |boundary: &String| {
            self.parts.iter().all(|(_, content)| memmem::find(content, boundary.as_bytes()).is_none())
        };
        boundaries.find(is_free).expect("no form is so long that it contains all boundaries")
    }
}

/// Escapes a name as browsers do: only the quote and line breaks.
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_browsers_write_them() {
        let form =
            FormData::new().text("a\"\r\nö", "b\r\n").file("f", "c:\\d;e.txt", "text/plain; charset=utf-8", *b"\xff");
        let expected =
            b"--hearken-form-0\r\nContent-Disposition: form-data; name=\"a%22%0D%0A\xc3\xb6\"\r\n\r\nb\r\n\r\n\
            --hearken-form-0\r\nContent-Disposition: form-data; name=\"f\"; filename=\"c:\\d;e.txt\"\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\r\n--hearken-form-0--\r\n";
        let (media_type, body) = form.encode();
        assert_eq!(media_type, "multipart/form-data; boundary=hearken-form-0");
        assert_eq!(body, expected, "{}", String::from_utf8_lossy(&body));
        assert_eq!(FormData::new().encode().1, b"--hearken-form-0--\r\n");
    }

    #[test]
    fn a_media_type_is_one_line() {
        for media_type in ["a/b\nC: d", "a/b\r"] {
            let made = std::panic::catch_unwind(|| FormData::new().file("a", "b", media_type, ""));
            assert!(made.is_err(), "{media_type:?}");
        }
    }

    #[test]
    fn no_part_contains_the_boundary() {
        let contents = ["\r\n--hearken-form-0--\r\n", "hearken-form-1", "hearken-form"];
        let form = contents.iter().fold(FormData::new(), |form, content| form.text("a", content));
        assert!(form.encode().0.ends_with("boundary=hearken-form-2"));
    }
}
