use std::fs;
use std::sync::{Arc, Mutex};

use super::Router;
use crate::files::Files;
use crate::handler::{IntoResponse, Next};
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::middleware::ResponseHeaders;
use crate::write_file::WriteFile;

fn hidden_type(_: &mut Request) -> impl IntoResponse + use<> {
    (Status::CREATED, "hidden")
}

fn app() -> Router {
    Router::new()
        .get("/hello", |_| "hello")
        .get("/hidden", hidden_type)
        .post("/hello", |_| "posted")
        .get("/notes/{id}", |request| request.param::<String>("id"))
        .any("/any", |request: &mut Request| request.method().to_string())
        .get("/bad", |_| Response::text("a").with_header("X", "\r\n"))
        .get("/broken", |_| -> Result<Response, HttpError> { Err(HttpError::internal("secret")) })
        .get("/panics", |_| -> &str { panic!("secret") })
}

fn get(app: &Router, target: &str) -> (u16, String) {
    send(app, Request::get(target))
}

fn send(app: &Router, mut request: Request) -> (u16, String) {
    let mut response = app.respond(&mut request);
    (response.status().code(), response.read_text().unwrap())
}

/// What a handler sees of where it is.
fn place(request: &mut Request) -> String {
    format!("{} in {}, as sent {}", request.path(), request.mount(), request.encoded_path())
}

#[test]
fn methods_and_paths_find_their_handler() {
    let table = [
        (Method::Get, "/hello", 200, "hello"),
        (Method::Get, "/h%65llo?q", 200, "hello"),
        (Method::Get, "/hidden", 201, "hidden"),
        (Method::Head, "/hello", 200, ""),
        (Method::Post, "/hello", 200, "posted"),
        (Method::Put, "/hello", 405, "Unsupported request: PUT."),
        (Method::Options, "/hello", 204, ""),
        (Method::Get, "/hello/", 404, "Not found: GET, /hello/"),
        (Method::Get, "/notes/7", 200, "7"),
        (Method::Get, "/notes/a%20b", 200, "a b"),
        (Method::Get, "/notes/", 404, "Not found: GET, /notes/"),
        (Method::Other("BREW".into()), "/any", 200, "BREW"),
        (Method::Other("BREW".into()), "/hello", 405, "Unsupported request: BREW."),
        (Method::Get, "/nowhere", 404, "Not found: GET, /nowhere"),
        (Method::Options, "*", 204, ""),
        (Method::Get, "/bad", 500, "Something went wrong here."),
        (Method::Get, "/broken", 500, "Something went wrong here."),
        (Method::Get, "/panics", 500, "Something went wrong here."),
    ];
    let app = app();
    for (method, target, status, body) in table {
        let got = send(&app, Request::new(method.clone(), target));
        assert_eq!(got, (status, body.to_owned()), "{method} {target}");
    }
    let head = app.respond(&mut Request::new(Method::Head, "/hello"));
    assert_eq!(head.content_length(), Some(5), "HEAD tells the length of the body that it leaves out");
}

#[test]
fn options_and_405_list_the_allowed_methods() {
    let table: [(Router, &str); 3] = [
        (app(), "GET, HEAD, POST, OPTIONS"),
        (app().route(Method::Head, "/hello", |_: &mut Request| ""), "GET, POST, HEAD, OPTIONS"),
        (app().route(Method::Patch, "/hello", |_: &mut Request| ""), "GET, HEAD, POST, PATCH, OPTIONS"),
    ];
    for (app, allowed) in table {
        for method in [Method::Put, Method::Options] {
            assert_eq!(app.respond(&mut Request::new(method, "/hello")).header("Allow"), Some(allowed));
        }
    }
    let app = app().route(Method::Options, "/hello", |_: &mut Request| "options");
    assert_eq!(send(&app, Request::new(Method::Options, "/hello")).1, "options");
    let refused = app.respond(&mut Request::put("/hello"));
    assert_eq!(refused.header("Allow"), Some("GET, HEAD, POST, OPTIONS"));
}

#[test]
fn the_fallback_gets_paths_that_match_no_pattern() {
    let app = app().fallback(|request: &mut Request| format!("fallback {}", request.method()));
    assert_eq!(send(&app, Request::post("/x")), (200, "fallback POST".into()));
    assert_eq!(send(&app, Request::put("/hello")).0, 405);
}

