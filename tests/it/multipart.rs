//! Forms with files that a program reads itself, as they come over connections.

use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Duration;

use hearken::testing::TestServer;
use hearken::{BodyLimit, FormData, HttpError, Request, Response, Router, Server, Settings};

use crate::support::{PATIENCE, Place, Wire};

/// What the parts of a form are, one a line.
fn describe(request: &mut Request) -> Result<String, HttpError> {
    let mut form = request.multipart()?.max_part_size(100_000).max_parts(5);
    let mut lines = String::new();
    while let Some(mut part) = form.next_part()? {
        let content = part.read_all()?;
        let names = (part.name(), part.filename(), part.clean_filename(), part.media_type());
        lines += &format!("{names:?} {}\n", content.escape_ascii());
    }
    Ok(lines)
}

fn app() -> Router {
    Router::new().post("/", describe).nest("/small", Router::new().post("/", describe).layer(BodyLimit::new(300)))
}

fn head(target: &str, length: usize) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\"-- B\"\r\n\
        Content-Length: {length}\r\n\r\n"
    )
}

const ODD: &[u8] = b"This is a form.\r\n---- B\r\nContent-Disposition: form-data; name=\"caption; one\"\r\n\r\nzwei \xc3\xbc\r\n\
    ---- B  \t\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"C:\\my; \\\"photos\\\"\\gr\xc3\xb6\xc3\x9fe %22\xf0\x9f\x98\x80%22;.jpg\"\r\n\
    Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n---- C\r\n-- B\r\r\n---- B\r\n\
    content-type: text/plain; charset=\"utf-8\"\r\ncontent-disposition:form-data;\r\n filename=\"../../.profile\";\r\n name=\"a%0D%0Ab\"\r\n\r\n\r\n\r\n\
    ---- B\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n\
    ---- B--\r\nThat was a form.";

/// What it says, whichever way it arrives.
const ODD_PARTS: &str = r#"(Some("caption; one"), None, None, None) zwei \xc3\xbc
(Some("photo"), Some("C:\\my; \"photos\"\\größe \"😀\";.jpg"), Some("größe \"😀\";.jpg"), Some("image/jpeg")) \xff\xd8\r\n---- C\r\n-- B\r
(Some("a\r\nb"), Some("../../.profile"), Some("profile"), Some("text/plain; charset=\"utf-8\"")) \r\n
(Some("photo"), Some(""), None, Some("application/octet-stream")) 
"#;

