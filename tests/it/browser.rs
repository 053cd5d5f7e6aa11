//! The pages of `www/`, served by the real server and used in a real browser.

use std::fs;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Program, Reply, get, until};
use crate::webdriver::{self, Browser};

const PAGES: [&str; 4] = ["index.html", "make_a_guess.html", "note_taker.html", "write.html"];

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 800);

#[test]
fn a_number_is_guessed_within_ten_tries() {
    in_browser("a_number_is_guessed_within_ten_tries", |browser, site| {
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("make_a_guess.html"));
        assert_eq!(browser.find("form").property("action"), site.page("guess"), "where it leads without the script");
        let right = (0..10).find(|number| {
            let number = number.to_string();
            browser.find("#q").send_keys(&number);
            browser.find("button").click();
            let told = told(browser, &number);
            if told == format!("Yes, it was {number}! The server is thinking of another number.") {
                return true;
            }
            assert_eq!(told, format!("No, it is not {number}. Try another one."));
            false
        });
        assert!(right.is_some(), "none of the ten numbers was right");
    });
}

#[test]
fn the_game_from_disk_is_with_the_number_thinker() {
    in_browser("the_game_from_disk_is_with_the_number_thinker", |browser, _| {
        browser.navigate(&format!("file://{}/www/make_a_guess.html", env!("CARGO_MANIFEST_DIR")));
        assert_eq!(browser.find("form").property("action"), "http://127.0.0.1:4041/");
        assert!(browser.find("#disk").text().contains("127.0.0.1:4041"));
    });
}

#[test]
fn notes_are_saved_and_fetched() {
    in_browser("notes_are_saved_and_fetched", |browser, site| {
        let fetch = |number: &str| {
            let field = browser.find("#number");
            field.clear();
            field.send_keys(number);
            browser.find("#fetch").click();
        };
        browser.navigate(&site.page("note_taker.html"));
        for (note, count) in [("<b>größer</b> & \"quoted\"", 1), ("the second", 2)] {
            browser.find("#note").send_keys(note);
            browser.find("#save").click();
            let expected = format!("You have {count} notes. The new one is number {}.", count - 1);
            assert_eq!(told(browser, &format!("{count} notes")), expected);
            assert_eq!(browser.find("#note").property("value"), "", "the field is ready for the next one");
        }
        fetch("0");
        assert_eq!(told(browser, "Note 0"), "Note 0: <b>größer</b> & \"quoted\"");
        fetch("1");
        assert_eq!(told(browser, "Note 1"), "Note 1: the second");
        fetch("2");
        assert_eq!(told(browser, "number 2"), "There is no note number 2.");
        assert_eq!(fs::read_to_string(site.data.path().join("notes.txt")).unwrap().lines().count(), 2);
    });
}

#[test]
fn a_server_that_is_gone_is_told_in_words() {
    in_browser("a_server_that_is_gone_is_told_in_words", |browser, _| {
        let site = Site::start();
        let url = site.url.clone();
        browser.navigate(&site.page("note_taker.html"));
        drop(site);
        browser.find("#fetch").click();
        let expected = format!("The server at {} cannot be reached. Is it running?", url.trim_end_matches('/'));
        assert_eq!(told(browser, "reached"), expected);
    });
}

#[test]
fn json_is_written_under_its_name() {
    in_browser("json_is_written_under_its_name", |browser, site| {
        let write = |name: &str, content: &str| {
            for (field, text) in [("#name", name), ("#content", content)] {
                let field = browser.find(field);
                field.clear();
                field.send_keys(text);
            }
            browser.find("#write").click();
        };
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("write.html"));

        browser.find("#write").click();
        assert_eq!(told(browser, "Wrote"), "Wrote data for Han Solo.", "the example is good as it is");

        let name = "people/50% größer & #1?.json";
        let content = "{ \"name\": \"Zoë\",\n  \"list\": [1.0, \"<i>\"] }\n";
        write(name, content);
        assert_eq!(told(browser, "Zoë"), "Wrote data for Zoë.");
        assert_eq!(fs::read_to_string(site.data.path().join(name)).unwrap(), content);
        let link = browser.find("#link").property("href");
        let served = site.get(&link);
        assert_eq!((served.status, served.text().as_str()), (200, content), "{link}");
        assert_fits(browser, "write.html with a long link");
        browser.find("#link").click();
        until("the link leads to the file", || (browser.execute("return location.href") == *link).then_some(()));

        browser.navigate(&site.page("write.html"));
        write(name, "{\n  \"name\": }");
        let message = told(browser, "Bad request");
        assert!(message.contains("not valid JSON") && message.contains("line 2 column "), "{message}");
        assert_eq!(fs::read_to_string(site.data.path().join(name)).unwrap(), content, "the old content stays");

        for (name, reason) in [("write.html", "Conflict"), ("../up.json", "can be . or .."), ("a//b", "empty segment")]
        {
            write(name, "{}");
            told(browser, reason);
        }
    });
}