#[test]
fn the_more_specific_pattern_comes_first_in_any_order() {
    let patterns = ["/{*rest}", "/a/{*rest}", "/a/b", "/a/b/{c}", "/x/{id}.png", "/x/{id}", "/x/y"];
    let table = [
        ("/a/b", "/a/b"),
        ("/a/b/c", "/a/b/{c}"),
        ("/a/c", "/a/{*rest}"),
        ("/a/b/c/d", "/a/{*rest}"),
        ("/x/1.png", "/x/{id}.png"),
        ("/x/1.gif", "/x/{id}"),
        ("/x/y", "/x/y"),
        ("/b", "/{*rest}"),
    ];
    let orders = (0..patterns.len()).flat_map(|turn| {
        let turned: Vec<_> = (0..patterns.len()).map(|index| patterns[(turn + index) % patterns.len()]).collect();
        let reversed: Vec<_> = turned.iter().rev().copied().collect();
        [turned, reversed]
    });
    for order in orders {
        let app = order.iter().copied().fold(Router::new(), |app, pattern| app.get(pattern, move |_| pattern));
        for (target, expected) in table {
            assert_eq!(get(&app, target).1, expected, "{target} {order:?}");
        }
    }
}

#[test]
fn mistakes_panic_when_the_router_is_built() {
    let hello = |_: &mut Request| "hello";
    let table: [(&str, Box<dyn Fn() -> Router>); 18] = [
        ("no leading slash", Box::new(move || Router::new().get("a", hello))),
        ("a percent sign", Box::new(move || Router::new().get("/a%20b", hello))),
        ("an empty pattern", Box::new(move || Router::new().get("", hello))),
        ("a malformed parameter", Box::new(move || Router::new().get("/a/{x", hello))),
        ("the same method twice", Box::new(move || Router::new().get("/a", hello).get("/a", hello))),
        ("any method twice", Box::new(move || Router::new().any("/a", hello).any("/a", hello))),
        ("two names for a segment", Box::new(move || Router::new().get("/{a}", hello).post("/{b}", hello))),
        ("a segment or the rest", Box::new(move || Router::new().get("/{a}/b", hello).get("/{*c}", hello))),
        ("a start or an end", Box::new(move || Router::new().get("/v{a}", hello).get("/{a}.txt", hello))),
        ("nesting everything", Box::new(move || Router::new().nest("/", hello))),
        ("nesting nothing", Box::new(move || Router::new().nest("", hello))),
        ("a slash at the end", Box::new(move || Router::new().nest("/a/", hello))),
        ("nesting below the rest", Box::new(move || Router::new().nest("/{*rest}", hello))),
        ("nesting twice", Box::new(move || Router::new().nest("/a", hello).nest("/a", hello))),
        ("nesting beside a parameter", Box::new(move || Router::new().get("/a/{x}", hello).nest("/a", hello))),
        ("merging the same method", Box::new(move || app().merge(Router::new().get("/hello", hello)))),
        ("merging two fallbacks", Box::new(move || Router::new().fallback(hello).merge(Router::new().fallback(hello)))),
        ("a host that is none", Box::new(move || Router::new().host("http://a", hello))),
    ];
    for (mistake, build) in table {
        let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(build())));
        assert!(built.is_err(), "{mistake}");
    }
}

#[test]
fn a_nested_handler_sees_the_path_below_its_prefix() {
    let inner = Router::new().get("/", place).get("/deep/{x}", place).fallback(place);
    let app = Router::new()
        .nest("/api", inner)
        .get("/api/status", |_| "status")
        .nest("/users/{user}/files", Router::new().nest("/{folder}", place));
    let table = [
        ("/api", "/ in /api, as sent /"),
        ("/api?q", "/ in /api, as sent /"),
        ("/api/", "/ in /api, as sent /"),
        ("/%61pi/a%20b", "/a b in /api, as sent /a%20b"),
        ("/api/deep/x", "/deep/x in /api, as sent /deep/x"),
        ("/api//x", "//x in /api, as sent //x"),
        ("/%61pi/%ff", "/%FF in /api, as sent /%ff"),
        ("/%61pi/%62%2fc/d", "/b%2Fc/d in /api, as sent /%62%2fc/d"),
        ("/api/status", "status"),
        ("/users/a%20b/files/f/x%20y", "/x y in /users/a%20b/files/f, as sent /x%20y"),
        ("/users/\\evil.example/files/f", "/ in /users/%5Cevil.example/files/f, as sent /"),
    ];
    for (target, expected) in table {
        assert_eq!(get(&app, target), (200, expected.into()), "{target}");
    }
    assert_eq!(get(&app, "/apis").0, 404);
    assert_eq!(get(&app, "/users/a/files").0, 404);
}

