//! Pages as readers set them: magnified, with large text, in colours of their own, and on paper.

use std::fs;

use serde_json::json;

use super::webdriver::Browser;
use super::{DESKTOP, PHONE, Site, assert_fits, in_browser_with};

/// The pages with what is wide in them: long names, long words, all controls.
fn fill(site: &Site) -> Vec<String> {
    let box_path = site.data.path().join("box");
    fs::create_dir_all(box_path.join("Größe & Gewicht der Lieferung")).unwrap();
    for name in ["Annual report.docx", "film.mp4", "notes.txt", &"x".repeat(255), &"a long name ".repeat(20)] {
        fs::write(box_path.join(name), "content").unwrap();
    }
    let demonstration = ["index.html", "make_a_guess.html", "note_taker.html", "upload.html", "write.html"];
    let generated = ["box/", "box/?delete=film.mp4", "box/?edit=notes.txt", "?search=n", "box/missing"];
    demonstration.iter().chain(&generated).map(|page| site.page(page)).collect()
}

#[test]
fn magnified_pages_fit_the_window() {
    let options = ["--allow-delete", "--archive"];
    in_browser_with("magnified_pages_fit_the_window", &options, |browser, site| {
        for page in fill(site) {
            browser.navigate(&page);
            // The window of a desktop at 200 % and at 400 %, as which it is as wide as 640 and 320 pixels.
            for width in [640, 320] {
                browser.devtools(
                    "Emulation.setDeviceMetricsOverride",
                    &json!({ "width": width, "height": 400, "deviceScaleFactor": 1280 / width, "mobile": false }),
                );
                assert_fits(browser, &format!("{page}, {width} pixels wide,"));
            }
            browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
        }
    });
}

#[test]
fn pages_with_text_of_twice_the_size_fit_the_window() {
    let options = ["--allow-delete", "--archive"];
    in_browser_with("pages_with_text_of_twice_the_size_fit_the_window", &options, |browser, site| {
        for page in fill(site) {
            browser.navigate(&page);
            browser.devtools("Page.setFontSizes", &json!({ "fontSizes": { "standard": 32, "fixed": 26 } }));
            let size = browser.execute("return getComputedStyle(document.body).fontSize");
            assert_eq!(size, "32px", "{page} follows the reader's text size");
            for (width, height) in [PHONE, DESKTOP] {
                browser.resize(width, height);
                assert_fits(browser, &format!("{page} with large text, {width} pixels wide,"));
            }
        }
    });
}

#[test]
fn icons_show_in_the_colours_of_the_reader() {
    in_browser_with("icons_show_in_the_colours_of_the_reader", &["--allow-delete"], |browser, site| {
        fill(site);
        let feature = json!({ "name": "forced-colors", "value": "active" });
        browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
        browser.navigate(&site.page("box/"));
        assert_eq!(browser.execute("return matchMedia('(forced-colors: active)').matches"), true);
        let background = |of: &str, part: &str| {
            let script = format!(
                "return getComputedStyle(document.querySelector({}), {}).backgroundColor",
                json!(of),
                json!(part)
            );
            browser.execute(&script)
        };
        let paper = background("body", "");
        for icon in ["#entries .d", "#entries .w", "#entries .edit", "#entries .delete"] {
            let colour = background(icon, "::before");
            assert!(colour != paper && colour != "rgba(0, 0, 0, 0)", "{icon}: {colour} on {paper}");
        }
    });
}

#[test]
fn a_listing_is_printed_without_its_controls() {
    in_browser_with("a_listing_is_printed_without_its_controls", &["--allow-delete"], |browser, site| {
        fill(site);
        browser.navigate(&site.page("box/"));
        browser.devtools("Emulation.setEmulatedMedia", &json!({ "media": "print" }));
        let seen = |css: &str| {
            browser.execute(&format!(
                "return [...document.querySelectorAll('{css}')].filter((element) => element.checkVisibility()).length"
            ))
        };
        assert_eq!(seen("input, button, summary, .button, .edit, .delete"), 0);
        assert_eq!(seen("#entries tbody time"), 6);
        assert_fits(browser, "the listing on paper");
        assert!(name_is_whole(browser, &"x".repeat(255)), "paper has no pointer that shows a name whole");
    });
}

/// Whether no part of the name in the table is cut off.
fn name_is_whole(browser: &Browser, name: &str) -> bool {
    let script = format!(
        "const name = [...document.querySelectorAll('#entries th span')].find((element) => element.textContent === '{name}');
         return name.scrollHeight <= name.clientHeight || getComputedStyle(name).overflow === 'visible'"
    );
    browser.execute(&script) == true
}
