//! Errors of the program, in the form that the client reads best.

use std::fs;

use crate::support::{Program, Reply, Wire, ask};

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const JSON: (&str, &str) = ("Accept", "application/json, text/plain, */*");

fn heading(reply: &Reply) -> String {
    let text = reply.text();
    let (_, rest) = text.split_once("<h1>").unwrap_or_else(|| panic!("a page: {text}"));
    rest.split_once("</h1>").unwrap().0.to_owned()
}

#[test]
fn browsers_get_pages_and_programs_text_or_json() {
    let site = tempfile::tempdir().unwrap();
    for directory in ["www", "data"] {
        fs::create_dir(site.path().join(directory)).unwrap();
    }
    fs::write(site.path().join("www/own.txt"), "own").unwrap();
    let (www, data) = (site.path().join("www"), site.path().join("data"));
    let (www, data) = (www.to_str().unwrap(), data.to_str().unwrap());
    let server = Program::hearken(&["--write", data, "--write-auth", "ada:secret", "--max-total", "100", www]);
    let basic = ("Authorization", "Basic YWRhOnNlY3JldA==");
    let wrong = ("Authorization", "Basic YWRhOndyb25n");
    let long = [b'x'; 200];
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let table: [(&str, &str, Fields<'_>, &[u8], u16, &str, Option<(&str, &str)>); 9] = [
        ("GET", "/a/missing", &[], b"", 404, "Not found", None),
        ("GET", "/%00", &[], b"", 400, "Bad request", None),
        ("GET", "/?download=zip", &[], b"", 400, "Bad request", None),
        ("PATCH", "/a", &[basic], b"", 405, "Not possible here", Some(("Allow", "GET, HEAD, POST, PUT"))),
        ("PUT", "/a", &[], b"", 401, "Sign-in needed", Some(("WWW-Authenticate", ""))),
        ("PUT", "/a", &[wrong], b"", 401, "Sign-in needed", Some(("WWW-Authenticate", ""))),
        ("PUT", "/own.txt", &[basic], b"x", 409, "Conflict", None),
        ("PUT", "/a", &[basic], &long, 507, "No space left", None),
        (
            "GET",
            "/own.txt",
            &[("Range", "bytes=9-")],
            b"",
            416,
            "Range not satisfiable",
            Some(("Content-Range", "bytes */3")),
        ),
    ];
    for (method, target, fields, body, status, title, field) in table {
        let ask_for = |accept: &[(&str, &str)]| ask(server.address(), method, target, &[fields, accept].concat(), body);
        let page = ask_for(&[BROWSER]);
        assert_eq!((page.status, heading(&page).as_str()), (status, title), "{method} {target}");
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"), "{method} {target}");
        assert!(page.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'; style-src 'nonce-"));
        let json = ask_for(&[JSON]);
        assert_eq!((json.status, json.header("Content-Type")), (status, Some("application/json")), "{method} {target}");
        let text = ask_for(&[]);
        assert_eq!((text.status, text.header("Content-Type")), (status, Some("text/plain; charset=utf-8")));
        assert_eq!(text.header("Content-Security-Policy"), None);
        let value: serde_json::Value = serde_json::from_str(&json.text()).unwrap();
        assert_eq!(value, serde_json::json!({ "error": text.text() }), "{method} {target}");
        assert!(!text.text().contains('\n'), "one line: {}", text.text());
        for reply in [page, json, text] {
            assert!(reply.head.contains("\r\nVary: Accept\r\n"), "{method} {target}");
            if let Some((name, value)) = field {
                assert!(reply.header(name).is_some_and(|sent| sent.contains(value)), "{method} {target}: {name}");
            }
        }
    }
    let lengths = ["GET", "HEAD"].map(|method| {
        let reply = ask(server.address(), method, "/missing", &[BROWSER], b"");
        assert_eq!(reply.body.is_empty(), method == "HEAD");
        reply.header("Content-Length").unwrap().to_owned()
    });
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn what_stands_before_the_site_answers_with_pages_too() {
    let server = Program::hearken(&["--auth", "ada:secret", "--header", "X-Seen: 1"]);
    let page = ask(server.address(), "GET", "/", &[BROWSER], b"");
    assert_eq!((page.status, heading(&page).as_str()), (401, "Sign-in needed"));
    assert_eq!(page.header("X-Seen"), Some("1"));
    let server = Program::hearken(&[]);
    let mut wire = Wire::connect(server.address());
    wire.send(format!("GET / HTTP/1.1\r\nHost: other.example\r\nAccept: {}\r\n\r\n", BROWSER.1));
    let page = wire.reply();
    assert_eq!((page.status, heading(&page).as_str()), (421, "Unknown host name"));
}

#[test]
fn a_page_of_the_site_stays() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("404.html"), "<p>their own").unwrap();
    let server = Program::hearken(&[site.path().to_str().unwrap()]);
    for fields in [&[BROWSER][..], &[JSON], &[]] {
        let page = ask(server.address(), "GET", "/missing", fields, b"");
        assert_eq!((page.status, page.text().as_str(), page.header("Vary")), (404, "<p>their own", None));
    }
}
