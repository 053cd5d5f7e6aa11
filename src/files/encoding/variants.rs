//! The variants of a file (siblings with the same content in a content coding, and gzip on the fly), and which one a request gets.

use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{FileType, Stat};

use super::super::embedded::EmbeddedFile;
use super::super::error::unreadable;
use super::super::lookup::{self, Found, OpenFile};
use super::super::representation::{Content, Representation};
use super::gzip::Compressor;
use crate::http::content_coding::{self, ContentCoding, Negotiated};
use crate::http::error::HttpError;
use crate::http::headers::HeaderText;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::version::Version;
use crate::storage::{FileId, RootDir};

/// The variants that a file has beside the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variants {
    siblings: Vec<Sibling>,
    /// Whether siblings are looked for.
    with_siblings: bool,
    /// Whether it may be compressed on the fly.
    compressible: bool,
}

/// A file beside the original, with the same name and the extension of a coding.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sibling {
    coding: ContentCoding,
    path: Vec<u8>,
    id: FileId,
    /// False if it is older than the original: an edit of the original must show.
    usable: bool,
}

/// One of the forms that a file can be sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The original.
    Original,
    /// The sibling in this coding.
    Sibling(ContentCoding),
    /// Gzip, made while it is sent.
    Gzipped,
}

/// The variant that a request gets, opened, and what the file cache needs to know of it.
pub(crate) struct Selected {
    /// The path of the original in its tree.
    pub(crate) path: RelativePath,
    pub(crate) representation: Representation,
    pub(crate) variant: Variant,
    pub(crate) variants: Variants,
    /// The status of the original, from before anything was read.
    pub(crate) status: Stat,
}

/// Selects the variant of a file that the request accepts (RFC 9110 §12.5.3), opens it and reads it if it is small. Siblings are
/// variants only if `with_siblings` is set.
pub(crate) fn select(
    root_dir: &RootDir,
    file: OpenFile,
    media_type: HeaderText,
    (compressor, with_siblings): (Option<&Arc<Compressor>>, bool),
    request: &Request,
    now: SystemTime,
) -> Result<Selected, HttpError> {
    let status = file.status().map_err(unreadable)?;
    let path = file.path.clone();
    let compressible = compressor.is_some_and(|compressor| compressor.suits(&media_type, file.metadata.len()));
    let variants = Variants::find(root_dir, &path.to_bytes(), &FileId::of(&status), with_siblings, compressible);
    let varies = variants.are_several();
    let mut usable = variants.clone();
    let (representation, variant) = loop {
        let variant = usable.negotiate(request)?;
        match variant {
            Variant::Original => break (read(file, media_type, now)?, variant),
            Variant::Sibling(coding) => match usable.open(root_dir, &path, coding) {
                Some(open) => break (read(open, media_type, now)?.in_coding(coding), variant),
                None => usable.siblings.retain(|sibling| sibling.coding != coding),
            },
            Variant::Gzipped => match compressor.and_then(Compressor::take_slot) {
                Some(slot) => break (read(file, media_type, now)?.gzipped(slot)?, variant),
                None => usable.compressible = false,
            },
        }
    };
    Ok(Selected { path, representation: representation.varying(varies), variant, variants, status })
}

/// Selects the variant of an embedded file that the request accepts. Embedded siblings have no age, so none counts as outdated.
pub(crate) fn select_embedded(
    file: &EmbeddedFile,
    media_type: HeaderText,
    compressor: Option<&Arc<Compressor>>,
    request: &Request,
) -> Result<Representation, HttpError> {
    let length = file.content.bytes.len() as u64;
    let mut compressible = compressor.is_some_and(|compressor| compressor.suits(&media_type, length));
    let varies = compressible || !file.siblings.is_empty();
    let representation = loop {
        match negotiate(request, file.siblings.iter().map(|(coding, _)| *coding), compressible)? {
            Variant::Original => break Representation::embedded(&file.content, media_type),
            Variant::Sibling(coding) => {
                let sibling = file.siblings.iter().find(|(of_sibling, _)| *of_sibling == coding);
                let (_, content) = sibling.expect("only codings of siblings are negotiated");
                break Representation::embedded(content, media_type).in_coding(coding);
            }
            Variant::Gzipped => {
                let original = Representation::embedded(&file.content, media_type.clone());
                if let Some(gzipped) = file.gzipped.get() {
                    break original.with_gzip(Content::Memory(Arc::clone(gzipped)));
                }
                if let Some(slot) = compressor.and_then(Compressor::take_slot) {
                    let gzipped = original.gzipped(slot)?;
                    if let Content::Memory(bytes) = gzipped.content() {
                        file.gzipped.get_or_init(|| Arc::clone(bytes));
                    }
                    break gzipped;
                }
                compressible = false;
            }
        }
    };
    Ok(representation.varying(varies))
}