/// `/%61dmin` with a name in Latin-1 below it was once not below `/admin` for the router, but was for the files.
#[test]
fn no_encoding_leads_around_a_layer() {
    use std::os::unix::ffi::OsStrExt as _;

    let root = tempfile::tempdir().unwrap();
    let admin = root.path().join("admin");
    fs::create_dir(&admin).unwrap();
    fs::write(admin.join(std::ffi::OsStr::from_bytes(b"\xf6%")), "a secret").unwrap();
    let refuse = |_: &mut Request, _: Next<'_>| HttpError::Forbidden;
    let app = Router::new().nest("/admin", Router::new().layer(refuse)).fallback(Files::new(root.path()));
    for target in ["/admin/%f6%25", "/%61dmin/%f6%25", "/%61dmin/%F6%25?a", "http://h/adm%69n/%f6%25"] {
        assert_eq!(get(&app, target).0, 403, "{target}");
    }
    assert_eq!(get(&app, "//%61dmin/%f6%25").0, 301);
}

#[test]
fn nested_routers_keep_the_outer_parameters() {
    let show = |request: &mut Request| -> Result<String, HttpError> {
        Ok(format!("{} {}", request.param::<String>("a")?, request.param::<String>("b")?))
    };
    let app = Router::new()
        .nest("/{a}/x", Router::new().get("/{b}", show))
        .nest("/{b}/y", Router::new().get("/{a}", show))
        .nest("/{a}/z", Router::new().get("/{a}/{b}", show));
    assert_eq!(get(&app, "/1/x/2").1, "1 2");
    assert_eq!(get(&app, "/1/z/2/3").1, "2 3", "of two with the same name the inner one counts");
}

#[test]
fn what_a_nested_router_does_not_find_is_404_with_the_whole_path() {
    let app = Router::new().nest("/api", Router::new().get("/a", |_| "a")).fallback(|_: &mut Request| "fallback");
    assert_eq!(get(&app, "/api/b"), (404, "Not found: GET, /api/b".into()));
    assert_eq!(get(&app, "/b"), (200, "fallback".into()));
    assert_eq!(send(&app, Request::put("/api/a")), (405, "Unsupported request: PUT.".into()));
}

#[test]
fn a_nested_directory_has_links_and_redirects_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("sub")).unwrap();
    fs::write(root.path().join("sub/a.txt"), "a").unwrap();
    fs::write(root.path().join("404.html"), "own page").unwrap();
    let app = Router::new().nest("/static/{version}", Files::new(root.path()));
    let table = [
        ("/static/1/sub/a.txt", 200, None),
        ("/static/1/sub/", 200, None),
        ("/static/1", 301, Some("/static/1/")),
        ("/static/1?a=b", 301, Some("/static/1/?a=b")),
        ("/static/1/sub", 301, Some("/static/1/sub/")),
        ("/static/1//sub//a.txt", 301, Some("/static/1/sub/a.txt")),
        ("/static/\\evil.example/sub", 301, Some("/static/%5Cevil.example/sub/")),
        ("/static/1/missing", 404, None),
    ];
    for (target, status, location) in table {
        let response = app.respond(&mut Request::get(target));
        assert_eq!((response.status().code(), response.header("Location")), (status, location), "{target}");
    }
    assert_eq!(get(&app, "/static/1/missing").1, "own page");
    let listing = get(&app, "/static/1/sub/").1;
    assert!(listing.contains("href=\"./a.txt\"") && listing.contains("href=\"../\""), "{listing}");
    // The same file under another prefix, as it was kept.
    assert_eq!((get(&app, "/static/1/sub/a.txt").1, get(&app, "/static/2/sub/a.txt").1), ("a".into(), "a".into()));
}

