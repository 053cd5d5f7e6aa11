//! Listings and archives in little memory are the same as in much.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use super::super::Files;
use super::super::listing::budget::{Budget, Limits};
use crate::handler::respond;
use crate::http::request::Request;
use crate::http::response::Response;

const TARGETS: [&str; 12] = [
    "/d/?format=json",
    "/d/?format=json&order=desc",
    "/d/?format=json&sort=size",
    "/d/?format=json&sort=size&order=desc",
    "/d/?format=json&sort=type",
    "/d/?format=json&sort=type&order=desc",
    "/d/?format=json&sort=time",
    "/d/?format=json&sort=time&order=desc",
    "/d/?sort=name",
    "/d/?sort=type",
    "/d/?sort=size",
    "/d/?download=tar",
];

/// Those that this build has.
fn targets() -> impl Iterator<Item = &'static str> + Clone {
    TARGETS.into_iter().filter(|target| cfg!(feature = "archive") || !target.contains("tar"))
}

/// A directory in two layers, each with more names than are kept to compare the other's with.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let path = |name: &str| site.path().join(name);
    for directory in ["one/d", "two/d"] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    let extensions = ["txt", "html", "png", "unknown"];
    for number in 0..1200_usize {
        let name = format!("{}-{number}.{}", ["File", "file", "ä"][number % 3], extensions[number % 4]);
        fs::write(path("one/d").join(&name), vec![b'x'; number % 50]).unwrap();
        if number % 10 == 0 {
            // It is hidden by the one above.
            fs::write(path("two/d").join(&name), "below").unwrap();
            fs::write(path("two/d").join(format!("below {number}")), "below").unwrap();
            fs::create_dir(path("one/d").join(format!("directory {number}"))).unwrap();
            symlink(name, path("one/d").join(format!("link {number}"))).unwrap();
            symlink("/etc/passwd", path("one/d").join(format!("out {number}"))).unwrap();
            fs::write(path("two/d").join(format!("out {number}")), "hidden by what may not be fetched").unwrap();
        }
    }
    site
}

fn files(site: &Path, limits: Limits) -> (Files, Arc<Budget>) {
    let budget = Budget::new(limits);
    let mut files = Files::new(site.join("one")).overlay(site.join("two"));
    #[cfg(feature = "archive")]
    {
        files = files.archive(true);
    }
    files.set_budget(Arc::clone(&budget));
    (files, budget)
}

/// What a listing says, without what is another each time.
fn body(mut response: Response) -> String {
    let text = response.read_text().unwrap();
    match text.split_once("nonce=\"") {
        Some((_, rest)) => text.replace(rest.split('"').next().unwrap(), ""),
        None => text,
    }
}

#[test]
fn listings_in_little_memory_are_the_same() {
    let site = site();
    let ample = usize::MAX / 4;
    let (all_at_once, _) = files(site.path(), Limits { least: ample, window: ample, all: ample, ample });
    let (bounded, budget) = files(site.path(), Limits { least: 4 << 10, window: 8 << 10, all: 20 << 10, ample: 0 });
    for target in targets() {
        let expected = body(respond(&all_at_once, &mut Request::get(target)));
        assert!(expected.contains("below 1190") || target.contains("tar"), "{target}");
        assert_eq!(expected.matches("hidden by what").count(), 0, "{target}");
        let response = respond(&bounded, &mut Request::get(target));
        assert!(budget.held() <= 8 << 10, "{target}");
        assert!(body(response) == expected, "{target}");
        assert_eq!(budget.held(), 0, "{target}");
    }
}

/// 64 clients that did not read on after the head once held 940 MiB of a directory of 200,000 entries.
#[test]
fn many_listings_stay_within_the_budget() {
    let site = site();
    let limits = Limits { least: 8 << 10, window: 16 << 10, all: 1536 << 10, ample: 512 << 10 };
    let (files, budget) = files(site.path(), limits);
    let alone = body(respond(&files, &mut Request::get("/d/?format=json")));
    let open = |count: usize| -> Vec<Response> {
        targets().cycle().take(count).map(|target| respond(&files, &mut Request::get(target))).collect()
    };
    let first = open(1);
    assert!(budget.held() > limits.window, "one has all entries at once");
    let stalled = open(63);
    assert!(first.iter().chain(&stalled).all(|response| response.status().code() == 200), "nobody is refused");
    assert!(budget.held() <= limits.all, "{}", budget.held());
    let more = open(24);
    assert!(budget.held() <= limits.all + 24 * limits.least, "{}", budget.held());
    assert_eq!(body(respond(&files, &mut Request::get("/d/?format=json"))), alone, "and another one is served");
    drop((first, stalled, more));
    assert_eq!(budget.held(), 0, "what a client held is given back when it leaves");
}
