//! Every operation of the API with its status and body, without a socket.

use std::fs;
use std::path::Path;

use hearken::{Method, Request, Router};

const TODOS: &str = "/api/v1/todos";

/// A request of a client that knows the token.
fn request(method: Method, target: &str) -> Request {
    Request::new(method, target).with_header("Authorization", "Bearer open-sesame")
}

/// The status and the body of a response.
fn send(app: &Router, mut request: Request) -> (u16, String) {
    let mut response = app.respond(&mut request);
    (response.status().code(), response.read_text().unwrap())
}

/// An API with the todos `bread`, which is done, and `milk`, which is not.
fn app() -> Router {
    let app = todos::app();
    for body in [r#"{"title":"bread","done":true}"#, r#"{"title":"milk"}"#] {
        assert_eq!(send(&app, json(request(Method::Post, TODOS), body)).0, 201);
    }
    app
}

fn json(request: Request, body: &str) -> Request {
    request.with_header("Content-Type", "application/json").with_body(body)
}

#[test]
fn a_todo_is_created_where_its_location_says() {
    let app = todos::app();
    let mut response = app.respond(&mut json(request(Method::Post, TODOS), r#"{"title":"milk"}"#));
    assert_eq!((response.status().code(), response.header("Location")), (201, Some("/api/v1/todos/0")));
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let body = response.read_text().unwrap();
    assert_eq!(body, r#"{"id":0,"title":"milk","done":false}"#);
    assert_eq!(send(&app, request(Method::Get, "/api/v1/todos/0")), (200, body));
}

#[test]
fn the_list_can_be_filtered() {
    let (bread, milk) = (r#"{"id":0,"title":"bread","done":true}"#, r#"{"id":1,"title":"milk","done":false}"#);
    let table = [
        ("", 200, format!("[{bread},{milk}]")),
        ("?done=true", 200, format!("[{bread}]")),
        ("?done=false", 200, format!("[{milk}]")),
        (
            "?done=maybe",
            400,
            error(r#"bad request: done: invalid value: string "maybe", expected "true", "on" or "false""#),
        ),
    ];
    let app = app();
    for (query, status, body) in table {
        assert_eq!(send(&app, request(Method::Get, &format!("{TODOS}{query}"))), (status, body), "{query}");
    }
}

#[test]
fn a_todo_is_replaced_and_deleted() {
    let app = app();
    let milk = || request(Method::Put, "/api/v1/todos/1");
    let expected = r#"{"id":1,"title":"oat milk","done":true}"#;
    assert_eq!(send(&app, json(milk(), r#"{"id":7,"title":"oat milk","done":true}"#)), (200, expected.into()));
    assert_eq!(send(&app, request(Method::Get, "/api/v1/todos/1")), (200, expected.into()));

    assert_eq!(send(&app, request(Method::Delete, "/api/v1/todos/1")), (204, String::new()));
    let not_found = (404, error("not found"));
    for method in [Method::Get, Method::Delete] {
        assert_eq!(send(&app, request(method, "/api/v1/todos/1")), not_found);
    }
    assert_eq!(send(&app, json(milk(), r#"{"title":"milk"}"#)), not_found);
    let eggs = send(&app, json(request(Method::Post, TODOS), r#"{"title":"eggs"}"#));
    assert_eq!(eggs, (201, r#"{"id":2,"title":"eggs","done":false}"#.into()), "no number is used twice");
}

#[test]
fn errors_are_json() {
    let post = |body: &str| json(request(Method::Post, TODOS), body);
    let get = |target: &str| request(Method::Get, target);
    let table = [
        (post(r#"{"done":true}"#), 422, "unprocessable content: missing field `title` at line 1 column 13"),
        (
            post(r#"{"title":7}"#),
            422,
            "unprocessable content: title: invalid type: integer `7`, expected a string at line 1 column 10",
        ),
        (post("{"), 400, "bad request: not valid JSON: EOF while parsing an object at line 1 column 1"),
        (
            request(Method::Post, TODOS).with_body("milk"),
            415,
            "the media type is not supported; application/json is accepted",
        ),
        (
            request(Method::Post, TODOS).with_header("Content-Type", "application/json"),
            411,
            "the request needs a Content-Length or a chunked body",
        ),
        (get("/api/v1/todos/milk"), 400, "bad request: id: invalid digit found in string"),
        (get("/api/v1/todos/7"), 404, "not found"),
        (get("/api/v1/lists"), 404, "not found"),
        (get("/"), 404, "not found"),
        (request(Method::Put, TODOS), 405, "the method is not allowed here"),
        (Request::get(TODOS), 401, "unauthorized: a token is needed"),
        (Request::get(TODOS).with_header("Authorization", "Bearer sesame"), 401, "unauthorized: a token is needed"),
        (Request::get("/"), 404, "not found"),
    ];
    let app = app();
    for (mut request, status, text) in table {
        let mut response = app.respond(&mut request);
        let seen = (response.status().code(), response.header("Content-Type"));
        assert_eq!(seen, (status, Some("application/json")), "{text}");
        assert_eq!(response.read_text().unwrap(), error(text));
    }
    let field = |mut request: Request, name: &str| app.respond(&mut request).header(name).map(str::to_owned);
    assert_eq!(field(request(Method::Put, TODOS), "Allow").as_deref(), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(field(Request::get(TODOS), "WWW-Authenticate").as_deref(), Some("Bearer"));
}

/// What the API is a measure of: how little it takes.
#[test]
fn the_program_has_fewer_than_70_lines() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(source).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let lines: usize = files.map(|file| file.lines().count()).sum();
    assert!(lines < 70, "{lines} lines");
}

fn error(text: &str) -> String {
    format!(r#"{{"error":{text:?}}}"#)
}
