use std::fmt::Write as _;

use serde::de::IgnoredAny;

use super::*;

/// The verdict on a document that comes in pieces of this many bytes.
fn check(document: &[u8], piece: usize) -> Result<Option<String>, JsonError> {
    let mut checker = Checker::new("name", &RandomState::new());
    for piece in document.chunks(piece) {
        checker.push(piece)?;
    }
    checker.finish()
}

#[test]
fn documents_are_judged_alike_in_pieces_of_any_size() {
    let table: [(&[u8], &str); 48] = [
        (b"", "value should come at line 1 column 0"),
        (b" \n ", "value should come at line 2 column 1"),
        (b"{}", "ok"),
        (b"[]", "ok"),
        (b" [ ] ", "ok"),
        (b"null", "ok"),
        (b"nul", "true, false or null should come at line 1 column 3"),
        (b"nulL", "expected true, false or null at line 1 column 4"),
        (b"true false", "expected the end of the document at line 1 column 6"),
        (b"0", "ok"),
        (b"-0.0e-0", "ok"),
        (b"01", "expected the end of the document at line 1 column 2"),
        (b"-", "a digit should come at line 1 column 1"),
        (b"1.", "a digit should come at line 1 column 2"),
        (b"1.e5", "expected a digit at line 1 column 3"),
        (b".5", "expected value at line 1 column 1"),
        (b"+1", "expected value at line 1 column 1"),
        (b"1e", "a digit should come at line 1 column 2"),
        (b"1E+5", "ok"),
        (b"1e+-5", "expected a digit at line 1 column 4"),
        (b"NaN", "expected value at line 1 column 1"),
        (b"[1,]", "expected value at line 1 column 4"),
        (b"[1 2]", "expected `,` or `]` at line 1 column 4"),
        (b"[1}", "expected `,` or `]` at line 1 column 3"),
        (b"{]", "expected a name in double quotes or `}` at line 1 column 2"),
        (b"{\"a\":1,}", "expected a name in double quotes at line 1 column 8"),
        (b"{\"a\" 1}", "expected `:` at line 1 column 6"),
        (b"{\"a\":1 \"b\":2}", "expected `,` or `}` at line 1 column 8"),
        (b"{1:2}", "expected a name in double quotes or `}` at line 1 column 2"),
        (b"{'a': 1}", "expected a name in double quotes or `}` at line 1 column 2"),
        (b"[\"a\": 1]", "expected `,` or `]` at line 1 column 5"),
        (b"{\n \"a\": nope }", "expected true, false or null at line 2 column 8"),
        (b"\"a", "the end of a string should come at line 1 column 2"),
        (b"\"a\nb\"", "a control character in a string at line 1 column 3"),
        (b"\"\\x\"", "expected an escape at line 1 column 3"),
        (b"\"\\u12g4\"", "expected a hexadecimal digit at line 1 column 6"),
        (b"\"\\u12", "the end of a string should come at line 1 column 5"),
        (b"\"\\ud83d\\ude00 \\ud83d \\ude00\"", "ok"),
        ("\"größe 😀\"".as_bytes(), "ok"),
        ("[\"größe\" x".as_bytes(), "expected `,` or `]` at line 1 column 10"),
        (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
        (b"{\"a\": \"\xff\"}", "not valid UTF-8 at line 1 column 8"),
        (b"{\n\n\xc3}", "not valid UTF-8 at line 3 column 1"),
        (b"\"\xf0\x9f\x98", "not valid UTF-8 at line 1 column 2"),
        (b"\"\xed\xa0\x80\"", "not valid UTF-8 at line 1 column 2"),
        (b"/* */ 1", "expected value at line 1 column 1"),
        (b"1\0", "expected the end of the document at line 1 column 2"),
        (b"[1,\r\n\t2,\n3 x", "expected `,` or `]` at line 3 column 3"),
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
        (&long, Some(kept.as_str())),
    ];
    for (document, expected) in table {
        for piece in [1, 5, 10_000] {
            assert_eq!(check(document.as_bytes(), piece).unwrap().as_deref(), expected, "{document}");
        }
    }
}

#[test]
fn a_name_may_come_once_in_an_object() {
    let many: String = (0..1000).fold(String::from("{"), |mut text, n| {
        write!(text, "\"name{n}\": {{\"name{n}\": [{{\"a\": 1}}, {{\"a\": 2}}]}}, ").unwrap();
        text
    });
    let table = [
        ("{\"a\": 1, \"b\": {\"a\": 2}, \"c\": {\"a\": 3, \"b\": 4}}".to_owned(), None),
        ("[{\"a\": 1}, {\"a\": 1}]".to_owned(), None),
        ("{\"\\ud800\": 1, \"\\ud801\": 2}".to_owned(), None),
        ("{\"a\": 1, \"a\": 2}".to_owned(), Some(12)),
        ("{\"a\": {\"a\": 1}, \"\\u0061\": 2}".to_owned(), Some(24)),
        ("{\"\": 1, \"\": 2}".to_owned(), Some(10)),
        (format!("{many}\"last\": 0}}"), None),
        (format!("{many}\"name7\": 0}}"), Some(many.len() as u64 + 7)),
    ];
    for (document, column) in table {
        for piece in [1, 100] {
            let seen = check(document.as_bytes(), piece).err().map(|error| {
                assert_eq!(error.problem, Problem::DuplicateName);
                error.position.column
            });
            assert_eq!(seen, column, "{document}");
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
}

/// What serde_json takes is taken and what it refuses is refused, over documents that are made wrong at random.
#[test]
fn the_verdict_is_that_of_another_reader() {
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
        if seen.as_ref().is_err_and(|error| error.problem == Problem::DuplicateName) {
            continue;
        }
        let other = std::str::from_utf8(&document).is_ok() && serde_json::from_slice::<IgnoredAny>(&document).is_ok();
        assert_eq!(seen.is_ok(), other, "{:?}: {seen:?}", String::from_utf8_lossy(&document));
        taken += u32::from(other);
    }
    assert!(taken > 1000, "{taken} were taken");
}
