//! From a request to what answers it: a file, a listing, an archive, a redirect, or the page for what is not there.

use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use crate::http::conditional::Conditions;
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::path::{PathError, RelativePath, encode_segment};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

#[cfg(feature = "archive")]
use super::archive;
use super::encoding::Prepared;
use super::listing::entries::Scope;
use super::listing::html::Offers;
use super::listing::{self, entries};
use super::lookup::{Found, OpenFile};
use super::representation::Representation;
use super::{Files, Root, cache_headers, encoding, lookup, representation};

/// What stands at a path in all the directories together.
pub(super) enum Standing<'a> {
    File(&'a Root, OpenFile),
    /// A directory without an index file, in each root that has it.
    Directory(Vec<(&'a Root, File)>),
    /// A directory, by a path that does not end with a slash.
    MissingSlash,
}

/// The page for what is not there.
const NOT_FOUND_PAGE: &str = "404.html";

impl Files {
    /// The answer to a request that came at this time.
    pub(super) fn answer(&self, request: &Request, now: SystemTime) -> Result<Response, HttpError> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(HttpError::MethodNotAllowed((&[Method::Get, Method::Head]).into()));
        }
        let conditions = Conditions::of(request, now);
        // Only of the first directory: to know that a file of another one is not hidden by it, it would have to be asked.
        let root = &self.roots[0];
        // A query does not change what a file holds, but it may ask for the file in another way.
        let is_plain = request.encoded_query().is_none_or(|query| !query.contains("download") && !query.contains('%'));
        if is_plain && let Some(file) = root.kept.find(&root.sandbox, request, now) {
            let response = respond(file, request, &conditions, now)?;
            return Ok(if self.labels.depend_on_name() {
                self.label(root, response, &self.name(request.encoded_path()))
            } else {
                self.label(root, response, b"")
            });
        }
        let path = match RelativePath::parse(request.encoded_path()) {
            Err(PathError::EmptySegment) => return redirect_to_single_slashes(request),
            path => path.map_err(refused)?,
        };
        let answer =
            if self.refuses(&path) { Err(HttpError::NotFound) } else { self.look(&path, request, &conditions, now) };
        match answer {
            Err(HttpError::NotFound) => self.not_found(&path, request, &conditions, now),
            answer => answer,
        }
    }

    /// The name that the file at this path, which has been answered before, is known by.
    fn name(&self, encoded_path: &str) -> Vec<u8> {
        match RelativePath::parse(encoded_path) {
            Ok(path) if !path.is_directory() => path.segments().last().cloned().unwrap_or_default(),
            _ => self.indexes.first().map(|name| name.clone().into_bytes()).unwrap_or_default(),
        }
    }

    /// The answer with what is at the path.
    fn look(
        &self,
        path: &RelativePath,
        request: &Request,
        conditions: &Conditions,
        now: SystemTime,
    ) -> Result<Response, HttpError> {
        let download = request.encoded_query().and_then(|_| request.query().value("download"));
        if download.as_deref() == Some("tar") && path.is_directory() {
            return self.pack(path, request);
        }
        match self.find(path)? {
            Standing::File(root, file) => self.send(root, path, file, download.is_some(), request, conditions, now),
            Standing::MissingSlash => Ok(redirect(path, "/", request)),
            Standing::Directory(_) if !self.listing => Err(HttpError::NotFound),
            Standing::Directory(directories) => {
                let scope = self.scope(path, directories, request);
                let offers = Offers { archive: self.archive, upload: self.upload_form };
                listing::answer(scope, request, &self.media_types, self.compressor.as_ref(), &self.budget, offers)
            }
        }
    }

    /// The answer with a file that was found at the path.
    fn send(
        &self,
        root: &Root,
        path: &RelativePath,
        file: OpenFile,
        download: bool,
        request: &Request,
        conditions: &Conditions,
        now: SystemTime,
    ) -> Result<Response, HttpError> {
        let name = file.name.clone();
        let place = file.place(path);
        let file = self.prepare(root, path, file, request, now)?;
        // What a later index file would take the place of is not kept.
        let is_first = !path.is_directory() || self.indexes.first().is_some_and(|first| first.as_bytes() == name);
        if is_first && std::ptr::eq(root, &raw const self.roots[0]) {
            root.kept.keep(request.encoded_path(), place, &file, now);
        }
        let response = self.label(root, respond(file.representation, request, conditions, now)?, &name);
        let has_content = matches!(response.status(), Status::OK | Status::PARTIAL_CONTENT);
        Ok(if download && has_content { cache_headers::as_download(response, &name) } else { response })
    }

    /// The answer where nothing is: the application's one page, the page for this, or an error.
    fn not_found(
        &self,
        path: &RelativePath,
        request: &Request,
        conditions: &Conditions,
        now: SystemTime,
    ) -> Result<Response, HttpError> {
        let has_extension = path.segments().last().is_some_and(|name| name.contains(&b'.'));
        if self.single_page
            && !has_extension
            && !self.refuses(path)
            && let Standing::File(root, file) = self.find(&RelativePath::root())?
        {
            let file = self.prepare(root, &RelativePath::root(), file, request, now)?;
            let response = respond(file.representation, request, conditions, now)?;
            return Ok(self.label(root, response, b""));
        }
        let page = RelativePath::root().join(NOT_FOUND_PAGE.as_bytes());
        for root in self.roots.iter().filter(|root| !root.uploads) {
            if let Ok(Found::File(file)) = lookup::resolve(&root.sandbox, &page) {
                let response = self.represent(file, now)?.into_whole().with_status(Status::NOT_FOUND);
                return Ok(self.label(root, response, b""));
            }
        }
        Err(HttpError::NotFound)
    }

    /// What the first directories that have something at the path have there. Index files stand for their directory.
    pub(super) fn find(&self, path: &RelativePath) -> Result<Standing<'_>, HttpError> {
        let mut directories = Vec::new();
        for root in &self.roots {
            match lookup::resolve(&root.sandbox, path)? {
                Found::Nothing => {}
                // A directory before it takes its place.
                Found::File(_) if !directories.is_empty() => {}
                Found::File(file) => return Ok(Standing::File(root, file)),
                Found::Directory(_) if !path.is_directory() => return Ok(Standing::MissingSlash),
                Found::Directory(directory) => directories.push((root, Some(directory))),
                Found::Closed if path.is_directory() => directories.push((root, None)),
                Found::Closed if directories.is_empty() => return Err(HttpError::Forbidden),
                Found::Closed => {}
            }
        }
        if directories.is_empty() {
            return Err(HttpError::NotFound);
        }
        let any_own = directories.iter().any(|(root, _)| !root.uploads);
        for name in &self.indexes {
            for (root, _) in directories.iter().filter(|(root, _)| !(any_own && root.uploads)) {
                if let Some(file) = lookup::index(&root.sandbox, path, name)? {
                    return Ok(Standing::File(root, file));
                }
            }
        }
        let open: Option<Vec<_>> = directories.into_iter().map(|(root, open)| Some((root, open?))).collect();
        open.map(Standing::Directory).ok_or(HttpError::Forbidden)
    }

    /// Whether the path is refused for the names in it.
    fn refuses(&self, path: &RelativePath) -> bool {
        path.segments().iter().any(|name| entries::is_hidden(name, self.hidden))
    }

    fn scope(&self, path: &RelativePath, directories: Vec<(&Root, File)>, request: &Request) -> Scope {
        let layers = directories.into_iter().map(|(root, directory)| (Arc::clone(&root.sandbox), directory)).collect();
        Scope { path: path.clone(), layers, hidden: self.hidden, connection: request.connection(), has_begun: false }
    }

    #[cfg(feature = "archive")]
    fn pack(&self, path: &RelativePath, request: &Request) -> Result<Response, HttpError> {
        if !self.archive || !self.listing {
            return Err(HttpError::Forbidden);
        }
        let sandboxes = self.roots.iter().map(|root| Arc::clone(&root.sandbox)).collect();
        archive::answer(sandboxes, path, self.hidden, &self.budget, request.connection())
    }

    #[cfg(not(feature = "archive"))]
    fn pack(&self, _: &RelativePath, _: &Request) -> Result<Response, HttpError> {
        Err(HttpError::Forbidden)
    }

    /// The variant of a file, found at the path, that the request wants.
    pub(super) fn prepare(
        &self,
        root: &Root,
        path: &RelativePath,
        file: OpenFile,
        request: &Request,
        now: SystemTime,
    ) -> Result<Prepared, HttpError> {
        let place = if path.is_directory() { path.join(&file.name) } else { path.clone() };
        let media_type = self.media_types.of(&file.name);
        encoding::prepare(&root.sandbox, &place, file, media_type, self.compressor.as_ref(), request, now)
    }

    fn represent(&self, file: OpenFile, now: SystemTime) -> Result<Representation, HttpError> {
        let media_type = self.media_types.of(&file.name);
        Representation::read(file, media_type, now)
    }

    /// The answer with a file of this name and root, labelled. What visitors put there is kept from acting as the site's own.
    pub(super) fn label(&self, root: &Root, response: Response, name: &[u8]) -> Response {
        let response = self.labels.put(response, name);
        match response.status() {
            // It stays with what the client has kept (RFC 9110 §15.4.5).
            Status::NOT_MODIFIED => response,
            _ if root.uploads => response.with_header("Content-Security-Policy", "sandbox"),
            _ => response,
        }
    }
}

