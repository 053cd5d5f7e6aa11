//! ROOT as one file: served under its name, to which `/` leads.

use std::path::Path;

use hearken::{Files, Handler, HttpError, IntoResponse as _, Method, RelativePath, Request, Response, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::allow;

/// Serves one file.
pub(crate) struct SingleFile {
    /// The files of its directory.
    files: Files,
    name: Vec<u8>,
}

impl SingleFile {
    /// The file at this path, which `files` serves with others of its directory.
    pub(crate) fn new(path: &Path, files: Files) -> Self {
        let name = path.file_name().unwrap_or_default();
        // Whoever starts the program has chosen the file, even if its name starts with a dot or is a link to another place.
        let files = files.include_hidden(true).follow_links(true);
        // Files beside it were not chosen: in a directory that others write to, one of them could stand in for it.
        Self { files: files.precompressed(false), name: name.as_encoded_bytes().to_vec() }
    }

    fn file(&self, request: &mut Request) -> Response {
        let response = self.files.handle(request);
        // When the file is gone, its directory may have a page for that, which is another file.
        if response.status() == Status::NOT_FOUND { HttpError::NotFound.into_response(request) } else { response }
    }

    /// Leads to the file. Clients ask again each time, because the port may serve another file the next day.
    fn redirect(&self) -> Response {
        let location = format!("/{}", percent_encode(&self.name, SEGMENT));
        Response::redirect(Status::FOUND, location).with_header("Cache-Control", "no-cache")
    }
}

impl Handler for SingleFile {
    fn handle(&self, request: &mut Request) -> Response {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return allow::respond(vec![Method::Get, Method::Head], request);
        }
        match RelativePath::parse(request.encoded_path()) {
            Ok(path) if path.segments().is_empty() => self.redirect(),
            Ok(path) if path.segments() == [self.name.as_slice()] && !path.is_directory() => self.file(request),
            Ok(_) => HttpError::NotFound.into_response(request),
            Err(error) => HttpError::from(error).into_response(request),
        }
    }
}

/// What is percent-encoded in the location of the file: all but the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_served_whatever_its_name_is() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("target"), "text").unwrap();
        let table: [(&[u8], &str); 7] = [
            (b"notes.txt", "/notes.txt"),
            (b"a b%.txt", "/a%20b%25.txt"),
            ("größe".as_bytes(), "/gr%C3%B6%C3%9Fe"),
            (b".profile", "/.profile"),
            (b"a\\b", "/a%5Cb"),
            (b"latin\xff1", "/latin%FF1"),
            (b"link", "/link"),
        ];
        for (name, location) in table {
            let path = place.path().join(OsStr::from_bytes(name));
            match name {
                b"link" => symlink(elsewhere.path().join("target"), &path).unwrap(),
                _ => fs::write(&path, "text").unwrap(),
            }
            let file = SingleFile::new(&path, Files::new(place.path()));
            let redirect = file.handle(&mut Request::get("/"));
            assert_eq!((redirect.status(), redirect.header("Location")), (Status::FOUND, Some(location)));
            assert_eq!(redirect.header("Cache-Control"), Some("no-cache"));
            assert_eq!(file.handle(&mut Request::get(location)).read_text().unwrap(), "text", "{location}");
        }
    }

    #[test]
    fn nothing_else_is_served() {
        let place = tempfile::tempdir().unwrap();
        for name in ["file.txt", "other.txt", "404.html", "index.html"] {
            fs::write(place.path().join(name), name).unwrap();
        }
        fs::create_dir(place.path().join("dir")).unwrap();
        let path = place.path().join("file.txt");
        // In /tmp, say, anyone can make one beside the file, even a link to what only the server may read.
        symlink("other.txt", place.path().join("file.txt.gz")).unwrap();
        let file = SingleFile::new(&path, Files::new(place.path()));
        let mut whole = file.handle(&mut Request::get("/file.txt").with_header("Accept-Encoding", "gzip"));
        assert_eq!(whole.header("Content-Encoding"), None);
        assert_eq!(whole.read_text().unwrap(), "file.txt");
        let table = [
            ("/other.txt", 404),
            ("/404.html", 404),
            ("/index.html", 404),
            ("/dir", 404),
            ("/dir/", 404),
            ("/file.txt/", 404),
            ("/file.txt/x", 404),
            ("/dir/file.txt", 404),
            ("/?download=tar", 302),
            ("//file.txt", 400),
            ("/../file.txt", 400),
            ("/%2e%2e/file.txt", 400),
        ];
        for (target, status) in table {
            assert_eq!(file.handle(&mut Request::get(target)).status().code(), status, "{target}");
        }
        let refused = file.handle(&mut Request::new(Method::Put, "/file.txt"));
        assert_eq!((refused.status().code(), refused.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
        fs::remove_file(&path).unwrap();
        let mut gone = file.handle(&mut Request::get("/file.txt"));
        assert_eq!((gone.status().code(), gone.read_text().unwrap().contains("404.html")), (404, false));
        // A directory that takes the place of the file is not shown.
        fs::create_dir(&path).unwrap();
        assert_eq!(file.handle(&mut Request::get("/file.txt/")).status().code(), 404);
    }
}
