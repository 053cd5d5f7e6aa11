//! The layer that shows errors as pages in browsers, and as JSON to programs that ask for it.

use std::io::{self, Write as _};

use serde_json::json;

use crate::handler::{IntoResponse as _, Layer, Next};
use crate::http::accept::{self, TextForm};
use crate::http::error::HttpError;
use crate::http::headers;
use crate::http::media_type;
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::page::{Frame, escape, escape_lines};

/// A layer that turns errors in plain text into what the client reads best: a page with the reason and a way home for browsers, which
/// accept `text/html`, and `{"error": "..."}` for programs that prefer `application/json`. For others the text stays.
///
/// That concerns responses with a status of 400 or more whose body is short plain text in UTF-8, as each [`HttpError`] makes it.
/// What a handler itself makes a page or JSON stays as it is, and so do streams and compressed bodies. Status and header fields stay too,
/// except those that describe the body, and except `Vary`, which gets `Accept`.
///
/// ```
/// use hearken::{ErrorPages, Request, Router};
///
/// let app = Router::new().layer(ErrorPages::new());
/// let get = |accept: &str| app.respond(&mut Request::get("/missing").with_header("Accept", accept));
/// let mut page = get("text/html,application/xhtml+xml,*/*;q=0.8");
/// assert_eq!((page.status().code(), page.header("Vary")), (404, Some("Accept")));
/// assert!(page.read_text()?.contains("<h1>Not found</h1>"));
/// assert_eq!(get("application/json").read_text()?, r#"{"error":"Not found: GET, /missing"}"#);
/// assert_eq!(get("*/*").read_text()?, "Not found: GET, /missing");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorPages {
    _private: (),
}

/// The longest text that becomes a page or JSON, in bytes.
const MAX_TEXT: u64 = 16 * 1024;

const STYLE: &str = include_str!("error_pages.css");

impl ErrorPages {
    /// The layer.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl Layer for ErrorPages {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        let response = next.respond(request);
        if !is_plain_error(&response) {
            return response;
        }
        in_form(accept::preferred_text(request.header_list("Accept").as_deref()), response, request)
            .unwrap_or_else(|error| HttpError::internal(error).into_response(request))
    }
}

/// Whether this is an error as the library makes it, in text that can be shown in another form.
fn is_plain_error(response: &Response) -> bool {
    // Most responses are none, and are told apart by their status alone.
    if response.status().code() < 400 {
        return false;
    }
    let media_type = response.header("Content-Type").unwrap_or_default();
    let is_utf_8 = media_type::charset(media_type).is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"));
    media_type::essence(media_type).eq_ignore_ascii_case("text/plain")
        && is_utf_8
        && response.header("Content-Encoding").is_none()
        && !response.is_stream()
        && response.content_length().is_some_and(|length| (1..=MAX_TEXT).contains(&length))
}

/// The error in another form. It depends on what the client accepts, also if it stays as it is (RFC 9110 §12.5.5).
fn in_form(form: TextForm, mut response: Response, request: &Request) -> io::Result<Response> {
    let text = response.read_text()?;
    let response = match form {
        TextForm::Plain => response,
        TextForm::Json => {
            let body = Response::json(&json!({ "error": text }));
            response.with_body_of(body).with_header("Content-Type", "application/json")
        }
        TextForm::Html => {
            let frame = Frame::new();
            let page = page(&frame, response.status(), &text, request)?;
            frame.complete(response.with_body_of(Response::bytes(page)))
        }
    };
    let varies = response
        .headers()
        .all("Vary")
        .any(|value| headers::list_members(value).any(|name| name.eq_ignore_ascii_case("Accept")));
    Ok(if varies { response } else { response.with_added_header("Vary", "Accept") })
}

