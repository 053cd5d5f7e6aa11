//! Pages used in a real browser: what the tests of all of them share.

mod accessibility;
mod demo;
mod display;
mod editing;
mod errors;
mod keyboard;
mod listing;
mod managing;
mod media;
mod screen_reader;
mod screenshot;
mod search;
mod uploads;
pub(crate) mod webdriver;

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Program, Reply, get, until};
use webdriver::{Browser, key};

/// The pages of the demonstration.
pub(crate) const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/www");

pub(crate) const PHONE: (u32, u32) = (390, 844);
pub(crate) const DESKTOP: (u32, u32) = (1280, 800);

/// A running server of the pages, with a directory to write into.
pub(crate) struct Site {
    pub(crate) server: Program,
    pub(crate) url: String,
    pub(crate) data: TempDir,
}

impl Site {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::serve(Path::new(WWW), &[&["--demo"], options].concat())
    }

    /// Serves this directory, beside the one to write into.
    pub(crate) fn serve(root: &Path, options: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut arguments = vec!["--write", data.path().to_str().unwrap(), root.to_str().unwrap()];
        arguments.extend_from_slice(options);
        let server = Program::hearken(&arguments);
        Self { url: server.url().to_owned(), server, data }
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        fs::read_dir(self.data.path()).unwrap().next().is_none()
    }

    pub(crate) fn page(&self, name: &str) -> String {
        format!("{}{name}", self.url)
    }

    /// The answer for one of its URLs.
    pub(crate) fn get(&self, url: &str) -> Reply {
        let path = url.strip_prefix(&self.url).expect("a URL of this site");
        get(self.server.address(), &format!("/{path}"))
    }
}

pub(crate) fn in_browser(name: &str, check: impl FnOnce(&Browser, &Site)) {
    in_browser_with(name, &[], check);
}

/// Runs the check with a browser and a site of its own, served with these options.
pub(crate) fn in_browser_with(name: &str, options: &[&str], check: impl FnOnce(&Browser, &Site)) {
    webdriver::in_browser(name, |browser| check(browser, &Site::start(options)));
}

/// The id of the element that has the focus.
#[track_caller]
pub(crate) fn focus(browser: &Browser) -> String {
    browser.execute("return document.activeElement.id").as_str().unwrap_or_default().to_owned()
}

/// Presses the tab key until the element of this id has the focus, and asserts that one can see that it has.
#[track_caller]
pub(crate) fn tab_to(browser: &Browser, id: &str) {
    let reached = (0..20).any(|_| {
        browser.press(key::TAB);
        focus(browser) == id
    });
    assert!(reached, "the tab key does not lead to #{id}");
    let outline = browser.execute(
        "const style = getComputedStyle(document.activeElement);
         return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2",
    );
    assert_eq!(outline, true, "#{id} does not show that it has the focus");
}

/// What the page tells, once that contains `part`.
#[track_caller]
pub(crate) fn told(browser: &Browser, part: &str) -> String {
    let result = browser.find("#result");
    let mut last = String::new();
    until(&format!("the page tells something with {part:?}"), || {
        last = result.text();
        last.contains(part).then(|| last.clone())
    })
}

/// Asserts that the page is not wider than the window, less a scroll bar at its side.
#[track_caller]
pub(crate) fn assert_fits(browser: &Browser, page: &str) {
    let width = |of: &str| browser.execute(&format!("return document.documentElement.{of}")).as_u64().unwrap();
    let (content, window) = (width("scrollWidth"), width("clientWidth"));
    assert!(content <= window, "{page} is {content} pixels wide where there is room for {window}");
}

/// The texts, as they are shown, of the elements that the selector matches and that are not hidden.
#[track_caller]
pub(crate) fn texts(browser: &Browser, css: &str) -> Vec<String> {
    let script = format!(
        "return [...document.querySelectorAll({})].filter((e) => e.checkVisibility())
             .map((e) => e.innerText.trim().replace(/\\n+/g, '\\n'))",
        json!(css)
    );
    serde_json::from_value(browser.execute(&script)).unwrap()
}

/// Waits until the texts of the elements are these.
#[track_caller]
pub(crate) fn shows(browser: &Browser, css: &str, expected: &[&str]) {
    until(&format!("{css} shows {expected:?}"), || (texts(browser, css) == expected).then_some(()));
}
