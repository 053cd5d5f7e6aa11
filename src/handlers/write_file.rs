//! The writing service: JSON by `POST` and any bytes by `PUT`, stored under the path they were sent to.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::{FileType, Stat};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::handlers::Handler;
use crate::handlers::sandbox::{self, Pending, Sandbox};
use crate::http::conditional::{self, Preconditions, Validators, Verdict};
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::path::{PathError, RelativePath};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Stores what is sent in a directory, under the path of the request.
///
/// A `POST` of `application/json` that is valid JSON in UTF-8 is stored byte for byte and answered 200
/// `Wrote data for NAME.`, with the JSON's own `name` or else the file's. With [`WriteFile::with_put`] a `PUT` stores any
/// bytes, and is answered 201 when they are new and 204 when they take something's place; `If-Match` and `If-None-Match`
/// are honoured (RFC 9110 §13). Other methods get 405.
///
/// A file changes from its old content to its new in one step, after the new is on the disk. Whatever goes wrong before, the
/// old stays. Missing directories are made. No path leads out of the directory, and no link is followed.
pub struct WriteFile {
    sandbox: Sandbox,
    put: bool,
    taken: Box<dyn Fn(&RelativePath) -> bool + Send + Sync>,
    /// Held from judging the preconditions to the rename, so that of two who race one sees what the other did.
    placing: Mutex<()>,
}

const JSON: &str = "application/json";

impl WriteFile {
    /// Stores in this directory, which must be there when the first request comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { sandbox: Sandbox::new(directory), put: false, taken: Box::new(|_| false), placing: Mutex::default() }
    }

    /// Takes `PUT` as well. Defaults to `POST` only.
    #[must_use]
    pub fn with_put(mut self) -> Self {
        self.put = true;
        self
    }

    /// Refuses with 409 to write where `taken` says so: what is stored there would not be what is served there.
    /// Defaults to nowhere.
    #[must_use]
    pub fn except(mut self, taken: impl Fn(&RelativePath) -> bool + Send + Sync + 'static) -> Self {
        self.taken = Box::new(taken);
        self
    }

    /// The methods that this service takes.
    pub fn methods(&self) -> &'static [Method] {
        if self.put { &[Method::Post, Method::Put] } else { &[Method::Post] }
    }

    fn post(&self, request: &mut Request) -> Result<Response, HttpError> {
        if !request.has_media_type(JSON) {
            return Err(HttpError::UnsupportedMediaType(JSON));
        }
        let path = self.path(request)?;
        let body = request.read_body()?;
        let name = match name_in_json(&body)? {
            Some(name) => name,
            None => path.segments().last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        };
        let mut pending = self.create(&path)?;
        pending.file().write_all(&body)?;
        self.place(pending, request)?;
        Ok(Response::text(format!("Wrote data for {name}.")))
    }

    fn put(&self, request: &mut Request) -> Result<Response, HttpError> {
        // RFC 9110 §14.5: a part must not be taken for the whole.
        if request.header("Content-Range").is_some() {
            return Err(HttpError::bad_request("a PUT of a part is not supported"));
        }
        let path = self.path(request)?;
        if !request.has_body() {
            return Err(HttpError::LengthRequired);
        }
        let mut pending = self.create(&path)?;
        copy(request, &mut pending)?;
        let replaced = self.place(pending, request)?;
        if replaced {
            return Ok(Response::new(Status::NO_CONTENT));
        }
        Ok(Response::new(Status::CREATED).with_header("Location", request.encoded_path().to_owned()))
    }

    fn path(&self, request: &Request) -> Result<RelativePath, HttpError> {
        let path = RelativePath::parse_for_writing(request.encoded_path()).map_err(|error| match error {
            PathError::Directory => HttpError::Conflict(error.explain().into()),
            error => HttpError::bad_request(error.explain()),
        })?;
        if (self.taken)(&path) {
            return Err(HttpError::Conflict("something that cannot be written is served there".into()));
        }
        Ok(path)
    }

    fn create(&self, path: &RelativePath) -> Result<Pending, HttpError> {
        self.sandbox.create(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => HttpError::Conflict("a file stands where a directory is needed".into()),
            io::ErrorKind::NotFound => HttpError::internal(format!("{}: {error}", self.sandbox.path().display())),
            _ => error.into(),
        })
    }

    /// Puts the file in its place if the request's preconditions allow; whether something stood there before.
    fn place(&self, pending: Pending, request: &Request) -> Result<bool, HttpError> {
        pending.sync()?;
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = pending.standing()?;
        if standing.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()) {
            return Err(HttpError::Conflict("a directory stands there".into()));
        }
        let preconditions = Preconditions {
            if_match: request.header("If-Match"),
            if_none_match: request.header("If-None-Match"),
            if_unmodified_since: request.header("If-Unmodified-Since"),
            ..Preconditions::default()
        };
        let now = SystemTime::now();
        let current = standing.as_ref().map(|stat| validators(stat, now));
        match conditional::evaluate(request.method(), &preconditions, current.as_ref(), now) {
            Verdict::Proceed => {}
            Verdict::NotModified | Verdict::Failed => return Err(HttpError::PreconditionFailed),
        }
        pending.place()?;
        Ok(standing.is_some())
    }
}