fn page(frame: &Frame, status: Status, text: &str, request: &Request) -> io::Result<Vec<u8>> {
    let heading = heading(status);
    let mut out = Vec::new();
    frame.begin(&mut out, &heading, &[STYLE])?;
    let (code, heading, reason) =
        (status.code(), escape(&heading), escape_lines(reason(status, text, request).trim_end()));
    write!(
        out,
        "<main>\n<p class=\"code\">Error {code}</p>\n<h1>{heading}</h1>\n<p class=\"reason\">{reason}</p>\n<nav>\n"
    )?;
    if let Some((href, label)) = folder(status, request) {
        writeln!(out, "<a class=\"button\" href=\"{href}\">{label}</a>")?;
    }
    writeln!(out, "<a class=\"button\" href=\"{}\">Home</a>\n</nav>\n</main>", escape(&home(request)))?;
    frame.end(&mut out, &[])?;
    Ok(out)
}

/// What has happened, in a few words.
fn heading(status: Status) -> String {
    let known = match status {
        Status::UNAUTHORIZED => "Sign-in needed",
        Status::FORBIDDEN => "Not allowed",
        Status::METHOD_NOT_ALLOWED => "Not possible here",
        Status::CONTENT_TOO_LARGE => "Too large",
        Status::MISDIRECTED_REQUEST => "Unknown host name",
        Status::INTERNAL_SERVER_ERROR => "Something went wrong",
        Status::SERVICE_UNAVAILABLE => "The server is busy",
        Status::INSUFFICIENT_STORAGE => "No space left",
        other if other.reason().is_empty() => "Error",
        other => return phrase(other),
    };
    known.to_owned()
}

/// The reason phrase of the status as the beginning of a sentence.
fn phrase(status: Status) -> String {
    let reason = status.reason();
    let (first, rest) = reason.split_at(reason.find(' ').unwrap_or(reason.len()));
    format!("{first}{}", rest.to_lowercase())
}

/// The text of the response, without the phrase that the heading says already. Where the text only names method and path for programs, a
/// sentence takes its place.
fn reason(status: Status, text: &str, request: &Request) -> String {
    let (method, path) = (request.method(), request.shown_path());
    let is = |error: HttpError| error.text(request) == text;
    match status {
        Status::NOT_FOUND if is(HttpError::NotFound) => format!("There is nothing at {path}."),
        Status::GONE if is(HttpError::Gone) => format!("What was at {path} is gone for good."),
        Status::FORBIDDEN if is(HttpError::Forbidden) => format!("This server gives no access to {path}."),
        Status::METHOD_NOT_ALLOWED if is(HttpError::MethodNotAllowed((&[]).into())) => {
            format!("A {method} request is not possible at {path}.")
        }
        _ => match text.split_once(": ") {
            Some((before, after)) if before == phrase(status) => with_capital(after),
            _ => with_capital(text),
        },
    }
}

fn with_capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map_or_else(String::new, |first| first.to_uppercase().to_string());
    first + characters.as_str()
}

/// The URL of the site's first page. It is relative, as all links of generated pages, so that it holds behind a proxy that serves the
/// site below another path.
fn home(request: &Request) -> String {
    if request.is_mount_without_slash() {
        return format!("{}/", request.mount());
    }
    match request.encoded_path().matches('/').count() {
        0 | 1 => "./".to_owned(),
        levels => "../".repeat(levels - 1),
    }
}

