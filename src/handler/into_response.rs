//! What a handler may return, and how an error becomes a response.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;

use super::error_format::CurrentFormat;
use crate::http::error::HttpError;
use crate::http::headers::HeaderText;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// What a handler may return.
///
/// | type | response |
/// |---|---|
/// | [`Response`] | itself |
/// | `&'static str`, `String`, `Cow<'static, str>` | 200, plain text in UTF-8 |
/// | `Vec<u8>`, `&'static [u8]` | 200, `application/octet-stream` |
/// | [`Status`] | this status, without a body |
/// | [`Json<T>`](crate::Json) | 200, JSON |
/// | `(Status, T)` | that of `T` with this status |
/// | `(Status, [(name, value); N], T)` | that of `T` with this status and these header fields, in place of its own of these names |
/// | `Option<T>` | that of `T`, or 404 |
/// | `Result<T, E>` | that of `T` or that of `E` |
/// | [`HttpError`] | its status, with the reason as text, or as [`Router::errors`](crate::Router::errors) says |
/// | `Box<dyn Error + Send + Sync>` | that of the [`HttpError`] or the error of reading the body in it, else 500; the log has the error |
///
/// A function names its type, or `impl IntoResponse + use<>`: what it returns borrows nothing from the request, and without `use<>`
/// the compiler assumes that it does. A closure that uses `?` names the type of its error: `Ok::<_, HttpError>(...)`.
///
/// A program's own type can join them, such as an error that handlers return with `?`:
///
/// ```
/// use hearken::{HttpError, IntoResponse, Request, Response, Router, Status};
///
/// enum ShopError { SoldOut, Http(HttpError) }
///
/// impl From<HttpError> for ShopError {
///     fn from(error: HttpError) -> Self { Self::Http(error) }
/// }
///
/// impl IntoResponse for ShopError {
///     fn into_response(self, request: &Request) -> Response {
///         match self {
///             Self::SoldOut => (Status::GONE, "sold out").into_response(request),
///             Self::Http(error) => error.into_response(request),
///         }
///     }
/// }
///
/// fn buy(request: &mut Request) -> Result<String, ShopError> {
///     let number: u32 = request.param("number")?; // a 400 if it is not a number
///     if number == 7 { Ok("a book".into()) } else { Err(ShopError::SoldOut) }
/// }
///
/// let shop = Router::new().post("/buy/{number}", buy);
/// for (target, status) in [("/buy/7", 200), ("/buy/8", 410), ("/buy/a", 400)] {
///     assert_eq!(shop.respond(&mut Request::post(target)).status().code(), status);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not a response",
    note = "a handler returns a string, bytes, a `Status`, `Json(value)`, a `Response`, a tuple of a `Status` and one of these, or an \
            `Option` or a `Result` of these; the error of a `Result` can be `HttpError`, `Box<dyn Error + Send + Sync>`, or any \
            type that implements `IntoResponse`"
)]
pub trait IntoResponse {
    /// Makes the response to this request.
    fn into_response(self, request: &Request) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self, _: &Request) -> Response {
        self
    }
}

impl IntoResponse for &'static str {
    fn into_response(self, _: &Request) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for String {
    fn into_response(self, _: &Request) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self, _: &Request) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self, _: &Request) -> Response {
        octets(self)
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self, _: &Request) -> Response {
        octets(self)
    }
}

impl<const N: usize> IntoResponse for &'static [u8; N] {
    fn into_response(self, _: &Request) -> Response {
        octets(self.as_slice())
    }
}

impl IntoResponse for Status {
    fn into_response(self, _: &Request) -> Response {
        Response::new(self)
    }
}

impl<T: IntoResponse> IntoResponse for (Status, T) {
    fn into_response(self, request: &Request) -> Response {
        self.1.into_response(request).with_status(self.0)
    }
}

impl<T, N, V, const COUNT: usize> IntoResponse for (Status, [(N, V); COUNT], T)
where
    T: IntoResponse,
    N: Into<HeaderText>,
    V: Into<HeaderText>,
{
    fn into_response(self, request: &Request) -> Response {
        let (status, fields, content) = self;
        let mut response = content.into_response(request).with_status(status);
        let fields = fields.map(|(name, value)| (name.into(), value.into()));
        for (index, (name, value)) in fields.iter().enumerate() {
            let is_repeated = fields[..index].iter().any(|(before, _)| before.eq_ignore_ascii_case(name));
            let add = if is_repeated { Response::with_added_header } else { Response::with_header };
            response = add(response, name.clone(), value.clone());
        }
        response
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self, request: &Request) -> Response {
        match self {
            Some(content) => content.into_response(request),
            None => HttpError::NotFound.into_response(request),
        }
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self, request: &Request) -> Response {
        match self {
            Ok(content) => content.into_response(request),
            Err(error) => error.into_response(request),
        }
    }
}