impl Handler for WriteFile {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        match request.method() {
            Method::Post => self.post(request),
            Method::Put if self.put => self.put(request),
            _ => Err(HttpError::MethodNotAllowed(self.methods().into())),
        }
    }
}

/// The validators that reading the file would show.
#[allow(clippy::useless_conversion, reason = "the types differ between systems")]
fn validators(stat: &Stat, now: SystemTime) -> Validators {
    let length = u64::try_from(stat.st_size).unwrap_or(0);
    conditional::file_validators(length, sandbox::modified(stat), stat.st_ino, now)
}

/// Copies the request's body as it arrives. A failing disk and a failing client are told apart by what failed.
fn copy(request: &mut Request, pending: &mut Pending) -> Result<(), HttpError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut body = request.body();
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(()),
            read => pending.file().write_all(&buffer[..read])?,
        }
    }
}

/// The text under the key `name` of a JSON object; an error with line and column where the body is not JSON in UTF-8.
fn name_in_json(body: &[u8]) -> Result<Option<String>, HttpError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let valid = &body[..error.valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        HttpError::bad_request(format!("not valid UTF-8 at line {line} column {column}"))
    })?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| HttpError::bad_request(format!("not valid JSON: {error}")))?;
    // It is JSON. Where it is not an object, or its name not a string, this fails, and there is no name.
    Ok(serde_json::Deserializer::from_str(text).deserialize_map(NameVisitor).ok().flatten())
}