#[test]
fn files_are_uploaded_from_a_listing() {
    in_browser("files_are_uploaded_from_a_listing", |browser, site| {
        let pictures = site.data.path().join("pictures");
        let chosen = tempfile::tempdir().unwrap();
        fs::create_dir(&pictures).unwrap();
        for (name, content) in [("größe & co.txt", "one"), ("b.txt", "two")] {
            fs::write(chosen.path().join(name), content).unwrap();
        }
        let path = |name: &str| chosen.path().join(name).to_str().unwrap().to_owned();
        let choose = |files: &str| browser.find("#upload input").send_keys(files);
        let stored = |name: &str| until(name, || fs::read_to_string(pictures.join(name)).ok());
        let listed = |name: &str| {
            until(name, || {
                let text = browser.execute("return document.body ? document.body.innerText : ''");
                text.as_str().unwrap_or_default().contains(name).then_some(())
            });
        };
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("pictures/"));
            assert_fits(browser, "the listing with its upload form");
        }

        choose(&format!("{}\n{}", path("größe & co.txt"), path("b.txt")));
        browser.find("#upload button").click();
        listed("größe & co.txt");
        assert_eq!((stored("größe & co.txt"), stored("b.txt")), ("one".into(), "two".into()));

        // The same name again gets a number; with the keyboard alone, from the field on.
        choose(&path("b.txt"));
        browser.find("#upload button").send_keys("\u{e007}");
        listed("b (1).txt");
        assert_eq!(stored("b (1).txt"), "two");

        // Without the script the form leads back to the listing.
        choose(&path("b.txt"));
        browser.execute("document.getElementById('upload').submit()");
        listed("b (2).txt");
        assert_eq!(browser.execute("return location.href"), *site.page("pictures/"));

        fs::remove_dir_all(&pictures).unwrap();
        fs::write(&pictures, "in the way").unwrap();
        choose(&path("b.txt"));
        browser.find("#upload button").click();
        let status = browser.find("#upload [role=status]");
        until("the reason in words", || {
            (status.text() == "Conflict: a file stands where a directory is needed.").then_some(())
        });
    });
}

#[test]
fn what_the_pages_name_is_there_and_they_fit_phone_and_desktop() {
    in_browser("what_the_pages_name_is_there_and_they_fit_phone_and_desktop", |browser, site| {
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            for page in PAGES {
                browser.navigate(&site.page(page));
                assert_eq!(browser.execute("return innerWidth"), width, "the size that is meant");
                assert_fits(browser, page);
            }
        }
        for page in PAGES {
            browser.navigate(&site.page(page));
            let named =
                browser.execute("return [...document.querySelectorAll('[href], [src]')].map(e => e.href || e.src)");
            let named: Vec<_> = named.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let ours = named.iter().filter(|url| url.starts_with(&site.url));
            for url in ours {
                assert_eq!(site.get(url).status, 200, "{url}, named by {page}");
            }
            for other in PAGES {
                assert!(named.contains(&site.page(other).as_str()), "{page} leads to {other}");
            }
        }
        browser.navigate(&site.url);
        assert_eq!(browser.find("main a[href='/hello']").text(), "Say hello");
    });
}

/// A running server of the pages, with a directory to write into.
struct Site {
    server: Program,
    url: String,
    data: TempDir,
}

impl Site {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let www = concat!(env!("CARGO_MANIFEST_DIR"), "/www");
        let server = Program::hearken(&["--demo", "--write", data.path().to_str().unwrap(), www]);
        Self { url: server.url().to_owned(), server, data }
    }

    fn page(&self, name: &str) -> String {
        format!("{}{name}", self.url)
    }

    /// The answer for one of its URLs.
    fn get(&self, url: &str) -> Reply {
        let path = url.strip_prefix(&self.url).expect("a URL of this site");
        get(self.server.address(), &format!("/{path}"))
    }
}

/// Runs the check with a browser and a site of its own. When it fails, what the browser shows is kept in `tests/artifacts/`.
fn in_browser(name: &str, check: impl FnOnce(&Browser, &Site)) {
    if !webdriver::available() {
        // Not by `eprintln`, which the test harness would keep to itself.
        let _ = writeln!(io::stderr(), "skipped: {name}: chromedriver or chromium is not installed");
        return;
    }
    let site = Site::start();
    let browser = Browser::start();
    let Err(failure) = panic::catch_unwind(AssertUnwindSafe(|| check(&browser, &site))) else { return };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts");
    let file = directory.join(format!("{name}.png"));
    let saved = browser.screenshot().and_then(|png| {
        fs::create_dir_all(&directory).and_then(|()| fs::write(&file, png)).map_err(|error| error.to_string())
    });
    match saved {
        Ok(()) => eprintln!("what the browser showed is in {}", file.display()),
        Err(error) => eprintln!("what the browser showed could not be saved: {error}"),
    }
    panic::resume_unwind(failure);
}

/// What the page tells, once that contains `part`.
#[track_caller]
fn told(browser: &Browser, part: &str) -> String {
    let result = browser.find("#result");
    let mut last = String::new();
    until(&format!("the page tells something with {part:?}"), || {
        last = result.text();
        last.contains(part).then(|| last.clone())
    })
}

/// Asserts that the page is not wider than the window, less a scroll bar at its side.
#[track_caller]
fn assert_fits(browser: &Browser, page: &str) {
    let width = |of: &str| browser.execute(&format!("return document.documentElement.{of}")).as_u64().unwrap();
    let (content, window) = (width("scrollWidth"), width("clientWidth"));
    assert!(content <= window, "{page} is {content} pixels wide where there is room for {window}");
}
