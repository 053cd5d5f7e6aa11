//! The handler that clients write files through, with its settings.

use std::io::{self, Read};
use std::path::PathBuf;

use super::directory_form::{self, Removal};
use super::preconditions::Preconditions;
use super::room::RecentRoom;
use super::store::{self, Stored};
use super::writable_dir::WritableDir;
use super::{delete, form, json_post, put};
use crate::handler::{Handler, IntoResponse as _};
use crate::http::body::DEFAULT_MAX_BODY;
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::multipart::FORM_DATA;
use crate::http::path::RelativePath;
use crate::http::query::FORM_URLENCODED;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::storage::{Durability, MinFree, Room};

/// Stores what clients send in a directory, under the path of the request.
///
/// A `POST` of `application/json` that is valid JSON in UTF-8 is stored byte for byte, and the response is 200
/// `Wrote data for NAME.`, with the `name` in the JSON or else the file's. The JSON is checked as it arrives, in bounded memory.
/// It may have 128 levels. An object may have the same name twice (RFC 8259 §4 leaves the meaning to readers); of several `name`
/// members the response shows the last. With [`WriteFile::put`] a `PUT` stores any bytes; the response is 201 for a new file and
/// 204 for a replaced one, with the new file's `ETag`. `If-Match` and `If-None-Match` are honoured (RFC 9110 §13). Other methods
/// get 405.
///
/// Writes are atomic and durable: a path changes from its old content to its new in one step, once the new content is on the
/// disk, and the response is sent once the name is there too. A write that fails before that step leaves the old file. Missing
/// directories are created. No path leads out of the directory, and no symbolic link is followed. Files have mode 0644 under the
/// process's umask.
pub struct WriteFile {
    dir: WritableDir,
    put: bool,
    delete: bool,
    delete_hidden: bool,
    forms: bool,
    overwrite: bool,
    /// The most bytes of the body of an upload; `None` if that is what the server allows.
    max_upload: Option<u64>,
    max_json: u64,
    room: RecentRoom,
}

