//! What people call a file of a media type, in a word or two, and the icon that goes with it.

/// The name of a type of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    pub(super) name: &'static str,
    pub(super) icon: Icon,
}

/// The icon in front of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Icon {
    Archive,
    Audio,
    Code,
    Document,
    File,
    Image,
    Pdf,
    Spreadsheet,
    Text,
    Video,
}

impl Icon {
    /// The class that `listing.css` draws the icon for: a letter, because each row has one. A file has none.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Archive => "z",
            Self::Audio => "a",
            Self::Code => "c",
            Self::Document => "w",
            Self::File => "",
            Self::Image => "i",
            Self::Pdf => "p",
            Self::Spreadsheet => "x",
            Self::Text => "n",
            Self::Video => "v",
        }
    }
}

/// What a file of this name and media type, given without parameters, is called.
pub(super) fn type_name(file: &[u8], essence: &str) -> TypeName {
    let found = if essence == "application/octet-stream" { by_extension(file) } else { known(essence) };
    let (name, icon) = found.unwrap_or_else(|| by_family(essence));
    TypeName { name, icon }
}

/// Files that are sent as bytes of no known media type, but are known to people.
fn by_extension(file: &[u8]) -> Option<(&'static str, Icon)> {
    let Some(dot) = file.iter().rposition(|byte| *byte == b'.') else {
        return TEXTS.iter().any(|text| file.eq_ignore_ascii_case(text)).then_some(("Text", Icon::Text));
    };
    let table = [
        ("db", ("Database", Icon::Spreadsheet)),
        ("dmg", ("Disk image", Icon::Archive)),
        ("exe", ("Program", Icon::File)),
        ("img", ("Disk image", Icon::Archive)),
        ("iso", ("Disk image", Icon::Archive)),
        ("msi", ("Program", Icon::File)),
        ("psd", ("Image", Icon::Image)),
        ("qcow2", ("Disk image", Icon::Archive)),
        ("sqlite", ("Database", Icon::Spreadsheet)),
        ("zst", ("Zstandard archive", Icon::Archive)),
    ];
    table.into_iter().find_map(|(known, found)| file[dot + 1..].eq_ignore_ascii_case(known.as_bytes()).then_some(found))
}

/// Names of texts that have no extension.
const TEXTS: [&[u8]; 7] = [b"AUTHORS", b"CHANGELOG", b"COPYING", b"LICENSE", b"Makefile", b"NOTICE", b"README"];

