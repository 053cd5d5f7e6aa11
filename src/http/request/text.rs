//! The body of a request as text.

use super::request::Request;
use crate::http::charset::Charset;
use crate::http::error::HttpError;

impl Request {
    /// Reads the whole body as text, in the charset that its `Content-Type` names (RFC 9110 §8.3.2), or else in UTF-8. UTF-8 and
    /// US-ASCII are always supported; with the feature `charset`, so are all others of the WHATWG Encoding Standard. A byte order mark
    /// in front of UTF-8 and UTF-16 is dropped.
    ///
    /// ```
    /// use hearken::Request;
    ///
    /// let mut request = Request::post("/").with_header("Content-Type", "text/plain; charset=utf-8").with_body("größe");
    /// assert_eq!(request.text()?, "größe");
    /// let mut request = Request::post("/").with_header("Content-Type", "text/plain; charset=none").with_body("size");
    /// assert_eq!(request.text().unwrap_err().status().code(), 415);
    /// # Ok::<(), hearken::HttpError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedCharset`] if the charset is not supported, [`HttpError::BadRequest`] if the body is not valid in it, and
    /// those of [`Request::read_body`].
    pub fn text(&mut self) -> Result<String, HttpError> {
        let charset = Charset::of(self.header("Content-Type"))?;
        charset.decode(self.read_body()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_whatever_its_media_type() {
        let post = |media_type: &str| Request::post("/").with_header("Content-Type", media_type).with_body("größe");
        let table = [
            ("text/plain", Ok("größe")),
            ("application/x; charset=utf-8", Ok("größe")),
            ("text/plain; charset=us-ascii", Err(400)),
            ("text/plain; charset=none", Err(415)),
        ];
        for (media_type, expected) in table {
            let seen = post(media_type).text().map_err(|error| error.status().code());
            assert_eq!(seen, expected.map(str::to_owned), "{media_type}");
        }
        assert_eq!(Request::post("/").with_body("größe").text().unwrap(), "größe");
        assert!(matches!(Request::post("/").text(), Err(HttpError::LengthRequired)));
    }
}