/// The answer with this file, with `Vary` also where it is an error.
pub(super) fn respond(
    file: Representation,
    request: &Request,
    conditions: &Conditions,
    now: SystemTime,
) -> Result<Response, HttpError> {
    if !file.varies() {
        return representation::respond(file, conditions, now);
    }
    let response = representation::respond(file, conditions, now).unwrap_or_else(|error| error.into_response(request));
    Ok(response.with_added_header("Vary", "Accept-Encoding"))
}

/// Sends the client to the same path without its empty segments: it is mistyped, or joined of parts with slashes of their own.
fn redirect_to_single_slashes(request: &Request) -> Result<Response, HttpError> {
    let sent = request.encoded_path();
    let slash = if sent.ends_with('/') { "/" } else { "" };
    let segments: Vec<_> = sent.split('/').filter(|segment| !segment.is_empty()).collect();
    let path = RelativePath::parse(&segments.join("/")).map_err(refused)?;
    Ok(redirect(&path, slash, request))
}

/// Sends the client to this path with this end: for a directory a slash, so that the relative links of its page lead where
/// they should.
///
/// The path is put together anew from its segments, none of them empty and each encoded: it starts with one slash, and
/// with nothing that a browser could take for a second one, so that the redirect stays on this host.
fn redirect(path: &RelativePath, end: &str, request: &Request) -> Response {
    let path: String = path.segments().iter().map(|name| format!("/{}", encode_segment(name))).collect();
    let query = request.encoded_query().map(|query| format!("?{query}")).unwrap_or_default();
    // Tomorrow a file may be there.
    Response::redirect(Status::MOVED_PERMANENTLY, format!("{path}{end}{query}"))
        .with_header("Cache-Control", "no-cache")
}

