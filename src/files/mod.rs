//! The file service: `GET` and `HEAD` of what is below one directory or several.

mod answer;
#[cfg(feature = "archive")]
mod archive;
#[cfg(test)]
mod bounds;
mod budget;
mod cache_headers;
#[cfg(feature = "compress")]
mod compress;
#[cfg(not(feature = "compress"))]
#[path = "no_compress.rs"]
mod compress;
pub(crate) mod file_body;
mod file_cache;
mod listing;
mod lookup;
pub(crate) mod media_types;
mod order;
mod page;
mod pieces;
#[cfg(feature = "archive")]
#[cfg(test)]
mod properties;
mod representation;
mod scan;
mod variants;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Error;
use crate::handler::Handler;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::storage::root_dir::Sandbox;

use answer::Standing;
use budget::Budget;
use cache_headers::Labels;
use compress::Compressor;
use file_cache::KeptFiles;
use lookup::Found;
use media_types::MediaTypes;

/// Serves the files of a directory, or of several laid over each other.
///
/// A directory is answered by its index file, or else with a listing: HTML, or JSON for those who ask for it by
/// `Accept: application/json` or `?format=json`. One named without its slash is redirected to. Files are sent as they are
/// read, with `Last-Modified` and `ETag`; conditional requests (RFC 9110 §13) and ranges (§14) are answered. A file beside
/// another one with its name and `.br`, `.zst` or `.gz`, and not older, is sent in its place to clients that accept that
/// coding (§12.5.3). `?download` has a file saved rather than shown (RFC 6266). Names that start with a dot are hidden.
/// Symbolic links may lead to other places inside the directory, never out of it. Fifos, sockets and devices get 403. What is
/// not there is answered with the directory's `404.html`, if it has one. Methods other than `GET` and `HEAD` get 405.
///
/// ```no_run
/// use hearken::{Files, Server};
///
/// let server = Server::bind("127.0.0.1:8080")?.serve(Files::new("www"))?;
/// server.join();
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct Files {
    roots: Vec<Root>,
    indexes: Vec<String>,
    listing: bool,
    archive: bool,
    upload_form: bool,
    hidden: bool,
    follow_links: bool,
    single_page: bool,
    labels: Labels,
    media_types: Arc<MediaTypes>,
    compressor: Option<Arc<Compressor>>,
    budget: Arc<Budget>,
}

struct Root {
    sandbox: Arc<Sandbox>,
    /// Whether visitors put files there, which must not act as ours.
    uploads: bool,
    kept: KeptFiles,
}

