//! The boundary between the parts of a form.

use crate::http::parameters::Parameters;

/// The boundary in the value of `Content-Type`, if it is valid (RFC 2046 §5.1.1).
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let boundary = Parameters::of(content_type).find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?.1;
    let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    (fits && !boundary.ends_with(' ')).then_some(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_a_parameter_of_the_media_type() {
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        let table = [
            ("multipart/form-data; boundary=----WebKit1", Some("----WebKit1")),
            ("multipart/form-data;BOUNDARY=\"a b;c\"; charset=utf-8", Some("a b;c")),
            ("multipart/form-data; charset=utf-8; boundary=x", Some("x")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"x \"", None),
            ("multipart/form-data; boundary=größe", None),
            (&long, None),
        ];
        for (content_type, expected) in table {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
    }
}
