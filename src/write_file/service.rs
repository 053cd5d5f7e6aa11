//! The writing service: JSON and forms by `POST` and any bytes by `PUT`, stored under the path they were sent to; `DELETE`.

use std::hash::RandomState;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

use super::error::unwritable;
use super::form;
use crate::handler::Handler;
use crate::http::conditional::{Conditions, Evaluation};
use crate::http::error::HttpError;
use crate::http::json;
use crate::http::method::Method;
use crate::http::path::{PathError, RelativePath};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::http::validators::{Validators, file_validators};
use crate::storage::{self, Destination, Durability, FileId, Store};

/// Stores what is sent in a directory, under the path of the request.
///
/// A `POST` of `application/json` that is valid JSON in UTF-8 is stored byte for byte and answered 200
/// `Wrote data for NAME.`, with the JSON's own `name` or else the file's. It is checked as it arrives, in bounded memory; one
/// object may not have the same name twice (RFC 8259 §4 lets each reader pick another), as far as the first 262,144 names of
/// objects open at the same time go, and there may be 128 levels. With [`WriteFile::put`] a `PUT` stores any bytes, and
/// is answered 201 when they are new and 204 when they take something's place, with the new file's `ETag`. `If-Match` and
/// `If-None-Match` are honoured (RFC 9110 §13). Other methods get 405.
///
/// A file changes from its old content to its new in one step, after the new is on the disk, and the answer comes when its
/// name is there too. Whatever goes wrong before, the old stays. Missing directories are made. No path leads out of the
/// directory, and no link is followed. Files have mode 0644 under the process's umask.
pub struct WriteFile {
    pub(super) store: Store,
    put: bool,
    delete: bool,
    delete_hidden: bool,
    forms: bool,
    pub(super) overwrite: bool,
    pub(super) taken: Box<dyn Fn(&RelativePath) -> bool + Send + Sync>,
    random: RandomState,
}

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data";

