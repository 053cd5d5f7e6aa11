//! Upload forms: the files of a `multipart/form-data` body, each stored by its own name as it arrives.

use super::error::unwritable;
use super::service::{WriteFile, receive};
use crate::http::accept;
use crate::http::error::HttpError;
use crate::http::multipart_form::{self, FormEvent, FormParser};
use crate::http::path::{RelativePath, encode_segment};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::http::upload_filename;
use crate::storage::{AtomicWrite, Persisted, StoreError};

/// The numbers that are tried for a name that is taken.
const MOST_OF_A_NAME: u32 = 10_000;

/// Stores the files of a form. Each gets its place when it is whole, so that those before one that fails stay.
pub(super) fn store(writer: &WriteFile, request: &mut Request) -> Result<Response, HttpError> {
    let directory = RelativePath::parse_directory_for_writing(request.encoded_path()).map_err(unwritable)?;
    let boundary = request.header("Content-Type").and_then(multipart_form::boundary);
    let boundary = boundary.ok_or(HttpError::bad_request("the form has no boundary"))?;
    if !request.has_body() {
        return Err(HttpError::LengthRequired);
    }
    let mut parser = FormParser::new(&boundary);
    let mut form = Form { writer, directory, open: None, stored: Vec::new(), first: None };
    receive(request, |bytes| parser.push(bytes, |event| form.take(event)))?;
    parser.finish()?;
    let names = form.finish()?;
    Ok(answer(request, &names))
}

/// A form that is being received.
struct Form<'a> {
    writer: &'a WriteFile,
    directory: RelativePath,
    /// The file that is arriving, and its name.
    open: Option<(AtomicWrite<'a>, String)>,
    /// The names of those that have got their places.
    stored: Vec<String>,
    /// They are all in one directory, so that bringing the first one's name to the disk in the end brings all.
    first: Option<Persisted<'a>>,
}

impl<'a> Form<'a> {
    fn take(&mut self, event: FormEvent<'_>) -> Result<(), HttpError> {
        match event {
            FormEvent::Part(head) => {
                // A field without a file, and the file of a form in which none was chosen.
                let Some(sent) = head.filename.filter(|name| !name.is_empty()) else { return Ok(()) };
                let name = upload_filename::sanitize(&sent);
                let file = self.begin(&name)?;
                self.open = Some((file, name));
                Ok(())
            }
            FormEvent::Data(bytes) => match &mut self.open {
                Some((file, _)) => Ok(file.write(bytes)?),
                None => Ok(()),
            },
            FormEvent::End => match self.open.take() {
                Some((file, name)) => self.persist(file, &name),
                None => Ok(()),
            },
        }
    }

    fn begin(&self, name: &str) -> Result<AtomicWrite<'a>, HttpError> {
        let path = self.directory.join(name.as_bytes());
        if !self.writer.overwrite {
            return Ok(self.writer.store.begin_with_free_name(&path)?);
        }
        Ok(self.writer.store.destination(&path)?.begin(None)?)
    }

    fn persist(&mut self, file: AtomicWrite<'a>, name: &str) -> Result<(), HttpError> {
        let (persisted, name) = if self.writer.overwrite && !(self.writer.taken)(&self.directory.join(name.as_bytes()))
        {
            (file.persist(|_| Ok::<_, StoreError>(()))?, name.to_owned())
        } else {
            let free = (0..MOST_OF_A_NAME).map(|number| upload_filename::numbered(name, number));
            let free = free.map(|name| self.directory.join(name.as_bytes())).filter(|path| !(self.writer.taken)(path));
            let (persisted, path) = file.persist_with_free_name(free)?;
            (
                persisted,
                path.segments().last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
            )
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

/// A browser is sent back to the directory's page, in which the files are listed; a program is told their names.
fn answer(request: &Request, names: &[String]) -> Response {
    let path = request.encoded_path();
    let slash = if path.ends_with('/') { "" } else { "/" };
    if accept::names_html(request.header_list("Accept").as_deref()) {
        return Response::redirect(Status::SEE_OTHER, format!("{path}{slash}"));
    }
    let lines: String = names.iter().map(|name| format!("Stored {name}.\n")).collect();
    let response = Response::text(lines).with_status(Status::CREATED);
    match names {
        [name] => response.with_header("Location", format!("{path}{slash}{}", encode_segment(name.as_bytes()))),
        _ => response,
    }
}
