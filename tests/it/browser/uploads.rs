//! Uploading from a listing: files and folders that are chosen or dropped, with progress, cancelling and trying again.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::webdriver::Browser;
use super::{DESKTOP, PHONE, assert_fits, in_browser, in_browser_with};
use crate::support::until;

#[test]
fn files_are_uploaded_as_soon_as_they_are_chosen() {
    in_browser("files_are_uploaded_as_soon_as_they_are_chosen", |browser, site| {
        let place = site.data.path().join("pictures");
        fs::create_dir(&place).unwrap();
        let chosen = files(&[("größe & <b>.txt", "one"), ("b.txt", "two")]);
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("pictures/"));
            assert_fits(browser, "the listing with its upload form");
        }

        choose(browser, &[&chosen.path().join("größe & <b>.txt"), &chosen.path().join("b.txt")]);
        summary(browser, "2 of 2 files stored.");
        assert_eq!(read(&place, "größe & <b>.txt"), "one");
        assert_eq!(read(&place, "b.txt"), "two");
        // The table shows them without leaving the page.
        until("the new rows", || (listed(browser) == ["b.txt", "größe & <b>.txt"]).then_some(()));
        assert_eq!(notes(browser), ["Stored, 3 B", "Stored, 3 B"]);
        assert_fits(browser, "the listing with finished uploads");

        // The same name again gets a number, and a link to what was stored.
        choose(browser, &[&chosen.path().join("b.txt")]);
        summary(browser, "3 of 3 files stored.");
        assert_eq!(notes(browser)[2], "Stored as b (1).txt");
        let link = browser.find(".uploads li:last-child a").property("href");
        assert_eq!(site.get(&link).text(), "two");
    });
}

#[test]
fn a_folder_is_uploaded_with_all_that_is_in_it() {
    in_browser("a_folder_is_uploaded_with_all_that_is_in_it", |browser, site| {
        let chosen = tempfile::tempdir().unwrap();
        let folder = chosen.path().join("trip & more");
        fs::create_dir_all(folder.join("day 1/empty")).unwrap();
        for (name, content) in [("plan.txt", "plan"), ("day 1/photo.jpg", "photo"), (".DS_Store", "hidden")] {
            fs::write(folder.join(name), content).unwrap();
        }
        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&site.page("box/"));
        drop_files(browser, &[&folder]);
        summary(browser, "2 of 2 files stored, 1 with a name that starts with a dot left out.");
        assert_eq!(read(&box_path, "trip & more/plan.txt"), "plan");
        assert_eq!(read(&box_path, "trip & more/day 1/photo.jpg"), "photo");
        until("the empty folder", || box_path.join("trip & more/day 1/empty").is_dir().then_some(()));
        until("the folder in the table", || (listed(browser) == ["trip & more/"]).then_some(()));

        // So is one that has nothing else in it.
        drop_files(browser, &[&folder.join("day 1/empty")]);
        until("the empty folder in the table", || (listed(browser) == ["empty/", "trip & more/"]).then_some(()));

        // The field for folders does the same.
        fs::remove_dir_all(box_path.join("trip & more")).unwrap();
        browser.find("#upload input:not([name])").send_keys(folder.to_str().unwrap());
        summary(browser, "4 of 4 files stored, 2 with a name that starts with a dot left out.");
        assert_eq!(read(&box_path, "trip & more/day 1/photo.jpg"), "photo");
    });
}

#[test]
fn dropping_is_possible_on_the_whole_page() {
    in_browser("dropping_is_possible_on_the_whole_page", |browser, site| {
        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&site.page("box/"));
        let chosen = files(&[("a.txt", "a")]);
        let file = chosen.path().join("a.txt");
        drag(browser, "dragEnter", &[&file]);
        drag(browser, "dragOver", &[&file]);
        let is_marked = || browser.execute("return document.body.classList.contains('dropping')");
        until("the page says that one can drop", || (is_marked() == true).then_some(()));
        drag(browser, "drop", &[&file]);
        summary(browser, "1 of 1 file stored.");
        assert_eq!(is_marked(), false);
        assert_eq!(read(&box_path, "a.txt"), "a");

        // Who reads the table by keyboard stays at the same row when it is replaced.
        until("the row", || (listed(browser) == ["a.txt"]).then_some(()));
        browser.execute("document.querySelector('#entries tbody tr:not(#parent) a').focus()");
        let others = files(&[("0.txt", "0")]);
        drop_files(browser, &[&others.path().join("0.txt")]);
        until("both rows", || (listed(browser) == ["0.txt", "a.txt"]).then_some(()));
        assert_eq!(browser.execute("return document.activeElement.getAttribute('href')"), "./a.txt");
    });
}