fn known(essence: &str) -> Option<(&'static str, Icon)> {
    Some(match essence {
        "application/pdf" => ("PDF", Icon::Pdf),

        "application/msword"
        | "application/vnd.ms-word.document.macroEnabled.12"
        | "application/vnd.ms-word.template.macroEnabled.12"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.template" => {
            ("Word document", Icon::Document)
        }
        "application/vnd.ms-powerpoint"
        | "application/vnd.ms-powerpoint.presentation.macroEnabled.12"
        | "application/vnd.ms-powerpoint.slideshow.macroEnabled.12"
        | "application/vnd.ms-powerpoint.template.macroEnabled.12"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation"
        | "application/vnd.openxmlformats-officedocument.presentationml.slideshow"
        | "application/vnd.openxmlformats-officedocument.presentationml.template"
        | "application/vnd.oasis.opendocument.presentation"
        | "application/vnd.oasis.opendocument.presentation-template" => ("Presentation", Icon::Document),
        "application/vnd.ms-excel"
        | "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
        | "application/vnd.ms-excel.sheet.macroEnabled.12"
        | "application/vnd.ms-excel.template.macroEnabled.12"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.template"
        | "application/vnd.oasis.opendocument.spreadsheet"
        | "application/vnd.oasis.opendocument.spreadsheet-template" => ("Spreadsheet", Icon::Spreadsheet),
        "text/csv" | "text/tab-separated-values" => ("Table", Icon::Spreadsheet),
        "application/vnd.oasis.opendocument.text"
        | "application/vnd.oasis.opendocument.text-master"
        | "application/vnd.oasis.opendocument.text-template"
        | "application/rtf"
        | "text/richtext"
        | "text/rtf" => ("Document", Icon::Document),
        "application/vnd.oasis.opendocument.graphics" | "application/vnd.visio" => ("Drawing", Icon::Image),
        "application/epub+zip" | "application/x-mobipocket-ebook" => ("E-book", Icon::Document),
        "application/postscript" => ("PostScript", Icon::Document),

        "application/zip" | "application/x-zip-compressed" => ("ZIP archive", Icon::Archive),
        "application/x-tar" | "application/x-gtar" | "application/x-ustar" => ("Tar archive", Icon::Archive),
        "application/gzip" | "application/x-gzip" => ("Gzip archive", Icon::Archive),
        "application/x-7z-compressed" => ("7-Zip archive", Icon::Archive),
        "application/vnd.rar" | "application/x-rar-compressed" => ("RAR archive", Icon::Archive),
        "application/x-bzip" | "application/x-bzip2" => ("Bzip2 archive", Icon::Archive),
        "application/x-xz" => ("XZ archive", Icon::Archive),
        "application/zstd" => ("Zstandard archive", Icon::Archive),
        "application/x-compress" | "application/x-compressed" | "application/x-lzh-compressed" => {
            ("Archive", Icon::Archive)
        }
        "application/java-archive" => ("Java archive", Icon::Archive),
        "application/vnd.android.package-archive" => ("Android app", Icon::Archive),
        "application/x-debian-package" | "application/x-rpm" | "application/x-redhat-package-manager" => {
            ("Package", Icon::Archive)
        }
        "application/x-iso9660-image" | "application/x-apple-diskimage" => ("Disk image", Icon::Archive),
        "application/x-msdownload" | "application/x-msdos-program" | "application/x-msi" => ("Program", Icon::File),
        "application/wasm" => ("WebAssembly", Icon::File),
        "application/x-bittorrent" => ("Torrent", Icon::File),

        "image/jpeg" => ("JPEG image", Icon::Image),
        "image/png" | "image/apng" => ("PNG image", Icon::Image),
        "image/gif" => ("GIF image", Icon::Image),
        "image/webp" => ("WebP image", Icon::Image),
        "image/avif" => ("AVIF image", Icon::Image),
        "image/heic" | "image/heif" => ("HEIC image", Icon::Image),
        "image/svg+xml" => ("SVG image", Icon::Image),
        "image/tiff" => ("TIFF image", Icon::Image),
        "image/bmp" | "image/x-ms-bmp" => ("BMP image", Icon::Image),
        "image/x-icon" | "image/vnd.microsoft.icon" => ("Icon", Icon::Image),

        "text/html" | "application/xhtml+xml" => ("Web page", Icon::Code),
        "text/markdown" | "text/x-markdown" => ("Markdown", Icon::Text),
        "text/calendar" => ("Calendar", Icon::Text),
        "text/vcard" | "text/x-vcard" => ("Contact", Icon::Text),
        "text/vtt" | "application/x-subrip" => ("Subtitles", Icon::Text),
        "text/css" | "text/less" | "text/x-sass" | "text/x-scss" | "text/stylus" => ("Style sheet", Icon::Code),
        "text/javascript" | "application/javascript" | "application/x-javascript" => ("JavaScript", Icon::Code),
        "text/xml" | "application/xml" => ("XML", Icon::Code),
        "application/json" | "application/json5" | "application/x-ndjson" => ("JSON", Icon::Code),
        "text/x-yaml" | "application/yaml" => ("YAML", Icon::Code),
        "text/x-toml" | "application/toml" => ("TOML", Icon::Code),
        "application/x-sh" | "application/x-csh" => ("Shell script", Icon::Code),
        "application/sql" | "application/x-sql" => ("SQL", Icon::Code),
        "text/x-c" | "text/x-rust" | "text/x-lua" | "text/x-pascal" | "text/x-fortran" | "text/x-java-source"
        | "text/x-python" | "text/coffeescript" => ("Source code", Icon::Code),
        "application/font-woff"
        | "application/font-sfnt"
        | "application/x-font-ttf"
        | "application/vnd.ms-fontobject" => ("Font", Icon::File),
        _ => return None,
    })
}