#[test]
fn what_is_written_below_a_prefix_is_told_with_the_prefix() {
    let root = tempfile::tempdir().unwrap();
    let app = Router::new().nest("/up", WriteFile::new(root.path()).put(true).forms(true));
    let created = app.respond(&mut Request::put("/up/a%20b").with_body("a"));
    assert_eq!((created.status().code(), created.header("Location")), (201, Some("/up/a%20b")));
    assert_eq!(fs::read(root.path().join("a b")).unwrap(), b"a");
    let form = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"c\"\r\n\r\nc\r\n--b--\r\n";
    let post = |target: &str, accept: &str| {
        let request = Request::post(target).with_header("Content-Type", "multipart/form-data; boundary=b");
        let response = app.respond(&mut request.with_header("Accept", accept).with_body(form));
        (response.status().code(), response.header("Location").map(str::to_owned))
    };
    assert_eq!(post("/up", "text/html"), (303, Some("/up/".into())));
    assert_eq!(post("/up/sub/", "*/*"), (201, Some("/up/sub/c".into())));
}

#[test]
fn layers_are_around_everything_the_first_one_outermost() {
    let trace = Arc::new(Mutex::new(Vec::new()));
    let layer = |name: &'static str| {
        let trace = Arc::clone(&trace);
        move |request: &mut Request, next: Next<'_>| {
            trace.lock().unwrap().push(format!("{name} in"));
            let response = next.respond(request);
            trace.lock().unwrap().push(format!("{name} out {}", response.status().code()));
            response
        }
    };
    let app = Router::new().layer(layer("a")).get("/", |_| "hello").layer(layer("b")).get("/panics", app_panics);
    let table = [("/", 200), ("/missing", 404), ("/panics", 500)];
    for (target, status) in table {
        assert_eq!(get(&app, target).0, status);
        let traced: Vec<String> = trace.lock().unwrap().drain(..).collect();
        assert_eq!(
            traced,
            ["a in".into(), "b in".into(), format!("b out {status}"), format!("a out {status}")],
            "{target}"
        );
    }
}

fn app_panics(_: &mut Request) -> String {
    panic!("a secret")
}

#[test]
fn a_layer_that_panics_is_a_500_for_the_layers_around_it() {
    let app = Router::new()
        .layer(ResponseHeaders::new().add("X-Seen", "1").unwrap())
        .layer(|_: &mut Request, _: Next<'_>| -> Response { panic!("a secret") })
        .get("/", |_| "hello");
    let response = app.respond(&mut Request::get("/"));
    assert_eq!((response.status().code(), response.header("X-Seen")), (500, Some("1")));
}

#[test]
fn a_layer_hands_on_values_and_fields() {
    struct Seen(u8);
    let app = Router::new()
        .layer(|request: &mut Request, next: Next<'_>| {
            request.insert(Seen(7));
            request.set_header("X-Seen", "yes")?;
            Ok::<_, HttpError>(next.respond(request))
        })
        .get("/", |request| {
            let seen = request.extension::<Seen>().map_or(0, |seen| seen.0);
            format!("{seen} {}", request.header("x-seen").unwrap_or("no"))
        });
    assert_eq!(send(&app, Request::get("/").with_header("X-Seen", "forged")).1, "7 yes");
}

