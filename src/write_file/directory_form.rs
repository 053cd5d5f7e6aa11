//! Forms without files (`application/x-www-form-urlencoded`): a new directory, or a file or an empty directory to remove.

use std::io::Read as _;

use super::delete::{Unremoved, remove_directory, remove_file};
use super::error::{unusable_name, unwritable};
use super::form::{back_to_directory, is_from_page, path_below};
use super::preconditions::Preconditions;
use super::writable_dir::WritableDir;
use crate::http::byte_size::ByteSize;
use crate::http::error::HttpError;
use crate::http::path::{RelativePath, encode_segment};
use crate::http::query::Query;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// What may be removed by a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// Nothing.
    Refused,
    /// What has a name that does not start with a dot.
    Allowed,
    /// Names that start with a dot, too.
    Hidden,
}

/// The most bytes of a form. Its longest value is the name of a file, of 255 bytes.
const MAX_FORM: u64 = 64 * 1024;

/// Does what the form asks for in the directory that the request's path names.
pub(super) fn post(dir: &WritableDir, removal: Removal, request: &mut Request) -> Result<Response, HttpError> {
    let body = read(request)?;
    match Change::parse(&body)? {
        Change::Create { name } => create(dir, &name, request),
        Change::Delete { .. } if removal == Removal::Refused => {
            Err(HttpError::forbidden("nothing may be deleted here"))
        }
        Change::Delete { name, if_match } => delete(dir, removal == Removal::Hidden, &name, if_match, request),
    }
}

fn read(request: &mut Request) -> Result<String, HttpError> {
    if !request.has_body() {
        return Err(HttpError::LengthRequired);
    }
    if request.content_length().is_some_and(|length| length > MAX_FORM) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    request.body().take(MAX_FORM + 1).read_to_end(&mut body)?;
    if body.len() as u64 > MAX_FORM {
        return Err(too_long());
    }
    String::from_utf8(body).map_err(|_| HttpError::bad_request("the form is not UTF-8"))
}

/// Not [`HttpError::ContentTooLarge`], for which a program may say how to raise the limit.
fn too_long() -> HttpError {
    HttpError::FormTooLarge(format!("the form is longer than {}", ByteSize(MAX_FORM)).into())
}

/// The change that a form asks for.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// A new directory of this name.
    Create { name: String },
    /// That the file or empty directory of this name is removed, which must have this entity tag, if there is one. A slash at the end
    /// of the name stands for a directory.
    Delete { name: String, if_match: Option<String> },
}

impl Change {
    fn parse(body: &str) -> Result<Self, HttpError> {
        let form = Query::new(body);
        if !form.is_utf8() {
            return Err(HttpError::bad_request("the form is not UTF-8"));
        }
        let (mut new_directory, mut delete, mut if_match) = (None, None, None);
        for (name, value) in form.pairs() {
            let field = match &*name {
                "new-directory" => &mut new_directory,
                "delete" => &mut delete,
                "if-match" => &mut if_match,
                _ => return Err(HttpError::unprocessable(ACCEPTED)),
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(HttpError::unprocessable("a field of the form stands twice"));
            }
        }
        match (new_directory, delete) {
            // Spaces around a name are typing errors, and cannot be seen.
            (Some(name), None) if if_match.is_none() => Ok(Self::Create { name: name.trim().to_owned() }),
            (None, Some(name)) => Ok(Self::Delete { name, if_match }),
            _ => Err(HttpError::unprocessable(ACCEPTED)),
        }
    }
}

const ACCEPTED: &str = "a form has the field new-directory, or delete with or without if-match, or files";

fn create(dir: &WritableDir, name: &str, request: &Request) -> Result<Response, HttpError> {
    let directory = RelativePath::parse_directory_for_writing(request.encoded_path()).map_err(unwritable)?;
    let path = directory.join_checked(name.as_bytes()).and_then(RelativePath::check_writable).map_err(unusable_name)?;
    if dir.is_excepted(&path) {
        return Err(HttpError::conflict("something of this name is there already"));
    }
    dir.store.create_directory(&path)?;
    if is_from_page(request) {
        return Ok(back_to_directory(request));
    }
    let location = path_below(request, &format!("{}/", encode_segment(name.as_bytes())));
    Ok(Response::text(format!("Created {name}/.\n")).with_status(Status::CREATED).with_header("Location", location))
}

fn delete(
    dir: &WritableDir,
    hidden: bool,
    name: &str,
    if_match: Option<String>,
    request: &Request,
) -> Result<Response, HttpError> {
    let directory = RelativePath::parse(request.encoded_path()).map_err(unwritable)?;
    let (segment, directory_only) = name.strip_suffix('/').map_or((name, false), |segment| (segment, true));
    let path = directory.join_checked(segment.as_bytes()).map_err(unusable_name)?;
    let path = dir.check_removable(path, hidden, unusable_name)?;
    let preconditions = if_match.map_or_else(Preconditions::none, Preconditions::if_match);
    let remove_directory = || remove_directory(dir, &path, &preconditions);
    let removed = if directory_only {
        remove_directory()
    } else {
        match remove_file(dir, &path, &preconditions) {
            Err(Unremoved::Directory) => remove_directory(),
            Err(Unremoved::Refused(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    };
    removed.map_err(|error| explain(error, name))?;
    Ok(if is_from_page(request) { back_to_directory(request) } else { Response::text(format!("Deleted {name}.\n")) })
}

/// The failure in the words of a form: its conditions are about the file that it names.
fn explain(error: HttpError, name: &str) -> HttpError {
    match error {
        HttpError::PreconditionFailed => {
            let text = format!("{name} has changed in the meantime. It was not deleted.");
            HttpError::new(Status::PRECONDITION_FAILED, text)
        }
        HttpError::NotFound => HttpError::not_found(format!("{name} is not there any more.")),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_asks_for_one_thing() {
        let create = |name: &str| Ok(Change::Create { name: name.into() });
        let delete = |name: &str, if_match: Option<&str>| {
            Ok(Change::Delete { name: name.into(), if_match: if_match.map(str::to_owned) })
        };
        let table = [
            ("new-directory=a+b%2Bc", create("a b+c")),
            ("&new-directory=%20gr%C3%B6%C3%9Fe%09&", create("größe")),
            ("new-directory=", create("")),
            ("delete=a%252fb", delete("a%2fb", None)),
            ("delete=+a+", delete(" a ", None)),
            ("delete=%EF%BF%BD/", delete("\u{fffd}/", None)),
            ("if-match=%22x%22&delete=a", delete("a", Some("\"x\""))),
            ("", Err(422)),
            ("if-match=%22x%22", Err(422)),
            ("new-directory=a&delete=b", Err(422)),
            ("new-directory=a&if-match=%22x%22", Err(422)),
            ("new-directory=a&new-directory=b", Err(422)),
            ("delete=a&delete=b", Err(422)),
            ("delete=a&recursive=1", Err(422)),
            ("Delete=a", Err(422)),
            ("delete=%ff", Err(400)),
            ("%ff=a", Err(400)),
        ];
        for (body, expected) in table {
            assert_eq!(Change::parse(body).map_err(|error| error.status().code()), expected, "{body}");
        }
    }
}
