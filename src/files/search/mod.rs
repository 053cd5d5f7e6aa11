//! The response that lists what a search finds below a directory, as HTML or JSON, sent while the search goes on.

mod json;
mod page;
#[cfg(test)]
mod tests;
mod walk;
pub(super) mod words;

use std::sync::Arc;

use super::encoding::gzip::Compressor;
use super::listing::budget::Budget;
use super::listing::order::Order;
use super::listing::row::Rows;
use super::listing::{Coding, complete, send, wants_json};
use super::lookup::{Layers, Roots};
use super::media_types::MediaTypes;
use super::pieces::Stage;
use crate::http::connection::ClientLeft;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::page::Frame;
use json::Json;
use page::Page;
use walk::Walk;
use words::{MAX_CHARS, TooLong, Words};

pub(super) use walk::Searches;

/// What is searched for.
pub(super) struct Query {
    text: String,
    words: Words,
}

/// The directory that is searched.
pub(super) struct Target<'a> {
    pub(super) roots: &'a Arc<Roots>,
    /// The name of the site, if it has one.
    pub(super) title: Option<Arc<str>>,
    pub(super) path: RelativePath,
    pub(super) layers: Layers,
}

/// After how many seconds a client may ask again if there are too many searches.
const RETRY: u64 = 2;

/// What the request searches for; `None` if it asks for a plain listing.
pub(super) fn of(request: &Request) -> Option<Result<Query, HttpError>> {
    request.encoded_query()?;
    let text = request.query().value("search")?;
    match Words::parse(&text) {
        Ok(words) => words.map(|words| Ok(Query { text: text.trim().to_owned(), words })),
        Err(TooLong) => {
            let reason = format!("the search text is longer than {MAX_CHARS} characters");
            Some(Err(HttpError::bad_request(reason)))
        }
    }
}

/// The response that lists what is found below the directory.
pub(super) fn respond(
    query: Query,
    target: Target<'_>,
    request: &Request,
    searches: &Arc<Searches>,
    media_types: &Arc<MediaTypes>,
    compressor: Option<&Arc<Compressor>>,
    budget: &Arc<Budget>,
) -> Result<Response, HttpError> {
    let Target { roots, title, path, layers } = target;
    let Query { text, words } = query;
    let coding = Coding::negotiate(request, compressor)?;
    let slot = searches.take_slot().ok_or(HttpError::Unavailable(RETRY))?;
    let walk = Walk::new(slot, roots, budget, request.connection(), words, path.clone(), layers);
    let response = if wants_json(request) {
        send(Json::new(walk, &path, text), coding).map(|r| r.with_header("Content-Type", "application/json"))
    } else {
        let frame = Frame::new();
        let rows = Rows::new(media_types, Order::default());
        let page = Page { title, path, text, walk, rows, frame: frame.clone(), stage: Stage::Start };
        send(page, coding).map(|response| frame.complete(response))
    };
    let response = response.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(ClientLeft) => HttpError::Unavailable(RETRY),
        None => error.into(),
    })?;
    // A proxy must not wait for more either: this is how nginx is told.
    Ok(complete(response, compressor.is_some()).with_header("X-Accel-Buffering", "no"))
}
