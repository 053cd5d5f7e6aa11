//! The client of the library: what its requests are to a server, and what its responses are to a program.

use std::io;

use hearken::client::{self, Client, ClientError};
use hearken::testing::TestServer;
use hearken::{HttpError, Method, Request, Response, Router, Status};

/// Says what a request is: its method, target, length, framing and media type, and then its body.
fn describe(request: &mut Request) -> Result<String, HttpError> {
    let body = if request.has_body() { request.read_body()? } else { Vec::new() };
    let shown = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let (length, framing) = (shown(request.header("Content-Length")), shown(request.header("Transfer-Encoding")));
    let (media_type, field) = (shown(request.header("Content-Type")), shown(request.header_list("X-A").as_deref()));
    let (method, target) = (request.method(), request.target());
    Ok(format!("{method} {target} {length} {framing} {media_type} {field} {}", String::from_utf8_lossy(&body)))
}

fn server() -> TestServer {
    TestServer::new(describe).unwrap()
}

#[test]
fn requests_arrive_as_they_were_made() {
    let server = server();
    let client = Client::new();
    let url = format!("{}a/b?c=%20d", server.url());
    let request = |method: &str| client.request(Method::from_name(method), &url);
    let json = serde_json::json!({ "b": 1, "a": [null] });
    let table = [
        (request("GET"), "GET /a/b?c=%20d - - - - "),
        (request("OPTIONS"), "OPTIONS /a/b?c=%20d - - - - "),
        (request("DELETE"), "DELETE /a/b?c=%20d - - - - "),
        (request("PURGE"), "PURGE /a/b?c=%20d - - - - "),
        (request("get"), "get /a/b?c=%20d - - - - "),
        (request("POST"), "POST /a/b?c=%20d 0 - - - "),
        (request("PUT"), "PUT /a/b?c=%20d 0 - - - "),
        (request("PATCH"), "PATCH /a/b?c=%20d 0 - - - "),
        (request("POST").with_body("text"), "POST /a/b?c=%20d 4 - - - text"),
        (request("POST").with_body(Vec::new()), "POST /a/b?c=%20d 0 - - - "),
        (request("DELETE").with_body("text"), "DELETE /a/b?c=%20d 4 - - - text"),
        (request("PROPFIND").with_body("<p>"), "PROPFIND /a/b?c=%20d 3 - - - <p>"),
        (request("GET").with_body("odd"), "GET /a/b?c=%20d 3 - - - odd"),
        (request("PATCH").with_json(&json), "PATCH /a/b?c=%20d 18 - application/json - {\"a\":[null],\"b\":1}"),
        (
            request("POST").with_json(&json).with_header("Content-Type", "application/x+json"),
            "POST /a/b?c=%20d 18 - application/x+json - {\"a\":[null],\"b\":1}",
        ),
        (request("PUT").with_reader(&b"known"[..], Some(5)), "PUT /a/b?c=%20d 5 - - - known"),
        (request("PUT").with_reader(&b"unknown"[..], None), "PUT /a/b?c=%20d - chunked - - unknown"),
        (request("DELETE").with_reader(&b"unknown"[..], None), "DELETE /a/b?c=%20d - chunked - - unknown"),
        (request("PUT").with_reader(&b"one"[..], Some(3)).with_body("other"), "PUT /a/b?c=%20d 5 - - - other"),
        (
            request("PUT").with_reader(&b"one"[..], Some(3)).with_reader(&b"b"[..], None),
            "PUT /a/b?c=%20d - chunked - - b",
        ),
        (request("GET").with_header("x-a", "1").with_header("X-A", "2"), "GET /a/b?c=%20d - - - 2 "),
        (request("GET").with_header("X-A", "1").with_added_header("X-A", "2"), "GET /a/b?c=%20d - - - 1, 2 "),
    ];
    for (request, expected) in table {
        let shown = format!("{request:?}");
        let text = request.send().and_then(client::Response::text).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(text, expected, "{shown}");
    }
    let head = request("HEAD").send().unwrap();
    assert_eq!((head.status(), head.text().unwrap().as_str()), (200, ""));
    let short = client.post_json(&url, "[1]").unwrap().text().unwrap();
    assert_eq!(short, "POST /a/b?c=%20d 3 - application/json - [1]");
    let short = client.put(&url, &mut &b"put"[..], None).unwrap().text().unwrap();
    assert_eq!(short, "PUT /a/b?c=%20d - chunked - - put");
}

