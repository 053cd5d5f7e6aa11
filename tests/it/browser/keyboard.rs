//! Listings and what they lead to, used with the keyboard alone.

use std::fs;

use serde_json::json;

use super::webdriver::{Browser, key};
use super::{DESKTOP, PHONE, Site, in_browser_with, shows, texts};
use crate::support::until;

/// The site with a folder `box` that has a file and a folder in it.
fn fill(site: &Site) -> String {
    fs::create_dir_all(site.data.path().join("box/folder")).unwrap();
    fs::write(site.data.path().join("box/a.txt"), "text").unwrap();
    site.page("box/")
}

#[test]
fn the_tab_key_leads_through_a_listing_in_order() {
    let options = ["--allow-delete", "--archive"];
    in_browser_with("the_tab_key_leads_through_a_listing_in_order", &options, |browser, site| {
        let listing = fill(site);
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&listing);
            let expected = [
                "link Home",
                "link box",
                "link Download all (tar)",
                "searchbox Find",
                "button Search subfolders",
                "button Upload files",
                "button Upload a folder",
                "DisclosureTriangle New folder",
                "link Name",
                "link Size",
                "link Type",
                "link Changed",
                "link Parent folder",
                "link folder/",
                "link Delete folder",
                "link a.txt",
                "link Edit a.txt",
                "link Delete a.txt",
            ];
            let stops: Vec<_> = expected.iter().map(|_| tab(browser)).collect();
            assert_eq!(stops, expected, "{width} pixels wide");
            // And back again, without stopping elsewhere.
            let backwards: Vec<_> = expected.iter().skip(1).map(|_| tab_back(browser)).collect();
            assert_eq!(backwards, expected.iter().rev().skip(1).copied().collect::<Vec<_>>(), "{width} pixels wide");
        }
    });
}

#[test]
fn a_long_listing_does_not_hide_the_focus_below_its_headings() {
    in_browser_with("a_long_listing_does_not_hide_the_focus_below_its_headings", &[], |browser, site| {
        fs::create_dir(site.data.path().join("box")).unwrap();
        for number in 0..60 {
            fs::write(site.data.path().join(format!("box/{number:02}.bin")), "").unwrap();
        }
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("box/"));
            browser.execute("document.querySelector('#entries tbody tr:last-child a').focus()");
            for number in (0..59).rev() {
                assert_eq!(tab_back(browser), format!("link {number:02}.bin"), "{width} pixels wide");
            }
        }
    });
}

#[test]
fn a_folder_is_filtered_changed_and_left_with_the_keyboard() {
    in_browser_with("a_folder_is_filtered_changed_and_left_with_the_keyboard", &["--allow-delete"], |browser, site| {
        let listing = fill(site);
        let data = site.data.path().join("box");
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&listing);
        tab_to(browser, "searchbox Find");
        browser.press("A.T");
        shows(browser, "#entries tbody tr:not(#parent) a:not([title])", &["a.txt"]);
        shows(browser, "#shown", &["1 of 2 shown"]);

        tab_to(browser, "DisclosureTriangle New folder");
        browser.press(key::ENTER);
        assert_eq!(tab(browser), "textbox Name");
        browser.press("new one");
        assert_eq!(tab(browser), "button Create");
        browser.press(key::SPACE);
        until("the folder", || data.join("new one").is_dir().then_some(()));
        until("the folder in the table", || {
            texts(browser, "#entries a").contains(&"new one/".to_owned()).then_some(())
        });

        tab_to(browser, "link Edit a.txt");
        browser.press(key::ENTER);
        shows(browser, "h1", &["Edit a.txt"]);
        tab_to(browser, "textbox Text");
        browser.press("more ");
        assert_eq!(tab(browser), "button Save");
        browser.press(key::SPACE);
        shows(browser, "#editor [role=status]", &["Saved."]);
        assert!(fs::read_to_string(data.join("a.txt")).unwrap().contains("more "));
        assert_eq!(browser.focused().label(), "Save", "the focus stays");
        assert_eq!(tab(browser), "link Cancel");
        browser.press(key::ENTER);
        shows(browser, "h1", &["box"]);

        tab_to(browser, "link Delete a.txt");
        browser.press(key::ENTER);
        shows(browser, "h1", &["Delete a.txt?"]);
        tab_to(browser, "button Delete");
        assert_eq!(tab(browser), "link Cancel");
        tab_back(browser);
        browser.press(key::SPACE);
        until("the file is gone", || (!data.join("a.txt").exists()).then_some(()));
        shows(browser, "h1", &["box"]);
        tab_to(browser, "link Parent folder");
        browser.press(key::ENTER);
        until("the page above", || (browser.execute("return location.href") == site.url).then_some(()));
    });
}

#[test]
fn an_upload_does_not_take_the_focus_away() {
    in_browser_with("an_upload_does_not_take_the_focus_away", &["--allow-delete"], |browser, site| {
        browser.resize(DESKTOP.0, DESKTOP.1);
        browser.navigate(&fill(site));
        let chosen = tempfile::tempdir().unwrap();
        let file = chosen.path().join("b.txt");
        fs::write(&file, vec![b'x'; 1_000_000]).unwrap();
        let throttle = |bytes: i64| {
            let conditions =
                json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes });
            browser.devtools("Network.emulateNetworkConditions", &conditions);
        };
        browser.devtools("Network.enable", &json!({}));
        // On a button that goes when the file is stored.
        throttle(100_000);
        let choose = || browser.find("#upload input[name=file]").send_keys(file.to_str().unwrap());
        choose();
        tab_to(browser, "button Cancel the upload of b.txt");
        throttle(-1);
        shows(browser, "#upload [role=status]", &["1 of 1 file stored."]);
        assert_eq!(focused(browser), "link b.txt");
        // In the table, which is replaced by a new one.
        until("the new table", || texts(browser, "#entries a").contains(&"b.txt".to_owned()).then_some(()));
        throttle(100_000);
        choose();
        tab_to(browser, "link Edit a.txt");
        throttle(-1);
        until("the new table", || texts(browser, "#entries a").contains(&"b (1).txt".to_owned()).then_some(()));
        assert_eq!(focused(browser), "link Edit a.txt");
    });
}

/// Presses the tab key. Gives what has the focus then, which has to show it.
#[track_caller]
fn tab(browser: &Browser) -> String {
    browser.press(key::TAB);
    focused(browser)
}

#[track_caller]
fn tab_back(browser: &Browser) -> String {
    browser.press_with(key::SHIFT, key::TAB);
    focused(browser)
}

/// Presses the tab key until this has the focus.
#[track_caller]
fn tab_to(browser: &Browser, what: &str) {
    let mut stops = Vec::new();
    while stops.len() < 40 {
        let stop = tab(browser);
        if stop == what {
            return;
        }
        stops.push(stop);
    }
    panic!("the tab key does not lead to {what:?} but to {stops:?}");
}

/// Role and name of the element that has the focus. One can see it, and that it has the focus.
#[track_caller]
fn focused(browser: &Browser) -> String {
    let element = browser.focused();
    let name = format!("{} {}", element.role(), element.label());
    let is_seen = browser.execute(
        "const focused = document.activeElement;
         // Where the field itself cannot be seen, its label stands for it.
         const shown = getComputedStyle(focused).opacity === '0' ? focused.closest('label') : focused;
         const style = getComputedStyle(shown);
         const box = shown.getBoundingClientRect();
         const atItsPlace = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
         return {
             outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
             inFront: shown.contains(atItsPlace),
         }",
    );
    assert_eq!(is_seen, json!({ "inFront": true, "outline": true }), "{name}");
    name
}
