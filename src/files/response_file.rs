//! `Response::file`: one file of the program's choosing as a response.

use std::path::Path;
use std::time::SystemTime;

use super::cache_headers::CacheHeaders;
use super::error::unreadable;
use super::media_types::MediaTypes;
use super::representation::{self, Representation};
use crate::http::conditional::Conditions;
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::storage::open_anywhere;

impl Response {
    /// The file at a path that the program has chosen, as [`Files`](crate::Files) sends it: the media type follows from the extension,
    /// the request's conditions and range are honoured, a large file is read while it is sent. The response has `Last-Modified`,
    /// `ETag` and `Cache-Control: no-cache`, so that clients keep their copy and revalidate it for each use.
    ///
    /// Nothing confines the path: it may lead anywhere, and symbolic links are followed. For a path that comes from the client
    /// there is [`Files::file`](crate::Files::file) with [`Request::param_path`].
    ///
    /// ```
    /// use hearken::{Request, Response, Router};
    ///
    /// let app = Router::new()
    ///     .get("/licence", |request| Response::file("LICENSE-MIT", request))
    ///     .get("/manual", |request| Response::file("no/such/manual.pdf", request));
    /// let mut licence = app.respond(&mut Request::get("/licence").with_header("Range", "bytes=0-10"));
    /// assert_eq!((licence.status().code(), licence.read_text().unwrap().as_str()), (206, "MIT License"));
    /// assert_eq!(app.respond(&mut Request::get("/manual")).status().code(), 404);
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::NotFound`] when there is no such file, [`HttpError::Forbidden`] when the program may not read it, or when it is a
    /// directory, a fifo, a socket or a device. [`HttpError::PreconditionFailed`] and [`HttpError::RangeNotSatisfiable`] when the
    /// request's conditions or its range do not hold.
    pub fn file(path: impl AsRef<Path>, request: &Request) -> Result<Self, HttpError> {
        let (path, now) = (path.as_ref(), SystemTime::now());
        let file = open_anywhere(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(HttpError::Forbidden);
        }
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let media_type = MediaTypes::default().of_file(name, &file).map_err(unreadable)?;
        let file = Representation::read(file, metadata, media_type, now)?;
        let file = file.with_cache_control(CacheHeaders::default().of_any());
        representation::respond(file, &Conditions::of(request, now), now)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;
    use crate::http::method::Method;
    use crate::http::status::Status;

    fn status(path: &Path) -> u16 {
        let request = Request::get("/whatever");
        Response::file(path, &request).map_or_else(|error| error.status(), |response| response.status()).code()
    }

    #[test]
    fn what_a_path_names_decides_the_status() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "content").unwrap();
        fs::create_dir(at("directory")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("nowhere", at("broken")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, mode, 0).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        let table = [
            ("file", 200, "a regular file"),
            ("link", 200, "a link is followed"),
            ("directory/../file", 200, "the path is the program's own"),
            ("none", 404, "nothing"),
            ("file/x", 404, "below a file is nothing"),
            ("file/", 404, "a file is no directory"),
            ("broken", 404, "a link to nothing"),
            ("a\0b", 500, "no file can have this name: the mistake is the program's"),
            ("directory", 403, "a directory"),
            ("fifo", 403, "reading a fifo would wait for a writer"),
            ("socket", 403, "a socket cannot be opened"),
            ("loop", 403, "a link to itself"),
        ];
        for (name, code, why) in table {
            assert_eq!(status(&at(name)), code, "{name:?}: {why}");
        }
        assert_eq!(status(Path::new("")), 404, "the empty path");
        assert_eq!(status(Path::new("/dev/null")), 403, "a device");
    }

    #[test]
    fn a_file_that_may_not_be_read_is_forbidden() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser reads it all the same.
        let expected = if fs::read(&path).is_ok() { 200 } else { 403 };
        assert_eq!(status(&path), expected);
    }

    #[test]
    fn the_request_decides_how_much_is_sent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("page.html");
        fs::write(&path, "0123456789").unwrap();
        // Old enough for a strong entity tag.
        fs::File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let ask = |request: Request| Response::file(&path, &request);
        let whole = ask(Request::get("/")).unwrap();
        let (etag, modified) = (whole.header("ETag").unwrap(), whole.header("Last-Modified").unwrap());
        let table = [
            ("Accept", "*/*", Ok((200, "0123456789"))),
            ("If-None-Match", etag, Ok((304, ""))),
            ("If-Modified-Since", modified, Ok((304, ""))),
            ("If-Match", "\"other\"", Err(412)),
            ("Range", "bytes=2-4", Ok((206, "234"))),
            ("Range", "bytes=10-", Err(416)),
        ];
        for (name, value, expected) in table {
            let seen = ask(Request::get("/").with_header(name, value))
                .map(|mut response| (response.status().code(), response.read_text().unwrap()))
                .map_err(|error| error.status().code());
            assert_eq!(seen, expected.map(|(code, body)| (code, body.to_owned())), "{name}: {value}");
        }
        let fields: Vec<_> = whole.headers().iter().map(|(name, _)| name).collect();
        assert_eq!(
            fields,
            ["Content-Type", "Accept-Ranges", "X-Content-Type-Options", "ETag", "Cache-Control", "Last-Modified"]
        );
        assert_eq!(whole.header("Content-Type"), Some("text/html; charset=utf-8"));
        let head = ask(Request::new(Method::Head, "/").with_header("Range", "bytes=2-4")).unwrap();
        assert_eq!((head.status(), head.content_length()), (Status::OK, Some(10)), "RFC 9110 §14.2");
    }

    #[test]
    fn a_large_file_is_read_while_it_is_sent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let response = Response::file(&path, &Request::get("/")).unwrap();
        assert_eq!((response.is_stream(), response.content_length()), (true, Some(1 << 40)));
        let range = Request::get("/").with_header("Range", "bytes=-3");
        assert_eq!(Response::file(&path, &range).unwrap().read_bytes().unwrap(), [0; 3]);
    }
}