fn refused(error: PathError) -> HttpError {
    HttpError::bad_request(error.explain())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    /// Everything that a client sees of an answer.
    fn seen(files: &Files, request: &Request, now: SystemTime) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let mut response = match files.answer(request, now) {
            Ok(response) => response,
            Err(error) => error.into_response(request),
        };
        let fields = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (response.status().code(), fields, response.read_bytes().unwrap())
    }

    #[test]
    fn what_is_kept_in_memory_is_answered_as_what_is_read() {
        let site = tempfile::tempdir().unwrap();
        let path = |name: &str| site.path().join(name);
        fs::create_dir_all(path("one/sub")).unwrap();
        fs::create_dir_all(path("two/sub")).unwrap();
        for name in
            ["one/app.3f9a1c2b.js", "one/a.txt", "one/sub/b.html", "two/sub/a.html", "one/404.html", "two/index.html"]
        {
            fs::write(path(name), name.repeat(200)).unwrap();
        }
        let one = || Files::new(path("one"));
        let settings: [fn(Files, &Path) -> Files; 8] = [
            |files, _| files,
            |files, _| files.immutable(true),
            |files, _| files.cache_control("max-age=5").unwrap(),
            |files, _| files.cache_control("").unwrap().immutable(true),
            |files, _| files.media_type("txt", "text/x-other").unwrap(),
            |files, _| files.single_page(true).include_hidden(true),
            |files, site| files.follow_links(true).index(["a.html", "b.html"]).unwrap().overlay(site.join("two")),
            |files, site| files.index(["b.html", "a.html"]).unwrap().with_uploads(site.join("two")),
        ];
        let targets = [
            "/a.txt",
            "/a.txt?v=1",
            "/a.txt?download",
            "/a.txt?d%6fwnload",
            "/a.txt?%64ownload=tar",
            "/app.3f9a1c2b.js",
            "/app.3f9a1%632b.js",
            "/sub/",
            "/sub/?download",
            "/sub/b.html",
            "/",
            "/missing",
            "/a.txt/",
        ];
        let fields: [&[(&str, &str)]; 5] = [
            &[],
            &[("Range", "bytes=1-5")],
            &[("If-None-Match", "*")],
            &[("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")],
            &[("Accept-Encoding", "gzip, br")],
        ];
        // Late enough for all to be kept.
        let now = SystemTime::now() + Duration::from_secs(3600);
        let mut kept = 0;
        for (number, set) in settings.iter().enumerate() {
            let warm = set(one(), site.path());
            for target in targets {
                for fields in fields {
                    let request = fields
                        .iter()
                        .fold(Request::get(target), |request, (name, value)| request.with_header(name, value));
                    let fresh = seen(&set(one(), site.path()), &request, now);
                    for _ in 0..3 {
                        let mut again = seen(&warm, &request, now);
                        // The page of a listing is known by another number each time.
                        if fresh.1.iter().any(|(_, value)| value.contains("nonce-")) {
                            again = fresh.clone();
                        }
                        assert_eq!(again, fresh, "{target} with {fields:?}, setting {number}");
                    }
                }
            }
            kept += warm.cached();
        }
        assert!(kept >= 3 * settings.len(), "only {kept} files were kept");
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
