//! The note service: parses requests and makes responses; `lines` keeps the notes.

use std::path::PathBuf;

use serde_json::Value;

use super::lines::Lines;
use crate::handler::{Handler, IntoResponse as _};
use crate::http::error::{HttpError, NoRoom};
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::storage::{MinFree, StoreError};

/// Keeps notes, one per line, in a text file that the first note creates.
///
/// A `POST` of JSON, whatever its media type, adds a note with `{"myNote": "text"}`, and the response is `You have N notes.`;
/// with `{"getNote": "0"}` it fetches one, counted from 0, or gets 404. `OPTIONS` gets 204, everything else 404. A note is on the
/// disk before the response is sent. Several processes can keep notes in the same file, which may be edited or replaced at any
/// time. Every response allows pages of every origin to read it, as in the tutorial.
pub struct Notes {
    lines: Lines,
}

/// What a request asks the service to do.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Add(String),
    Fetch(usize),
}

/// The header fields that let pages of every origin use the service.
const CORS: [(&str, &str); 3] = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Origin, X-Requested-With, Content-Type, Accept"),
];

impl Notes {
    /// Keeps notes in this file, whose lines are indexed now. The file need not exist yet, but its directory must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { lines: Lines::new(path.into()) }
    }

    /// How many bytes of the file system stay free: a note that would leave less gets 507. Zero means that notes may fill the disk.
    /// Defaults to 1 GiB, or 5 % of the file system if that is less.
    #[must_use]
    pub fn min_free(mut self, bytes: u64) -> Self {
        self.lines = self.lines.min_free(MinFree::Bytes(bytes));
        self
    }

    fn respond(&self, request: &mut Request) -> Result<Response, HttpError> {
        match request.method() {
            Method::Post => {}
            Method::Options => {
                return Ok(Response::new(Status::NO_CONTENT).with_header("Allow", "POST, OPTIONS"));
            }
            _ => return Err(HttpError::NotFound),
        }
        let body = request.read_body()?;
        let body = serde_json::from_slice(&body).map_err(|error| HttpError::not_json(&error))?;
        match parse(&body)? {
            Command::Add(note) => {
                let count = self.lines.add(&note).map_err(failed)?;
                Ok(Response::text(format!("You have {count} notes.\n")))
            }
            Command::Fetch(number) => {
                let line = self.lines.line(number)?.ok_or(HttpError::NotFound)?;
                Ok(Response::text(String::from_utf8_lossy(&line).into_owned()))
            }
        }
    }
}

impl Handler for Notes {
    fn handle(&self, request: &mut Request) -> Response {
        let response = self.respond(request).into_response(request);
        CORS.into_iter().fold(response, |response, (name, value)| response.with_header(name, value))
    }
}

/// The status for a failure of the file of notes.
fn failed(error: StoreError) -> HttpError {
    match error {
        StoreError::MinFree(bytes) => HttpError::InsufficientStorage(NoRoom::MinFree(bytes)),
        StoreError::DiskFull => HttpError::InsufficientStorage(NoRoom::DiskFull),
        StoreError::DiskQuota => HttpError::InsufficientStorage(NoRoom::DiskQuota),
        error => HttpError::internal(error),
    }
}

