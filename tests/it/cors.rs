//! What pages of other origins may do with the `hearken` program.

use std::fs;

use crate::support::{Program, Run as _, ask, get, hearken};

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";

struct Site {
    directory: tempfile::TempDir,
    server: Program,
}

fn site(options: &[&str]) -> Site {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("www")).unwrap();
    fs::write(directory.path().join("www/index.html"), "<p>index").unwrap();
    let (www, data) = (directory.path().join("www"), directory.path().join("data"));
    let mut arguments = vec!["--demo", "--write", data.to_str().unwrap(), www.to_str().unwrap()];
    arguments.extend_from_slice(options);
    let server = Program::hearken(&arguments);
    Site { directory, server }
}

impl Site {
    fn written(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("data")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn pages_of_other_origins_cannot_write() {
    let site = site(&[]);
    let address = site.server.address();
    let own = format!("http://{address}");
    let json = ("Content-Type", "application/json");
    let table: [(&str, &[(&str, &str)], u16); 11] = [
        // What a form or a script of another page can send without asking first.
        ("POST", &[("Content-Type", "text/plain"), ("Origin", EVIL)], 403),
        ("POST", &[("Content-Type", "application/x-www-form-urlencoded"), ("Origin", EVIL)], 403),
        ("POST", &[("Content-Type", "multipart/form-data; boundary=a"), ("Origin", EVIL)], 403),
        ("POST", &[("Content-Type", "multipart/form-data; boundary=a"), ("Origin", "null")], 403),
        ("POST", &[("Content-Type", "text/plain"), ("Sec-Fetch-Site", "cross-site")], 403),
        // What it would have to ask for, sent all the same.
        ("POST", &[json, ("Origin", EVIL)], 403),
        ("PUT", &[("Origin", EVIL)], 403),
        ("PUT", &[("Origin", &own), ("Sec-Fetch-Site", "same-site")], 403),
        ("DELETE", &[("Origin", EVIL)], 403),
        // Where no browser says where it comes from, it is a program, and reaches the service.
        ("POST", &[("Content-Type", "text/plain")], 415),
        ("POST", &[("Content-Type", "application/x-www-form-urlencoded")], 422),
    ];
    for (method, fields, status) in table {
        let answer = ask(address, method, "/f.json", fields, b"{}");
        assert_eq!(answer.status, status, "{method} {fields:?}: {}", answer.text());
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    }
    let asked = ask(address, "OPTIONS", "/f.json", &[("Origin", EVIL), ("Access-Control-Request-Method", "PUT")], b"");
    assert_eq!(asked.header("Access-Control-Allow-Origin"), None, "{asked:?}");
    assert_eq!(site.written(), [""; 0], "nothing was written");

    // `ask` says `Host: localhost`.
    let ours = ask(address, "POST", "/f.json", &[json, ("Origin", "http://localhost")], b"{}");
    assert_eq!((ours.status, site.written()), (200, vec!["f.json".to_owned()]));
}

#[test]
fn pages_of_other_origins_cannot_send_the_forms_of_listings() {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let bodies = [&b"new-directory=evil"[..], b"delete=f", b"delete=d/"];
    let from: [&[(&str, &str)]; 7] = [
        &[("Origin", EVIL)],
        // A sandboxed page, such as one that was uploaded here.
        &[("Origin", "null")],
        &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "http://localhost:1")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://localhost"), ("Sec-Fetch-Site", "cross-site")],
    ];
    let site = site(&["--allow-delete", "--cors", APP]);
    let address = site.server.address();
    let data = site.directory.path().join("data");
    fs::create_dir(data.join("d")).unwrap();
    fs::write(data.join("f"), "").unwrap();
    for body in bodies {
        for fields in from {
            let answer = ask(address, "POST", "/", &[fields, &[form]].concat(), body);
            assert_eq!(answer.status, 403, "{fields:?}: {}", answer.text());
            assert!(answer.text().contains("a page of another origin may not write here"), "{fields:?}");
        }
    }
    let kept = || {
        let mut names = site.written();
        names.sort();
        names
    };
    assert_eq!(kept(), ["d", "f"]);
    for fields in [&[][..], &[("Origin", "http://localhost")], &[("Origin", APP)], &[("Sec-Fetch-Site", "same-origin")]]
    {
        let answer = ask(address, "POST", "/", &[fields, &[form]].concat(), b"new-directory=ours");
        assert_eq!(answer.status, 201, "{fields:?}: {}", answer.text());
        assert_eq!(ask(address, "DELETE", "/ours/", fields, b"").status, 204, "{fields:?}");
    }
}

#[test]
fn the_notes_are_for_every_page_as_the_tutorial_has_it() {
    let site = site(&["--cors", APP]);
    let address = site.server.address();
    for (origin, allowed) in [(EVIL, "*"), (APP, APP)] {
        let asked =
            ask(address, "OPTIONS", "/notes", &[("Origin", origin), ("Access-Control-Request-Method", "POST")], b"");
        assert_eq!((asked.status, asked.header("Access-Control-Allow-Origin")), (204, Some(allowed)));
        assert!(asked.header("Access-Control-Allow-Methods").unwrap().contains("POST"), "{asked:?}");
        let note = ask(address, "POST", "/notes", &[("Origin", origin)], br#"{"myNote": "a"}"#);
        assert_eq!((note.status, note.header("Access-Control-Allow-Origin")), (200, Some(allowed)));
    }
}

#[test]
fn origins_that_are_allowed_read_and_write() {
    let site = site(&["--cors", APP, "--cors", "HTTP://Localhost:8080/"]);
    let address = site.server.address();
    for origin in [APP, "http://localhost:8080"] {
        let fields = [("Origin", origin), ("Access-Control-Request-Method", "PUT")];
        let asked = ask(address, "OPTIONS", "/f", &fields, b"");
        assert_eq!(asked.status, 204);
        for (name, value) in
            [("Access-Control-Allow-Origin", origin), ("Access-Control-Max-Age", "600"), ("Vary", "Origin")]
        {
            assert_eq!(asked.header(name), Some(value), "{asked:?}");
        }
        let methods = asked.header("Access-Control-Allow-Methods").unwrap();
        assert!(methods.starts_with("GET, HEAD, POST, PUT"), "{methods}");
        assert!(!asked.head.contains('*'), "{asked:?}");

        let put = ask(address, "PUT", "/f", &[("Origin", origin), ("Sec-Fetch-Site", "cross-site")], b"x");
        assert!(matches!(put.status, 201 | 204), "{put:?}");
        for target in ["/f", "/", "/guess", "/nothing"] {
            let read = ask(address, "GET", target, &[("Origin", origin)], b"");
            assert_eq!(read.header("Access-Control-Allow-Origin"), Some(origin), "{target}");
            assert_eq!(read.header("Access-Control-Allow-Credentials"), None);
        }
    }
    for fields in [&[][..], &[("Origin", EVIL)], &[("Origin", "null")], &[("Origin", "https://app.example.evil")]] {
        let read = ask(address, "GET", "/", fields, b"");
        assert_eq!((read.status, read.header("Access-Control-Allow-Origin")), (200, None), "{fields:?}");
        assert_eq!(read.header("Vary"), Some("Origin"), "a cache must tell them apart");
    }
    assert_eq!(ask(address, "PUT", "/f", &[("Origin", EVIL)], b"x").status, 403);
}

#[test]
fn any_origin_can_be_allowed() {
    let site = site(&["--cors", "*"]);
    let address = site.server.address();
    let read = ask(address, "GET", "/", &[("Origin", EVIL)], b"");
    assert_eq!((read.header("Access-Control-Allow-Origin"), read.header("Vary")), (Some("*"), None));
    assert_eq!(ask(address, "PUT", "/f", &[("Origin", EVIL)], b"x").status, 201);
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", EVIL)];
    assert_eq!(ask(address, "POST", "/", &form, b"new-directory=d").status, 201);
    assert_eq!(get(address, "/").header("Access-Control-Allow-Origin"), None, "from no page");
}

#[test]
fn an_invalid_origin_is_bad_usage() {
    for (origin, reason) in [
        ("app.example", "begins with http"),
        ("https://app.example/page", "ends with its host and port"),
        ("https://*.example", "no host name"),
        ("https://app.example:x", "port"),
    ] {
        let output = hearken().args(["--cors", origin]).run();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{origin}: {error}");
        assert!(error.contains(reason), "{origin}: {error}");
    }
}
