//! Media types (RFC 9110 §8.3.1): `type/subtype` and parameters.

use super::headers;
use super::parameters::Parameters;

/// The type and subtype, without parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or("").trim_matches([' ', '\t'])
}

/// Whether the parameters name a charset.
pub(crate) fn has_charset(media_type: &str) -> bool {
    charset(media_type).is_some()
}

/// The charset that the parameters name (RFC 9110 §8.3.2).
pub(crate) fn charset(media_type: &str) -> Option<String> {
    Parameters::of(media_type).find(|(name, _)| name.eq_ignore_ascii_case("charset")).map(|(_, value)| value)
}

/// Whether the text is a type and a subtype, with or without parameters, and valid as the value of a field.
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_essence = essence(text).split_once('/').is_some_and(|(a, b)| headers::is_token(a) && headers::is_token(b));
    is_essence && headers::is_field_value(text) && text.trim() == text
}

/// Whether a browser only shows content of this media type: audio, video, raster images, PDF and plain text. Nothing in it acts in the
/// origin that it comes from, provided that `X-Content-Type-Options: nosniff` keeps the browser from guessing another type.
///
/// Everything else is active, or has to be taken for it: HTML; XML, which browsers find in every type that ends with `+xml`, and
/// which may be XHTML, SVG or have a style sheet that makes it HTML; and what browsers may learn to run. PDF documents may hold
/// scripts, but the browsers that run them keep them apart from the site, without a way to send a request to it.
pub(crate) fn is_passive(media_type: &str) -> bool {
    // Of types between commas, browsers take the last one (Fetch, "extract a MIME type").
    if media_type.contains(',') {
        return false;
    }
    let essence = essence(media_type).to_ascii_lowercase();
    let Some((main, sub)) = essence.split_once('/') else { return false };
    match main {
        // No media format has a structured syntax suffix (RFC 6838 §4.2.8).
        "audio" | "video" => headers::is_token(sub) && !sub.contains('+') && sub != "xml",
        "image" => RASTER_IMAGES.contains(&sub),
        _ => matches!(&*essence, "application/pdf" | "text/plain"),
    }
}

/// The subtypes of `image` that are pixels, and nothing that a browser could run.
const RASTER_IMAGES: [&str; 18] = [
    "apng",
    "avif",
    "avif-sequence",
    "bmp",
    "gif",
    "heic",
    "heic-sequence",
    "heif",
    "heif-sequence",
    "jp2",
    "jpeg",
    "jpg",
    "jxl",
    "png",
    "tiff",
    "vnd.microsoft.icon",
    "webp",
    "x-icon",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passive_types_are_media_raster_images_pdf_and_plain_text() {
        let table = [
            ("audio/mpeg", true),
            ("audio/x-wav", true),
            ("video/mp4", true),
            ("Video/WebM; codecs=\"vp8\"", true),
            ("image/png", true),
            ("IMAGE/PNG;a=b", true),
            ("image/jpeg", true),
            ("image/gif", true),
            ("image/webp", true),
            ("image/avif", true),
            ("image/bmp", true),
            ("image/x-icon", true),
            ("image/vnd.microsoft.icon", true),
            ("application/pdf", true),
            ("text/plain", true),
            ("Text/Plain ; charset=utf-8", true),
            ("text/plain; charset=ISO-8859-1", true),
            // What browsers run.
            ("text/html", false),
            ("text/html; charset=utf-8", false),
            ("application/xhtml+xml", false),
            ("application/xml", false),
            ("text/xml", false),
            ("text/xsl", false),
            ("image/svg+xml", false),
            ("application/mathml+xml", false),
            ("multipart/related", false),
            ("multipart/x-mixed-replace; boundary=a", false),
            ("message/rfc822", false),
            ("text/javascript", false),
            ("application/x-shockwave-flash", false),
            ("application/wasm", false),
            // What they might.
            ("audio/x+xml", false),
            ("video/x+XML", false),
            ("video/xml", false),
            ("audio/x+html", false),
            ("image/png+xml", false),
            ("image/x-unknown", false),
            ("text/css", false),
            ("text/markdown", false),
            ("application/json", false),
            ("application/octet-stream", false),
            ("application/x-pdf", false),
            ("multipart/byteranges; boundary=a", false),
            // The last one counts, for browsers.
            ("text/plain, text/html", false),
            ("text/plain;,text/html", false),
            ("video/mp4; a=\"b,text/html\"", false),
            ("text/plain/html", false),
            ("video/", false),
            ("video/a b", false),
            ("video", false),
            ("/plain", false),
            ("", false),
        ];
        for (media_type, expected) in table {
            assert_eq!(is_passive(media_type), expected, "{media_type:?}");
        }
    }

    #[test]
    fn the_essence_is_split_from_the_parameters() {
        let table = [
            ("text/html", "text/html", None),
            ("text/html; charset=utf-8", "text/html", Some("utf-8")),
            ("text/html \t;Charset=\"utf-8\"; charset=b", "text/html", Some("utf-8")),
            ("text/html; a=\"b; charset=x\"", "text/html", None),
            ("text/html; charset", "text/html", None),
            (" text/html;", "text/html", None),
            ("", "", None),
            (";charset=a", "", Some("a")),
        ];
        for (media_type, expected, named) in table {
            assert_eq!((essence(media_type), charset(media_type).as_deref()), (expected, named), "{media_type:?}");
            assert_eq!(has_charset(media_type), named.is_some(), "{media_type:?}");
        }
    }

    #[test]
    fn media_types_are_two_tokens_with_or_without_parameters() {
        for good in ["text/plain", "text/plain; charset=utf-8", "image/svg+xml", "application/vnd.api+json;a=\"b c\""] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "text", "text/", "/plain", "text /plain", "a/b/c", "text/plain\r\nX: y", " text/plain", "a/b; "]
        {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }
}
