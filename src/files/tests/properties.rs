//! What holds for every path and every name, tried with many.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::super::Files;
use crate::handler::respond;
use crate::http::path::RelativePath;
use crate::http::request::Request;

/// Segments that have led somewhere else in some server, and others.
fn segment() -> impl Strategy<Value = String> {
    let spelt = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    prop_oneof![
        prop::sample::select(vec![
            "..",
            ".",
            "",
            "%2e%2e",
            "%2E.",
            ".%2e",
            "..%2f",
            "%2f",
            "%5c",
            "..%5c",
            "%00",
            "..%00",
            "%c0%ae%c0%ae",
            "..;",
            "...",
            "%252e%252e",
            "up",
            "out",
            "outside",
            "absolute",
            "dir",
            "file",
            "secret",
            "root",
            "proc",
            "self",
            "etc",
            "passwd",
            ".hidden",
            "%2ehidden",
            "loop",
            "fifo",
            "~",
            "*",
            "index.html",
            "404.html",
        ])
        .prop_map(str::to_owned),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(spelt),
        "[!-~&&[^#?/%]]{0,8}",
    ]
}

fn target() -> impl Strategy<Value = String> {
    let query =
        prop::sample::select(vec!["", "?download", "?download=tar", "?format=json", "?sort=size", "?../secret"]);
    let slash = any::<bool>().prop_map(|slash| if slash { "/" } else { "" });
    (prop::collection::vec(segment(), 0..6), slash, query)
        .prop_map(|(segments, slash, query)| format!("/{}{slash}{query}", segments.join("/")))
}

const SECRET: &str = "the content that nobody may see";

/// A tree with ways out of it, beside what nobody may see.
fn tree() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    fs::create_dir_all(path("root/dir")).unwrap();
    fs::create_dir_all(path("outside")).unwrap();
    for secret in
        ["secret", "file", "outside/secret", "outside/file", "outside/index.html", "root/.hidden", "index.html"]
    {
        fs::write(path(secret), SECRET).unwrap();
    }
    for file in ["root/file", "root/dir/file"] {
        fs::write(path(file), "inside").unwrap();
    }
    symlink("..", path("root/up")).unwrap();
    symlink("../..", path("root/dir/up")).unwrap();
    symlink("../secret", path("root/out")).unwrap();
    symlink("../outside", path("root/outside")).unwrap();
    symlink(path("secret"), path("root/absolute")).unwrap();
    symlink("loop", path("root/loop")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path("root/fifo"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    outer
}

proptest! {
    // Each case makes files: fewer cases, with much in each.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_path_leads_out_of_the_root(targets in prop::collection::vec(target(), 32)) {
        let outer = tree();
        let settings = [
            Files::new(outer.path().join("root")),
            Files::new(outer.path().join("root")).archive(true).single_page(true),
            Files::new(outer.path().join("none")).with_uploads(outer.path().join("root")).archive(true),
        ];
        for files in &settings {
            for target in &targets {
                let mut response = respond(files, &mut Request::get(target));
                let status = response.status().code();
                prop_assert!(matches!(status, 200 | 301 | 400 | 403 | 404), "{target}: {status}");
                let body = response.read_text().unwrap();
                prop_assert!(!body.contains(SECRET), "{target} leads out: {body}");
                if let Some(location) = response.header("Location") {
                    // One slash and then something else: a path on this host.
                    let second = location.as_bytes().get(1);
                    prop_assert!(location.starts_with('/') && second != Some(&b'/') && second != Some(&b'\\'), "{location}");
                }
            }
        }
    }

    #[test]
    fn every_path_that_is_taken_leads_straight_down(target in "[!-~&&[^#?]]{0,40}") {
        let Ok(path) = RelativePath::parse(&format!("/{target}")) else { return Ok(()) };
        let bytes = path.to_bytes();
        let components: Vec<_> = Path::new(OsStr::from_bytes(&bytes)).components().collect();
        prop_assert!(components.iter().all(|component| matches!(component, Component::Normal(_))), "{components:?}");
        prop_assert_eq!(components.len(), path.segments().len());
    }

    #[test]
    fn every_name_that_is_listed_can_be_fetched(names in prop::collection::btree_set(name(), 1..12)) {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("d \"<&>'?#%");
        fs::create_dir(&directory).unwrap();
        for (index, name) in names.iter().enumerate() {
            let path = directory.join(OsStr::from_bytes(name));
            fs::write(&path, format!("content {index}")).unwrap();
            let old = SystemTime::now() - Duration::from_secs(3600);
            fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        }
        let files = Files::new(root.path()).include_hidden(true).index([] as [&str; 0]).unwrap();
        let base = "/d%20%22%3C%26%3E%27%3F%23%25/";
        let fetch = |url: &str| {
            let mut response = respond(&files, &mut Request::get(url));
            (response.status().code(), response.read_text().unwrap())
        };
        let expected: BTreeSet<_> = (0..names.len()).map(|index| (200, format!("content {index}"))).collect();

        let page = fetch(base).1;
        let rows = page.split("<tbody>").nth(1).unwrap();
        let links = rows.split("href=\"").skip(2).map(|rest| rest.split('"').next().unwrap());
        // A browser joins a link that starts with ./ to the directory's URL as it stands.
        let found: BTreeSet<_> = links.map(|link| fetch(&format!("{base}{}", link.strip_prefix("./").unwrap()))).collect();
        prop_assert_eq!(&found, &expected);

        let json: serde_json::Value = serde_json::from_str(&fetch(&format!("{base}?format=json")).1).unwrap();
        let entries = json["entries"].as_array().unwrap();
        prop_assert_eq!(entries.len(), names.len());
        let found: BTreeSet<_> = entries.iter().map(|entry| fetch(entry["url"].as_str().unwrap())).collect();
        prop_assert_eq!(&found, &expected);

        // And again, from what is kept in memory.
        let found: BTreeSet<_> = entries.iter().map(|entry| fetch(entry["url"].as_str().unwrap())).collect();
        prop_assert_eq!(&found, &expected);
    }
}

/// Every name that a file can have, the long and the odd ones more often than chance would have them.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![any::<u8>(), prop::sample::select(b"\"'<>&?#%/\\;:=+ \n\r\t.-_~\xff\xc3\x80\x7f\x1b".to_vec()),];
    let odd = prop::sample::select(vec![
        "javascript:alert(1)",
        "a\u{202e}gpj.exe",
        "%2e%2e",
        "%2F",
        "?download=tar",
        "...",
        "a b",
        "-rf",
        "~",
        "größe",
        "http:x",
        " ",
        "\n",
        "&amp;",
        "a\u{301}",
        "á",
        "index.html",
        "con",
        "x.tar.gz",
    ]);
    prop_oneof![
        prop::collection::vec(byte.clone(), 1..20),
        prop::collection::vec(byte, 250..=255),
        odd.prop_map(|name| name.as_bytes().to_vec()),
    ]
    .prop_filter("a name that a file can have", |name| {
        !matches!(name.as_slice(), b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
    })
}
