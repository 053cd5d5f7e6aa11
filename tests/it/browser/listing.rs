//! Listings in a browser: awkward names, the reader's time, phones, pages without scripts, and a README that means harm.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::webdriver::{Browser, in_browser};
use super::{DESKTOP, PHONE, assert_fits};
use crate::support::Program;

fn serve(root: &Path) -> Program {
    Program::hearken(&[root.to_str().unwrap()])
}

/// The times of the page, in its order.
fn times(browser: &Browser) -> Vec<String> {
    let value = browser.execute("return [...document.querySelectorAll('#entries time')].map(time => time.innerText)");
    value.as_array().unwrap().iter().map(|time| time.as_str().unwrap().to_owned()).collect()
}

/// One Office file, with its media type of 71 characters, once left no room for names.
#[test]
fn awkward_names_stay_readable_beside_office_files() {
    let root = tempfile::tempdir().unwrap();
    let long = format!("{}.txt", "w".repeat(251));
    let names: [&[u8]; 11] = [
        b"Budget.xlsx",
        b"Letter.docx",
        b"Slides.pptx",
        long.as_bytes(),
        b"<img src=x onerror=alert(1)>.txt",
        b"caf\xe9.txt",
        b"two\nlines.txt",
        "שלום עולם, זה שם ארוך מאוד של קובץ שאין לו סוף ואין לו התחלה.docx".as_bytes(),
        "👩\u{200d}💻🎉.png".as_bytes(),
        "とても長い名前のファイルですのでご注意くださいとても長い名前のファイルですの.pdf".as_bytes(),
        "many words that go on until there is no more room for them on any screen, and further.odt".as_bytes(),
    ];
    for name in names {
        File::create(root.path().join(OsStr::from_bytes(name))).unwrap();
    }
    fs::create_dir(root.path().join("d".repeat(255))).unwrap();
    let server = serve(root.path());
    in_browser("awkward_names_stay_readable_beside_office_files", |browser| {
        for (width, height) in [DESKTOP, PHONE] {
            browser.resize(width, height);
            browser.navigate(server.url());
            assert_fits(browser, &format!("the listing at {width}"));
            let rows = browser.execute(
                "return [...document.querySelectorAll('#entries tbody tr')].map(row => {
                    const [name, link, time] = ['th span', 'a', 'time'].map(css => row.querySelector(css));
                    const box = element => element.getBoundingClientRect();
                    return {
                        shown: name.innerText, title: link.title, lines: Math.round(name.clientHeight / 24),
                        cut: name.scrollHeight > name.clientHeight + 1, width: box(name).width,
                        inside: box(time).right <= box(row).right && box(name).right <= box(row).right,
                        time: box(time).width > 0, below: box(time).top >= box(name).bottom - 1,
                    };
                })",
            );
            let rows = rows.as_array().unwrap();
            assert_eq!(rows.len(), names.len() + 1);
            for row in rows {
                assert!((1..=2).contains(&row["lines"].as_u64().unwrap()), "{width}: {row}");
                assert!(
                    row["inside"] == true && row["time"] == true && row["width"].as_f64() > Some(20.0),
                    "{width}: {row}"
                );
                assert_eq!(row["below"], width == PHONE.0, "{width}: {row}");
                let is_whole = row["title"].as_str().unwrap().trim_end_matches('/').len() > 40;
                assert!(row["cut"] == false || is_whole, "what is cut is in the title, at {width}: {row}");
            }
            assert!(rows.iter().any(|row| row["cut"] == true && row["title"] == *long));
        }
        let types =
            "return [...document.querySelectorAll('#entries td.t')].map(type => [type.textContent, type.title])";
        let types = browser.execute(types);
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert!(types.as_array().unwrap().contains(&json!(["Word document", word])), "{types}");
        assert_eq!(browser.execute("return document.querySelectorAll('#entries img').length"), 0);
        let requested = "return performance.getEntriesByType('resource').map(resource => resource.name)";
        assert_eq!(browser.execute(requested), json!([]), "the page asks for nothing else, not even for its icon");
    });
}

#[test]
fn times_are_the_readers_and_utc_without_scripts() {
    let root = tempfile::tempdir().unwrap();
    // Summer and winter: 2026-07-01 22:30 and 2026-01-01 12:05.
    for (name, seconds) in [("summer", 1_782_945_000), ("winter", 1_767_269_100)] {
        let file = File::create(root.path().join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let server = serve(root.path());
    in_browser("times_are_the_readers_and_utc_without_scripts", |browser| {
        let heading = || browser.find("#entries th:nth-child(4)").text();
        let zones = [
            ("Europe/Berlin", ["2026-07-02 00:30", "2026-01-01 13:05"]),
            ("America/St_Johns", ["2026-07-01 20:00", "2026-01-01 08:35"]),
        ];
        for (zone, expected) in zones {
            browser.devtools("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone }));
            browser.navigate(server.url());
            assert_eq!(times(browser), expected, "{zone}");
            assert_eq!(heading(), "Changed");
            let title = browser.execute("return document.querySelector('#entries th:nth-child(4)').title");
            assert_eq!(title, format!("Time zone: {zone}"));
        }
        browser.disable_scripts();
        browser.navigate(server.url());
        assert_eq!(times(browser), ["2026-07-01 22:30", "2026-01-01 12:05"]);
        assert_eq!(heading(), "Changed (UTC)");
    });
}

#[test]
fn a_readme_that_means_harm_does_none() {
    let root = tempfile::tempdir().unwrap();
    let readme = "# Hello <img src=x onerror=\"window.harm = 1\">\n\n\
        [click](javascript:window.harm=2) [click](<java&Tab;script:window.harm=3>) [top](#entries)\n\n\
        <script>window.harm = 4</script>\n\n<style>body { display: none }</style>\n\n\
        ![](https://elsewhere.example/track.png) <svg onload=\"window.harm = 5\">\n\n\
        # entries\n\n<form action=\"https://elsewhere.example/\"><input></form>\n\n\
        | a |\n|---|\n| [docs](docs/) |\n\n<iframe src=\"javascript:parent.harm = 6\"></iframe>\n\nThe end\n";
    fs::write(root.path().join("README.md"), readme).unwrap();
    fs::create_dir(root.path().join("docs")).unwrap();
    let server = serve(root.path());
    in_browser("a_readme_that_means_harm_does_none", |browser| {
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(server.url());
            assert_fits(browser, &format!("the README at {width}"));
        }
        assert_eq!(browser.find("#about").text(), "README.md");
        assert_eq!(browser.find("#readme h3").text(), "Hello");
        let active = "return document.querySelectorAll('#readme :is(script, style, img, svg, form, input, iframe, [onload])').length";
        assert_eq!(browser.execute(active), 0);
        let links =
            browser.execute("return [...document.querySelectorAll('#readme div a')].map(a => a.getAttribute('href'))");
        assert_eq!(links, json!(["#readme-entries", "https://elsewhere.example/track.png", "docs/"]));
        assert_eq!(browser.execute("return document.getElementById('entries').tagName"), "TABLE");
        assert_eq!(browser.execute("return document.querySelectorAll('h1').length"), 1);
        assert_eq!(browser.execute("return getComputedStyle(document.body).display"), "block");
        // Not an entry: its table is no row of the listing's.
        browser.find("input[type=search]").send_keys("docs");
        assert_eq!(browser.find("#shown").text(), "1 of 2 shown");
        assert!(browser.find("#readme table").text().contains("docs"));
        browser.find("#readme table a").click();
        assert_eq!(browser.execute("return location.pathname"), "/docs/");
        assert_eq!(browser.execute("return window.harm === undefined"), true);
    });
}