impl WriteFile {
    /// Stores in this directory, which must exist by the first request.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            dir: WritableDir::new(directory),
            put: false,
            delete: false,
            delete_hidden: false,
            forms: false,
            overwrite: false,
            max_upload: None,
            max_json: DEFAULT_MAX_BODY,
            room: RecentRoom::default(),
        }
    }

    /// Whether `PUT` is accepted. Defaults to false.
    #[must_use]
    pub fn put(mut self, put: bool) -> Self {
        self.put = put;
        self
    }

    /// Whether `DELETE` is accepted: it removes a file or, by a path that ends with a slash, an empty directory, answered 204. A
    /// directory that is not empty gets 409. Defaults to false.
    #[must_use]
    pub fn delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Whether names that start with a dot may be deleted too, by `DELETE` and by the field `delete` of forms, as goes with
    /// [`Files::include_hidden`](crate::Files::include_hidden). Unfinished files are never removed. Defaults to false.
    #[must_use]
    pub fn delete_hidden(mut self, hidden: bool) -> Self {
        self.delete_hidden = hidden;
        self
    }

    /// Whether a `POST` of `multipart/form-data` is accepted (RFC 7578), as a browser's upload form sends it: each file in it is
    /// stored in the directory that the request's path names, under its own name without directories, control characters and
    /// leading dots. A name that is taken gets a number, as in `photo (1).jpg`. The response is 201 with the names, or for a
    /// browser 303 back to the directory.
    ///
    /// A `POST` of `application/x-www-form-urlencoded` is accepted too. With the field `new-directory` it creates a directory of that
    /// name in the directory of the request's path: 201, or 409 if the name is taken. With the field `delete` it removes the file or
    /// the empty directory of that name, provided that [`WriteFile::delete`] is on; a slash at the end of the name stands for a
    /// directory. With `if-match` too, the file must have that entity tag: 412 otherwise. A browser gets 303 back to the directory.
    /// Defaults to false.
    ///
    /// A browser sends forms from the pages of any site without asking: wrap the handler in [`Cors`](crate::Cors), which refuses
    /// those of other sites.
    #[must_use]
    pub fn forms(mut self, forms: bool) -> Self {
        self.forms = forms;
        self
    }

    /// Whether a file of a form replaces one of the same name, instead of getting a number. Defaults to false.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// When a write counts as done and the response is sent. Defaults to [`Durability::Full`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.dir.store = self.dir.store.durability(durability);
        self
    }

    /// The most bytes that the files in the directory and below may have together; a write beyond that gets 507. They are counted
    /// at the first write, and again from time to time. Defaults to no limit.
    #[must_use]
    pub fn max_total(mut self, bytes: u64) -> Self {
        self.dir.store = self.dir.store.max_total(bytes);
        self
    }

    /// How many bytes of the file system stay free: a write that would leave less gets 507, before its body is read if that has a
    /// length. A file that is replaced takes its room until the new one is complete. What running writes have announced and not yet
    /// written is taken into account, but not what other programs do. Zero means that files may fill the disk. Defaults to 1 GiB, or
    /// 5 % of the file system if that is less.
    #[must_use]
    pub fn min_free(mut self, bytes: u64) -> Self {
        self.dir.store = self.dir.store.min_free(MinFree::Bytes(bytes));
        self
    }

    /// The most bytes that the body of a `PUT` or of a form may have, more or fewer than
    /// [`Settings::max_body`](crate::Settings::max_body) allows; a longer one gets 413. It is stored as it arrives, however long it is.
    /// `u64::MAX` means no limit. Defaults to what the server allows.
    #[must_use]
    pub fn max_upload(mut self, bytes: u64) -> Self {
        self.max_upload = Some(bytes);
        self
    }

    /// The most bytes that JSON sent by `POST` may have, if the server does not allow less; longer JSON gets 413. Defaults to 10 MiB.
    #[must_use]
    pub fn max_json(mut self, bytes: u64) -> Self {
        self.max_json = bytes;
        self
    }

    /// Refuses with 409 to write to the paths for which `is_excepted` is true, at which something else than the stored file would
    /// be served. Defaults to none.
    #[must_use]
    pub fn except(mut self, is_excepted: impl Fn(&RelativePath) -> bool + Send + Sync + 'static) -> Self {
        self.dir.except(is_excepted);
        self
    }

    /// Stores what the reader yields at this path, for a handler that decides itself what is stored where. The file is put in
    /// place as by `PUT`, with the same limits and exceptions, and whatever [`WriteFile::put`] says.
    ///
    /// ```
    /// use hearken::{HttpError, RelativePath, Request, Router, Stored, WriteFile};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// let files = WriteFile::new(directory).max_total(10_000_000);
    /// let app = Router::new().post("/measurements", move |request| {
    ///     let path = RelativePath::parse("latest.csv")?;
    ///     Ok::<_, HttpError>(match files.store(&path, request.body())? {
    ///         Stored::Created => "the first ones",
    ///         Stored::Replaced => "newer ones",
    ///     })
    /// });
    /// let post = || app.respond(&mut Request::post("/measurements").with_body("1;2\n")).read_text();
    /// assert_eq!(post()?, "the first ones");
    /// assert_eq!(post()?, "newer ones");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::BadRequest`] for a path that [`RelativePath::parse_for_writing`] would refuse, and [`HttpError::Conflict`] if it
    /// names a directory or is excepted; [`HttpError::InsufficientStorage`] if there is no room; the error for a body that cannot
    /// be read; [`HttpError::Internal`] for other failures of the reader and of the disk. The old file then stays.
    pub fn store(&self, path: &RelativePath, content: impl Read) -> Result<Stored, HttpError> {
        let path = self.dir.check_writable(path)?;
        store::store(&self.dir, &path, &Preconditions::none(), None, content).map(|(stored, _)| stored)
    }

    /// Removes the unfinished files that killed writers left; those that another process is writing stay. The first write does the
    /// same.
    ///
    /// # Errors
    ///
    /// When the directory cannot be opened.
    pub fn sweep(&self) -> io::Result<()> {
        self.dir.store.sweep()
    }

    /// How many bytes a further file may have, and which limit allows no more: [`WriteFile::max_total`] or
    /// [`WriteFile::min_free`], whichever leaves less room beside the files and what running writes have announced. `None` if the
    /// file system does not say what is free, or the directory cannot be read. Cheap enough to be asked for each page: the result
    /// is up to a second old.
    ///
    /// ```
    /// use hearken::WriteFile;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// let files = WriteFile::new(directory).max_total(1000).min_free(0);
    /// assert_eq!(files.room().map(|room| room.bytes), Some(1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn room(&self) -> Option<Room> {
        self.room.current(&self.dir.store)
    }

    /// The methods that this service accepts.
    pub fn methods(&self) -> &'static [Method] {
        match (self.put, self.delete) {
            (false, false) => &[Method::Post],
            (true, false) => &[Method::Post, Method::Put],
            (false, true) => &[Method::Post, Method::Delete],
            (true, true) => &[Method::Post, Method::Put, Method::Delete],
        }
    }

    fn post(&self, request: &mut Request) -> Result<Response, HttpError> {
        if self.forms && request.has_media_type(FORM_DATA) {
            self.limit_upload(request)?;
            return form::post(&self.dir, self.overwrite, request);
        }
        if self.forms && request.has_media_type(FORM_URLENCODED) {
            return directory_form::post(&self.dir, self.removal(), request);
        }
        if request.has_media_type(JSON) {
            request.limit_body(self.max_json.min(request.max_body()))?;
            return json_post::post(&self.dir, request);
        }
        let accepted = if self.forms { WITH_FORMS } else { JSON };
        Err(HttpError::UnsupportedMediaType(accepted))
    }

    fn limit_upload(&self, request: &mut Request) -> Result<(), HttpError> {
        request.limit_body(self.max_upload.unwrap_or(request.max_body()))
    }

    fn removal(&self) -> Removal {
        match (self.delete, self.delete_hidden) {
            (false, _) => Removal::Refused,
            (true, false) => Removal::Allowed,
            (true, true) => Removal::Hidden,
        }
    }
}

impl Handler for WriteFile {
    fn handle(&self, request: &mut Request) -> Response {
        let result = match request.method() {
            Method::Post => self.post(request),
            Method::Put if self.put => self.limit_upload(request).and_then(|()| put::put(&self.dir, request)),
            Method::Delete if self.delete => delete::delete(&self.dir, self.delete_hidden, request),
            _ => Err(HttpError::MethodNotAllowed(self.methods().into())),
        };
        result.into_response(request)
    }
}

const JSON: &str = "application/json";

/// The media types that are accepted with forms.
const WITH_FORMS: &str = "application/json, application/x-www-form-urlencoded, multipart/form-data";