fn parse(body: &Value) -> Result<Command, HttpError> {
    match (body.get("myNote"), body.get("getNote")) {
        (Some(Value::String(note)), None) => {
            if note.chars().any(|c| c.is_control() && c != '\t') {
                return Err(HttpError::bad_request("a note is one line, without control characters"));
            }
            Ok(Command::Add(note.clone()))
        }
        (None, Some(Value::String(number))) => {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { Some(number.parse().unwrap_or(usize::MAX)) } else { None };
            number.map(Command::Fetch).ok_or_else(|| HttpError::bad_request("getNote is not a number"))
        }
        (None, Some(Value::Number(number))) => {
            let number = number.as_u64().and_then(|number| usize::try_from(number).ok());
            number.map(Command::Fetch).ok_or_else(|| HttpError::bad_request("getNote is not a number"))
        }
        _ => Err(HttpError::bad_request(r#"the body is neither {"myNote": "text"} nor {"getNote": "0"}"#)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn post(notes: &Notes, body: &str) -> (u16, String) {
        let mut response = notes.handle(&mut Request::new(Method::Post, "/").with_body(body));
        assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"));
        (response.status().code(), response.read_text().unwrap())
    }

    #[test]
    fn notes_are_kept_counted_and_fetched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let notes = Notes::new(&path);
        assert_eq!(post(&notes, r#"{"getNote": "0"}"#), (404, "Not found: POST, /".into()));
        assert_eq!(post(&notes, r#"{"myNote": "größer"}"#), (200, "You have 1 notes.\n".into()));
        assert_eq!(post(&notes, r#"{"myNote": ""}"#), (200, "You have 2 notes.\n".into()));
        assert_eq!(post(&notes, r#"{"myNote": "third\t."}"#), (200, "You have 3 notes.\n".into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "größer\n\nthird\t.\n");
        assert_eq!(post(&notes, r#"{"getNote": "0"}"#), (200, "größer\n".into()));
        assert_eq!(post(&notes, r#"{"getNote": "1"}"#), (200, "\n".into()));
        assert_eq!(post(&notes, r#"{"getNote": 2}"#), (200, "third\t.\n".into()));
        assert_eq!(post(&notes, r#"{"getNote": "3"}"#).0, 404);
        assert_eq!(post(&notes, r#"{"getNote": "99999999999999999999999"}"#).0, 404);

        let again = Notes::new(&path);
        assert_eq!(post(&again, r#"{"myNote": "after a restart"}"#), (200, "You have 4 notes.\n".into()));
        assert_eq!(
            post(&notes, r#"{"getNote": "3"}"#),
            (200, "after a restart\n".into()),
            "another service sees it too"
        );
    }

    #[test]
    fn an_invalid_request_gets_400_and_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let notes = Notes::new(&path);
        let table = [
            (r#"{"myNote": "two\nlines"}"#, "one line"),
            (r#"{"myNote": "a\rb"}"#, "one line"),
            (r#"{"myNote": "a\u0000b"}"#, "one line"),
            (r#"{"myNote": 5}"#, "neither"),
            (r#"{"myNote": "a", "getNote": "0"}"#, "neither"),
            (r#"{"getNote": "-1"}"#, "not a number"),
            (r#"{"getNote": "+1"}"#, "not a number"),
            (r#"{"getNote": ""}"#, "not a number"),
            (r#"{"getNote": 1.5}"#, "not a number"),
            (r#"{"getNote": null}"#, "neither"),
            ("[]", "neither"),
            ("", "not valid JSON"),
            ("{\n\"myNote\": }", "line 2 column"),
        ];
        for (body, reason) in table {
            let (status, text) = post(&notes, body);
            assert_eq!(status, 400, "{body}");
            assert!(text.contains(reason), "{body}: {text}");
        }
        assert!(!path.exists());
    }

    #[test]
    fn a_torn_last_line_is_not_joined_to_the_next_note() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        fs::write(&path, "whole\ntor").unwrap();
        let notes = Notes::new(&path);
        assert_eq!(post(&notes, r#"{"getNote": "1"}"#), (200, "tor\n".into()));
        assert_eq!(post(&notes, r#"{"myNote": "next"}"#), (200, "You have 3 notes.\n".into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntor\nnext\n");
    }

    #[test]
    fn a_file_that_shrank_is_indexed_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let notes = Notes::new(&path);
        post(&notes, r#"{"myNote": "first"}"#);
        post(&notes, r#"{"myNote": "second"}"#);
        fs::write(&path, "new\n").unwrap();
        assert_eq!(post(&notes, r#"{"getNote": "0"}"#), (200, "new\n".into()));
        assert_eq!(post(&notes, r#"{"getNote": "1"}"#).0, 404);
    }

    #[test]
    fn every_response_has_the_cors_fields() {
        let notes = Notes::new("unused");
        for (method, status, body) in [
            (Method::Options, 204, ""),
            (Method::Get, 404, "Not found: GET, /x"),
            (Method::Put, 404, "Not found: PUT, /x"),
        ] {
            let mut response = notes.handle(&mut Request::new(method, "/x"));
            assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (status, body));
            for (name, value) in [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", "POST, OPTIONS"),
                ("Access-Control-Allow-Headers", "Origin, X-Requested-With, Content-Type, Accept"),
            ] {
                assert_eq!(response.header(name), Some(value));
            }
        }
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let table = [
            (StoreError::DiskFull, 507),
            (StoreError::DiskQuota, 507),
            (StoreError::MinFree(1), 507),
            (StoreError::NotFound, 500),
        ];
        for (error, status) in table {
            let shown = error.to_string();
            assert_eq!(failed(error).status().code(), status, "{shown}");
        }
    }

    #[test]
    fn a_note_that_leaves_too_little_free_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        fs::write(&path, "one\n").unwrap();
        let full = Notes::new(&path).min_free(u64::MAX);
        let (status, text) = post(&full, r#"{"myNote": "two"}"#);
        assert_eq!((status, text.contains("the server keeps 15.9 EiB free")), (507, true), "{text}");
        assert_eq!(post(&full, r#"{"getNote": "0"}"#), (200, "one\n".into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        assert_eq!(post(&Notes::new(&path).min_free(0), r#"{"myNote": "two"}"#).0, 200);
    }
}
