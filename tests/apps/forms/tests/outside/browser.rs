//! A browser logs in, uploads and logs out.

use std::fs;

use crate::Site;
use crate::support::until;
use crate::support::webdriver::{Browser, in_browser};

#[track_caller]
fn log_in(browser: &Browser, site: &Site) {
    browser.navigate(&site.url(""));
    assert_eq!(path(browser), "/login");
    browser.find("[name=user]").send_keys("ada");
    browser.find("[name=password]").send_keys("open-sesame");
    browser.find("button").click();
    browser.find("#upload");
}

/// The path of the page.
fn path(browser: &Browser) -> String {
    browser.execute("return location.pathname").as_str().unwrap().to_owned()
}

/// The sorted names in a listing, when the browser shows one.
fn listed(browser: &Browser) -> Vec<String> {
    browser.find("tbody");
    let script = "return [...document.querySelectorAll('tbody th')].map(name => name.textContent).sort()";
    let names = browser.execute(script);
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_user_logs_in_uploads_two_files_and_logs_out() {
    in_browser("a_user_logs_in_uploads_two_files_and_logs_out", |browser| {
        let site = Site::start();
        browser.navigate(&site.url("login"));
        browser.find("[name=user]").send_keys("ada");
        browser.find("[name=password]").send_keys("sesame");
        browser.find("button").click();
        // Of the old page or of the new one.
        let message = || browser.execute("return document.querySelector('#message')?.textContent");
        until("the reason", || (message() == "Wrong name or password.").then_some(()));
        log_in(browser, &site);
        assert_eq!(browser.execute("return document.cookie"), "", "scripts do not see the session");

        let chosen = tempfile::tempdir().unwrap();
        let names = ["größe 😀.txt", "we \"said\"; so.txt"];
        for (name, field) in names.iter().zip(["one", "another"]) {
            fs::write(chosen.path().join(name), field).unwrap();
            browser.find(&format!("[name={field}]")).send_keys(chosen.path().join(name).to_str().unwrap());
        }
        browser.find("#upload button").click();
        assert_eq!((listed(browser), &*path(browser)), (names.map(str::to_owned).into(), "/files/"));
        assert_eq!(site.stored(), crate::files_in(chosen.path()));

        // Were the form posted again, the file would be there again.
        fs::remove_file(site.uploads.path().join(names[0])).unwrap();
        browser.execute("window.isOld = true; location.reload()");
        until("another page", || browser.execute("return !window.isOld").as_bool().filter(|is_new| *is_new));
        assert_eq!(listed(browser), [names[1]]);

        browser.navigate(&site.url(""));
        browser.find("#logout button").click();
        browser.find("#message");
        browser.navigate(&site.url("files/"));
        assert_eq!(path(browser), "/login");
    });
}

#[test]
fn the_form_of_another_site_has_no_session() {
    in_browser("the_form_of_another_site_has_no_session", |browser| {
        let site = Site::start();
        log_in(browser, &site);
        let elsewhere = tempfile::tempdir().unwrap();
        let page = elsewhere.path().join("page.html");
        let form = "<form method=post enctype=multipart/form-data";
        fs::write(&page, format!("{form} action={}><input name=token><button>Win!</button></form>", site.url("files")))
            .unwrap();
        browser.navigate(&format!("file://{}", page.display()));
        browser.find("button").click();
        browser.find("#message"); // of the login; with the session it would be a 403
        browser.navigate(&site.url(""));
        browser.find("#upload");
    });
}