/// The variant that the request's `Accept-Encoding` prefers, among the original, those stored in these codings, and gzip on the fly
/// for content that is compressible.
fn negotiate(
    request: &Request,
    stored: impl Iterator<Item = ContentCoding>,
    compressible: bool,
) -> Result<Variant, HttpError> {
    let Some(accepted) = request.header_list("Accept-Encoding") else { return Ok(Variant::Original) };
    let stored: Vec<ContentCoding> = stored.collect();
    // Without variants, the field only matters if it refuses the original.
    if stored.is_empty() && !compressible && !accepted.contains('0') {
        return Ok(Variant::Original);
    }
    if compressible && !stored.contains(&ContentCoding::Gzip) {
        let choice = content_coding::negotiate(Some(&accepted), &[stored.as_slice(), &[ContentCoding::Gzip]].concat());
        // Gzip made on the fly has no length and no ranges. A client that asks for a range, or speaks HTTP/1.0, is better served
        // with a stored variant.
        let is_fit = request.version() == Version::Http11 && request.header("Range").is_none();
        let only = || content_coding::negotiate(Some(&accepted), &stored) == Negotiated::NotAcceptable;
        if choice == Negotiated::Coded(ContentCoding::Gzip) && (is_fit || only()) {
            return Ok(Variant::Gzipped);
        }
    }
    match content_coding::negotiate(Some(&accepted), &stored) {
        Negotiated::Identity => Ok(Variant::Original),
        Negotiated::Coded(coding) => Ok(Variant::Sibling(coding)),
        Negotiated::NotAcceptable => Err(HttpError::NotAcceptable),
    }
}

fn read(open: OpenFile, media_type: HeaderText, now: SystemTime) -> Result<Representation, HttpError> {
    Representation::read(open.file, open.metadata, media_type, now)
}

impl Variants {
    /// The variants of the file at this path.
    pub(crate) fn find(
        root_dir: &RootDir,
        path: &[u8],
        original: &FileId,
        with_siblings: bool,
        compressible: bool,
    ) -> Self {
        let is_coded = |coding: ContentCoding| path.ends_with(coding.extension().as_bytes());
        if !with_siblings || ContentCoding::ALL.into_iter().any(is_coded) {
            return Self { siblings: Vec::new(), with_siblings, compressible };
        }
        let sibling = |coding: ContentCoding| {
            let path = [path, coding.extension().as_bytes()].concat();
            let status = root_dir.status(&path).ok()?;
            let id = FileId::of(&status);
            let usable = !id.is_older_than(original);
            let is_file = FileType::from_raw_mode(status.st_mode).is_file();
            is_file.then_some(Sibling { coding, path, id, usable })
        };
        let siblings = ContentCoding::ALL.into_iter().filter_map(sibling).collect();
        Self { siblings, with_siblings, compressible }
    }

    /// Whether the siblings of the file at this path are still the same.
    pub(crate) fn are_current(&self, root_dir: &RootDir, path: &[u8], original: &FileId) -> bool {
        *self == Self::find(root_dir, path, original, self.with_siblings, self.compressible)
    }

    /// Whether the response depends on what the client accepts.
    pub(crate) fn are_several(&self) -> bool {
        self.compressible || !self.siblings.is_empty()
    }

    /// The variant that the request's `Accept-Encoding` prefers.
    pub(crate) fn negotiate(&self, request: &Request) -> Result<Variant, HttpError> {
        let usable = self.siblings.iter().filter(|sibling| sibling.usable).map(|sibling| sibling.coding);
        negotiate(request, usable, self.compressible)
    }

    /// The path of the sibling in this coding, and its id.
    pub(crate) fn sibling(&self, coding: ContentCoding) -> Option<(&[u8], &FileId)> {
        let sibling = self.siblings.iter().find(|sibling| sibling.coding == coding)?;
        Some((&sibling.path, &sibling.id))
    }

