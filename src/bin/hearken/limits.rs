//! The limits on what clients send, with the names of the options that set them.

use hearken::{HttpError, IntoResponse as _, NoRoom, Request, Response, RoomLimit, UploadLimit, WriteFile};

const MAX_BODY: &str = "--max-body";
const MAX_TOTAL: &str = "--max-total";
const MIN_FREE: &str = "--min-free";

/// How long an upload may be now: no longer than a request's body, if that has a limit, and than what there is room for.
pub(crate) fn of_upload(service: &WriteFile, max_body: Option<u64>) -> Option<UploadLimit> {
    let body = max_body.map(|bytes| UploadLimit::new(bytes).option(MAX_BODY));
    let room = service.room().map(|room| {
        let limit = UploadLimit::new(room.bytes);
        match room.limit {
            RoomLimit::MaxTotal => limit.option(MAX_TOTAL),
            RoomLimit::MinFree => limit.option(MIN_FREE),
            _ => limit,
        }
    });
    body.into_iter().chain(room).min_by_key(UploadLimit::bytes)
}

/// The response for an error: where an option sets the limit that the request exceeds, the text names it.
pub(crate) fn with_option(error: &HttpError, request: &Request) -> Response {
    let mut response = error.into_response(request);
    let option = match error {
        HttpError::ContentTooLarge(_) => format!("; the server's {MAX_BODY} sets this limit"),
        HttpError::InsufficientStorage(NoRoom::MaxTotal(_)) => format!(" ({MAX_TOTAL})"),
        HttpError::InsufficientStorage(NoRoom::MinFree(_)) => format!(" ({MIN_FREE})"),
        _ => return response,
    };
    let text = response.read_text().expect("the text of an error is in memory");
    HttpError::new(error.status(), format!("{}{option}.", text.trim_end_matches('.'))).into_response(request)
}

#[cfg(test)]
mod tests {
    use hearken::Router;

    use super::*;

    #[test]
    fn the_text_of_an_error_names_the_option() {
        let table: [(fn() -> HttpError, u16, &str); 6] = [
            (
                || HttpError::ContentTooLarge(10 << 20),
                413,
                "The request body is longer than 10 MiB; the server's --max-body sets this limit.",
            ),
            (
                || HttpError::InsufficientStorage(NoRoom::MinFree(1 << 30)),
                507,
                "There is not enough room: the server keeps 1 GiB free (--min-free).",
            ),
            (
                || HttpError::InsufficientStorage(NoRoom::MaxTotal(2 << 30)),
                507,
                "There is not enough room: all files together may have 2 GiB (--max-total).",
            ),
            (|| HttpError::InsufficientStorage(NoRoom::DiskFull), 507, "There is not enough room: the disk is full."),
            (|| HttpError::NotFound, 404, "Not found: GET, /"),
            (|| HttpError::MethodNotAllowed((&[]).into()), 405, "Unsupported request: GET."),
        ];
        for (error, status, text) in table {
            let app = Router::new().errors(with_option).get("/", move |_| Err::<Response, _>(error()));
            let mut response = app.respond(&mut Request::get("/"));
            assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (status, text));
        }
    }

    #[test]
    fn the_least_limit_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let service = |max_total: u64| WriteFile::new(directory.path()).max_total(max_total).min_free(0);
        let table = [
            (1000, None, UploadLimit::new(1000).option(MAX_TOTAL)),
            (1000, Some(999), UploadLimit::new(999).option(MAX_BODY)),
            (1000, Some(1001), UploadLimit::new(1000).option(MAX_TOTAL)),
        ];
        for (max_total, max_body, expected) in table {
            assert_eq!(of_upload(&service(max_total), max_body), Some(expected), "{max_total} {max_body:?}");
        }
        let keeps_all = WriteFile::new(directory.path()).min_free(u64::MAX);
        assert_eq!(of_upload(&keeps_all, Some(1)), Some(UploadLimit::new(0).option(MIN_FREE)));
    }
}