impl WriteFile {
    /// Stores in this directory, which must be there when the first request comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            store: Store::new(directory),
            put: false,
            delete: false,
            delete_hidden: false,
            forms: false,
            overwrite: false,
            taken: Box::new(|_| false),
            random: RandomState::new(),
        }
    }

    /// Whether `PUT` is accepted. Defaults to false.
    #[must_use]
    pub fn put(mut self, put: bool) -> Self {
        self.put = put;
        self
    }

    /// Whether `DELETE` is accepted: it removes a file, answered 204, and never a directory. Defaults to false.
    #[must_use]
    pub fn delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Whether `DELETE` takes names that start with a dot as well, for where
    /// [`Files::include_hidden`](crate::Files::include_hidden) shows them; never the unfinished files of writers. Defaults to
    /// false.
    #[must_use]
    pub fn delete_hidden(mut self, hidden: bool) -> Self {
        self.delete_hidden = hidden;
        self
    }

    /// Whether a `POST` of `multipart/form-data` is accepted (RFC 7578), as a browser's upload form sends it: each file in it is
    /// stored in the directory that the request's path names, under its own name without directories, control characters and
    /// leading dots. A name that is taken gets a number, as in `photo (1).jpg`. The response is 201 with the names, or for a
    /// browser 303 back to the directory. Defaults to false.
    ///
    /// A browser sends forms for the pages of any site without asking: put [`Cors`](crate::Cors) around the handler, which refuses
    /// them.
    #[must_use]
    pub fn forms(mut self, forms: bool) -> Self {
        self.forms = forms;
        self
    }

    /// Whether a file from a form takes the place of one of the same name, instead of getting a number. Defaults to false.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// When a write counts as done, and is answered. Defaults to [`Durability::Full`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.store = self.store.durability(durability);
        self
    }

    /// The most bytes that the files in the directory and below may have together; what would make it more is answered 507.
    /// They are counted when the first write comes, and again from time to time. Defaults to no limit.
    #[must_use]
    pub fn max_total(mut self, bytes: u64) -> Self {
        self.store = self.store.max_total(bytes);
        self
    }

    /// Refuses with 409 to write where `taken` says so: what is stored there would not be what is served there.
    /// Defaults to nowhere.
    #[must_use]
    pub fn except(mut self, taken: impl Fn(&RelativePath) -> bool + Send + Sync + 'static) -> Self {
        self.taken = Box::new(taken);
        self
    }

    /// Removes the unfinished files of writers that were killed; those that another process is writing stay. The first write does
    /// that as well.
    ///
    /// # Errors
    ///
    /// When the directory cannot be opened.
    pub fn sweep(&self) -> io::Result<()> {
        self.store.sweep()
    }

    /// The methods that this service takes.
    pub fn methods(&self) -> &'static [Method] {
        match (self.put, self.delete) {
            (false, false) => &[Method::Post],
            (true, false) => &[Method::Post, Method::Put],
            (false, true) => &[Method::Post, Method::Delete],
            (true, true) => &[Method::Post, Method::Put, Method::Delete],
        }
    }

    fn post(&self, request: &mut Request) -> Result<Response, HttpError> {
        if self.forms && request.has_media_type(FORM) {
            return form::store(self, request);
        }
        if !request.has_media_type(JSON) {
            let accepted = if self.forms { "application/json, multipart/form-data" } else { JSON };
            return Err(HttpError::UnsupportedMediaType(accepted));
        }
        let path = self.path(request)?;
        if !request.has_body() {
            return Err(HttpError::LengthRequired);
        }
        let destination = self.destination(&path, request)?;
        let mut file = destination.begin(request.content_length())?;
        let mut checker = json::Checker::new("name", &self.random);
        receive(request, |bytes| {
            checker.push(bytes)?;
            Ok(file.write(bytes)?)
        })?;
        let name = match checker.finish()? {
            Some(name) => name,
            None => path.segments().last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        };
        file.persist(|existing| check(request, existing))?.sync()?;
        Ok(Response::text(format!("Wrote data for {name}.")))
    }

    fn put_file(&self, request: &mut Request) -> Result<Response, HttpError> {
        // RFC 9110 §14.5: a part must not be taken for the whole.
        if request.header("Content-Range").is_some() {
            return Err(HttpError::bad_request("a PUT of a part is not supported"));
        }
        let path = self.path(request)?;
        if !request.has_body() {
            return Err(HttpError::LengthRequired);
        }
        let mut file = self.destination(&path, request)?.begin(request.content_length())?;
        receive(request, |bytes| Ok(file.write(bytes)?))?;
        let persisted = file.persist(|existing| check(request, existing))?;
        let (replaced, file) = (persisted.replaced, persisted.file_id);
        persisted.sync()?;
        let response = if replaced {
            Response::new(Status::NO_CONTENT)
        } else {
            Response::new(Status::CREATED).with_header("Location", request.encoded_path().to_owned())
        };
        // RFC 9110 §9.3.4: the content was stored as it came, so that what GET will say of it can be said now. The stamp is the
        // store's own, so the tag is strong from the beginning, but where the file system has kept the seconds only.
        let now = SystemTime::now() + if file.has_whole_seconds() { Duration::ZERO } else { LONG_SETTLED };
        Ok(match validators(&file, now).etag {
            Some(etag) => response.with_header("ETag", etag),
            None => response,
        })
    }

    fn delete_file(&self, request: &Request) -> Result<Response, HttpError> {
        let path = self.removable(request)?;
        self.store.remove(&path, |existing| {
            check(request, existing)?;
            let kind = existing.map(|stat| FileType::from_raw_mode(stat.st_mode));
            // Sockets, devices and the like were not put there by a client.
            if kind.is_some_and(|kind| !kind.is_file() && !kind.is_symlink()) {
                Err(HttpError::Forbidden)
            } else {
                Ok(())
            }
        })?;
        Ok(Response::new(Status::NO_CONTENT))
    }

    /// Looks whether there is a chance for the request, before its body is read.
    fn destination(&self, path: &RelativePath, request: &Request) -> Result<Destination<'_>, HttpError> {
        let destination = self.store.destination(path)?;
        check(request, destination.existing())?;
        Ok(destination)
    }

    fn path(&self, request: &Request) -> Result<RelativePath, HttpError> {
        self.free(RelativePath::parse_for_writing(request.encoded_path()).map_err(unwritable)?)
    }

    /// The path of something that may be removed.
    fn removable(&self, request: &Request) -> Result<RelativePath, HttpError> {
        if !self.delete_hidden {
            return self.path(request);
        }
        let path = RelativePath::parse_for_removing(request.encoded_path()).map_err(unwritable)?;
        if path.segments().iter().any(|name| storage::is_unfinished(name)) {
            return Err(unwritable(PathError::Hidden));
        }
        self.free(path)
    }

    fn free(&self, path: RelativePath) -> Result<RelativePath, HttpError> {
        if (self.taken)(&path) {
            return Err(HttpError::Conflict("something that cannot be written is served there".into()));
        }
        Ok(path)
    }
}

impl Handler for WriteFile {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        match request.method() {
            Method::Post => self.post(request),
            Method::Put if self.put => self.put_file(request),
            Method::Delete if self.delete => self.delete_file(request),
            _ => Err(HttpError::MethodNotAllowed(self.methods().into())),
        }
    }
}

/// Reads the body as it arrives. A failing disk and a failing client are told apart by what failed.
pub(super) fn receive(
    request: &mut Request,
    mut take: impl FnMut(&[u8]) -> Result<(), HttpError>,
) -> Result<(), HttpError> {
    const PIECE: u64 = 64 * 1024;
    let piece = request.content_length().unwrap_or(PIECE).clamp(1, PIECE);
    let mut buffer = vec![0; usize::try_from(piece).unwrap_or(1)];
    let mut body = request.body();
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(()),
            read => take(&buffer[..read])?,
        }
    }
}

/// Whether the request's preconditions hold for what stands there.
fn check(request: &Request, existing: Option<&Stat>) -> Result<(), HttpError> {
    // A tag is weak while the file is so young that another change could leave the same stamp. That matters when tags are given
    // out. A strong one that comes back was given out after that time, or with a stamp that no other file gets, and says of
    // a file with the same stamp that it is the same.
    let now = SystemTime::now() + LONG_SETTLED;
    let current = existing.map(|stat| validators(&FileId::of(stat), now));
    match Conditions::of(request, now).evaluate(current.as_ref()) {
        Evaluation::Proceed => Ok(()),
        Evaluation::NotModified | Evaluation::PreconditionFailed => Err(HttpError::PreconditionFailed),
    }
}

/// Longer than the stamps of any file system are coarse.
const LONG_SETTLED: Duration = Duration::from_secs(60);

/// The validators that reading the file would show.
fn validators(file: &FileId, now: SystemTime) -> Validators {
    file_validators(file.size(), file.modified(), file.inode(), now)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
