//! `Files`: how the file service is set up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::cache_headers::CacheHeaders;
use super::changes::Changes;
use super::embedded::EmbeddedTree;
#[cfg(feature = "compress")]
use super::encoding::gzip::Compressor;
use super::file_cache::FileCache;
use super::listing::budget::Budget;
use super::lookup::{Root, Roots, Tree};
use super::search::Searches;
use super::service::FileService;
use super::upload_limit::UploadLimit;
use crate::error::Error;
use crate::handler::{Handler, IntoResponse as _};
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::storage::RootDir;

/// Serves the files of a directory, files that are part of the program, or several of these laid over each other.
///
/// A directory is answered with its index file, else with a listing: HTML, or JSON for `Accept: application/json` or
/// `?format=json`; with `?search=TEXT`, of what is found below it. A directory named without its slash is redirected to. Files
/// are streamed, with `Last-Modified` and `ETag`; conditional requests (RFC 9110 §13) and ranges (§14) are honoured. Where a file
/// has a sibling with the same name and `.br`, `.zst` or `.gz` that is not older, clients that accept that coding get the sibling
/// (§12.5.3). With `?download` a browser saves the file instead of showing it (RFC 6266); other values than `tar` are a 400.
/// Names that start with a dot are hidden. Symbolic links may lead to other places inside the directory, never out of it. Fifos,
/// sockets and devices get 403. A missing path gets the directory's `404.html`, if there is one. Methods other than `GET` and
/// `HEAD` get 405.
///
/// ```no_run
/// use hearken::{Files, Server};
///
/// let server = Server::bind("127.0.0.1:8080")?.serve(Files::new("www"))?;
/// server.join();
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct Files {
    service: FileService,
    follow_links: bool,
}