#[test]
fn uploads_with_odd_names_arrive_whole_however_they_are_sent() {
    Place::each(&Settings::default(), app, |place| {
        let name = place.name;
        let (mut wire, reply) = place.send([head("/", ODD.len()).as_bytes(), ODD].concat());
        assert_eq!((reply.status, reply.text().as_str()), (200, ODD_PARTS), "{name}");
        // On the same connection, in pieces that are read one by one.
        for piece in [1, 7, 100] {
            wire.send(head("/", ODD.len()));
            ODD.chunks(piece).for_each(|piece| wire.send(piece));
            assert_eq!(wire.reply().text(), ODD_PARTS, "{piece} bytes over {name}");
        }
        let mut chunks = head("/", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked").into_bytes();
        for chunk in ODD.chunks(9) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(&[chunk, b"\r\n"].concat());
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        wire.send(chunks);
        assert_eq!(wire.reply().text(), ODD_PARTS, "in chunks over {name}");
    });
}

#[test]
fn a_part_is_read_while_the_next_one_is_not_sent() {
    let (arrived, parts) = mpsc::channel();
    let handler = move |request: &mut Request| {
        let mut form = request.multipart()?;
        while let Some(mut part) = form.next_part()? {
            arrived.send(part.text()?).expect("the test waits for it");
        }
        Ok::<_, HttpError>("all")
    };
    let server = Server::bind("127.0.0.1:0").unwrap().serve(handler).unwrap();
    let mut wire = Wire::connect(server.address());
    let pieces = ["---- B\r\n\r\nfirst\r\n---- B\r\n\r\n", "second\r\n---- B--"];
    wire.send(head("/", pieces.concat().len()));
    for (piece, part) in pieces.into_iter().zip(["first", "second"]) {
        wire.send(piece);
        assert_eq!(parts.recv_timeout(PATIENCE).as_deref(), Ok(part));
    }
    assert_eq!(wire.reply().text(), "all");
}

#[test]
fn a_form_that_is_refused_has_the_status_of_its_fault() {
    let part = "---- B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    let whole = |content: &str| format!("{part}{content}\r\n---- B--\r\n");
    let long = "x".repeat(100_001);
    let table = [
        ("/", whole(&long[1..]), 200, &long[1..], "as long as a part may be"),
        ("/", whole(&long), 413, "The part \"a\" of the form is longer than 97.6 KiB", "a part over its limit"),
        ("/", part.repeat(5) + "---- B--", 200, "", "parts that end with their heads"),
        ("/", format!("{part}1\r\n---- BC\r\n---- B--"), 400, "other text follows a boundary", "a longer boundary"),
        ("/", part.repeat(6) + "---- B--", 413, "The form has more than 5 parts", "too many parts"),
        ("/", format!("{part}1\r\n"), 400, "the form ends before its last boundary", "no last boundary"),
        (
            "/",
            format!("{part}1\r\n---- B-"),
            400,
            "the form ends before its last boundary",
            "half of the last boundary",
        ),
        ("/", format!("---- B\r\nA: {long}"), 400, "the head of a part of the form is too long", "a long head"),
        ("/", String::new(), 400, "the form ends before its last boundary", "nothing"),
        ("/small", whole(""), 200, "", "a small form"),
        ("/small", whole(&long[..300]), 413, "The request body is longer than 300 bytes", "more than the layer allows"),
    ];
    for place in Place::all(&Settings::default(), app) {
        for (target, form, status, text, why) in &table {
            let why = format!("{why} over {}", place.name);
            let (mut wire, reply) = place.send(head(target, form.len()) + form);
            assert_eq!(reply.status, *status, "{why}: {}", reply.text());
            assert!(reply.text().contains(*text), "{why}: {}", reply.text());
            // What was not read of the form does not pass for a request.
            if reply.header("Connection") != Some("close") {
                wire.send("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(wire.reply().status, 415, "{why}");
            }
        }
        for (announced, status) in [(1 << 40, 413), (5000, 400)] {
            let mut wire = place.connect();
            wire.send(head("/", announced) + part + "cut");
            wire.stream.get_mut().shutdown(Shutdown::Write).unwrap();
            let reply = wire.reply();
            assert_eq!(reply.status, status, "cut in the middle over {}: {}", place.name, reply.text());
        }
        let form = whole("");
        for (media_type, status) in
            [("multipart/mixed; boundary=\"-- B\"", 415), ("multipart/form-data", 400), ("text/plain", 415)]
        {
            let head = head("/", form.len()).replace("multipart/form-data; boundary=\"-- B\"", media_type);
            assert_eq!(place.send(head + &form).1.status, status, "{media_type} over {}", place.name);
        }
    }
}

#[test]
fn a_client_that_stops_sending_is_408_wherever_in_the_form() {
    let stops = [
        "",
        "---- B",
        "---- B\r\nContent-Dispo",
        "---- B\r\n\r\ncontent",
        "---- B\r\n\r\ncontent\r\n---- B--",
        "---- B\r\n\r\ncontent\r\n---- B--\r\nepilogue",
    ];
    let settings = Settings::default().rate_grace(Duration::from_millis(300));
    Place::each(&settings, app, |place| {
        let mut wires = stops.map(|stop| {
            let mut wire = place.connect();
            wire.send(head("/", 5000) + stop);
            wire
        });
        for (wire, stop) in wires.iter_mut().zip(stops) {
            let reply = wire.reply();
            assert_eq!(reply.status, 408, "{stop:?} over {}: {}", place.name, reply.text());
            assert!(wire.is_closed(), "{stop:?} over {}", place.name);
        }
    });
}

#[test]
fn a_test_server_takes_the_forms_that_tests_make() {
    let server = TestServer::new(app()).unwrap();
    let form = FormData::new().text("title", "The sea").file("f", "a\"b;\r\nö\\", "a/b", vec![b'x'; 90_000]);
    let mut response = server.send(Request::post("/").with_multipart(&form)).unwrap();
    let long = "x".repeat(90_000);
    assert_eq!(
        response.read_text().unwrap(),
        format!(
            "(Some(\"title\"), None, None, None) The sea\n\
            (Some(\"f\"), Some(\"a\\\"b;\\r\\nö\\\\\"), Some(\"upload\"), Some(\"a/b\")) {long}\n"
        )
    );
}

/// A handler that does not read the form at all leaves the connection as it should be.
#[test]
fn a_form_that_is_not_read_is_skipped() {
    let app = || {
        Router::new().post("/", |request: &mut Request| {
            let mut form = request.multipart()?;
            let first = form.next_part()?.and_then(|part| part.name().map(str::to_owned));
            Ok::<_, HttpError>(Response::text(first.unwrap_or_default()))
        })
    };
    for place in Place::all(&Settings::default(), app) {
        let mut wire = place.connect();
        for _ in 0..2 {
            wire.send([head("/", ODD.len()).as_bytes(), ODD].concat());
            assert_eq!(wire.reply().text(), "caption; one", "{}", place.name);
        }
    }
}
