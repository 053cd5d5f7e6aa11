//! The search of listings, in a browser with scripts and without.

use std::fs;

use super::webdriver::{self, Browser, key};
use super::{DESKTOP, PHONE, assert_fits, tab_to};
use crate::support::{Program, until};

/// A server of a tree, which has something to find in each directory.
fn server() -> (Program, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let odd = "photos/<i>odd & long, with a name that takes more than one line on a phone/deep/er/still";
    for directory in ["photos/2024", odd, "notes"] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    for name in ["beach.jpg", "notes/Beach plan.txt", "photos/2024/BEACH 1.jpg", "photos/2024/hill.jpg"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    fs::write(root.path().join(odd).join("a beach, at the end of a long path.jpg"), "").unwrap();
    (Program::hearken(&[root.path().to_str().unwrap()]), root)
}

/// The names that are found, and what the page says of them.
fn results(browser: &Browser, scripts: bool) -> (Vec<String>, String) {
    until("the search ends", || (browser.execute("return document.readyState") == "complete").then_some(()));
    let script = "return [...document.querySelectorAll('tbody th > a')].map((link) => link.innerText.trim())";
    let names = browser.execute(script);
    let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    (names, browser.find(if scripts { "#state" } else { "#found" }).text())
}

#[test]
fn a_search_finds_files_in_all_folders_below() {
    webdriver::in_browser("a_search_finds_files_in_all_folders_below", |browser| {
        let (server, _root) = server();
        for scripts in [true, false] {
            if !scripts {
                browser.disable_scripts();
            }
            for size in [PHONE, DESKTOP] {
                browser.resize(size.0, size.1);
                browser.navigate(server.url());
                assert_fits(browser, "the listing");
                browser.find("input[type=search]").send_keys("beach");
                let shown = "return [...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).length";
                assert_eq!(
                    browser.execute(shown),
                    if scripts { 1 } else { 3 },
                    "with scripts, typing filters the rows"
                );
                if size == PHONE {
                    browser.press(key::ENTER);
                } else {
                    browser.find("#search button").click();
                }
                let heading = until("the results", || {
                    let text = browser.execute("return document.querySelector('h1').innerText");
                    text.as_str().filter(|text| text.starts_with("Search")).map(str::to_owned)
                });
                assert_eq!(heading, "Search for “beach”");
                let expected = ["beach.jpg", "Beach plan.txt", "BEACH 1.jpg", "a beach, at the end of a long path.jpg"];
                let (names, state) = results(browser, scripts);
                assert_eq!((names, state.as_str()), (expected.map(str::to_owned).to_vec(), "4 results."));
                assert_eq!(browser.find("input[type=search]").property("value"), "beach");
                assert_fits(browser, "the results");
                let above = "const [state] = [...document.querySelectorAll('#state, #found')].filter((p) => p.offsetHeight);
                    return state.getBoundingClientRect().top < document.querySelector('tbody').getBoundingClientRect().top";
                assert_eq!(browser.execute(above), true, "what was found is said before it");
            }
            // A result, where it is, and back to the folder.
            let address = || browser.execute("return decodeURI(location.pathname + location.search)");
            browser.find("tbody tr:nth-child(3) .in a").click();
            until("the folder of a result", || (address() == "/photos/2024/").then_some(()));
            browser.find("input[type=search]").send_keys("none");
            browser.find("#search button").click();
            until("a search in it", || (address() == "/photos/2024/?search=none").then_some(()));
            assert_eq!(browser.find("h1").text(), "Search for “none” in 2024");
            assert_eq!(results(browser, scripts), (vec![], "Nothing found.".to_owned()));
            browser.find(".tools a").click();
            until("the folder", || (address() == "/photos/2024/").then_some(()));
        }
    });
}

#[test]
fn a_search_needs_no_mouse_and_is_announced() {
    webdriver::in_browser("a_search_needs_no_mouse_and_is_announced", |browser| {
        let (server, _root) = server();
        browser.navigate(server.url());
        browser.execute("document.querySelector('input[type=search]').id = 'input'");
        tab_to(browser, "input");
        browser.press("HILL");
        browser.press(key::ENTER);
        until("the results", || (browser.execute("return location.search") == "?search=HILL").then_some(()));
        assert_eq!(results(browser, true), (vec!["hill.jpg".to_owned()], "1 result.".to_owned()));
        let announced =
            "return document.querySelector('#state').role === 'status' && !document.querySelector('#found')";
        assert_eq!(browser.execute(announced), true);
        // An image of a text that a page has is no markup.
        browser.find("input[type=search]").clear();
        browser.find("input[type=search]").send_keys("<b>\"'&");
        browser.press(key::ENTER);
        until("a search for markup", || (browser.find("h1").text() == "Search for “<b>\"'&”").then_some(()));
        assert_eq!(browser.find("input[type=search]").property("value"), "<b>\"'&");
    });
}