#[test]
fn an_upload_shows_its_progress_and_can_be_cancelled_and_tried_again() {
    in_browser("an_upload_shows_its_progress_and_can_be_cancelled_and_tried_again", |browser, site| {
        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&site.page("box/"));
        let chosen = tempfile::tempdir().unwrap();
        let file = chosen.path().join("big.bin");
        fs::write(&file, vec![b'x'; 5_000_000]).unwrap();
        throttle(browser, 400_000);
        choose(browser, &[&file]);
        let note = until("a speed", || notes(browser).pop().filter(|note| note.contains("/s, ")));
        assert!(note.contains(" of 4.7 MiB, ") && note.ends_with(" left"), "{note}");
        let bar = browser.find(".uploads progress");
        let shown = bar.number("position");
        assert!(shown > 0.0 && shown < 1.0, "{shown}");
        let button = browser.find(".uploads button");
        assert_eq!(button.property("ariaLabel"), "Cancel the upload of big.bin");
        button.click();
        summary(browser, "0 of 1 file stored, 1 not stored.");
        assert_eq!(notes(browser), ["Cancelled."]);
        // Nothing is left of it, under any name.
        until("nothing to be left", || fs::read_dir(&box_path).unwrap().next().is_none().then_some(()));

        throttle(browser, -1);
        assert_eq!(button.text(), "Try again");
        button.click();
        summary(browser, "1 of 1 file stored.");
        assert_eq!(fs::metadata(box_path.join("big.bin")).unwrap().len(), 5_000_000);
    });
}

#[test]
fn all_uploads_are_cancelled_at_once_and_each_can_be_tried_again() {
    in_browser("all_uploads_are_cancelled_at_once_and_each_can_be_tried_again", |browser, site| {
        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&site.page("box/"));
        let chosen = tempfile::tempdir().unwrap();
        let names = ["a", "b", "c", "d", "e"];
        let paths = names.map(|name| chosen.path().join(name));
        for path in &paths {
            fs::write(path, vec![b'x'; 2_000_000]).unwrap();
        }
        throttle(browser, 100_000);
        choose(browser, &paths.each_ref().map(|path| &**path));
        // Three of them are being sent, and two wait for their turn.
        browser.find("#cancel-all").click();
        summary(browser, "0 of 5 files stored, 5 not stored.");
        assert_eq!(notes(browser), ["Cancelled."; 5]);
        throttle(browser, -1);
        for stored in 1..=5 {
            browser.find(".uploads .failed button").click();
            let rest = if stored == 5 { String::new() } else { format!(", {} not stored", 5 - stored) };
            summary(browser, &format!("{stored} of 5 files stored{rest}."));
        }
        for name in names {
            assert_eq!(fs::metadata(box_path.join(name)).unwrap().len(), 2_000_000);
        }
    });
}

#[test]
fn each_upload_that_fails_says_why() {
    let options = ["--max-total", "1000"];
    in_browser_with("each_upload_that_fails_says_why", &options, |browser, site| {
        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&site.page("box/"));
        let chosen = files(&[("small.txt", "small"), ("big.txt", &"x".repeat(2000))]);
        choose(browser, &[&chosen.path().join("small.txt"), &chosen.path().join("big.txt")]);
        summary(browser, "1 of 2 files stored, 1 not stored.");
        let failed = browser.find(".uploads .failed .state").text();
        assert!(failed.contains("--max-total"), "{failed}");

        // The folder has gone meanwhile, and something else is in its place.
        fs::remove_dir_all(&box_path).unwrap();
        fs::write(&box_path, "in the way").unwrap();
        choose(browser, &[&chosen.path().join("small.txt")]);
        until("the reason in words", || {
            notes(browser).contains(&"Conflict: a file stands where a directory is needed.".to_owned()).then_some(())
        });
        fs::create_dir(chosen.path().join("empty")).unwrap();
        drop_files(browser, &[&chosen.path().join("empty"), &chosen.path().join("small.txt")]);
        summary(
            browser,
            "1 of 4 files stored, 3 not stored. Left out: empty (Conflict: a file stands where a directory is needed.)",
        );
    });
}

/// Files of these names and contents, to be chosen.
fn files(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

#[track_caller]
fn choose(browser: &Browser, files: &[&Path]) {
    let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    browser.find("#upload input[name=file]").send_keys(&files.join("\n"));
}

/// Drops files and folders from outside the browser onto the page.
fn drop_files(browser: &Browser, files: &[&Path]) {
    for kind in ["dragEnter", "dragOver", "drop"] {
        drag(browser, kind, files);
    }
}

fn drag(browser: &Browser, kind: &str, files: &[&Path]) {
    let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
    browser.devtools("Input.dispatchDragEvent", &json!({ "type": kind, "x": 200, "y": 300, "data": data }));
}

/// Limits the bytes that the browser sends in a second; -1 does not.
fn throttle(browser: &Browser, bytes: i64) {
    browser.devtools("Network.enable", &json!({}));
    let conditions = json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes });
    browser.devtools("Network.emulateNetworkConditions", &conditions);
}

/// Waits until this is said of all uploads together.
#[track_caller]
fn summary(browser: &Browser, expected: &str) {
    let status = browser.find("#upload [role=status]");
    until(&format!("the page to say {expected:?}"), || (status.text() == expected).then_some(()));
}

/// What is said of each upload.
fn notes(browser: &Browser) -> Vec<String> {
    texts(browser, ".uploads .state")
}

/// The names in the table.
fn listed(browser: &Browser) -> Vec<String> {
    texts(browser, "tbody tr:not(#parent) > :first-child")
}

fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let texts = browser
        .execute(&format!("return [...document.querySelectorAll({})].map((e) => e.innerText.trim())", json!(selector)));
    texts.as_array().unwrap().iter().map(Value::as_str).map(|text| text.unwrap().to_owned()).collect()
}
