//! Parts of a request as values of the program's own types, or the error that says what is wrong with which field.

use std::fmt::Display;
use std::str::FromStr;

use serde_core::de::DeserializeOwned;

use super::request::Request;
use super::shortened::shortened;
#[cfg(feature = "forms")]
use crate::http::charset::Charset;
use crate::http::error::HttpError;
use crate::http::media_type;
use crate::http::path::RelativePath;
#[cfg(feature = "forms")]
use crate::http::query::FORM_URLENCODED;

impl Request {
    /// The part of the path that `{name}` in the pattern of the route stands for, decoded as [`Request::path`] is, as a value. A
    /// router that is [nested](crate::Router::nest) in another one adds its parameters to those of the outer one; of two with the
    /// same name the inner one counts.
    ///
    /// A decoded parameter may be any text, `..` too: it must not become part of the name of a file. [`Request::param_path`] is for
    /// that.
    ///
    /// ```
    /// use hearken::{HttpError, Request, Router};
    ///
    /// fn double(request: &mut Request) -> Result<String, HttpError> {
    ///     let number: u32 = request.param("number")?;
    ///     Ok((2 * number).to_string())
    /// }
    ///
    /// let app = Router::new().get("/double/{number}", double);
    /// assert_eq!(app.respond(&mut Request::get("/double/21")).read_text().unwrap(), "42");
    /// let mut refused = app.respond(&mut Request::get("/double/many"));
    /// assert_eq!(refused.read_text().unwrap(), "Bad request: number: invalid digit found in string.");
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::BadRequest`] if it is no such value, [`HttpError::Internal`] if the route has no such parameter.
    pub fn param<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, HttpError> {
        self.text_of(name)?.parse().map_err(|error| HttpError::bad_request(format!("{name}: {error}")))
    }

    /// The part of the path that `{name}` or `{*name}` in the pattern of the route stands for, as the path of a file below a
    /// directory, which [`Files::file`](crate::Files::file) takes.
    ///
    /// # Errors
    ///
    /// [`HttpError::BadRequest`] with a [`PathError`](crate::PathError) if it could lead outside, [`HttpError::Internal`] if the
    /// route has no such parameter.
    pub fn param_path(&self, name: &str) -> Result<RelativePath, HttpError> {
        let text = self.text_of(name)?;
        let path = if self.is_path_decoded() { RelativePath::from_decoded(text) } else { RelativePath::parse(text) };
        path.map_err(|error| HttpError::bad_request(format!("{name}: {}", error.explain())))
    }

    /// Reads the whole body as JSON, into a value of this type.
    ///
    /// ```
    /// use hearken::{HttpError, Request, Router};
    ///
    /// fn sum(request: &mut Request) -> Result<String, HttpError> {
    ///     let numbers: Vec<u32> = request.json()?;
    ///     Ok(numbers.iter().sum::<u32>().to_string())
    /// }
    ///
    /// let app = Router::new().post("/sum", sum);
    /// assert_eq!(app.respond(&mut Request::post("/sum").with_json(&[1, 2, 3])).read_text().unwrap(), "6");
    /// let mut refused = app.respond(&mut Request::post("/sum").with_json(&["one"]));
    /// assert_eq!(refused.status().code(), 422);
    /// assert!(refused.read_text().unwrap().starts_with("Unprocessable content: [0]: invalid type: string"));
    /// ```
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedMediaType`] if the `Content-Type` is neither `application/json` nor one that ends with `+json`
    /// (RFC 6839 §3.1), [`HttpError::BadRequest`] with line and column if the body is not JSON, [`HttpError::UnprocessableContent`]
    /// with the field if it is JSON and no such value, and those of [`Request::read_body`].
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        if !is_json(self.header("Content-Type").unwrap_or("")) {
            return Err(HttpError::UnsupportedMediaType("application/json"));
        }
        let body = self.read_body()?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (field, error) = (error.path().to_string(), error.into_inner());
            match error.classify() {
                serde_json::error::Category::Data => HttpError::unprocessable(at_field(&field, &error)),
                _ => HttpError::not_json(&error),
            }
        })?;
        json.end().map_err(|error| HttpError::not_json(&error))?;
        Ok(value)
    }

    /// Reads the whole body as a form (`application/x-www-form-urlencoded`), decoded, into a value of this type. Names that stand
    /// several times can be a `Vec`, an empty number can be an `Option`. Needs the feature `forms`.
    ///
    /// # Errors
    ///
    /// [`HttpError::UnsupportedMediaType`] if the body is no such form, [`HttpError::UnsupportedCharset`] if its media type names
    /// another charset than UTF-8, [`HttpError::UnprocessableContent`] with the field if it is no such value, and those of
    /// [`Request::read_body`].
    #[cfg(feature = "forms")]
    pub fn form<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        if !self.has_media_type(FORM_URLENCODED) {
            return Err(HttpError::UnsupportedMediaType(FORM_URLENCODED));
        }
        // The standard has no such parameter and no charset but UTF-8, but old clients send forms in others.
        if let Some(charset) = media_type::charset(self.header("Content-Type").unwrap_or(""))
            && Charset::by_label(&charset) != Some(Charset::Utf8)
        {
            return Err(HttpError::unsupported_charset(&charset, "UTF-8 is"));
        }
        from_form(&self.read_body()?).map_err(HttpError::unprocessable)
    }

    /// The query, decoded as a form, as a value of this type. Names that stand several times can be a `Vec`, an empty number can
    /// be an `Option`. Needs the feature `forms`.
    ///
    /// # Errors
    ///
    /// [`HttpError::BadRequest`] with the field if it is no such value.
    #[cfg(feature = "forms")]
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        from_form(self.encoded_query().unwrap_or("").as_bytes()).map_err(HttpError::bad_request)
    }

    fn text_of(&self, name: &str) -> Result<&str, HttpError> {
        self.parameter(name).ok_or_else(|| HttpError::internal(format!("the route has no parameter {name:?}")))
    }
}

#[cfg(feature = "forms")]
fn from_form<T: DeserializeOwned>(form: &[u8]) -> Result<T, String> {
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(serde_html_form::Deserializer::from_bytes(form), &mut track))
        .map_err(|error| at_field(&track.path().to_string(), &error))
}

fn is_json(content_type: &str) -> bool {
    let essence = media_type::essence(content_type).to_ascii_lowercase();
    essence == "application/json" || (essence.contains('/') && essence.ends_with("+json"))
}

/// The error with the field in front, unless it is the value as a whole.
fn at_field(field: &str, error: &dyn Display) -> String {
    let error = shortened(error.to_string());
    if field == "." { error } else { format!("{}: {error}", shortened(field.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn post(media_type: &str, body: &str) -> Request {
        Request::post("/").with_header("Content-Type", media_type).with_body(body)
    }

    fn numbers(mut request: Request) -> Result<BTreeMap<String, Vec<u8>>, String> {
        request.json().map_err(|error| format!("{} {error}", error.status().code()))
    }

    #[test]
    fn json_is_read_or_refused_by_field() {
        let table = [
            (r#"{"a": [1, 2]}"#, None),
            (" {} \n", None),
            (
                r#"{"a": [1, "x"]}"#,
                Some("422 unprocessable content: a[1]: invalid type: string \"x\", expected u8 at line 1 column 13"),
            ),
            (
                r#"{"a": 7}"#,
                Some("422 unprocessable content: a: invalid type: integer `7`, expected a sequence at line 1 column 7"),
            ),
            ("[]", Some("422 unprocessable content: invalid type: sequence, expected a map at line 1 column 0")),
            ("{", Some("400 bad request: not valid JSON: EOF while parsing an object at line 1 column 1")),
            ("", Some("400 bad request: not valid JSON: EOF while parsing a value at line 1 column 0")),
            ("{} x", Some("400 bad request: not valid JSON: trailing characters at line 1 column 4")),
            ("{\n  \"a\": nope}", Some("400 bad request: not valid JSON: expected ident at line 2 column 9")),
        ];
        for (body, error) in table {
            assert_eq!(numbers(post("application/json", body)).err().as_deref(), error, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(post("application/json", &deep).json::<serde_json::Value>().is_err());
        assert!(matches!(
            Request::post("/").with_header("Content-Type", "application/json").json::<u8>(),
            Err(HttpError::LengthRequired)
        ));
    }

    /// An error that quotes a string of 10 MiB was once a response of 10 MiB.
    #[test]
    fn an_error_quotes_little_of_what_was_sent() {
        let long = "ö".repeat(100_000);
        let bodies = [format!(r#"{{"a": "{long}"}}"#), format!(r#"{{"{long}": "{long}"}}"#), format!("\"{long}\"")];
        for body in bodies {
            let error = numbers(post("application/json", &body)).unwrap_err();
            assert!(error.len() < 500 && error.starts_with("422 ") && error.contains("expected a "), "{error}");
        }
    }

    #[test]
    fn only_json_is_read_as_json() {
        let table = [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("+json", false),
            ("", false),
        ];
        for (media_type, accepted) in table {
            let refused = matches!(
                post(media_type, "{}").json::<BTreeMap<String, u8>>(),
                Err(HttpError::UnsupportedMediaType(_))
            );
            assert_eq!(!refused, accepted, "{media_type}");
        }
    }

    #[test]
    fn parameters_are_values_or_refused_by_name() {
        let request = Request::get("/").with_param("id", "7").with_param("name", "a b").with_param("id", "8");
        assert_eq!(request.param::<u8>("id").unwrap(), 8, "the inner one counts");
        assert_eq!(request.param::<String>("name").unwrap(), "a b");
        let error = request.param::<u8>("name").unwrap_err();
        assert_eq!(error.to_string(), "bad request: name: invalid digit found in string");
        assert!(matches!(request.param::<u8>("missing"), Err(HttpError::Internal(_))));
    }

    #[test]
    fn a_parameter_can_be_held_while_the_body_is_read() {
        let mut request = Request::post("/").with_param("name", "ada").with_json(&7);
        let name: String = request.param("name").unwrap();
        let number: u8 = request.json().unwrap();
        assert_eq!((name.as_str(), number), ("ada", 7));
    }

    #[test]
    fn a_path_in_a_parameter_leads_nowhere_else() {
        let table = [
            ("a/b.txt", Ok("a/b.txt")),
            ("a b%.txt", Ok("a b%.txt")),
            ("a%20b", Ok("a%20b")),
            ("..", Err("bad request: path: the path holds a dot segment")),
            ("a/../b", Err("bad request: path: the path holds a dot segment")),
            ("a//b", Err("bad request: path: the path holds an empty segment")),
            ("a\0b", Err("bad request: path: the path holds an encoded slash or a NUL byte")),
        ];
        for (text, expected) in table {
            let request = Request::get("/").with_param("path", text);
            let path = request.param_path("path").map(|path| String::from_utf8(path.to_bytes()).unwrap());
            assert_eq!(
                path.map_err(|error| error.to_string()),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
        // In a path that cannot be decoded as a whole, a parameter may have parts that are encoded.
        let path = |text| Request::get("/%2f").with_param("path", text).param_path("path");
        assert_eq!(path("a%ff").unwrap().segments(), [b"a\xff"]);
        assert!(path("%2e%2e").is_err() && path("a%2fb").is_err());
    }

    #[cfg(feature = "forms")]
    #[test]
    fn forms_and_queries_are_values_or_refused_by_field() {
        let form = |body: &str| post("application/x-www-form-urlencoded", body).form::<BTreeMap<String, u8>>();
        assert_eq!(form("a=1&b%20c=2").unwrap(), BTreeMap::from([("a".into(), 1), ("b c".into(), 2)]));
        let error = form("a=1&b=x").unwrap_err();
        assert_eq!(
            (error.status().code(), error.to_string().as_str()),
            (422, "unprocessable content: b: invalid digit found in string")
        );
        for charset in ["utf-8", "UTF8"] {
            let mut request = post(&format!("application/x-www-form-urlencoded; charset={charset}"), "a=1");
            assert!(request.form::<BTreeMap<String, u8>>().is_ok(), "{charset}");
        }
        let mut latin = post("application/x-www-form-urlencoded; charset=iso-8859-1", "a=1");
        let error = latin.form::<BTreeMap<String, u8>>().unwrap_err();
        assert_eq!(
            (error.status().code(), error.to_string().as_str()),
            (415, "the charset \"iso-8859-1\" is not supported; UTF-8 is accepted")
        );
        assert!(matches!(
            post("text/plain", "a=1").form::<BTreeMap<String, u8>>(),
            Err(HttpError::UnsupportedMediaType(_))
        ));

        let query = |target: &str| Request::get(target).query_as::<BTreeMap<String, Vec<u8>>>();
        assert_eq!(query("/?a=1&a=2").unwrap(), BTreeMap::from([("a".into(), vec![1, 2])]));
        assert_eq!(query("/").unwrap(), BTreeMap::new());
        let error = query("/?a=1&a=x").unwrap_err();
        assert_eq!(
            (error.status().code(), error.to_string().as_str()),
            (400, "bad request: a[1]: invalid digit found in string")
        );
    }
}
