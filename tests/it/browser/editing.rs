//! Editing a text file in place.

use std::fs;

use serde_json::json;

use super::webdriver::{Browser, key};
use super::{DESKTOP, PHONE, assert_fits, in_browser, in_browser_with};
use crate::support::until;

#[test]
fn a_text_is_edited_and_saved_more_than_once() {
    in_browser("a_text_is_edited_and_saved_more_than_once", |browser, site| {
        let file = site.data.path().join("box/to do.txt");
        fs::create_dir(site.data.path().join("box")).unwrap();
        fs::write(&file, "\r\nmilk\r\n<b>bread</b>\r\n").unwrap();
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("box/"));
            browser.find("a.edit").click();
            assert_fits(browser, "the editor");
        }
        assert_eq!(browser.find("h1").text(), "Edit to do.txt");
        let text = browser.find("textarea");
        assert_eq!(text.property("value"), "\nmilk\n<b>bread</b>\n");
        text.send_keys(&format!("{}eggs", key::CONTROL_END));
        browser.find("#editor button").click();
        told(browser, "Saved.");
        assert_eq!(fs::read_to_string(&file).unwrap(), "\r\nmilk\r\n<b>bread</b>\r\neggs", "the line ends stay");
        // Again, with the keyboard alone.
        text.send_keys(" and tea");
        told(browser, "");
        text.send_keys(&format!("{}s", key::CONTROL));
        told(browser, "Saved.");
        assert!(fs::read_to_string(&file).unwrap().ends_with("eggs and tea"));
    });
}

#[test]
fn a_change_by_someone_else_is_not_overwritten() {
    in_browser("a_change_by_someone_else_is_not_overwritten", |browser, site| {
        fs::create_dir(site.data.path().join("box")).unwrap();
        let file = site.data.path().join("box/notes.md");
        fs::write(&file, "mine").unwrap();
        browser.navigate(&site.page("box/?edit=notes.md"));
        let text = browser.find("textarea");
        fs::write(&file, "theirs, which is longer").unwrap();
        text.send_keys("!");
        browser.find("#editor button").click();
        told(browser, "was changed or deleted after you opened it");
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs, which is longer");
        assert!(text.property("value").contains('!'), "what was typed stays");
    });
}

#[test]
fn a_refusal_is_told_and_the_text_stays() {
    let options = ["--max-total", "10"];
    in_browser_with("a_refusal_is_told_and_the_text_stays", &options, |browser, site| {
        let file = site.data.path().join("box/a.txt");
        fs::create_dir(site.data.path().join("box")).unwrap();
        fs::write(&file, "short").unwrap();
        browser.navigate(&site.page("box/?edit=a.txt"));
        browser.find("textarea").send_keys("longer than ten bytes");
        browser.find("#editor button").click();
        told(browser, "--max-total");
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
    });
}

/// Waits until the editor tells this, or nothing.
#[track_caller]
fn told(browser: &Browser, part: &str) {
    let script =
        format!("return document.querySelector('#editor [role=status]').textContent.includes({})", json!(part));
    let is_empty = "return document.querySelector('#editor [role=status]').textContent === ''";
    until(&format!("the editor tells {part:?}"), || {
        let found = browser.execute(if part.is_empty() { is_empty } else { &script });
        (found == true).then_some(())
    });
}
