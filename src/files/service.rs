//! The response to a `GET` or `HEAD`: turns what lookup finds into a file, a listing, an archive, a redirect, or a 404 page.

use std::sync::Arc;
use std::time::SystemTime;

use crate::handler::IntoResponse as _;
use crate::http::conditional::Conditions;
use crate::http::content_disposition;
use crate::http::error::HttpError;
use crate::http::media_type;
use crate::http::method::Method;
use crate::http::path::{PathError, RelativePath, encode_segment};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::storage::RootDir;

#[cfg(feature = "archive")]
use super::archive;
use super::cache_headers::CacheHeaders;
use super::changes::{self, Changes, Controls};
use super::embedded::EmbeddedFile;
use super::encoding::gzip::Compressor;
use super::encoding::variants::{self, Selected};
use super::error::unreadable;
use super::file_cache::FileCache;
use super::listing::budget::Budget;
use super::listing::entries::ScanTarget;
#[cfg(feature = "markdown")]
use super::listing::readme::ReadmeRules;
use super::listing::toolbar::Offers;
use super::listing::{self, PageParts};
use super::lookup::{FoundFile, Layers, Lookup, OpenFile, Root, Roots};
use super::media_types::MediaTypes;
use super::representation::{self, Representation};
use super::search::{self, Query, Searches, Target};
use super::upload_limit::UploadLimit;

/// The file service, as its builder has set it up.
pub(super) struct FileService {
    pub(super) roots: Arc<Roots>,
    /// Whether directories without an index file are listed.
    pub(super) listing: bool,
    /// The name of the site, for the pages of listings.
    pub(super) title: Option<Arc<str>>,
    /// Whether listings show the README of their directory.
    #[cfg(feature = "markdown")]
    pub(super) readme: bool,
    /// Whether directories are given as archives.
    pub(super) archive: bool,
    /// Whether listings have a form to upload files.
    pub(super) upload_form: bool,
    /// How long an upload may be, for the form.
    pub(super) upload_limit: Option<Box<dyn Fn() -> Option<UploadLimit> + Send + Sync>>,
    /// What listings offer to change.
    pub(super) changes: Changes,
    /// Whether unknown paths get the index file at `/`.
    pub(super) single_page: bool,
    pub(super) cache_headers: CacheHeaders,
    pub(super) media_types: Arc<MediaTypes>,
    pub(super) compressor: Option<Arc<Compressor>>,
    /// Whether files on disk may be sent as the compressed files beside them.
    pub(super) precompressed: bool,
    pub(super) budget: Arc<Budget>,
    pub(super) searches: Arc<Searches>,
    /// Files of the first root on disk only: those of another one would be hidden by a file that appears in a root before it.
    /// Embedded roots do not count, because nothing appears in them.
    pub(super) cache: FileCache,
}

/// A `GET` or `HEAD` that is being answered.
struct Get<'a> {
    request: &'a Request,
    conditions: Conditions,
    now: SystemTime,
}

/// What the parameter `download` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Download {
    /// Nothing: it is absent.
    No,
    /// To save the file instead of showing it.
    File,
    /// The directory as a tar archive.
    Archive,
    /// What there is not, such as a zip archive.
    Unknown,
}

/// The site's own page for a 404.
const NOT_FOUND_PAGE: &str = "404.html";

