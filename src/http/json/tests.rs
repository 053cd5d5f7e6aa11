use super::*;

/// The verdict on a document that comes in pieces of this many bytes.
fn check(mut document: &[u8], piece: usize) -> Result<Option<String>, JsonError> {
    super::check("name", vec![0; piece], |buffer| Ok(document.read(buffer).unwrap()))
}

#[test]
fn documents_are_checked_alike_in_pieces_of_any_size() {
    let table: [(&[u8], &str); 58] = [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b" \n ", "EOF while parsing a value at line 2 column 1"),
        (b"{}", "ok"),
        (b"[]", "ok"),
        (b" [ ] ", "ok"),
        (b"null", "ok"),
        (b"nul", "EOF while parsing a value at line 1 column 3"),
        (b"nulL", "expected ident at line 1 column 4"),
        (b"true false", "trailing characters at line 1 column 6"),
        (b"0", "ok"),
        (b"-0.0e-0", "ok"),
        (b"01", "invalid number at line 1 column 2"),
        (b"-", "invalid number at line 1 column 1"),
        (b"1.", "invalid number at line 1 column 2"),
        (b"1.e5", "invalid number at line 1 column 3"),
        (b".5", "expected value at line 1 column 1"),
        (b"+1", "expected value at line 1 column 1"),
        (b"1e", "invalid number at line 1 column 2"),
        (b"1E+5", "ok"),
        (b"1e+-5", "invalid number at line 1 column 4"),
        (b"NaN", "expected value at line 1 column 1"),
        (b"[1,]", "expected value at line 1 column 4"),
        (b"[1 2]", "expected `,` or `]` at line 1 column 4"),
        (b"[1}", "expected `,` or `]` at line 1 column 3"),
        (b"]", "expected value at line 1 column 1"),
        (b"{]", "key must be a string at line 1 column 2"),
        (b"{\"a\":1,}", "key must be a string at line 1 column 8"),
        (b"{\"a\" 1}", "expected `:` at line 1 column 6"),
        (b"{\"a\":1 \"b\":2}", "expected `,` or `}` at line 1 column 8"),
        (b"{1:2}", "key must be a string at line 1 column 2"),
        (b"{'a': 1}", "key must be a string at line 1 column 2"),
        (b"[\"a\": 1]", "expected `,` or `]` at line 1 column 5"),
        (b"{\n \"a\": nope }", "expected ident at line 2 column 8"),
        (b"\"a", "EOF while parsing a string at line 1 column 2"),
        (b"\"a\nb\"", "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 3"),
        (b"\"\\x\"", "invalid escape at line 1 column 3"),
        (b"\"\\u12g4\"", "invalid escape at line 1 column 7"),
        (b"\"\\u12", "EOF while parsing a string at line 1 column 5"),
        (b"{\"\\ud800\": \"\\udc00\\ud800\"}", "ok"),
        (b"\"\\ud83d\\ude00 \\ud83d \\ude00\"", "ok"),
        ("\"größe 😀\"".as_bytes(), "ok"),
        ("[\"größe\" x".as_bytes(), "expected `,` or `]` at line 1 column 10"),
        (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
        (b"{\"a\": \"\xff\"}", "not valid UTF-8 at line 1 column 8"),
        (b"{\n\n\xc3}", "not valid UTF-8 at line 3 column 1"),
        (b"\"\xf0\x9f\x98", "not valid UTF-8 at line 1 column 2"),
        (b"\"\xed\xa0\x80\"", "not valid UTF-8 at line 1 column 2"),
        (b"/* */ 1", "expected value at line 1 column 1"),
        (b"1\0", "trailing characters at line 1 column 2"),
        (b"[1,\r\n\t2,\n3 x", "expected `,` or `]` at line 3 column 3"),
        ("[[\"größe 😀\\n\", \"a\" x".as_bytes(), "expected `,` or `]` at line 1 column 20"),
        (b"[[\"ab\xffc\"]]", "not valid UTF-8 at line 1 column 6"),
        (b"[[\"a\x01b\"]]", "found while parsing a string at line 1 column 5"),
        (b"[1\n", "EOF while parsing a list at line 2 column 0"),
        ("[ö".as_bytes(), "expected value at line 1 column 2"),
        (b"[1 2 \xff", "expected `,` or `]` at line 1 column 4"),
        ("[\"\u{d7ff}\u{ffff}\" \u{10ffff}".as_bytes(), "expected `,` or `]` at line 1 column 7"),
        (b"\xe2\x82{}", "not valid UTF-8 at line 1 column 1"),
    ];
    for (document, expected) in table {
        for piece in [1, 2, 3, 7, 1000] {
            let seen = check(document, piece).map_or_else(|error| error.to_string(), |_| "ok".into());
            assert!(seen.ends_with(expected), "{}: {seen}", String::from_utf8_lossy(document));
        }
    }
}

