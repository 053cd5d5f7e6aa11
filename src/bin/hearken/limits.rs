//! The limits on what clients send, with the names of the options that set them.

use hearken::{HttpError, IntoResponse as _, NoRoom, Request, Response};

const MAX_BODY: &str = "--max-body";
const MAX_TOTAL: &str = "--max-total";
const MIN_FREE: &str = "--min-free";

/// The response for an error: where an option sets the limit that the request exceeds, the text names it.
pub(crate) fn with_option(error: &HttpError, request: &Request) -> Response {
    let text = match error {
        HttpError::ContentTooLarge(_) => format!("{error}; the server's {MAX_BODY} sets this limit"),
        HttpError::InsufficientStorage(NoRoom::MaxTotal(_)) => format!("{error} ({MAX_TOTAL})"),
        HttpError::InsufficientStorage(NoRoom::MinFree(_)) => format!("{error} ({MIN_FREE})"),
        error => return error.into_response(request),
    };
    HttpError::new(error.status(), sentence(&text)).into_response(request)
}

/// The text with a capital letter first and a full stop last.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map_or_else(String::new, |first| first.to_uppercase().to_string());
    format!("{first}{}.", characters.as_str())
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
}