impl Files {
    /// Serves this directory. It need not be there yet. When the path comes to name another one, as where it is a symbolic link
    /// that is swapped, that one is served within a second.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let files = Self {
            roots: Vec::new(),
            indexes: vec!["index.html".into()],
            listing: true,
            archive: false,
            upload_form: false,
            hidden: false,
            follow_links: false,
            single_page: false,
            labels: Labels::new(),
            media_types: Arc::default(),
            compressor: None,
            budget: Budget::of_process(),
        };
        files.overlay(root)
    }

    /// Serves what is found in none of the directories before from this one. A directory that several of them have is
    /// listed once, with the entries of all.
    #[must_use]
    pub fn overlay(mut self, directory: impl Into<PathBuf>) -> Self {
        let mut sandbox = Sandbox::new(directory);
        sandbox.follow_links(self.follow_links);
        self.roots.push(Root { sandbox: sandbox.into(), uploads: false, kept: KeptFiles::default() });
        self
    }

    /// Serves what is found in none of the directories before from this one, as files that visitors put there: with
    /// `Content-Security-Policy: sandbox`, so that an uploaded page cannot act as one of the site's own. Links out of it are
    /// never followed, its `404.html` is no page for what is not there, and its index files answer only for directories that
    /// no other directory has.
    ///
    /// A directory that is served already is served so from now on: which of its files visitors put there, nobody knows.
    #[must_use]
    pub fn with_uploads(mut self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        if let Some(root) = self.roots.iter_mut().find(|root| is_same(root.sandbox.path(), &directory)) {
            root.uploads = true;
            Arc::get_mut(&mut root.sandbox).expect("nobody else has it before anything is served").follow_links(false);
            return self;
        }
        let sandbox = Sandbox::new(directory).into();
        self.roots.push(Root { sandbox, uploads: true, kept: KeptFiles::default() });
        self
    }

    /// The names of the files that answer for their directory; the first one that is there does. Defaults to
    /// `["index.html"]`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when one is no file's name: empty, a dot or two, or with a slash or a NUL byte.
    pub fn index<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Result<Self, Error> {
        self.indexes = names.into_iter().map(Into::into).collect();
        match self.indexes.iter().find(|name| matches!(&***name, "" | "." | "..") || name.contains(['/', '\0'])) {
            Some(name) => Err(Error::Setting(format!("{name:?} is not a file's name"))),
            None => Ok(self),
        }
    }

    /// Whether a directory without an index file is answered with a listing; 404 otherwise. Defaults to true.
    #[must_use]
    pub fn listing(mut self, listing: bool) -> Self {
        self.listing = listing;
        self
    }

    /// Whether `?download=tar` gives a directory and all below it as a tar archive, be there an index file or not. What is
    /// hidden is left out, and so are symbolic links to directories; one to a file becomes the file. Where directories are
    /// not listed there are no archives either. Defaults to false: 403.
    #[cfg(feature = "archive")]
    #[must_use]
    pub fn archive(mut self, archive: bool) -> Self {
        self.archive = archive;
        self
    }

    /// Whether listings have a form to upload files, for [`WriteFile::with_forms`](crate::WriteFile::with_forms) to take.
    /// Defaults to false.
    #[must_use]
    pub fn upload_form(mut self, upload_form: bool) -> Self {
        self.upload_form = upload_form;
        self
    }

    /// Whether names that start with a dot are served and listed. Defaults to false.
    #[must_use]
    pub fn include_hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// Whether symbolic links may lead out of the directories, those of uploads apart. Defaults to false.
    #[must_use]
    pub fn follow_links(mut self, follow: bool) -> Self {
        self.follow_links = follow;
        for root in self.roots.iter_mut().filter(|root| !root.uploads) {
            let sandbox = Arc::get_mut(&mut root.sandbox).expect("nobody else has it before anything is served");
            sandbox.follow_links(follow);
        }
        self
    }

    /// Whether unknown paths whose last segment has no dot are answered with the index file at `/`, as applications want
    /// that do their own routing in the browser. Defaults to false.
    #[must_use]
    pub fn single_page(mut self, single_page: bool) -> Self {
        self.single_page = single_page;
        self
    }

    /// The value of `Cache-Control` for files; an empty one is not sent. Defaults to `no-cache`: clients keep what they got,
    /// and ask each time whether it has changed.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when it holds a control character.
    pub fn cache_control(mut self, value: impl Into<String>) -> Result<Self, Error> {
        self.labels.set_cache_control(value.into())?;
        Ok(self)
    }

    /// Whether files with a hash of their content in the name, such as `app.3f9a1c2b.js`, may be kept for a year without
    /// asking again. Defaults to false.
    #[must_use]
    pub fn immutable(mut self, immutable: bool) -> Self {
        self.labels.set_immutable(immutable);
        self
    }

    /// The media type of files with this extension, in place of the known one. An extension that has none is
    /// `application/octet-stream`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when the extension is empty or holds a slash, or the media type is not of the form `type/subtype`.
    pub fn media_type(mut self, extension: &str, media_type: &str) -> Result<Self, Error> {
        let types = Arc::get_mut(&mut self.media_types).expect("nobody else has it before anything is served");
        types.set(extension, media_type)?;
        Ok(self)
    }

    /// Whether listings, and text files of more than 1 KiB, are compressed for clients that accept gzip and for which there is
    /// no better variant. At most half of the processors compress at a time; while many answers are being compressed already, further
    /// ones are sent as they are. Such an answer has no parts: to a request for a range, the file is sent as it is.
    /// Defaults to false.
    #[cfg(feature = "compress")]
    #[must_use]
    pub fn compress(mut self, compress: bool) -> Self {
        self.compressor = compress.then(|| Arc::new(Compressor::new()));
        self
    }

    /// The answer with the file at this path, such as `/index.html`, whatever the request's own path and method are; the
    /// request's conditions and range are respected.
    ///
    /// # Errors
    ///
    /// [`HttpError::NotFound`] when there is no such file, and what reading it fails with.
    pub fn file(&self, path: &str, request: &Request) -> Result<Response, HttpError> {
        let path =
            RelativePath::parse(path).map_err(|error| HttpError::internal(format!("{path}: {}", error.explain())))?;
        match self.find(&path)? {
            Standing::File(root, file) => {
                let (name, now) = (file.name.clone(), SystemTime::now());
                let file = self.prepare(root, &path, file, request, now)?;
                Ok(self.label(root, representation::answer(file.representation, request, now)?, &name))
            }
            _ => Err(HttpError::NotFound),
        }
    }

    /// Whether something that visitors did not put there is at this path.
    pub fn owns(&self, path: &RelativePath) -> bool {
        let stands = |root: &Root| !matches!(lookup::resolve(&root.sandbox, path), Ok(Found::Nothing));
        self.roots.iter().filter(|root| !root.uploads).any(stands)
    }

    /// How many files are kept in memory.
    #[cfg(test)]
    fn cached(&self) -> usize {
        self.roots.iter().map(|root| root.kept.count()).sum()
    }
}