impl Files {
    /// Serves this directory, which need not exist yet. When the path later names another directory, as when a symbolic link is
    /// swapped, that one is served within a second.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::without_root().overlay(root)
    }

    /// Serves files that are part of the program: the path of each, such as `css/style.css`, and its bytes. Several roots are
    /// combined as directories are: see [`Files::overlay_embedded`].
    ///
    /// An embedded file is served as a file on disk is, but without the file system, and from where its bytes are in the program. Its
    /// entity tag is made from the bytes: clients keep their copy until a program with other bytes is started. There is no
    /// `Last-Modified`. The parts of a path are directories, with index files and redirects. Listings and archives leave out embedded
    /// files, so that a directory without an index file that is in no root on disk gets 404. A sibling with `.br`, `.zst` or `.gz` is
    /// sent to clients that accept that coding: embed it together with its original.
    ///
    /// ```standalone_crate
    /// use hearken::{Files, Request, Router};
    ///
    /// let files = Files::embedded([
    ///     ("index.html", include_bytes!("../../www/index.html")),
    ///     ("css/style.css", include_bytes!("../../www/style.css")),
    /// ]);
    /// let app = Router::new().nest("/ui", files);
    /// let page = app.respond(&mut Request::get("/ui/"));
    /// assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    /// let part = app.respond(&mut Request::get("/ui/css/style.css").with_header("Range", "bytes=0-99"));
    /// assert_eq!((part.status().code(), part.content_length()), (206, Some(100)));
    /// ```
    ///
    /// # Panics
    ///
    /// If a path is empty, starts or ends with a slash, has an empty segment, a dot segment or a NUL byte, or is longer than a path of a
    /// request may be; if it is given twice; or if it is also the directory of another file, as `a` beside `a/b`. The message names
    /// the path.
    pub fn embedded<const N: usize>(files: [(&str, &'static [u8]); N]) -> Self {
        Self::without_root().overlay_embedded(&files)
    }

    /// The service without a root.
    fn without_root() -> Self {
        let service = FileService {
            roots: Arc::new(Roots { roots: Vec::new(), index_names: vec!["index.html".into()], include_hidden: false }),
            listing: true,
            title: None,
            #[cfg(feature = "markdown")]
            readme: false,
            archive: false,
            upload_form: false,
            upload_limit: None,
            changes: Changes::default(),
            single_page: false,
            cache_headers: CacheHeaders::default(),
            media_types: Arc::default(),
            compressor: None,
            precompressed: true,
            budget: Budget::of_process(),
            searches: Searches::of_process(),
            cache: FileCache::default(),
        };
        Self { service, follow_links: false }
    }

    /// Adds a directory behind the ones before: its files are served where the others have none. A directory that several of them
    /// have is listed once, with the entries of all.
    #[must_use]
    pub fn overlay(self, directory: impl Into<PathBuf>) -> Self {
        let mut root_dir = RootDir::new(directory);
        root_dir.follow_links(self.follow_links);
        self.add(Tree::Disk(root_dir.into()), false)
    }

    /// Adds files that are part of the program, as those of [`Files::embedded`], behind the roots before. The list may be made at run
    /// time.
    ///
    /// ```
    /// use hearken::{Files, Handler, Request};
    ///
    /// let built_in = [("theme.css", "body { color: navy }".as_bytes()), ("logo.svg", b"<svg/>")];
    /// // A file in the directory `custom` replaces the embedded one of the same path.
    /// let files = Files::new("custom").overlay_embedded(&built_in);
    /// assert_eq!(files.handle(&mut Request::get("/theme.css")).read_text().unwrap(), "body { color: navy }");
    ///
    /// // The other way round, the directory only adds files. This list is made at run time.
    /// let list: Vec<(&str, &'static [u8])> = built_in.into_iter().filter(|(path, _)| path.ends_with(".css")).collect();
    /// let files = Files::embedded([]).overlay_embedded(&list).overlay("more");
    /// assert_eq!(files.handle(&mut Request::get("/logo.svg")).status().code(), 404);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Files::embedded`].
    #[must_use]
    pub fn overlay_embedded(self, files: &[(&str, &'static [u8])]) -> Self {
        self.add(Tree::Embedded(EmbeddedTree::new(files)), false)
    }

    /// The roots, to change them.
    fn roots(&mut self) -> &mut Roots {
        Arc::get_mut(&mut self.service.roots).expect("nobody else has them before anything is served")
    }

    fn add(mut self, tree: Tree, uploads: bool) -> Self {
        self.roots().roots.push(Root { tree, uploads });
        self
    }

    /// Adds a directory of uploads behind the ones before. Its files are sent with `Content-Security-Policy: sandbox`, so that an
    /// uploaded page cannot act as one of the site's own. Only audio, video, raster images, PDF and plain text go without it, so that
    /// browsers play and show them; their media type alone decides. Links never lead out of it, its `404.html` is not used, and its index
    /// files count only in directories that no other root has.
    ///
    /// If the directory is served already, it becomes a directory of uploads: its uploads cannot be told from other files.
    #[must_use]
    pub fn with_uploads(mut self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        for Root { tree, uploads } in &mut self.roots().roots {
            if let Tree::Disk(root_dir) = tree
                && is_same(root_dir.path(), &directory)
            {
                *uploads = true;
                exclusive(root_dir).follow_links(false);
                return self;
            }
        }
        self.add(Tree::Disk(RootDir::new(directory).into()), true)
    }

    /// The names of index files; the first one that exists is served for its directory. Defaults to `["index.html"]`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when one is not a file name: empty, `.` or `..`, or with a slash or a NUL byte.
    pub fn index<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Result<Self, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        match names.iter().find(|name| matches!(&***name, "" | "." | "..") || name.contains(['/', '\0'])) {
            Some(name) => Err(Error::Setting(format!("{name:?} is not a file's name"))),
            None => {
                self.roots().index_names = names;
                Ok(self)
            }
        }
    }

    /// Whether a directory without an index file is listed; if not, it gets 404. Defaults to true.
    #[must_use]
    pub fn listing(mut self, listing: bool) -> Self {
        self.service.listing = listing;
        self
    }

    /// The name of the site: the title of listings, and what they call the root. Defaults to none, as does an empty name: the title
    /// is `Index of` and the path, and the root is called `Home`.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.service.title = Some(title.into()).filter(|title| !title.is_empty()).map(Into::into);
        self
    }

    /// Whether a listing shows the `README.md`, `README.txt` or `README` of its directory below the table, the first that exists.
    /// Markdown becomes HTML with nothing active in it: markup of the author's own is left out, links are relative, `http`, `https`
    /// or `mailto`, and images are those of this server. One in a directory of uploads is never shown. Defaults to false. Needs
    /// the feature `markdown`.
    #[cfg(feature = "markdown")]
    #[must_use]
    pub fn readme(mut self, readme: bool) -> Self {
        self.service.readme = readme;
        self
    }

    /// Whether `?download=tar` gives a directory and everything below it as a tar archive, whether or not it has an index file.
    /// Hidden names and symbolic links to directories are left out; a link to a file becomes the file. Without listings there are no
    /// archives either. Defaults to false: 403. Needs the feature `archive`.
    #[cfg(feature = "archive")]
    #[must_use]
    pub fn archive(mut self, archive: bool) -> Self {
        self.service.archive = archive;
        self
    }

    /// Whether listings have forms to upload files and to create a directory, which [`WriteFile::forms`](crate::WriteFile::forms)
    /// accepts. Defaults to false.
    #[must_use]
    pub fn upload_form(mut self, upload_form: bool) -> Self {
        self.service.upload_form = upload_form;
        self
    }

    /// Says in listings, beside the form to upload files, how long an upload may be. The function is called for each listing with such
    /// a form; `None` means that there is no limit to speak of. Defaults to saying nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use hearken::{Files, UploadLimit, WriteFile};
    ///
    /// let writer = Arc::new(WriteFile::new("uploads").forms(true).max_total(1_000_000_000));
    /// let room = Arc::clone(&writer);
    /// let files = Files::new("www")
    ///     .with_uploads("uploads")
    ///     .upload_form(true)
    ///     .upload_limit(move || room.room().map(|room| UploadLimit::new(room.bytes)));
    /// ```
    #[must_use]
    pub fn upload_limit(mut self, limit: impl Fn() -> Option<UploadLimit> + Send + Sync + 'static) -> Self {
        self.service.upload_limit = Some(Box::new(limit));
        self
    }

    /// Whether listings lead from each text file of at most 1 MiB among the uploads to a page in which it is edited, `?edit=NAME` of its
    /// directory. The page saves it by `PUT`, which [`WriteFile::put`](crate::WriteFile::put) accepts. Defaults to false.
    #[must_use]
    pub fn edit_form(mut self, edit_form: bool) -> Self {
        self.service.changes.edit = edit_form;
        self
    }

    /// Whether listings lead from each file and directory among the uploads to a page that asks whether it is to be deleted,
    /// `?delete=NAME` of its directory. The page has a form that [`WriteFile::forms`](crate::WriteFile::forms) accepts together with
    /// [`WriteFile::delete`](crate::WriteFile::delete). Defaults to false.
    #[must_use]
    pub fn delete_form(mut self, delete_form: bool) -> Self {
        self.service.changes.delete = delete_form;
        self
    }

    /// The uploads that are offered neither for editing nor for deleting: those at the paths for which `is_excepted` is true, such as
    /// those that [`WriteFile::except`](crate::WriteFile::except) is given. Defaults to none.
    #[must_use]
    pub fn except_from_forms(mut self, is_excepted: impl Fn(&RelativePath) -> bool + Send + Sync + 'static) -> Self {
        self.service.changes.except = Some(Arc::new(is_excepted));
        self
    }

    /// Whether names that start with a dot are served and listed. Defaults to false.
    #[must_use]
    pub fn include_hidden(mut self, hidden: bool) -> Self {
        self.roots().include_hidden = hidden;
        self
    }

    /// Whether symbolic links may lead out of the directories, except those of uploads. Defaults to false.
    #[must_use]
    pub fn follow_links(mut self, follow: bool) -> Self {
        self.follow_links = follow;
        for root in self.roots().roots.iter_mut().filter(|root| !root.uploads) {
            if let Tree::Disk(root_dir) = &mut root.tree {
                exclusive(root_dir).follow_links(follow);
            }
        }
        self
    }

    /// Whether unknown paths whose last segment has no dot get the index file at `/`, for applications that route in the browser.
    /// Defaults to false.
    #[must_use]
    pub fn single_page(mut self, single_page: bool) -> Self {
        self.service.single_page = single_page;
        self
    }

    /// The value of `Cache-Control` for files; an empty one is not sent. Defaults to `no-cache`: clients keep their copy and
    /// revalidate it for each use.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when the value holds a control character.
    pub fn cache_control(mut self, value: impl Into<String>) -> Result<Self, Error> {
        self.service.cache_headers.set_default(value.into())?;
        Ok(self)
    }

    /// Whether clients may keep files with a content hash in the name, such as `app.3f9a1c2b.js`, for a year without revalidating
    /// them. Defaults to false.
    #[must_use]
    pub fn immutable(mut self, immutable: bool) -> Self {
        self.service.cache_headers.set_immutable(immutable);
        self
    }

    /// The media type of files with this extension, in place of the known one. A file with an unknown extension, or without one, is
    /// `text/plain` if its first 4 KiB are text in UTF-8, else `application/octet-stream`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when the extension is empty or holds a slash, or the media type is not of the form `type/subtype`.
    pub fn media_type(mut self, extension: &str, media_type: &str) -> Result<Self, Error> {
        let types = Arc::get_mut(&mut self.service.media_types).expect("nobody else has it before anything is served");
        types.set(extension, media_type)?;
        Ok(self)
    }

    /// Whether a file on disk is sent as the file beside it that has the same name and the extension of a coding, such as `app.js.br`
    /// for `app.js`, to clients that accept the coding. Whoever can write to the directory then decides what they get. Defaults to
    /// true.
    #[must_use]
    pub fn precompressed(mut self, precompressed: bool) -> Self {
        self.service.precompressed = precompressed;
        self
    }

    /// Whether listings, and text files of more than 1 KiB, are compressed for clients that accept gzip and for which there is no
    /// better stored variant. At most half of the processors compress at a time; while many responses are being compressed,
    /// further ones are sent uncompressed. A compressed response has no ranges: a request for one gets the file uncompressed.
    /// Defaults to false. Needs the feature `compress`.
    #[cfg(feature = "compress")]
    #[must_use]
    pub fn compress(mut self, compress: bool) -> Self {
        self.service.compressor = compress.then(|| Arc::new(Compressor::new()));
        self
    }

    /// The response with the file at this path, whatever path and method the request has. The request's conditions and range are
    /// honoured.
    ///
    /// ```
    /// use hearken::{Files, HttpError, Request, RelativePath, Response, Router};
    ///
    /// let files = Files::new("reports");
    /// let app = Router::new().get("/reports/{year}/{*path}", move |request| -> Result<Response, HttpError> {
    ///     files.file(&request.param_path("path")?, request)
    /// });
    /// let status = |target: &str| app.respond(&mut Request::get(target)).status().code();
    /// assert_eq!((status("/reports/2024/missing.txt"), status("/reports/2024/%2e%2e/secret")), (404, 400));
    ///
    /// let pages = Files::new("www");
    /// let front = RelativePath::parse("/index.html")?;
    /// let app = Router::new().get("/", move |request| pages.file(&front, request));
    /// # Ok::<(), hearken::PathError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::NotFound`] when there is no such file, and the error when the file cannot be read.
    pub fn file(&self, path: &RelativePath, request: &Request) -> Result<Response, HttpError> {
        self.service.respond_with(path, request)
    }

    /// Whether the site itself, and not an upload, has something at this path.
    pub fn owns(&self, path: &RelativePath) -> bool {
        self.service.roots.owns(path)
    }

    /// The response to a request that arrived at this time.
    pub(super) fn respond(&self, request: &Request, now: SystemTime) -> Result<Response, HttpError> {
        self.service.respond(request, now)
    }

    /// How many files the cache holds.
    #[cfg(test)]
    pub(super) fn cached(&self) -> usize {
        self.service.cache.count()
    }

    #[cfg(test)]
    pub(super) fn set_budget(&mut self, budget: Arc<Budget>) {
        self.service.budget = budget;
    }

    #[cfg(test)]
    pub(super) fn set_searches(&mut self, searches: Arc<Searches>) {
        self.service.searches = searches;
    }
}

/// The directory of a root, to change its settings.
fn exclusive(root_dir: &mut Arc<RootDir>) -> &mut RootDir {
    Arc::get_mut(root_dir).expect("nobody else has it before anything is served")
}

/// Whether two paths name the same directory, as far as they name one yet.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Response {
        self.respond(request, SystemTime::now()).into_response(request)
    }
}
