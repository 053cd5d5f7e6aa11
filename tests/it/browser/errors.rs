//! Errors as people see them, in a browser.

use std::fs;

use serde_json::{Value, json};

use super::webdriver::{Browser, ColorScheme};
use super::{DESKTOP, PHONE, assert_fits, in_browser, in_browser_with};
use crate::support::until;

/// Waits for the page with this heading, and gives the reason below it, if there is one.
#[track_caller]
fn reason_below(browser: &Browser, heading: &str) -> Value {
    until(&format!("the page {heading:?}"), || {
        let shown = browser
            .execute("return [document.querySelector('h1')?.innerText, document.querySelector('.reason')?.innerText]");
        (shown[0] == heading).then(|| shown[1].clone())
    })
}

#[test]
fn a_page_that_is_not_there_leads_to_the_folder_and_home() {
    in_browser("a_page_that_is_not_there_leads_to_the_folder_and_home", |browser, site| {
        fs::create_dir(site.data.path().join("photos")).unwrap();
        let long = format!("photos/{}", "long-name-".repeat(20));
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            browser.prefer(scheme);
            for (width, height) in [PHONE, DESKTOP] {
                browser.resize(width, height);
                browser.navigate(&site.page(&long));
                assert_eq!(reason_below(browser, "Not found"), format!("There is nothing at /{long}."));
                assert_fits(browser, "the page of an error");
            }
        }
        // The style is applied, which the policy allows only for the page's own.
        assert_eq!(browser.execute("return getComputedStyle(document.querySelector('main')).borderTopWidth"), "1px");
        browser.find("nav a").click();
        reason_below(browser, "photos");
        browser.navigate(&site.page(&long));
        browser.find("nav a:last-child").click();
        until("the first page", || (browser.execute("return location.href") == *site.url).then_some(()));
    });
}

#[test]
fn forms_that_fail_without_script_say_why() {
    let options = ["--max-body", "2000", "--max-total", "1000"];
    in_browser_with("forms_that_fail_without_script_say_why", &options, |browser, site| {
        fs::create_dir(site.data.path().join("box")).unwrap();
        browser.disable_scripts();
        let files = tempfile::tempdir().unwrap();
        for (length, heading, reason) in [(3000, "Too large", "KiB"), (1500, "No space left", "enough room")] {
            let file = files.path().join("a.bin");
            fs::write(&file, vec![b'x'; length]).unwrap();
            browser.navigate(&site.page("box/"));
            browser.find("#upload input[name=file]").send_keys(file.to_str().unwrap());
            browser.find("#upload button").click();
            let said = reason_below(browser, heading);
            assert!(said.as_str().unwrap().contains(reason), "{said}");
            browser.find("nav a").click();
            reason_below(browser, "box");
        }
        for (heading, reason) in [("box", json!(null)), ("Conflict", json!("Something of this name is there already."))]
        {
            browser.navigate(&site.page("box/"));
            browser.find("#new-directory summary").click();
            browser.find("#new-directory input").send_keys("taken");
            browser.find("#new-directory button").click();
            until("the form to be answered", || fs::exists(site.data.path().join("box/taken")).unwrap().then_some(()));
            assert_eq!(reason_below(browser, heading), reason);
        }
        assert_eq!(fs::read_dir(site.data.path().join("box")).unwrap().count(), 1, "only the folder");
    });
}