#[test]
fn a_body_that_fails_is_an_error_and_no_shorter_request() {
    let server = server();
    let client = Client::new();
    let url = server.url();
    let broken = || io::Read::chain(&b"half"[..], Broken);
    for (reader, length) in [(broken(), Some(8)), (broken(), None)] {
        let error = client.request(Method::Put, &url).with_reader(reader, length).send().unwrap_err();
        assert!(matches!(error, ClientError::Exchange { .. }), "{error}");
        assert!(error.to_string().ends_with("the disk is gone"), "{error}");
    }
    // ureq would wait for a response, and the server for the rest of the body.
    let error = client.request(Method::Put, &url).with_reader(&b"half"[..], Some(8)).send().unwrap_err();
    assert!(matches!(error, ClientError::Exchange { .. }), "{error}");
    assert!(error.to_string().ends_with("the body ends 4 bytes early"), "{error}");
    // What exceeds the announced length would be taken for the next request.
    let response = client.request(Method::Put, &url).with_reader(&b"too much"[..], Some(3)).send().unwrap();
    assert_eq!(response.text().unwrap(), "PUT / 3 - - - too");
    assert!(client.get(&url).unwrap().text().unwrap().starts_with("GET / "));
}

/// Fails instead of ending.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn redirects_are_followed_where_the_body_is_not_needed_again() {
    let app = |request: &mut Request| {
        let status = request.path().trim_start_matches('/').parse().ok().and_then(Status::new);
        match status {
            Some(status) => Ok::<_, HttpError>(Response::redirect(status, "/there")),
            None => describe(request).map(Response::text),
        }
    };
    let server = TestServer::new(app).unwrap();
    let client = Client::new();
    let table = [
        ("GET", "303", None, Ok("GET /there - - - 1 ")),
        ("GET", "307", None, Ok("GET /there - - - 1 ")),
        ("POST", "303", Some("body"), Ok("GET /there - - - 1 ")),
        ("POST", "307", Some("body"), Err(())),
        ("PUT", "308", Some("body"), Err(())),
        ("DELETE", "307", None, Err(())),
        ("OPTIONS", "307", None, Ok("OPTIONS /there - - - 1 ")),
        // Without its body it would be another request.
        ("PROPFIND", "307", Some("body"), Err(())),
        ("OPTIONS", "308", Some("body"), Err(())),
        ("GET", "301", Some("body"), Err(())),
    ];
    for (method, path, body, expected) in table {
        let url = format!("{}{path}", server.url());
        let mut request = client.request(Method::from_name(method), &url).with_header("X-A", "1");
        if let Some(body) = body {
            request = request.with_body(body);
        }
        match (request.send(), expected) {
            (Ok(response), Ok(expected)) => assert_eq!(response.text().unwrap(), expected, "{method} {path}"),
            (Err(error), Err(())) => {
                assert!(matches!(error, ClientError::Exchange { .. }), "{method} {path}: {error}");
                assert!(error.to_string().ends_with("after a redirect it would have to be sent again"), "{error}");
            }
            (Ok(response), Err(())) => panic!("{method} {path}: {}", response.status_line()),
            (Err(error), Ok(_)) => panic!("{method} {path}: {error}"),
        }
    }
}