/// Finds the name in an object and skips the rest, so that a large document takes no memory beside its text.
struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        let mut name = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "name" {
                name = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::handlers::answer;

    fn post(writer: &WriteFile, target: &str, body: &[u8]) -> (u16, String) {
        let request = Request::new(Method::Post, target).with_header("Content-Type", JSON).with_body(body);
        send(writer, request)
    }

    fn put(target: &str, body: &str) -> Request {
        Request::new(Method::Put, target).with_body(body)
    }

    fn send(writer: &WriteFile, mut request: Request) -> (u16, String) {
        let mut response = answer(writer, &mut request);
        (response.status().code(), response.read_text().unwrap())
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn json_is_stored_as_it_was_sent() {
        let directory = tempfile::tempdir().unwrap();
        let writer = WriteFile::new(directory.path());
        let table: [(&[u8], &str); 9] = [
            (b"{ \"name\": \"Han Solo\",\r\n\t\"ship\": [1.0e5] }\n", "Wrote data for Han Solo."),
            (b"{\"a\": {\"name\": \"inner\"}, \"name\": \"outer\"}", "Wrote data for outer."),
            ("{\"name\": \"Gr\\u00f6\u{df}e\"}".as_bytes(), "Wrote data for Größe."),
            (b"{\"name\": 5}", "Wrote data for a b.json."),
            (b"{}", "Wrote data for a b.json."),
            (b"[1, 2]", "Wrote data for a b.json."),
            (b"null", "Wrote data for a b.json."),
            (b"\"name\"", "Wrote data for a b.json."),
            (b" 7 ", "Wrote data for a b.json."),
        ];
        for (body, answer) in table {
            assert_eq!(post(&writer, "/a%20b.json", body), (200, answer.into()));
            assert_eq!(fs::read(directory.path().join("a b.json")).unwrap(), body);
        }
        assert_eq!(names(directory.path()), ["a b.json"]);
    }

    #[test]
    fn what_is_not_json_is_refused_and_the_old_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let writer = WriteFile::new(directory.path());
        post(&writer, "/f", b"{}");
        let table: [(&[u8], &str); 9] = [
            (b"", "line 1 column 0"),
            (b"{", "line 1 column 1"),
            (b"{\n \"a\": nope }", "line 2 column"),
            (b"{} {}", "line 1 column 4"),
            (b"{'a': 1}", "line 1 column 2"),
            (b"{\"a\": \"\xff\"}", "not valid UTF-8 at line 1 column 8"),
            (b"{\n\n\xc3}", "not valid UTF-8 at line 3 column 1"),
            (b"\xef\xbb\xbf{}", "line 1 column 1"),
            (b"\"a\nb\"", "line"),
        ];
        for (body, reason) in table {
            let (status, text) = post(&writer, "/f", body);
            assert_eq!(status, 400, "{body:?}");
            assert!(text.contains(reason), "{body:?}: {text}");
        }
        assert_eq!(fs::read(directory.path().join("f")).unwrap(), b"{}");
        assert_eq!(names(directory.path()), ["f"]);
    }

    #[test]
    fn requests_that_are_not_for_it_are_refused_by_their_status() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("dir")).unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let writer = WriteFile::new(directory.path()).except(|path| path.segments()[0] == b"taken");
        let json = |target: &str| Request::new(Method::Post, target).with_header("Content-Type", JSON);
        let table = [
            (Request::get("/f"), 405, "Unsupported request: GET."),
            (put("/f", "x"), 405, "Unsupported request: PUT."),
            (Request::new(Method::Post, "/f").with_body("{}"), 415, "Unsupported request: POST"),
            (json("/f"), 411, "Content-Length"),
            (json("/taken/f").with_body("{}"), 409, "served there"),
            (json("/").with_body("{}"), 409, "directory"),
            (json("/dir").with_body("{}"), 409, "directory"),
            (json("/file/f").with_body("{}"), 409, "file stands"),
            (json("/../f").with_body("{}"), 400, "dot segment"),
            (json("/%2e%2e%2ff").with_body("{}"), 400, "encoded slash"),
            (json("/.profile").with_body("{}"), 400, "dot"),
        ];
        for (request, status, text) in table {
            let target = request.target().to_owned();
            let (seen, body) = send(&writer, request);
            assert_eq!(seen, status, "{target}: {body}");
            assert!(body.contains(text), "{target}: {body}");
        }
        assert_eq!(names(directory.path()), ["dir", "file"]);
    }

    #[test]
    fn put_creates_and_replaces() {
        let directory = tempfile::tempdir().unwrap();
        let writer = WriteFile::new(directory.path()).with_put();
        let created = answer(&writer, &mut put("/a/b%20c", "1"));
        assert_eq!((created.status(), created.header("Location")), (Status::CREATED, Some("/a/b%20c")));
        assert_eq!(send(&writer, put("/a/b%20c", "2")), (204, String::new()));
        assert_eq!(fs::read_to_string(directory.path().join("a/b c")).unwrap(), "2");
        let part = put("/a/b%20c", "3").with_header("Content-Range", "bytes 0-0/1");
        assert_eq!(send(&writer, part).0, 400);
        assert_eq!(send(&writer, Request::new(Method::Put, "/a/d")).0, 411);
        assert_eq!(names(&directory.path().join("a")), ["b c"]);
    }

    #[test]
    fn preconditions_are_judged_against_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let writer = WriteFile::new(directory.path()).with_put();
        // As if the file had been written a while ago: until then its tag is weak, and If-Match takes none such.
        let aged_etag = || {
            let path = directory.path().join("f");
            let now = SystemTime::now();
            fs::File::open(&path).unwrap().set_modified(now - Duration::from_secs(60)).unwrap();
            validators(&rustix::fs::stat(&path).unwrap(), now).etag.unwrap()
        };
        assert_eq!(send(&writer, put("/f", "1").with_header("If-Match", "*")).0, 412);
        assert_eq!(send(&writer, put("/f", "1").with_header("If-None-Match", "*")).0, 201);
        assert_eq!(send(&writer, put("/f", "2").with_header("If-None-Match", "*")).0, 412);
        let old = aged_etag();
        assert_eq!(send(&writer, put("/f", "3").with_header("If-Match", &old)).0, 204);
        assert_eq!(send(&writer, put("/f", "4").with_header("If-Match", &old)).0, 412);
        assert_eq!(fs::read_to_string(directory.path().join("f")).unwrap(), "3");
        assert_eq!(names(directory.path()), ["f"]);
    }
}