#[test]
fn errors_have_the_format_of_the_innermost_router_that_sets_one() {
    let format = |name: &'static str| move |error: &HttpError, _: &Request| Response::text(format!("{name}: {error}"));
    let inner = Router::new()
        .errors(format("inner"))
        .get("/none", |_| None::<String>)
        .get("/panics", app_panics)
        .get("/limited", |_| HttpError::TooManyRequests(3));
    let app = Router::new()
        .errors(format("outer"))
        .nest("/inner", inner)
        .nest(
            "/plain",
            Router::new().layer(|_: &mut Request, _: Next<'_>| HttpError::unauthorized("Bearer", "no token")),
        )
        .get("/a", |_| "a");
    let table = [
        ("/missing", 404, "outer: not found"),
        ("/inner/missing", 404, "inner: not found"),
        ("/inner/none", 404, "inner: not found"),
        ("/inner/panics", 500, "inner: something went wrong here"),
        ("/inner/limited", 429, "inner: too many requests: try again in 3 s"),
        ("/plain/x", 401, "outer: unauthorized: no token"),
    ];
    for (target, status, text) in table {
        assert_eq!(get(&app, target), (status, text.into()), "{target}");
    }
    let refused = app.respond(&mut Request::put("/a"));
    assert_eq!((refused.status().code(), refused.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(app.respond(&mut Request::get("/inner/limited")).header("Retry-After"), Some("3"));
}

/// The format was once called for the errors that it makes itself, until the stack overflowed.
#[test]
fn a_format_of_errors_can_make_another_error_into_a_response() {
    let format = |error: &HttpError, request: &Request| match error {
        HttpError::NotFound => HttpError::new(Status::NOT_FOUND, "try another").into_response(request),
        error => Response::text(format!("own: {error}")),
    };
    let app = Router::new().errors(format).get("/limited", |_| HttpError::TooManyRequests(3));
    assert_eq!(get(&app, "/missing"), (404, "try another".into()));
    assert_eq!(get(&app, "/limited"), (429, "own: too many requests: try again in 3 s".into()));
    let twice = Router::new().layer(|request: &mut Request, next: Next<'_>| {
        next.respond(request);
        next.respond(request)
    });
    assert_eq!(get(&twice.merge(app), "/limited").1, "own: too many requests: try again in 3 s", "each time");
}

#[test]
fn a_layer_gets_the_request_back_as_it_was() {
    let place_after = |request: &mut Request, next: Next<'_>| {
        let status = next.respond(request).status();
        let has_parameter = ["a", "b", "\u{0}"].iter().any(|name| request.param::<String>(name).is_ok());
        format!("{} {} {} {has_parameter}", status.code(), request.path(), request.mount())
    };
    let panics = |_: &mut Request| -> &str { panic!("the panic that this test is about") };
    let app = Router::new()
        .layer(place_after)
        .get("/route/{a}", |_| "a")
        .get("/panics/{a}", panics)
        .nest("/nested/{a}", Router::new().get("/{b}", |_| "b"))
        .nest("/mounted/{a}", panics);
    let table = [
        ("/route/1", "200 /route/1  false"),
        ("/panics/1", "500 /panics/1  false"),
        ("/nested/1/2", "200 /nested/1/2  false"),
        ("/mounted/1/2", "500 /mounted/1/2  false"),
    ];
    for (target, seen) in table {
        assert_eq!(get(&app, target).1, seen, "{target}");
    }
}

#[test]
fn what_matched_below_a_prefix_is_no_parameter() {
    let app = Router::new().nest("/a", |request: &mut Request| request.param::<String>("\u{0}").is_err().to_string());
    assert_eq!(get(&app, "/a/b").1, "true");
}

#[test]
fn a_second_error_for_a_request_has_the_format_of_its_own_router() {
    let gone_if_missing = |request: &mut Request, next: Next<'_>| match next.respond(request) {
        response if response.status() == Status::NOT_FOUND => HttpError::Gone.into_response(request),
        response => response,
    };
    let inner = || Router::new().errors(|error, _| format!("inner: {error}")).layer(gone_if_missing);
    let around = || {
        Router::new().layer(move |request: &mut Request, next: Next<'_>| {
            let inside = next.respond(request).read_text().unwrap_or_default();
            let outside = HttpError::Forbidden.into_response(request).read_text().unwrap_or_default();
            format!("{inside}; {outside}")
        })
    };
    let app = around().errors(|error, _| format!("outer: {error}")).nest("/a", inner());
    assert_eq!(get(&app, "/a/x").1, "inner: gone; outer: forbidden");
    assert_eq!(get(&around().nest("/a", inner()), "/a/x").1, "inner: gone; Forbidden: GET, /a/x");
}

#[test]
fn errors_are_plain_text_if_their_format_fails() {
    let panics = Router::new().errors(|_, _| -> String { panic!("a secret") });
    let cannot_be_sent = Router::new().errors(|_, _| Response::text("").with_header("X", "\r\n"));
    for app in [panics, cannot_be_sent] {
        assert_eq!(get(&app, "/missing"), (404, "Not found: GET, /missing".into()));
    }
}

#[test]
fn a_merged_router_keeps_its_layers_to_itself() {
    let other = Router::new()
        .layer(ResponseHeaders::new().add("X-Other", "1").unwrap())
        .errors(|error, _| format!("other: {error}"))
        .post("/hello2", |_| "hello")
        .get("/none", |_| None::<String>)
        .any("/any2", |_: &mut Request| "any")
        .nest("/nested", Router::new().get("/x", place))
        .fallback(|_: &mut Request| HttpError::Gone);
    let app = app().merge(other);
    let table = [
        ("POST", "/hello2", "hello", true),
        ("GET", "/none", "other: not found", true),
        ("GET", "/any2", "any", true),
        ("GET", "/nested/x", "/x in /nested, as sent /x", true),
        ("GET", "/elsewhere", "other: gone", true),
        ("GET", "/hello", "hello", false),
        ("GET", "/hello2", "other: the method is not allowed here", true),
        ("OPTIONS", "/hello2", "", true),
        ("PUT", "/hello", "Unsupported request: PUT.", false),
        ("GET", "/missing/x", "other: gone", true),
    ];
    for (method, target, text, around) in table {
        let mut response = app.respond(&mut Request::new(Method::from_name(method), target));
        assert_eq!(response.read_text().unwrap(), text, "{method} {target}");
        assert_eq!(response.header("X-Other").is_some(), around, "{method} {target}");
    }
}