#[test]
fn an_error_status_is_an_error_for_who_asks() {
    let long = format!("{}\n", "word ".repeat(1000));
    let table: [(Response, &str); 9] = [
        (Response::text("no note 7").with_status(Status::NOT_FOUND), "404 Not Found: no note 7"),
        (
            Response::text("first\r\n\tsecond\x1b[31m\n").with_status(Status::CONFLICT),
            "409 Conflict: first second [31m",
        ),
        (
            Response::json(&serde_json::json!({ "error": "no" })).with_status(Status::BAD_REQUEST),
            "400 Bad Request: {\"error\":\"no\"}",
        ),
        (Response::html("<h1>No").with_status(Status::BAD_GATEWAY), "502 Bad Gateway"),
        (Response::bytes(&b"\x00\x01"[..]).with_status(Status::GONE), "410 Gone"),
        (Response::new(Status::UNAUTHORIZED), "401 Unauthorized"),
        (Response::new(Status::NOT_MODIFIED), "304 Not Modified"),
        (
            Response::text(long.clone()).with_status(Status::INTERNAL_SERVER_ERROR),
            "500 Internal Server Error: word word",
        ),
        (Response::text("fine").with_status(Status::CREATED), ""),
    ];
    for (response, expected) in table {
        let response = std::sync::Mutex::new(Some(response));
        let server = TestServer::new(move |_: &mut Request| response.lock().unwrap().take().unwrap()).unwrap();
        let url = server.url();
        match Client::new().get(&url).unwrap().error_for_status() {
            Ok(response) => assert_eq!((expected, response.text().unwrap().as_str()), ("", "fine")),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    matches!(error, ClientError::Status { status, .. } if expected.starts_with(&status.to_string()))
                );
                let start = format!("{url}: {expected}");
                assert!(message.starts_with(&start) && (message == start || expected.ends_with("word")), "{message}");
                assert!(message.len() < 600, "{message}");
            }
        }
    }
}

#[test]
fn a_response_is_shown_without_its_fields() {
    let app = |_: &mut Request| Response::text("hello").with_header("Set-Cookie", "session=3f9a");
    let server = TestServer::new(app).unwrap();
    let response = Client::new().get(&server.url()).unwrap();
    assert_eq!(response.header("Set-Cookie"), Some("session=3f9a"));
    assert_eq!(format!("{response:?}"), format!("Response {{ url: {:?}, status: 200, .. }}", server.url()));
}

#[test]
fn json_becomes_a_value() {
    let app = Router::new().get("/list", |_| Response::json(&[1, 2])).get("/text", |_| "[1, 2");
    let server = TestServer::new(app).unwrap();
    let get = |path: &str| Client::new().get(&format!("{}{path}", server.url())).unwrap();
    assert_eq!(get("list").json::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(get("list").bytes().unwrap(), b"[1,2]");
    for (path, reason) in
        [("list", "invalid type: integer `1`, expected a string"), ("text", "EOF while parsing a list")]
    {
        let error = get(path).json::<Vec<String>>().unwrap_err();
        assert!(matches!(error, ClientError::Json { .. }), "{error}");
        let start = format!("the response of {}{path} is not the JSON expected: ", server.url());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(error.to_string().contains(reason) || path == "text", "{error}");
    }
}

/// It said "the response broke off: the response broke off: ...".
#[test]
fn a_body_that_breaks_off_is_told_once() {
    let server = TestServer::new(|_: &mut Request| Response::reader(&b"abc"[..], Some(9))).unwrap();
    let get = || Client::new().get(&server.url()).unwrap();
    let read: [fn(client::Response) -> ClientError; 3] = [
        |response| response.text().unwrap_err(),
        |response| response.json::<u8>().unwrap_err(),
        |response| io::copy(&mut response.into_reader(), &mut io::sink()).unwrap_err().downcast().unwrap(),
    ];
    for read in read {
        let error = read(get());
        assert!(matches!(error, ClientError::Body(_)), "{error}");
        let message = error.to_string();
        assert!(message.starts_with("the response broke off: "), "{message}");
        assert_eq!(message.matches("broke off").count(), 1, "{message}");
    }
}

#[test]
fn a_requests_own_authorization_takes_the_place_of_the_clients() {
    let app = Router::new().get("/", |request| request.header("Authorization").map(str::to_owned));
    let server = TestServer::new(app).unwrap();
    let client = Client::builder().basic_auth("ada", "secret").unwrap().build();
    let request = || client.request(Method::Get, &server.url()).with_header("X-A", "1");
    assert_eq!(request().send().unwrap().text().unwrap(), "Basic YWRhOnNlY3JldA==");
    let bearer = request().with_header("Authorization", "Bearer token").send().unwrap();
    assert_eq!(bearer.text().unwrap(), "Bearer token");
}