#[test]
fn the_name_is_picked_out() {
    let long = format!("{{\"name\": \"{}\"}}", "ö".repeat(600));
    let kept = format!("{}…", "ö".repeat(512));
    let escaped = format!("{{\"name\": \"{}\"}}", "\\u00f6".repeat(600));
    let long_key = format!("{{\"{}\": 1, \"name\": \"Leia\"}}", "name".repeat(300));
    let unescaped = format!("{}…", "ö".repeat(171));
    let table = [
        ("{\"name\": \"Han Solo\"}", Some("Han Solo")),
        ("{\"a\": {\"name\": \"inner\"}, \"name\": \"outer\"}", Some("outer")),
        ("{\"name\": {\"name\": \"inner\"}}", None),
        ("{\"name\": [\"inner\"]}", None),
        ("[{\"name\": \"inner\"}]", None),
        ("{\"name\": 5, \"x\": \"y\"}", None),
        ("{\"name\": null}", None),
        ("{\"x\": \"name\"}", None),
        ("{\"names\": \"x\", \"nam\": \"y\", \"Name\": \"z\"}", None),
        ("{\"n\\u0061me\": \"a\\tb\\u00e9\\ud83d\\ude00\\ud800!\"}", Some("a\tb\u{e9}😀\u{fffd}!")),
        ("{\"name\": \"\"}", Some("")),
        ("\"name\"", None),
        ("[\"name\", \"x\"]", None),
        ("{\"name\": 1e999}", None),
        ("{\"name\": \"first\", \"name\": \"second\"}", Some("second")),
        ("{\"name\": 5, \"\": \"y\", \"x\": {\"name\": \"z\"}}", None),
        (&long, Some(kept.as_str())),
        (&long_key, Some("Leia")),
        (&escaped, Some(unescaped.as_str())),
    ];
    for (document, expected) in table {
        for piece in [1, 5, 10_000] {
            assert_eq!(check(document.as_bytes(), piece).unwrap().as_deref(), expected, "{document}");
        }
    }
}

#[test]
fn levels_are_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(check(nested(128).as_bytes(), 10).is_ok());
    assert_eq!(
        check(nested(129).as_bytes(), 10).unwrap_err().to_string(),
        "JSON of more than 128 levels at line 1 column 129"
    );
    let objects = format!("{}1{}", "{\"a\":".repeat(128), "}".repeat(128));
    assert!(check(objects.as_bytes(), 10).is_ok());
    let siblings = format!("[{}0]", "[[{}]], \"[[\\\"[[\", ".repeat(200));
    assert!(check(siblings.as_bytes(), 10).is_ok());
}

#[test]
fn the_first_fault_is_told() {
    let deep = "[".repeat(129);
    for document in [format!("[1 2 {deep}"), format!("\"\\x{deep}"), format!("{{}} {deep}")] {
        let error = check(document.as_bytes(), 1000).unwrap_err();
        assert!(matches!(error.problem, Problem::Grammar(_)), "{error}");
    }
}

/// A reader that is told of a fault does not ask for more, which might not come.
#[test]
fn nothing_is_read_after_a_fault() {
    for document in [&b"\"\xff"[..], b"[1 2", b"\"\xc3x", b"\"\n"] {
        let mut rest = document;
        let mut next = |buffer: &mut [u8]| {
            assert!(!rest.is_empty(), "{document:?}");
            Ok(rest.read(buffer).unwrap())
        };
        assert!(super::check::<JsonError>("name", vec![0; 1], &mut next).is_err());
    }
}

#[test]
fn a_failing_source_is_told_from_a_faulty_document() {
    #[derive(Debug, PartialEq)]
    enum Failure {
        Source,
        Document,
    }
    impl From<JsonError> for Failure {
        fn from(_: JsonError) -> Self {
            Self::Document
        }
    }
    let table: [(&[u8], Failure); 5] = [
        (b"", Failure::Source),
        (b"{\"a\": 1}", Failure::Source),
        (b"\"\xc3", Failure::Source),
        (b"nulL", Failure::Document),
        (b"\"\xff", Failure::Document),
    ];
    for (mut document, expected) in table {
        let next = |buffer: &mut [u8]| match document.read(buffer).unwrap() {
            0 => Err(Failure::Source),
            read => Ok(read),
        };
        assert_eq!(super::check("name", vec![0; 1], next), Err(expected));
    }
}

/// What serde_json takes in one piece is taken and what it refuses is refused, over documents that are made wrong at random.
#[test]
fn the_verdict_is_that_of_serde_json_on_the_whole() {
    let seeds: [&[u8]; 4] = [
        br#"{"name": "Han \u00e9\n", "n": [1, -2.5e+10, 0, true, false, null], "o": {"k": [], "l": {}}}"#,
        "[\"größe 😀\", \"\\\"\\\\\", {\"a\": \"b\"}, 1E5, 0.1]".as_bytes(),
        b" { \"a\" : [ [ ] , { } , \"\" ] }\r\n",
        b"-12.75e-3",
    ];
    let alphabet = b"{}[]:,\"\\ \n\t0123456789-+.eEtrufalsn/bx\x00\x1f\x7f\xc3\xa9\xff";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut taken = 0;
    for round in 0..20_000 {
        let mut document = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random(3) {
            let (at, byte) = (random(document.len()), alphabet[random(alphabet.len())]);
            match random(3) {
                0 => document[at] = byte,
                1 => document.insert(at, byte),
                _ if document.len() > 1 => drop(document.remove(at)),
                _ => {}
            }
        }
        let seen = check(&document, 1 + random(9));
        let other = std::str::from_utf8(&document).is_ok() && serde_json::from_slice::<IgnoredAny>(&document).is_ok();
        assert_eq!(seen.is_ok(), other, "{:?}: {seen:?}", String::from_utf8_lossy(&document));
        taken += u32::from(other);
    }
    assert!(taken > 1000, "{taken} were taken");
}
