//! The file service: `GET` and `HEAD` of what is below one directory or several.

mod cache;
mod listing;
pub(crate) mod part;
mod reply;
mod resolve;

use std::path::PathBuf;
use std::time::SystemTime;

use crate::handlers::Handler;
use crate::handlers::sandbox::Sandbox;
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

use cache::SmallFiles;
use reply::Representation;
use resolve::Found;

/// Serves the files of a directory.
///
/// A directory is answered by its index file, or else with a listing; one named without its slash is redirected to. Files are
/// sent as they are read, with `Last-Modified` and `ETag`; conditional requests (RFC 9110 §13) and single ranges (§14) are
/// answered. Names that start with a dot are hidden. Symbolic links may lead to other places inside the directory, never out
/// of it. Methods other than `GET` and `HEAD` get 405.
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
    index: String,
    listing: bool,
    hidden: bool,
}

struct Root {
    sandbox: Sandbox,
    /// Whether visitors put files there, which must not act as ours.
    uploads: bool,
    small: SmallFiles,
}

impl Files {
    /// Serves this directory. It need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = Root { sandbox: Sandbox::new(root), uploads: false, small: SmallFiles::default() };
        Self { roots: vec![root], index: "index.html".into(), listing: true, hidden: false }
    }

    /// Serves what is found in none of the directories before from this one, as files that visitors put there: with
    /// `X-Content-Type-Options: nosniff` and `Content-Security-Policy: sandbox`, so that an uploaded page cannot act as one
    /// of the site's own.
    #[must_use]
    pub fn with_uploads(mut self, directory: impl Into<PathBuf>) -> Self {
        self.roots.push(Root { sandbox: Sandbox::new(directory), uploads: true, small: SmallFiles::default() });
        self
    }

    /// The name of the file that answers for its directory. Defaults to `index.html`.
    #[must_use]
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.index = name.into();
        self
    }

    /// Whether a directory without an index file is answered with a listing; 404 otherwise. Defaults to true.
    #[must_use]
    pub fn listing(mut self, listing: bool) -> Self {
        self.listing = listing;
        self
    }

    /// Whether names that start with a dot are served and listed. Defaults to false.
    #[must_use]
    pub fn include_hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
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
            (root, Found::File(file)) => {
                let now = SystemTime::now();
                Ok(root.label(reply::answer(Representation::read(file, now)?, request, now)?))
            }
            _ => Err(HttpError::NotFound),
        }
    }

    /// Whether something that visitors did not put there is at this path.
    pub fn owns(&self, path: &RelativePath) -> bool {
        self.roots.iter().filter(|root| !root.uploads).any(|root| root.sandbox.open(path).is_ok())
    }

    /// How many files are kept in memory.
    #[cfg(test)]
    fn cached(&self) -> usize {
        self.roots.iter().map(|root| root.small.count()).sum()
    }

    fn answer(&self, request: &Request, now: SystemTime) -> Result<Response, HttpError> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(HttpError::MethodNotAllowed((&[Method::Get, Method::Head]).into()));
        }
        // Only of the first directory: to know that a file of another one is not hidden by it, it would have to be asked.
        if let Some(root) = self.roots.first()
            && let Some(file) = root.small.find(&root.sandbox, request.encoded_path())
        {
            return Ok(root.label(reply::answer(file, request, now)?));
        }
        let path =
            RelativePath::parse(request.encoded_path()).map_err(|error| HttpError::bad_request(error.explain()))?;
        if path.is_hidden() && !self.hidden {
            return Err(HttpError::NotFound);
        }
        let (root, found) = self.find(&path)?;
        let response = match found {
            Found::File(file) => {
                let (place, status) = (file.place(&path, &self.index), file.status()?);
                let file = Representation::read(file, now)?;
                if !root.uploads {
                    root.small.keep(request.encoded_path(), place, &status, &file, now);
                }
                reply::answer(file, request, now)?
            }
            Found::MissingSlash => redirect_to_slash(request)?,
            Found::Directory(directory) if self.listing => {
                listing::page(&root.sandbox, &path, &directory, request, self.hidden)?
            }
            Found::Directory(_) => return Err(HttpError::NotFound),
        };
        Ok(root.label(response))
    }

    /// The first directory that has something at the path, and what it has.
    fn find(&self, path: &RelativePath) -> Result<(&Root, Found), HttpError> {
        for root in &self.roots {
            match resolve::resolve(&root.sandbox, path, &self.index) {
                Err(HttpError::NotFound) => {}
                Err(error) => return Err(error),
                Ok(found) => return Ok((root, found)),
            }
        }
        Err(HttpError::NotFound)
    }
}

impl Root {
    /// Keeps what visitors put there from acting as the site's own.
    fn label(&self, response: Response) -> Response {
        if !self.uploads {
            return response;
        }
        response.with_header("X-Content-Type-Options", "nosniff").with_header("Content-Security-Policy", "sandbox")
    }
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        self.answer(request, SystemTime::now())
    }
}

/// Sends the client to the directory's own URL, so that the relative links of its page lead where they should.
///
/// The path is a [`RelativePath`], so it does not start with two slashes: the redirect stays on this host.
fn redirect_to_slash(request: &Request) -> Result<Response, HttpError> {
    let query = request.encoded_query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Response::redirect(Status::MOVED_PERMANENTLY, format!("{}/{query}", request.encoded_path())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::handlers::answer;

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
            ("//up.html", 400, "Bad request: the path holds an empty segment."),
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
        assert_eq!(answer(&files, &mut Request::get("//sub")).status().code(), 400, "not a way to another host");
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
        let mut other = answer(&files(&site).index("a b.txt"), &mut Request::get("/"));
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
            assert_eq!(response.read_text().unwrap(), body, "{fields:?}");
        }
    }
}