/// A merged router with `Cors` once answered no preflight request, and its 405 was plain text where its errors are JSON.
#[test]
fn responses_without_a_handler_have_the_layers_of_the_router_that_all_handlers_are_from() {
    let layered = |name: &'static str| {
        let layer = move |request: &mut Request, next: Next<'_>| next.respond(request).with_added_header("X", name);
        Router::new().layer(layer)
    };
    let inner = || layered("inner").get("/a", |_| "a").get("/b", |_| "b").get("/c", |_| "c");
    let both = || layered("outer").merge(inner());
    let posts = || Router::new().post("/b", |_| "b").any("/c", |_: &mut Request| "c");
    for app in [
        posts().merge(both()),
        Router::new().merge(both()).merge(posts()),
        Router::new().merge(both()).post("/b", |_| "b").any("/c", |_: &mut Request| "c"),
    ] {
        let seen = |method: Method, target: &str| {
            let response = app.respond(&mut Request::new(method, target));
            (response.status().code(), response.headers().all("X").map(str::to_owned).collect::<Vec<_>>().join(" "))
        };
        for (method, status) in [(Method::Get, 200), (Method::Options, 204), (Method::Put, 405)] {
            assert_eq!(seen(method, "/a"), (status, "inner outer".into()));
        }
        for (method, status) in [(Method::Post, 200), (Method::Options, 204), (Method::Put, 405)] {
            assert_eq!(seen(method, "/b"), (status, String::new()), "two routers share the pattern");
        }
        assert_eq!(seen(Method::Options, "/c"), (200, String::new()));
    }
}

/// Layers of a merged router were once inside of the prefix, and so saw another path than before.
#[test]
fn layers_see_the_same_path_whether_their_router_is_merged_or_not() {
    let layer = |request: &mut Request, next: Next<'_>| {
        let seen = place(request);
        let mut response = next.respond(request);
        format!("{seen}; {}", response.read_text().unwrap())
    };
    let other = || Router::new().layer(layer).nest("/a", Router::new().nest("/{b}", place)).get("/c", place);
    let table = [
        ("/a/1/x", "/a/1/x in , as sent /a/1/x; /x in /a/1, as sent /x"),
        ("/c", "/c in , as sent /c; /c in , as sent /c"),
    ];
    for (target, text) in table {
        assert_eq!(get(&other(), target).1, text);
        assert_eq!(get(&Router::new().merge(other()), target).1, text);
        assert_eq!(get(&Router::new().merge(Router::new().merge(other())), target).1, text);
    }
}

#[test]
fn hosts_have_their_own_handlers() {
    let named = |name: &'static str| Router::new().get("/", move |_| name);
    let only = || Router::new().host("a.example", named("a")).host("[::1]", named("six"));
    let with_default = only().get("/", |_| "default");
    let with_fallback = only().fallback(|_: &mut Request| "fallback");
    let table = [
        ("a.example", "a", "a", "a"),
        ("A.Example.:8080", "a", "a", "a"),
        ("[::1]:80", "six", "six", "six"),
        ("[0:0:0:0:0:0:0:1]", "six", "six", "six"),
        ("b.example", "421 b.example", "default", "fallback"),
        ("www.a.example", "421 www.a.example", "default", "fallback"),
        ("", "421 none", "default", "fallback"),
    ];
    for (host, alone, default, fallback) in table {
        let ask = |app: &Router| send(app, Request::get("/").with_header("Host", host));
        let expected = match alone.strip_prefix("421 ") {
            None => (200, alone.to_owned()),
            Some("none") => (421, "Misdirected request: the request names no host.".into()),
            Some(name) => (421, format!("Misdirected request: {name} is not a name of this server.")),
        };
        assert_eq!(ask(&only()), expected, "{host}");
        assert_eq!((ask(&with_default).1, ask(&with_fallback).1), (default.into(), fallback.into()), "{host}");
    }
    assert_eq!(get(&only(), "/").0, 421, "no Host at all");
    assert_eq!(get(&with_default, "/missing").0, 421);
}