    /// Opens the sibling in this coding, if it is unchanged.
    fn open(&self, root_dir: &RootDir, path: &RelativePath, coding: ContentCoding) -> Option<OpenFile> {
        let (_, id) = self.sibling(coding)?;
        match lookup::find(root_dir, &path.with_extension(coding.extension())) {
            Ok(Found::File(file)) if FileId::of(&file.status().ok()?) == *id => Some(file),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::files::Files;
    use crate::handler::IntoResponse as _;
    use crate::http::response::Response;

    /// Writes a file and gives it an age.
    fn write(path: &Path, content: &str, age: u64) {
        fs::write(path, content).unwrap();
        File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }

    /// What a request with these fields gets, once each way: read anew, and from what was kept before.
    fn get(files: &Files, path: &str, fields: &[(&str, &str)]) -> [Response; 3] {
        let later = SystemTime::now() + Duration::from_secs(10);
        [later, later, later].map(|now| {
            let request =
                fields.iter().fold(Request::get(path), |request, (name, value)| request.with_header(name, value));
            files.respond(&request, now).into_response(&request)
        })
    }

    #[test]
    fn each_client_gets_the_variant_that_it_accepts() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        write(&at("a.css"), "as it is", 60);
        write(&at("a.css.br"), "brotli", 50);
        write(&at("a.css.gz"), "gzip", 40);
        write(&at("plain.css"), "plain", 60);
        let files = Files::new(root.path());
        let table = [
            (None, 200, "as it is", None),
            (Some("gzip, deflate, br, zstd"), 200, "brotli", Some("br")),
            (Some("gzip, deflate"), 200, "gzip", Some("gzip")),
            (Some("zstd"), 200, "as it is", None),
            (Some("br;q=0.1, gzip;q=0.2"), 200, "gzip", Some("gzip")),
            (Some("br;q=0.1, identity"), 200, "as it is", None),
            (Some("identity;q=0, zstd"), 406, "There is no content in a coding that the request accepts.", None),
        ];
        let originals_only = Files::new(root.path()).precompressed(false);
        for mut response in get(&originals_only, "/a.css", &[("Accept-Encoding", "gzip, br")]) {
            assert_eq!(response.header("Vary"), None);
            assert_eq!(response.read_text().unwrap(), "as it is");
        }
        let mut etags = Vec::new();
        // Twice, so that each is kept while others are asked for.
        for (accepted, status, body, coding) in table.into_iter().chain(table) {
            let fields: Vec<_> = accepted.map(|accepted| ("Accept-Encoding", accepted)).into_iter().collect();
            for mut response in get(&files, "/a.css", &fields) {
                assert_eq!((response.status().code(), response.header("Content-Encoding")), (status, coding));
                assert_eq!(response.read_text().unwrap(), body, "{accepted:?}");
                assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{accepted:?}");
                if status == 200 {
                    assert_eq!(response.header("Content-Type"), Some("text/css; charset=utf-8"));
                    etags.push((response.header("ETag").unwrap().to_owned(), coding));
                }
            }
        }
        etags.sort();
        etags.dedup();
        assert_eq!(etags.len(), 3, "one for each variant: {etags:?}");
        for response in get(&files, "/plain.css", &[("Accept-Encoding", "gzip, br")]) {
            assert_eq!((response.header("Vary"), response.header("Content-Encoding")), (None, None));
        }
        for response in get(&files, "/plain.css", &[("Accept-Encoding", "identity;q=0, br")]) {
            assert_eq!((response.status().code(), response.header("Vary")), (406, Some("Accept-Encoding")));
        }
    }

    #[test]
    fn every_response_has_vary_and_ranges_apply_to_the_variant() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("f.txt"), "0123456789", 60);
        write(&root.path().join("f.txt.gz"), "compressed", 50);
        let files = Files::new(root.path());
        let gzip = ("Accept-Encoding", "gzip");
        let etag_of = |fields: &[(&str, &str)]| get(&files, "/f.txt", fields)[0].header("ETag").unwrap().to_owned();
        let (plain, coded) = (etag_of(&[]), etag_of(&[gzip]));
        let range = ("Range", "bytes=0-3");
        let table: [(&[(&str, &str)], u16, &str); 9] = [
            (&[range], 206, "0123"),
            (&[gzip, range], 206, "comp"),
            (&[gzip, range, ("If-Range", &coded)], 206, "comp"),
            (&[gzip, range, ("If-Range", &plain)], 200, "compressed"),
            (&[gzip, ("If-None-Match", &coded)], 304, ""),
            (&[gzip, ("If-None-Match", &plain)], 200, "compressed"),
            (&[("If-None-Match", &plain)], 304, ""),
            (&[gzip, ("If-Match", &plain)], 412, "A precondition of the request does not hold."),
            (&[gzip, ("Range", "bytes=10-")], 416, "The range lies outside the 10 bytes of the content."),
        ];
        for (fields, status, body) in table {
            for mut response in get(&files, "/f.txt", fields) {
                assert_eq!(response.status().code(), status, "{fields:?}");
                assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{fields:?}");
                assert_eq!(response.read_text().unwrap(), body, "{fields:?}");
            }
        }
    }

    #[test]
    fn an_edit_of_the_original_shows_despite_an_older_variant() {
        let root = tempfile::tempdir().unwrap();
        let (path, variant) = (root.path().join("f.txt"), root.path().join("f.txt.gz"));
        let files = Files::new(root.path());
        let ask =
            || get(&files, "/f.txt", &[("Accept-Encoding", "gzip")]).map(|mut answer| answer.read_text().unwrap());
        write(&path, "1", 60);
        write(&variant, "one", 60);
        assert_eq!(ask(), ["one"; 3]);
        write(&path, "2", 50);
        assert_eq!(ask(), ["2"; 3], "the variant is of what was there before");
        write(&variant, "two", 40);
        fs::rename(&variant, root.path().join("new")).unwrap();
        fs::rename(root.path().join("new"), &variant).unwrap();
        let files = Files::new(root.path());
        let ask =
            || get(&files, "/f.txt", &[("Accept-Encoding", "gzip")]).map(|mut answer| answer.read_text().unwrap());
        assert_eq!(ask(), ["two"; 3]);
        write(&variant, "again", 30);
        assert_eq!(ask(), ["again"; 3], "an edit of the variant shows too");
        fs::remove_file(&variant).unwrap();
        assert_eq!(ask(), ["2"; 3]);
    }

    #[test]
    fn a_variant_that_appears_is_noticed_within_a_second() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("f.txt");
        write(&path, "1", 60);
        let files = Files::new(root.path());
        let at = |seconds: u64| {
            let now = SystemTime::now() + Duration::from_secs(seconds);
            let request = Request::get("/f.txt").with_header("Accept-Encoding", "gzip");
            files.respond(&request, now).unwrap().read_text().unwrap()
        };
        assert_eq!([at(10), at(10)], ["1", "1"]);
        write(&root.path().join("f.txt.gz"), "one", 50);
        assert_eq!([at(12), at(12)], ["one", "one"]);
    }

    #[test]
    fn only_regular_files_inside_the_root_are_variants() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        write(&outer.path().join("secret"), "secret", 10);
        for name in ["a", "b", "c", "d.gz"] {
            write(&root.join(name), name, 60);
        }
        fs::create_dir(root.join("a.gz")).unwrap();
        symlink("../secret", root.join("b.gz")).unwrap();
        symlink("nowhere", root.join("c.gz")).unwrap();
        write(&root.join("d.gz.gz"), "twice", 10);
        let files = Files::new(&root);
        for name in ["a", "b", "c", "d.gz"] {
            for mut response in get(&files, &format!("/{name}"), &[("Accept-Encoding", "gzip")]) {
                assert_eq!(response.read_text().unwrap(), name);
                assert_eq!(response.header("Content-Encoding"), None);
            }
        }
    }

    #[test]
    fn a_time_in_whole_seconds_is_not_older_within_its_second() {
        let id = |seconds: i64, nanoseconds: i64| FileId::with_time(seconds, nanoseconds);
        let table = [
            ((5, 7), (5, 7), false, "the same"),
            ((5, 8), (5, 7), false, "newer"),
            ((5, 6), (5, 7), true, "older"),
            ((5, 0), (5, 7), false, "the same, cut to the second"),
            ((4, 0), (5, 7), true, "older, to the second"),
        ];
        for ((a, b), (c, d), older, why) in table {
            assert_eq!(id(a, b).is_older_than(&id(c, d)), older, "{why}");
        }
    }
}