impl FileService {
    /// The response to a request that came at this time.
    pub(super) fn respond(&self, request: &Request, now: SystemTime) -> Result<Response, HttpError> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(HttpError::MethodNotAllowed((&[Method::Get, Method::Head]).into()));
        }
        if request.is_mount_without_slash() {
            return Ok(redirect(&RelativePath::root(), "/", request));
        }
        let get = Get { request, conditions: Conditions::of(request, now), now };
        if let Some((root, representation)) = self.cached(&get) {
            return self.send(root, representation, &get);
        }
        let path = match RelativePath::parse(request.encoded_path()) {
            Err(PathError::EmptySegment) => return redirect_to_single_slashes(request),
            path => path?,
        };
        let download = Download::of(request);
        if download == Download::Archive && path.is_directory() && !self.roots.hides(&path) {
            return self.archive(&path, &get)?.map_or_else(|| self.not_found(&path, &get), Ok);
        }
        match self.roots.lookup(&path).map_err(unreadable)? {
            Lookup::File(..) | Lookup::Directory(_) if download == Download::Unknown => Err(unknown_download()),
            Lookup::File(root, file) => self.file(root, file, download != Download::No, &get),
            Lookup::Directory(layers) if self.listing => self.list(path, layers, request),
            Lookup::MissingSlash => Ok(redirect(&path, "/", request)),
            Lookup::Forbidden => Err(HttpError::Forbidden),
            Lookup::Directory(_) | Lookup::NotFound => self.not_found(&path, &get),
        }
    }

    /// The response with the file at this path, whatever the request's own path is.
    pub(super) fn respond_with(&self, path: &RelativePath, request: &Request) -> Result<Response, HttpError> {
        let now = SystemTime::now();
        let get = Get { request, conditions: Conditions::of(request, now), now };
        match self.roots.lookup(path).map_err(unreadable)? {
            Lookup::File(root, file) => self.send(root, self.represent(file, &get)?, &get),
            _ => Err(HttpError::NotFound),
        }
    }

    /// What the file cache has for the request. A query does not change what a file holds, but may ask for a download.
    fn cached(&self, get: &Get<'_>) -> Option<(&Root, Representation)> {
        let has_download = |query: &str| query.contains("download") || query.contains('%');
        if get.request.encoded_query().is_some_and(has_download) {
            return None;
        }
        let (root, root_dir) = self.cached_root()?;
        Some((root, self.cache.find(root_dir, get.request, get.now)?))
    }

    /// The root whose files are cached, and its directory.
    fn cached_root(&self) -> Option<(&Root, &RootDir)> {
        self.roots.roots.iter().find_map(|root| Some((root, &**root.tree.root_dir()?)))
    }

    /// The response with a file that was looked up by the request's path.
    fn file(&self, root: &Root, file: FoundFile<'_>, download: bool, get: &Get<'_>) -> Result<Response, HttpError> {
        let name = file.name().to_vec();
        let representation = match file {
            FoundFile::Disk(root_dir, file) => {
                let selected = self.select(root_dir, file, get)?;
                let is_cached = self.cached_root().is_some_and(|(cached, _)| std::ptr::eq(root, cached));
                if is_cached && self.stays_first_choice(root, &selected.path, get.request) {
                    self.cache.keep(get.request.encoded_path(), &selected, get.now);
                }
                selected.representation
            }
            FoundFile::Embedded(file) => self.represent_embedded(file, get)?,
        };
        let response = self.send(root, representation, get)?;
        let has_content = matches!(response.status(), Status::OK | Status::PARTIAL_CONTENT);
        Ok(if download && has_content {
            response.with_header("Content-Disposition", content_disposition::attachment(&name))
        } else {
            response
        })
    }

    /// Whether no other index file could take the place of this file for the same request, and whether an uploaded index file cannot
    /// stop counting because another root gets its directory.
    fn stays_first_choice(&self, root: &Root, file: &RelativePath, request: &Request) -> bool {
        let is_first = |name: &[u8]| self.roots.index_names.first().is_some_and(|first| first.as_bytes() == name);
        let always_counts = !root.uploads || !self.roots.has_own_directories();
        !request.encoded_path().ends_with('/')
            || (always_counts && file.segments().last().is_some_and(|name| is_first(name)))
    }

    /// The response for a path that names nothing: the page of a single-page application, the site's 404 page, or an error.
    fn not_found(&self, path: &RelativePath, get: &Get<'_>) -> Result<Response, HttpError> {
        let has_extension = path.segments().last().is_some_and(|name| name.contains(&b'.'));
        if self.single_page
            && !has_extension
            && !self.roots.hides(path)
            && let Lookup::File(root, file) = self.roots.lookup(&RelativePath::root()).map_err(unreadable)?
        {
            let page = self.represent(file, get)?;
            return self.send(root, page.with_cache_control(self.cache_headers.of_any()), get);
        }
        let page = RelativePath::root().join(NOT_FOUND_PAGE.as_bytes());
        let file = self.roots.own_file(&page).ok_or(HttpError::NotFound)?;
        let media_type = self.media_types.of(file.name());
        let page = match file {
            FoundFile::Disk(_, file) => Representation::read(file.file, file.metadata, media_type, get.now)?,
            FoundFile::Embedded(file) => Representation::embedded(&file.content, media_type),
        };
        Ok(page.with_cache_control(self.cache_headers.of_any()).into_whole().with_status(Status::NOT_FOUND))
    }

    /// The variant of a file that the request accepts.
    fn represent(&self, file: FoundFile<'_>, get: &Get<'_>) -> Result<Representation, HttpError> {
        match file {
            FoundFile::Disk(root_dir, file) => Ok(self.select(root_dir, file, get)?.representation),
            FoundFile::Embedded(file) => self.represent_embedded(file, get),
        }
    }

    /// The variant of an embedded file that the request accepts.
    fn represent_embedded(&self, file: &EmbeddedFile, get: &Get<'_>) -> Result<Representation, HttpError> {
        let media_type = self.media_types.of_bytes(file.name(), file.content.bytes);
        let cache_control = self.cache_headers.of(file.name());
        let selected = variants::select_embedded(file, media_type, self.compressor.as_ref(), get.request)?;
        Ok(selected.with_cache_control(cache_control))
    }

    /// The variant of a file on disk that the request accepts.
    fn select(&self, root_dir: &RootDir, file: OpenFile, get: &Get<'_>) -> Result<Selected, HttpError> {
        let media_type = self.media_types.of_file(file.name(), &file.file).map_err(unreadable)?;
        let cache_control = self.cache_headers.of(file.name());
        let Get { request, now, .. } = *get;
        let codings = (self.compressor.as_ref(), self.precompressed);
        let mut selected = variants::select(root_dir, file, media_type, codings, request, now)?;
        selected.representation = selected.representation.with_cache_control(cache_control);
        Ok(selected)
    }

    /// The response with this representation, and with the field that keeps uploads from acting as the site's own files.
    ///
    /// Uploads that only show something go without it: in a sandbox a document has an origin of its own, and browsers fetch the parts
    /// of a video from the origin of its document. `X-Content-Type-Options`, which every file has, keeps them what they are.
    ///
    /// No sandbox holds a service worker, which would answer for the whole site. If a site once had one, browsers ask for its script
    /// again for years, and an upload could take the place of a script that the site has given up.
    fn send(&self, root: &Root, file: Representation, get: &Get<'_>) -> Result<Response, HttpError> {
        // Service Workers, Appendix B: browsers send this field with the script, and no page can.
        if root.uploads && get.request.header("Service-Worker").is_some() {
            return Err(HttpError::forbidden("an upload cannot be a service worker"));
        }
        let varies = file.varies();
        let mut response = representation::respond(file, &get.conditions, get.now);
        if varies {
            // RFC 9110 §12.5.5: every response, also an error, depends on what the client accepts.
            let any = response.unwrap_or_else(|error| error.into_response(get.request));
            response = Ok(any.with_added_header("Vary", "Accept-Encoding"));
        }
        let response = response?;
        if response.status() == Status::NOT_MODIFIED {
            // The other fields stay with what the client has kept (RFC 9110 §15.4.5).
            return Ok(response);
        }
        let is_passive = response.header("Content-Type").is_some_and(media_type::is_passive);
        let needs_sandbox = root.uploads && !is_passive;
        Ok(if needs_sandbox { response.with_header("Content-Security-Policy", "sandbox") } else { response })
    }

    fn list(&self, path: RelativePath, layers: Layers, request: &Request) -> Result<Response, HttpError> {
        if let Some(page) = changes::respond(&self.changes, &self.roots, &path, request) {
            return page;
        }
        if let Some(search) = search::of(request) {
            return self.search(search?, path, layers, request);
        }
        let controls = Controls::new(&self.changes, &self.roots, &path);
        let (hidden, connection) = (self.roots.include_hidden, request.connection());
        let target = ScanTarget { path, layers, hidden, connection, has_begun: false };
        let upload_limit = self.upload_limit.as_ref().filter(|_| self.upload_form).and_then(|limit| limit());
        let offers = Offers { archive: self.archive, upload: self.upload_form, upload_limit };
        let parts = PageParts {
            title: self.title.clone(),
            offers,
            controls,
            #[cfg(feature = "markdown")]
            readme: self.readme.then(|| self.readme_rules()),
        };
        listing::respond(target, request, &self.media_types, self.compressor.as_ref(), &self.budget, parts)
    }

    #[cfg(feature = "markdown")]
    fn readme_rules(&self) -> ReadmeRules {
        let uploads = self.roots.roots.iter().filter(|root| root.uploads);
        ReadmeRules { uploads: uploads.filter_map(|root| root.tree.root_dir().cloned()).collect() }
    }

    /// The response that lists what the search finds below the directory.
    fn search(
        &self,
        query: Query,
        path: RelativePath,
        layers: Layers,
        request: &Request,
    ) -> Result<Response, HttpError> {
        let target = Target { roots: &self.roots, title: self.title.clone(), path, layers };
        search::respond(
            query,
            target,
            request,
            &self.searches,
            &self.media_types,
            self.compressor.as_ref(),
            &self.budget,
        )
    }

    /// The directory at the path as an archive; `None` if there is none.
    #[cfg(feature = "archive")]
    fn archive(&self, path: &RelativePath, get: &Get<'_>) -> Result<Option<Response>, HttpError> {
        if !self.archive || !self.listing {
            return Err(HttpError::Forbidden);
        }
        let root_dirs = self.roots.roots.iter().filter_map(|root| root.tree.root_dir().cloned()).collect();
        archive::respond(root_dirs, path, self.roots.include_hidden, &self.budget, get.request.connection())
    }

    #[cfg(not(feature = "archive"))]
    fn archive(&self, _: &RelativePath, _: &Get<'_>) -> Result<Option<Response>, HttpError> {
        Err(HttpError::Forbidden)
    }
}