/// A link to a directory near to the error, and its label: the one that a form belongs to, or the one above what was not found. `None` if
/// that is the site's first page, or if it makes no sense.
fn folder(status: Status, request: &Request) -> Option<(&'static str, String)> {
    let segments: Vec<&str> = request.path().split('/').collect();
    let is_read = matches!(request.method(), Method::Get | Method::Head);
    let (href, above, verb) = match status {
        Status::NOT_FOUND if segments.last() == Some(&"") => ("../", 3, "Up to"),
        Status::NOT_FOUND => ("./", 2, "Up to"),
        _ if is_read => return None,
        _ => ("./", 2, "Back to"),
    };
    let name = segments.get(segments.len().checked_sub(above)?).filter(|name| !name.is_empty())?;
    Some((href, format!("{verb} <bdi>{}</bdi>", escape(name))))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::http::error::NoRoom;
    use crate::router::Router;

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn made(error: HttpError, request: Request) -> Response {
        let error = std::sync::Mutex::new(Some(error));
        let handler =
            move |_: &mut Request| -> Result<Response, HttpError> { Err(error.lock().unwrap().take().unwrap()) };
        Router::new().layer(ErrorPages::new()).fallback(handler).respond(&mut { request })
    }

    fn browse(method: Method, target: &str) -> Request {
        Request::new(method, target).with_header("Accept", BROWSER)
    }

    #[test]
    fn each_client_reads_the_error_in_its_form() {
        let table = [
            (BROWSER, "text/html; charset=utf-8"),
            ("*/*", "text/plain; charset=utf-8"),
            ("text/plain", "text/plain; charset=utf-8"),
            ("application/json", "application/json"),
        ];
        for (accept, media_type) in table {
            let request = || Request::get("/a%20b?c").with_header("Accept", accept);
            let mut response = made(HttpError::NotFound, request());
            assert_eq!(response.status(), Status::NOT_FOUND);
            assert_eq!(response.header("Content-Type"), Some(media_type), "{accept}");
            assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{accept}");
            assert_eq!(response.headers().all("Vary").collect::<Vec<_>>(), ["Accept"], "{accept}");
            let text = response.read_text().unwrap();
            match accept {
                BROWSER => {
                    assert!(
                        text.contains("<h1>Not found</h1>\n<p class=\"reason\">There is nothing at /a b.</p>"),
                        "{text}"
                    );
                    assert!(text.contains("<a class=\"button\" href=\"./\">Home</a>"), "{text}");
                    assert!(!text.contains("<script"), "{text}");
                    let policy = response.header("Content-Security-Policy").unwrap();
                    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
                    assert!(text.contains(&format!("<style nonce=\"{nonce}\">")), "{policy}");
                }
                "application/json" => assert_eq!(text, r#"{"error":"Not found: GET, /a b"}"#),
                _ => assert_eq!(text, "Not found: GET, /a b"),
            }
        }
    }

    #[test]
    fn pages_say_what_has_happened_in_words() {
        let request = || browse(Method::Post, "/files/a.txt");
        let table = [
            (HttpError::bad_request("there is no name"), "Bad request", "There is no name."),
            (HttpError::unauthorized("Basic realm=\"x\"", "no password"), "Sign-in needed", "No password."),
            (HttpError::Forbidden, "Not allowed", "This server gives no access to /files/a.txt."),
            (HttpError::forbidden("you may only read"), "Not allowed", "You may only read."),
            (HttpError::NotFound, "Not found", "There is nothing at /files/a.txt."),
            (HttpError::not_found("there is no note 7"), "Not found", "There is no note 7"),
            (
                HttpError::MethodNotAllowed((&[Method::Get]).into()),
                "Not possible here",
                "A POST request is not possible at /files/a.txt.",
            ),
            (HttpError::conflict("the name is taken"), "Conflict", "The name is taken."),
            (HttpError::Gone, "Gone", "What was at /files/a.txt is gone for good."),
            (
                HttpError::InsufficientStorage(NoRoom::DiskFull),
                "No space left",
                "There is not enough room: the disk is full.",
            ),
            (HttpError::TooManyRequests(6), "Too many requests", "Try again in 6 s."),
            (HttpError::Unavailable(2), "The server is busy", "The server is busy: try again in 2 s."),
            (HttpError::internal("a secret"), "Something went wrong", "Something went wrong here."),
            (HttpError::VersionNotSupported, "HTTP version not supported", "This server speaks HTTP/1.1 and HTTP/1.0."),
            (HttpError::new(Status::new(418).unwrap(), "two\r\nlines\n"), "Error", "Two\nlines"),
            (HttpError::bad_request("<b>\u{202e}"), "Bad request", "&lt;b&gt;\u{fffd}."),
        ];
        for (error, heading, reason) in table {
            let status = error.status();
            let mut response = made(error, request());
            assert_eq!(response.status(), status);
            let text = response.read_text().unwrap();
            let expected = format!(
                "<p class=\"code\">Error {}</p>\n<h1>{heading}</h1>\n<p class=\"reason\">{reason}</p>",
                status.code()
            );
            assert!(text.contains(&expected), "{expected} in {text}");
            assert!(text.contains(&format!("<title>{heading}</title>")), "{text}");
        }
    }

    #[test]
    fn a_path_adds_no_lines_to_the_page() {
        let mut page = made(HttpError::NotFound, browse(Method::Get, "/a%0D%0A%0AThis%20site%20has%20moved/"));
        let text = page.read_text().unwrap();
        assert!(text.contains("nothing at /a\u{fffd}\u{fffd}\u{fffd}This site has moved/.</p>"), "{text}");
    }

    #[test]
    fn fields_that_go_with_the_status_stay() {
        let table = [
            (HttpError::MethodNotAllowed((&[Method::Get]).into()), "Allow", "GET"),
            (HttpError::unauthorized("Basic realm=\"x\"", "no password"), "WWW-Authenticate", "Basic realm=\"x\""),
            (HttpError::TooManyRequests(6), "Retry-After", "6"),
            (HttpError::Unavailable(2), "Retry-After", "2"),
            (HttpError::RangeNotSatisfiable(9), "Content-Range", "bytes */9"),
            (HttpError::NotAcceptable, "Vary", "Accept-Encoding"),
        ];
        for (error, name, value) in table {
            let response = made(error, browse(Method::Get, "/"));
            assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
            assert_eq!(response.header(name), Some(value));
            assert!(response.headers().all("Vary").any(|value| value == "Accept"), "{name}");
        }
    }

    #[test]
    fn what_a_handler_has_made_stays() {
        let text = || Response::text("text").with_status(Status::NOT_FOUND);
        type Make = fn(Response) -> Response;
        let table: [(Make, bool, &str); 14] = [
            (|response| response, true, "an error in plain text"),
            (|response| response.with_header("Content-Type", "Text/Plain"), true, "the same"),
            (|response| response.with_header("Content-Type", "text/plain; charset=\"UTF-8\""), true, "the same"),
            (|response| response.with_status(Status::BAD_GATEWAY), true, "an error of the server"),
            (|response| response.with_status(Status::OK), false, "no error"),
            (|response| response.with_status(Status::SEE_OTHER), false, "no error"),
            (|response| response.with_header("Content-Type", "text/html"), false, "a page"),
            (|response| response.with_header("Content-Type", "application/problem+json"), false, "JSON"),
            (|response| response.with_header("Content-Type", "text/plain; charset=iso-8859-1"), false, "other text"),
            (|response| response.with_header("Content-Encoding", "gzip"), false, "a coding"),
            (|_| Response::new(Status::NOT_FOUND), false, "no body"),
            (|_| Response::text("").with_status(Status::NOT_FOUND), false, "an empty body"),
            (|_| Response::text("a".repeat(20_000)).with_status(Status::NOT_FOUND), false, "a long text"),
            (
                |response| {
                    let stream = Response::reader(Cursor::new("text"), Some(4));
                    response.with_body_of(stream)
                },
                false,
                "a stream",
            ),
        ];
        for (make, changes, why) in table {
            let app = Router::new().layer(ErrorPages::new()).fallback(move |_: &mut Request| make(text()));
            for (accept, is_html) in [(BROWSER, changes), ("*/*", false)] {
                let expected = make(text());
                let response = app.respond(&mut Request::get("/").with_header("Accept", accept));
                assert_eq!(response.status(), expected.status(), "{why}");
                let is_page = response.header("Content-Security-Policy").is_some();
                assert_eq!(is_page, is_html, "{why}");
                assert_eq!(response.header("Vary"), changes.then_some("Accept"), "{why}");
                if !is_html {
                    assert_eq!(response.header("Content-Type"), expected.header("Content-Type"), "{why}");
                    assert_eq!(response.content_length(), expected.content_length(), "{why}");
                }
            }
        }
    }

    #[test]
    fn vary_names_accept_once() {
        for (before, after) in [
            ("Accept-Encoding", &["Accept-Encoding", "Accept"][..]),
            ("Origin, accept", &["Origin, accept"]),
            ("Accept", &["Accept"]),
        ] {
            let error =
                move |_: &mut Request| Response::text("a").with_status(Status::NOT_FOUND).with_header("Vary", before);
            let response = Router::new().layer(ErrorPages::new()).fallback(error).respond(&mut Request::get("/"));
            assert_eq!(response.headers().all("Vary").collect::<Vec<_>>(), after);
        }
    }

    #[test]
    fn head_gets_the_head_of_the_page() {
        let lengths = [Method::Get, Method::Head].map(|method| {
            let response = made(HttpError::NotFound, browse(method, "/"));
            assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
            response.content_length().unwrap()
        });
        // But for the name of the method nothing differs, and the page does not say it.
        assert_eq!(lengths[0], lengths[1]);
    }

    #[test]
    fn the_way_home_is_relative() {
        let table = [
            ("/", "./"),
            ("/a", "./"),
            ("/a/", "../"),
            ("/a/b", "../"),
            ("/a/b/", "../../"),
            ("/a//b", "../../"),
            ("/a%2Fb", "./"),
            ("//", "../"),
        ];
        for (target, expected) in table {
            assert_eq!(home(&Request::get(target)), expected, "{target}");
        }
        let nested = Router::new().layer(ErrorPages::new());
        let app = Router::new().nest("/ui/x", nested);
        for (target, expected) in [("/ui/x", "/ui/x/"), ("/ui/x/", "./"), ("/ui/x/a/b", "../")] {
            let page = app.respond(&mut browse(Method::Get, target)).read_text().unwrap();
            assert!(page.contains(&format!("href=\"{expected}\">Home</a>")), "{target}: {page}");
        }
    }

    #[test]
    fn a_directory_near_the_error_is_linked() {
        let (missing, large) = (Status::NOT_FOUND, Status::CONTENT_TOO_LARGE);
        let table = [
            (Method::Get, "/a", missing, None),
            (Method::Get, "/a/", missing, None),
            (Method::Get, "/a/b", missing, Some(("./", "Up to <bdi>a</bdi>"))),
            (Method::Head, "/a/b/", missing, Some(("../", "Up to <bdi>a</bdi>"))),
            (Method::Get, "/a/b/c", missing, Some(("./", "Up to <bdi>b</bdi>"))),
            (Method::Get, "/%3Cb%3E/c", missing, Some(("./", "Up to <bdi>&lt;b&gt;</bdi>"))),
            (Method::Get, "/a//", missing, Some(("../", "Up to <bdi>a</bdi>"))),
            (Method::Get, "//", missing, None),
            (Method::Get, "/a/b", large, None),
            (Method::Post, "/", large, None),
            (Method::Post, "/a", large, None),
            (Method::Post, "/a/", large, Some(("./", "Back to <bdi>a</bdi>"))),
            (Method::Post, "/a/b/", large, Some(("./", "Back to <bdi>b</bdi>"))),
            (Method::Put, "/a/b", large, Some(("./", "Back to <bdi>a</bdi>"))),
        ];
        for (method, target, status, expected) in table {
            let found = folder(status, &Request::new(method, target));
            let found = found.as_ref().map(|(href, label)| (*href, label.as_str()));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn a_panic_further_in_is_a_page_too() {
        let app = Router::new()
            .layer(ErrorPages::new())
            .get("/", |_: &mut Request| -> &str { panic!("the panic that this test is about") });
        let response = app.respond(&mut browse(Method::Get, "/"));
        assert_eq!((response.status().code(), response.header("Content-Security-Policy").is_some()), (500, true));
    }
}