/// The name that the top-level type and the suffix give (RFC 6838 §4.2).
fn by_family(essence: &str) -> (&'static str, Icon) {
    let (top_level, subtype) = essence.split_once('/').unwrap_or((essence, ""));
    match top_level {
        "image" => ("Image", Icon::Image),
        "audio" => ("Audio", Icon::Audio),
        "video" => ("Video", Icon::Video),
        "text" => ("Text", Icon::Text),
        "font" => ("Font", Icon::File),
        "model" => ("3D model", Icon::File),
        _ if subtype.ends_with("+json") => ("JSON", Icon::Code),
        _ if subtype.ends_with("+xml") => ("XML", Icon::Code),
        _ if subtype.ends_with("+zip") => ("ZIP archive", Icon::Archive),
        _ => ("File", Icon::File),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::media_types::MediaTypes;
    use crate::http::media_type;

    #[test]
    fn files_have_the_names_that_people_use() {
        let table = [
            ("letter.doc", "Word document", Icon::Document),
            ("letter.docx", "Word document", Icon::Document),
            ("letter.docm", "Word document", Icon::Document),
            ("letter.odt", "Document", Icon::Document),
            ("letter.rtf", "Document", Icon::Document),
            ("budget.xls", "Spreadsheet", Icon::Spreadsheet),
            ("budget.xlsx", "Spreadsheet", Icon::Spreadsheet),
            ("budget.ods", "Spreadsheet", Icon::Spreadsheet),
            ("budget.csv", "Table", Icon::Spreadsheet),
            ("talk.pptx", "Presentation", Icon::Document),
            ("talk.odp", "Presentation", Icon::Document),
            ("form.pdf", "PDF", Icon::Pdf),
            ("book.epub", "E-book", Icon::Document),
            ("holiday.jpg", "JPEG image", Icon::Image),
            ("holiday.JPEG", "JPEG image", Icon::Image),
            ("holiday.png", "PNG image", Icon::Image),
            ("holiday.webp", "WebP image", Icon::Image),
            ("holiday.heic", "HEIC image", Icon::Image),
            ("logo.svg", "SVG image", Icon::Image),
            ("film.mp4", "Video", Icon::Video),
            ("film.mkv", "Video", Icon::Video),
            ("film.mov", "Video", Icon::Video),
            ("song.mp3", "Audio", Icon::Audio),
            ("song.flac", "Audio", Icon::Audio),
            ("all.zip", "ZIP archive", Icon::Archive),
            ("all.tar", "Tar archive", Icon::Archive),
            ("all.tar.gz", "Gzip archive", Icon::Archive),
            ("all.tgz", "Archive", Icon::Archive),
            ("all.tar.xz", "XZ archive", Icon::Archive),
            ("all.tar.bz2", "Bzip2 archive", Icon::Archive),
            ("all.7z", "7-Zip archive", Icon::Archive),
            ("all.rar", "RAR archive", Icon::Archive),
            ("photo.PSD", "Image", Icon::Image),
            ("all.tar.zst", "Zstandard archive", Icon::Archive),
            ("all.iso", "Disk image", Icon::Archive),
            ("app.apk", "Android app", Icon::Archive),
            ("setup.exe", "Program", Icon::File),
            ("setup.msi", "Program", Icon::File),
            ("README", "Text", Icon::Text),
            ("notes.txt", "Text", Icon::Text),
            ("server.log", "Text", Icon::Text),
            ("notes.md", "Markdown", Icon::Text),
            ("index.html", "Web page", Icon::Code),
            ("style.css", "Style sheet", Icon::Code),
            ("app.js", "JavaScript", Icon::Code),
            ("data.json", "JSON", Icon::Code),
            ("data.geojson", "JSON", Icon::Code),
            ("data.xml", "XML", Icon::Code),
            ("feed.rss", "XML", Icon::Code),
            ("data.yaml", "YAML", Icon::Code),
            ("Cargo.toml", "TOML", Icon::Code),
            ("main.rs", "Source code", Icon::Code),
            ("install.sh", "Shell script", Icon::Code),
            ("trip.ics", "Calendar", Icon::Text),
            ("film.srt", "Subtitles", Icon::Text),
            ("face.woff2", "Font", Icon::File),
            ("face.ttf", "Font", Icon::File),
            ("cube.obj", "File", Icon::File),
            ("cube.gltf", "3D model", Icon::File),
            ("data.bin", "File", Icon::File),
            ("unknown", "File", Icon::File),
        ];
        for (file, name, icon) in table {
            let media_type = MediaTypes::default().of(file.as_bytes());
            let expected = TypeName { name, icon };
            assert_eq!(type_name(file.as_bytes(), media_type::essence(&media_type)), expected, "{file}: {media_type}");
        }
    }

    #[test]
    fn no_media_type_has_a_long_name() {
        let strange = ["", "/", "text", "a/b", "image/", "application/vnd.oma.dd2+xml", "video/x;y", "\u{fffd}/+zip"];
        for essence in strange {
            assert!((3..=12).contains(&type_name(b"x.iso", essence).name.len()), "{essence}");
        }
    }
}
