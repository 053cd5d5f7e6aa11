//! Upload forms: the files of a `multipart/form-data` body (RFC 7578), each stored under its own name as it arrives.

use std::collections::HashMap;
use std::io::BufRead as _;

use super::error::unwritable;
use super::writable_dir::{WritableDir, last_segment};
use crate::http::accept;
use crate::http::error::HttpError;
use crate::http::path::{RelativePath, encode_segment};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::http::upload_filename;
use crate::storage::{AtomicWrite, Claim, Persisted, StoreError};

/// Stores the files of a form in the directory that the request's path names. Each is persisted once it is complete, so the files
/// before one that fails stay. With `overwrite` a file replaces one of the same name.
pub(super) fn post(dir: &WritableDir, overwrite: bool, request: &mut Request) -> Result<Response, HttpError> {
    let directory = RelativePath::parse_directory_for_writing(request.encoded_path()).map_err(unwritable)?;
    let announced = request.content_length();
    let claim = dir.store.claim(announced)?;
    if let Some(length) = announced
        && !overwrite
    {
        dir.store.check_total(length.saturating_sub(FRAMING))?;
    }
    // However many files there are, the limit of the body bounds them.
    let mut form = request.multipart()?.max_parts(usize::MAX);
    let mut upload =
        Upload { dir, overwrite, directory, claim, stored: Vec::new(), untried: HashMap::new(), first: None };
    while let Some(mut part) = form.next_part()? {
        // Neither a field that is no file, nor a file field in which no file was chosen, has a name.
        let Some(name) = part.clean_filename() else { continue };
        let mut file = upload.begin(&name)?;
        loop {
            let bytes = part.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            file.write(bytes)?;
            let length = bytes.len();
            part.consume(length);
        }
        upload.persist(file, &name)?;
    }
    let names = upload.finish()?;
    Ok(stored_response(request, &names))
}

/// The files of a form that are persisted.
struct Upload<'a> {
    dir: &'a WritableDir,
    overwrite: bool,
    directory: RelativePath,
    /// The room that all of them may take.
    claim: Claim,
    /// Their names.
    stored: Vec<String>,
    /// For each name that was sent, the first number that has not been tried: trying all of them again for each of many files of one
    /// name would take minutes.
    untried: HashMap<String, u32>,
    /// All files are in one directory, so one sync at the end, for the first, makes the names of all durable.
    first: Option<Persisted<'a>>,
}

/// How much of a form may not be files: delimiters, heads and other fields. A form with more is refused late rather than early if the
/// files exceed the quota.
const FRAMING: u64 = 64 * 1024;

/// How many numbers are tried for a name that is taken.
const MAX_NUMBERS: u32 = 10_000;

impl<'a> Upload<'a> {
    fn begin(&self, name: &str) -> Result<AtomicWrite<'a>, HttpError> {
        let path = self.directory.join(name.as_bytes());
        Ok(if self.overwrite {
            self.dir.store.destination(&path)?.begin_within(&self.claim)?
        } else {
            self.dir.store.begin_with_free_name(&path, &self.claim)?
        })
    }

    fn persist(&mut self, file: AtomicWrite<'a>, name: &str) -> Result<(), HttpError> {
        let path = self.directory.join(name.as_bytes());
        let (persisted, name) = if self.overwrite && !self.dir.is_excepted(&path) {
            (file.persist(|_| Ok::<_, StoreError>(()))?, name.to_owned())
        } else {
            let untried = self.untried.entry(name.to_owned()).or_default();
            let paths = (*untried..MAX_NUMBERS).map(|number| {
                *untried = number + 1;
                self.directory.join(upload_filename::numbered(name, number).as_bytes())
            });
            let (persisted, path) = file.persist_with_free_name(paths.filter(|path| !self.dir.is_excepted(path)))?;
            (persisted, last_segment(&path))
        };
        self.stored.push(name);
        self.first.get_or_insert(persisted);
        Ok(())
    }

    fn finish(self) -> Result<Vec<String>, HttpError> {
        match self.first {
            Some(first) => first.sync()?,
            None => return Err(HttpError::bad_request("there is no file in the form")),
        }
        Ok(self.stored)
    }
}

/// Redirects a browser back to the page that lists the directory; tells a program the names.
fn stored_response(request: &Request, names: &[String]) -> Response {
    if is_from_page(request) {
        return back_to_directory(request);
    }
    let lines: String = names.iter().map(|name| format!("Stored {name}.\n")).collect();
    let response = Response::text(lines).with_status(Status::CREATED);
    match names {
        [name] => response.with_header("Location", path_below(request, &encode_segment(name.as_bytes()))),
        _ => response,
    }
}

/// Whether a browser has sent the form by itself, and shows the response.
pub(super) fn is_from_page(request: &Request) -> bool {
    accept::names_html(request.header_list("Accept").as_deref())
}

/// A redirect to the page that lists the directory of the request's path.
pub(super) fn back_to_directory(request: &Request) -> Response {
    Response::redirect(Status::SEE_OTHER, path_below(request, ""))
}

/// The path of the URL of what has this encoded name in the directory of the request's path.
pub(super) fn path_below(request: &Request, name: &str) -> String {
    let path = format!("{}{}", request.mount(), request.encoded_path());
    let slash = if path.ends_with('/') { "" } else { "/" };
    format!("{path}{slash}{name}")
}
