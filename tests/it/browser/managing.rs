//! Listings as a visitor uses them who may write: folders, uploads and deletions by forms, without scripts.

use std::fs;
use std::path::PathBuf;

use super::webdriver::{Browser, key};
use super::{DESKTOP, PHONE, Site, assert_fits, in_browser_with};
use crate::support::{Program, until};

/// The names in a directory of the uploads.
fn names(site: &Site, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(site.data.path().join(directory)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The site with some uploads in the folder `files`.
fn fill(site: &Site) -> PathBuf {
    let files = site.data.path().join("files");
    fs::create_dir_all(files.join("full")).unwrap();
    fs::create_dir(files.join("empty")).unwrap();
    for name in ["full/f", "a.txt", "a\u{202e}txt.b", "a\u{fffd}txt.b"] {
        fs::write(files.join(name), "text\n").unwrap();
    }
    files
}

/// Waits until the browser shows this page.
#[track_caller]
fn arrive(browser: &Browser, url: &str) {
    until(url, || (browser.execute("return location.href") == *url).then_some(()));
}

#[test]
fn forms_manage_uploads_without_scripts() {
    in_browser_with("forms_manage_uploads_without_scripts", &["--allow-delete"], |browser, site| {
        let files = fill(site);
        let listing = site.page("files/");
        let sent = site.data.path().join("sent.txt");
        fs::write(&sent, "sent").unwrap();
        browser.disable_scripts();
        for (size, folder) in [(PHONE, "größe & <b>"), (DESKTOP, "second")] {
            browser.resize(size.0, size.1);
            browser.navigate(&listing);
            assert_fits(browser, &listing);
            browser.find("#new-directory summary").click();
            browser.find("#new-directory input").send_keys(folder);
            assert_fits(browser, "the form for a new folder");
            browser.find("#new-directory button").click();
            until("the folder", || files.join(folder).is_dir().then_some(()));
            arrive(browser, &listing);

            browser.find("#upload input").send_keys(sent.to_str().unwrap());
            browser.find("#upload button").click();
            until("the upload", || files.join("sent.txt").exists().then_some(()));
            arrive(browser, &listing);

            browser.find(&format!("a[href='?delete={}']", "sent.txt")).click();
            assert_eq!(browser.find("h1").text(), "Delete sent.txt?");
            assert_fits(browser, "the page to delete");
            // Cancel leaves everything as it is.
            browser.find("main a").click();
            arrive(browser, &listing);
            assert!(files.join("sent.txt").exists());
            browser.find("a[href='?delete=sent.txt']").click();
            browser.find("#delete button").click();
            until("the file is gone", || (!files.join("sent.txt").exists()).then_some(()));
            arrive(browser, &listing);

            browser
                .find(if folder == "second" { "a[href='?delete=second']" } else { "a[href*='%3Cb%3E']:not([class=d])" })
                .click();
            browser.find("#delete button").click();
            until("the folder is gone", || (!files.join(folder).exists()).then_some(()));
            arrive(browser, &listing);
        }
        browser.find("a[href='?delete=full']").click();
        assert!(browser.find("main").text().contains("This folder is not empty, so it cannot be deleted."));
        assert_eq!(browser.execute("return document.forms.length"), 0);
        // Names that look alike.
        browser.navigate(&listing);
        browser.find("a[href='?delete=a%E2%80%AEtxt.b']").click();
        browser.find("#delete button").click();
        until("the right one is gone", || (names(site, "files").len() == 4).then_some(()));
        assert_eq!(names(site, "files"), ["a.txt", "a\u{fffd}txt.b", "empty", "full"]);
    });
}

#[test]
fn a_file_is_deleted_with_the_keyboard() {
    in_browser_with("a_file_is_deleted_with_the_keyboard", &["--allow-delete"], |browser, site| {
        let files = fill(site);
        browser.navigate(&site.page("files/"));
        let focused = || browser.execute("return document.activeElement.innerText").as_str().unwrap().to_owned();
        let tab_to = |text: &str| {
            let reached = (0..40).any(|_| {
                browser.press(key::TAB);
                focused() == text
            });
            assert!(reached, "the tab key does not lead to {text:?}");
        };
        tab_to("Delete a.txt");
        browser.press(key::ENTER);
        arrive(browser, &site.page("files/?delete=a.txt"));
        tab_to("Delete");
        browser.press(key::ENTER);
        until("the file is gone", || (!files.join("a.txt").exists()).then_some(()));
    });
}

#[test]
fn the_text_can_be_read_where_it_cannot_be_edited() {
    in_browser_with("the_text_can_be_read_where_it_cannot_be_edited", &[], |browser, site| {
        fs::create_dir(site.data.path().join("files")).unwrap();
        fs::write(site.data.path().join("files/a.txt"), "\r\n</textarea>&lt;\u{202e}\r\n").unwrap();
        browser.disable_scripts();
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("files/"));
        browser.find("a[href='?edit=a.txt']").click();
        assert_eq!(browser.find("#text").property("value"), "\n</textarea>&lt;\u{202e}\n");
        assert!(browser.find("#needs-script").text().contains("Saving needs JavaScript"));
        assert_fits(browser, "the editor");
        assert_eq!(browser.execute("return document.querySelectorAll('a.delete').length"), 0);
    });
}

/// The forms that a page of somebody else would like to send, and frames of pages whose buttons it would like to be pressed.
fn hostile_page(site: &str) -> String {
    format!(
        "<!doctype html><title>hostile</title>\
         <form id=a method=post action='{site}files/'><input name=new-directory value=evil><button>a</button></form>\
         <form id=b method=post action='{site}files/'><input name=delete value=a.txt><button>b</button></form>\
         <form id=c method=post action='{site}files/'><input name=delete value=empty/><button>c</button></form>\
         <form id=d method=post enctype=multipart/form-data action='{site}files/'><button>d</button></form>\
         <form id=e method=post enctype=text/plain action='{site}files/'>\
         <input name='new-directory' value=evil><button>e</button></form>\
         <iframe src='{site}files/a.txt'></iframe><iframe src='{site}files/?delete=a.txt'></iframe>\
         <iframe src='{site}files/?edit=a.txt'></iframe>"
    )
}

#[test]
fn no_other_page_sends_the_forms() {
    in_browser_with("no_other_page_sends_the_forms", &["--allow-delete"], |browser, site| {
        fill(site);
        let before = names(site, "files");
        // On another port of this host, under another name of it, and among the uploads themselves.
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("evil.html"), hostile_page(&site.url)).unwrap();
        let other = Program::hearken(&[elsewhere.path().to_str().unwrap()]);
        fs::write(site.data.path().join("evil.html"), hostile_page(&site.url)).unwrap();
        let by_name = |url: &str| url.replace("127.0.0.1", "localhost");
        let pages = [
            (format!("{}evil.html", other.url()), false),
            (format!("{}evil.html", by_name(other.url())), false),
            (site.page("evil.html"), true),
            (by_name(&site.page("evil.html")), true),
        ];
        for (page, is_upload) in &pages {
            for id in ["a", "b", "c", "d", "e"] {
                browser.navigate(page);
                browser.find(&format!("#{id} button")).click();
                if *is_upload {
                    // Its forms are not sent at all.
                    assert_eq!(browser.execute("return location.href"), **page, "{id}");
                } else {
                    let told = || browser.execute("return document.body ? document.body.innerText : ''").to_string();
                    until(&format!("{page} {id} to be refused"), || {
                        told().contains("A page of another origin may not write here").then_some(())
                    });
                }
                assert_eq!(names(site, "files"), before, "{page} {id}");
            }
            let framed = |index| {
                browser.navigate(page);
                browser.enter_frame(index);
                let text = browser.execute("return document.body ? document.body.innerText : ''");
                text.as_str().unwrap().to_owned()
            };
            assert_eq!(framed(0), "text\n", "{page} shows a file");
            for index in [1, 2] {
                let text = framed(index);
                assert!(!text.contains("a.txt") && !text.contains("Delete"), "{page} frame {index}: {text}");
            }
        }
    });
}