impl IntoResponse for Infallible {
    fn into_response(self, _: &Request) -> Response {
        match self {}
    }
}

impl IntoResponse for Box<dyn Error + Send + Sync> {
    fn into_response(self, request: &Request) -> Response {
        HttpError::from(self).into_response(request)
    }
}

impl IntoResponse for Box<dyn Error> {
    fn into_response(self, request: &Request) -> Response {
        HttpError::from(self).into_response(request)
    }
}

/// Makes the response for the error. What the client must not see goes to the log.
impl IntoResponse for HttpError {
    fn into_response(self, request: &Request) -> Response {
        if let Self::Internal(error) = &self {
            log::error!("{} {}: {error}", request.method(), request.target());
        }
        (&self).into_response(request)
    }
}

/// As for an [`HttpError`], but the log does not have the error. What [`Router::errors`](crate::Router::errors) calls returns it for an
/// error whose usual text it does not change.
impl IntoResponse for &HttpError {
    fn into_response(self, request: &Request) -> Response {
        let format = request.extension::<CurrentFormat>();
        let response = format
            .and_then(|format| format.apply(self, request))
            .unwrap_or_else(|| Response::text(self.text(request)).with_header("X-Content-Type-Options", "nosniff"));
        let response = response.with_status(self.status());
        match self.field(request) {
            Some((name, value)) => response.with_header(name, value),
            None => response,
        }
    }
}

fn octets(bytes: impl Into<Cow<'static, [u8]>>) -> Response {
    Response::bytes(bytes).with_header("Content-Type", "application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::super::json::Json;
    use super::*;

    fn made(content: impl IntoResponse) -> (u16, Vec<(String, String)>, String) {
        let mut response = content.into_response(&Request::get("/a"));
        let fields = response.headers().iter().map(|(name, value)| (name.into(), value.into())).collect();
        (response.status().code(), fields, response.read_text().unwrap())
    }

    #[test]
    fn each_type_has_its_status_and_media_type() {
        let text = "text/plain; charset=utf-8";
        let octets = "application/octet-stream";
        let boxed = |error: HttpError| -> Box<dyn Error + Send + Sync> { error.into() };
        let table = [
            (made("a"), 200, text, "a"),
            (made(String::from("a")), 200, text, "a"),
            (made(Cow::Borrowed("a")), 200, text, "a"),
            (made(vec![b'a']), 200, octets, "a"),
            (made(&b"a"[..]), 200, octets, "a"),
            (made(b"a"), 200, octets, "a"),
            (made(Status::ACCEPTED), 202, "", ""),
            (made((Status::ACCEPTED, "a")), 202, text, "a"),
            (made((Status::ACCEPTED, Json([1]))), 202, "application/json", "[1]"),
            (made(Some("a")), 200, text, "a"),
            (made(None::<&str>), 404, text, "Not found: GET, /a"),
            (made(Ok::<_, Infallible>("a")), 200, text, "a"),
            (made(Err::<&str, _>((Status::CONFLICT, "a"))), 409, text, "a"),
            (made(HttpError::Gone), 410, text, "Gone: GET, /a"),
            (made(boxed(HttpError::Gone)), 410, text, "Gone: GET, /a"),
            (made(Box::<dyn Error>::from("a secret")), 500, text, "Something went wrong here."),
            (made(Box::<dyn Error + Send + Sync>::from("a secret")), 500, text, "Something went wrong here."),
        ];
        for ((status, fields, content), expected_status, media_type, expected) in table {
            let sent = fields.iter().find(|(name, _)| name == "Content-Type").map_or("", |(_, value)| value.as_str());
            assert_eq!((status, sent, content.as_str()), (expected_status, media_type, expected));
        }
    }

    #[test]
    fn a_browser_does_not_guess_what_an_error_is() {
        let nosniff = ("X-Content-Type-Options".to_owned(), "nosniff".to_owned());
        assert!(made(HttpError::NotFound).1.contains(&nosniff));
    }

    /// Of two `Set-Cookie` fields only the last one was once sent.
    #[test]
    fn fields_of_a_tuple_replace_those_of_the_content_and_not_each_other() {
        let fields = [
            ("Set-Cookie", "a=1"),
            ("content-type", "text/css"),
            ("set-cookie", "b=2"),
            ("X", "1"),
            ("Set-Cookie", "c=3"),
        ];
        let (status, fields, text) = made((Status::CREATED, fields, "hello"));
        assert_eq!((status, text.as_str()), (201, "hello"));
        let expected = [
            ("Set-Cookie", "a=1"),
            ("content-type", "text/css"),
            ("set-cookie", "b=2"),
            ("X", "1"),
            ("Set-Cookie", "c=3"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
