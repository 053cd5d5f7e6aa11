//! The names of uploaded files: the client's, made safe to store under.

/// The most bytes of a file name.
const MAX_BYTES: usize = 255;

/// The name of a file if nothing is left of the client's.
const DEFAULT_NAME: &str = "upload";

/// Makes a file name from the one that the client sent, which must not be trusted (RFC 7578 §4.2): the last component
/// of what may be a path of any operating system, without control characters, without leading dots or white space, at
/// most 255 bytes.
pub(crate) fn sanitize(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or(sent);
    let plain: String = last.chars().filter(|c| !c.is_control()).collect();
    let name = plain.trim_start_matches(|c: char| c == '.' || c.is_whitespace()).trim_end();
    if name.is_empty() { DEFAULT_NAME.into() } else { fit(name, "") }
}

/// The name with a number, to distinguish files of the same name: `photo (1).jpg`. Number 0 gives the name itself.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    if number == 0 { name.into() } else { fit(name, &format!(" ({number})")) }
}

/// The name with `mark` before its extension, shortened before the mark if it would be too long.
fn fit(name: &str, mark: &str) -> String {
    // Text after a dot is not an extension if it is longer than this.
    const MAX_EXTENSION: usize = 32;
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= MAX_EXTENSION).unwrap_or(name.len());
    let (stem, extension) = name.split_at(dot);
    let room = MAX_BYTES - mark.len() - extension.len();
    let kept = (0..=room.min(stem.len())).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{mark}{extension}", &stem[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path::{RelativePath, encode_segment};

    #[test]
    fn any_name_is_made_safe_to_store_under() {
        let long = "ö".repeat(200) + ".jpeg";
        let cut = "ö".repeat(125) + ".jpeg";
        let endless = "x".repeat(300);
        let table = [
            ("photo.jpg", "photo.jpg"),
            ("größe 😀.txt", "größe 😀.txt"),
            ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
            ("/etc/passwd", "passwd"),
            ("../../up.txt", "up.txt"),
            ("..\\..\\up.txt", "up.txt"),
            ("..", "upload"),
            (".", "upload"),
            ("", "upload"),
            ("dir/", "upload"),
            ("   ", "upload"),
            ("...", "upload"),
            (".htaccess", "htaccess"),
            (". .profile", "profile"),
            (".hearken-0123456789abcdef", "hearken-0123456789abcdef"),
            ("a\0b\r\nc\u{7f}\u{85}.txt", "abc.txt"),
            (" a b .txt ", "a b .txt"),
            ("a%2fb.txt", "a%2fb.txt"),
            ("%2e%2e", "%2e%2e"),
            ("a:b*c?\"<>|", "a:b*c?\"<>|"),
            ("tar.gz.", "tar.gz."),
            (&long, &cut),
            (&endless, &endless[..255]),
        ];
        for (sent, expected) in table {
            let name = sanitize(sent);
            assert_eq!(name, expected, "{sent:?}");
            assert!(
                RelativePath::parse_for_writing(&format!("/{}", encode_segment(name.as_bytes()))).is_ok(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn numbers_are_added_before_the_extension() {
        let longest = "x".repeat(251) + ".jpg";
        let table = [
            ("photo.jpg", 0, "photo.jpg".to_owned()),
            ("photo.jpg", 1, "photo (1).jpg".to_owned()),
            ("photo", 12, "photo (12)".to_owned()),
            ("a.tar.gz", 2, "a.tar (2).gz".to_owned()),
            (&longest, 10, "x".repeat(246) + " (10).jpg"),
        ];
        for (name, number, expected) in table {
            assert_eq!(numbered(name, number), expected);
        }
    }
}
