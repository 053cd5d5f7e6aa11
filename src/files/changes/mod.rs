//! What visitors may change among the uploads, as pages offer it: the controls in listings, and the pages that they lead to.
//!
//! The changes themselves are made by `write_file`.

mod controls;
mod delete_page;
mod edit_page;
mod page;
mod settings;
mod target;
mod text;

use super::lookup::Roots;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
pub(super) use controls::Controls;
pub(super) use settings::Changes;
use target::{Target, nothing_to_change};

/// The page that the query of a request for a directory asks for; `None` if it asks for none that is offered.
pub(super) fn respond(
    changes: &Changes,
    roots: &Roots,
    directory: &RelativePath,
    request: &Request,
) -> Option<Result<Response, HttpError>> {
    if !changes.any() {
        return None;
    }
    let query = request.query();
    let (name, make): (_, fn(Target) -> Result<Response, HttpError>) = match query.value("delete") {
        Some(name) if changes.delete => (name, delete_page::respond),
        _ => (query.value("edit").filter(|_| changes.edit)?, edit_page::respond),
    };
    let target = if query.is_utf8() { Target::find(changes, roots, directory, &name) } else { Ok(None) };
    Some(target.and_then(|target| make(target.ok_or_else(nothing_to_change)?)))
}