/// Whether two paths name the same directory, as far as they name one yet.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        self.answer(request, SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use crate::http::method::Method;
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::handler::answer;

    fn site() -> tempfile::TempDir {
        let site = tempfile::tempdir().unwrap();
        let path = site.path();
        fs::create_dir_all(path.join("www/sub")).unwrap();
        fs::create_dir_all(path.join("www/empty")).unwrap();
        fs::create_dir_all(path.join("data")).unwrap();
        fs::write(path.join("www/index.html"), "<p>index").unwrap();
        fs::write(path.join("www/sub/index.html"), "<p>sub").unwrap();
        fs::write(path.join("www/a b.txt"), "0123456789").unwrap();
        fs::write(path.join("www/.secret"), "secret").unwrap();
        fs::write(path.join("www/raw.unknown-type"), "").unwrap();
        fs::write(path.join("data/up.html"), "<script>").unwrap();
        fs::write(path.join("data/index.html"), "shadowed").unwrap();
        site
    }

    fn files(site: &tempfile::TempDir) -> Files {
        Files::new(site.path().join("www")).with_uploads(site.path().join("data"))
    }

    #[test]
    fn paths_are_answered_by_what_is_there() {
        let site = site();
        let files = files(&site);
        let table = [
            ("/", 200, "<p>index"),
            ("/index.html", 200, "<p>index"),
            ("/sub/", 200, "<p>sub"),
            ("/sub", 301, ""),
            ("/a%20b.txt", 200, "0123456789"),
            ("/a%20b.txt/", 404, "Not found: GET, /a b.txt/"),
            ("/a%20b.txt/x", 404, "Not found: GET, /a b.txt/x"),
            ("/missing", 404, "Not found: GET, /missing"),
            ("/.secret", 404, "Not found: GET, /.secret"),
            ("/up.html", 200, "<script>"),
            ("/../data/up.html", 400, "Bad request: the path holds a dot segment."),
            ("//up.html", 301, ""),
            ("//", 301, ""),
            ("/%00", 400, "Bad request: the path holds an encoded slash or a NUL byte."),
        ];
        for (target, status, body) in table {
            let mut response = answer(&files, &mut Request::get(target));
            assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (status, body), "{target}");
        }
    }

    #[test]
    fn media_types_carry_a_charset_where_they_are_text() {
        let site = site();
        let files = files(&site);
        for (target, media_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/a%20b.txt", "text/plain; charset=utf-8"),
            ("/raw.unknown-type", "application/octet-stream"),
        ] {
            assert_eq!(answer(&files, &mut Request::get(target)).header("Content-Type"), Some(media_type), "{target}");
        }
    }

    #[test]
    fn a_redirect_keeps_the_query_and_the_host() {
        let site = site();
        let files = files(&site);
        let response = answer(&files, &mut Request::get("/sub?a=b%20c"));
        assert_eq!(response.header("Location"), Some("/sub/?a=b%20c"));
        let response = answer(&files, &mut Request::get("//sub?a=//b"));
        assert_eq!(response.header("Location"), Some("/sub?a=//b"), "not a way to another host");
    }

    #[test]
    fn uploads_cannot_act_as_the_site() {
        let site = site();
        let files = files(&site);
        let response = answer(&files, &mut Request::get("/up.html"));
        assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(response.header("Content-Security-Policy"), Some("sandbox"));
        assert_eq!(answer(&files, &mut Request::get("/")).header("Content-Security-Policy"), None);
        assert!(files.owns(&RelativePath::parse("/index.html").unwrap()));
        assert!(!files.owns(&RelativePath::parse("/up.html").unwrap()));
    }

    #[test]
    fn a_directory_that_visitors_write_to_is_theirs_though_it_is_the_site() {
        let site = site();
        let www = site.path().join("www");
        let files = Files::new(&www).with_uploads(www.join("../www")).index(["none"]).unwrap().upload_form(true);
        for _ in 0..3 {
            let response = answer(&files, &mut Request::get("/index.html"));
            assert_eq!(response.header("Content-Security-Policy"), Some("sandbox"));
        }
        assert!(!files.owns(&RelativePath::parse("/index.html").unwrap()));
        let listing = answer(&files, &mut Request::get("/empty/")).read_text().unwrap();
        assert!(listing.contains("enctype=\"multipart/form-data\""));
        let listing = answer(&files.upload_form(false), &mut Request::get("/empty/")).read_text().unwrap();
        assert!(!listing.contains("multipart"));
    }

    #[test]
    fn other_methods_are_not_allowed() {
        let site = site();
        let response = answer(&files(&site), &mut Request::new(Method::Post, "/"));
        assert_eq!((response.status().code(), response.header("Allow")), (405, Some("GET, HEAD")));
    }

    #[test]
    fn listings_can_be_turned_off_and_hidden_files_on() {
        let site = site();
        assert_eq!(answer(&files(&site), &mut Request::get("/empty/")).status().code(), 200);
        assert_eq!(answer(&files(&site).listing(false), &mut Request::get("/empty/")).status().code(), 404);
        assert_eq!(answer(&files(&site).include_hidden(true), &mut Request::get("/.secret")).status().code(), 200);
        let mut other = answer(&files(&site).index(["a b.txt"]).unwrap(), &mut Request::get("/"));
        assert_eq!(other.read_text().unwrap(), "0123456789");
    }

    #[test]
    fn conditions_and_ranges_are_answered() {
        let site = site();
        // Old enough for a strong entity tag.
        let file = fs::File::open(site.path().join("www/a b.txt")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let files = files(&site);
        let get = |fields: &[(&str, &str)]| {
            let request = fields.iter().fold(Request::get("/a%20b.txt"), |r, (name, value)| r.with_header(name, value));
            let mut request = request;
            answer(&files, &mut request)
        };
        let whole = get(&[]);
        let etag = whole.header("ETag").unwrap().to_owned();
        let modified = whole.header("Last-Modified").unwrap().to_owned();
        assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
        assert_eq!(whole.content_length(), Some(10));

        let cases: [(&[(&str, &str)], u16, &str, Option<&str>); 10] = [
            (&[("If-None-Match", &etag)], 304, "", None),
            (&[("If-Modified-Since", &modified)], 304, "", None),
            (&[("If-None-Match", "\"other\"")], 200, "0123456789", None),
            (&[("If-Match", "\"other\"")], 412, "A precondition of the request does not hold.", None),
            (&[("Range", "bytes=2-4")], 206, "234", Some("bytes 2-4/10")),
            (&[("Range", "bytes=-3")], 206, "789", Some("bytes 7-9/10")),
            (&[("Range", "bytes=10-")], 416, "The range lies outside the 10 bytes of the content.", Some("bytes */10")),
            (&[("Range", "bytes=2-4"), ("If-Range", &etag)], 206, "234", Some("bytes 2-4/10")),
            (&[("Range", "bytes=2-4"), ("If-Range", "\"other\"")], 200, "0123456789", None),
            (&[("Range", "bytes=2-4"), ("If-None-Match", &etag)], 304, "", None),
        ];
        for (fields, status, body, content_range) in cases {
            let mut response = get(fields);
            assert_eq!(response.status().code(), status, "{fields:?}");
            assert_eq!(response.header("Content-Range"), content_range, "{fields:?}");
            if status == 304 {
                let names: Vec<_> = response.headers().iter().map(|(name, _)| name).collect();
                assert_eq!(names, ["ETag", "Cache-Control"], "beside Date (RFC 9110 §15.4.5)");
            }
            assert_eq!(response.read_text().unwrap(), body, "{fields:?}");
        }
    }
}