impl Download {
    fn of(request: &Request) -> Self {
        match request.encoded_query().and_then(|_| request.query().value("download")).as_deref() {
            None => Self::No,
            Some("") => Self::File,
            Some("tar") => Self::Archive,
            Some(_) => Self::Unknown,
        }
    }
}

/// The client would save a page, or a file that it knows otherwise, under the name of what it has asked for.
fn unknown_download() -> HttpError {
    HttpError::bad_request("?download saves a file and ?download=tar a directory; there are no other downloads")
}

/// Redirects to the same path without its empty segments, which come from typing errors, or from joining parts that have slashes.
fn redirect_to_single_slashes(request: &Request) -> Result<Response, HttpError> {
    let sent = request.encoded_path();
    let slash = if sent.ends_with('/') { "/" } else { "" };
    let segments: Vec<_> = sent.split('/').filter(|segment| !segment.is_empty()).collect();
    let path = RelativePath::parse(&segments.join("/"))?;
    Ok(redirect(&path, slash, request))
}

/// Redirects to this path followed by `end`. A directory needs a slash there, because relative links in its page start from it.
///
/// The location is built from the path's segments, none of them empty and each encoded: it starts with one slash, and no browser
/// reads what follows as another one, so the redirect stays on this host.
fn redirect(path: &RelativePath, end: &str, request: &Request) -> Response {
    let path: String = path.segments().iter().map(|name| format!("/{}", encode_segment(name))).collect();
    let query = request.encoded_query().map(|query| format!("?{query}")).unwrap_or_default();
    // Not for ever, as a client may assume of a 301: the path may name a file tomorrow.
    Response::redirect(Status::MOVED_PERMANENTLY, format!("{}{path}{end}{query}", request.mount()))
        .with_header("Cache-Control", "no-cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_are_a_file_or_a_tar_archive() {
        let table = [
            ("/a", Download::No),
            ("/a?", Download::No),
            ("/a?x=download", Download::No),
            ("/a?downloads=zip", Download::No),
            ("/a?download", Download::File),
            ("/a?download=", Download::File),
            ("/a?x&d%6fwnload&y", Download::File),
            ("/a?download=tar", Download::Archive),
            ("/a?download=t%61r", Download::Archive),
            ("/a?download=zip", Download::Unknown),
            ("/a?download=TAR", Download::Unknown),
            ("/a?download=tar.gz", Download::Unknown),
            ("/a?download=1", Download::Unknown),
            ("/a?download=tar&download=zip", Download::Archive),
        ];
        for (target, expected) in table {
            assert_eq!(Download::of(&Request::get(target)), expected, "{target}");
        }
    }

    #[test]
    fn a_redirect_is_a_path_on_this_host() {
        let table = [
            ("/a", "/a/"),
            ("/a%20b?x=%20y", "/a%20b/?x=%20y"),
            ("/%5Cevil.example", "/%5Cevil.example/"),
            ("/evil.example%2e", "/evil.example./"),
            ("/%0d%0aX:%20y", "/%0D%0AX%3A%20y/"),
        ];
        for (target, location) in table {
            let request = Request::get(target);
            let path = RelativePath::parse(request.encoded_path()).unwrap();
            assert_eq!(redirect(&path, "/", &request).header("Location"), Some(location), "{target}");
        }
        let table = [
            ("//a.txt", Some("/a.txt")),
            ("/a//b", Some("/a/b")),
            ("/a/b//", Some("/a/b/")),
            ("//", Some("/")),
            ("////?a=//b", Some("/?a=//b")),
            ("//evil.example/%2e%2e.", Some("/evil.example/...")),
            ("//\\evil.example", Some("/%5Cevil.example")),
            ("//%09/evil.example", Some("/%09/evil.example")),
            ("//evil.example//..", None),
            ("//.//a", None),
            ("//%2fevil.example", None),
        ];
        for (target, location) in table {
            let answer = redirect_to_single_slashes(&Request::get(target));
            assert_eq!(answer.as_ref().ok().and_then(|answer| answer.header("Location")), location, "{target}");
        }
    }
}
