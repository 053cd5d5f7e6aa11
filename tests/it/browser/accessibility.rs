//! The pages, checked for faults of accessibility by axe-core, on phone and desktop, light and dark.

use std::fs;

use serde_json::Value;

use super::webdriver::{Browser, ColorScheme};
use super::{DESKTOP, PHONE, Site, in_browser};
use crate::support::skip;

/// Installed by `make accessibility-tools`.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/accessibility/node_modules/axe-core/axe.min.js");

#[test]
fn the_pages_of_the_demonstration_have_no_faults_of_accessibility() {
    check("the_pages_of_the_demonstration_have_no_faults_of_accessibility", |site| {
        ["index.html", "make_a_guess.html", "note_taker.html", "upload.html", "write.html"]
            .map(|name| site.page(name))
            .into()
    });
}

#[test]
fn the_page_of_an_error_has_no_faults_of_accessibility() {
    check("the_page_of_an_error_has_no_faults_of_accessibility", |site| vec![site.page("missing/page")]);
}

/// Checks the pages that a site has.
fn check(test: &str, pages: impl FnOnce(&Site) -> Vec<String>) {
    let Ok(axe) = fs::read_to_string(AXE) else { return skip(test, "axe-core (make accessibility-tools)") };
    in_browser(test, |browser, site| {
        for page in pages(site) {
            for scheme in [ColorScheme::Light, ColorScheme::Dark] {
                browser.prefer(scheme);
                for (width, height) in [PHONE, DESKTOP] {
                    browser.resize(width, height);
                    browser.navigate(&page);
                    let faults = faults(browser, &axe);
                    assert!(faults.is_empty(), "{page}, {scheme:?}, {width} pixels wide:\n{}", faults.join("\n"));
                }
            }
        }
    });
}

/// What axe finds in the page that is open, a fault a line.
fn faults(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe};
         return axe.run(document, {{ resultTypes: ['violations'] }}).then((results) => ({{
             checked: results.passes.length,
             faults: results.violations.flatMap((rule) => rule.nodes.map((node) =>
                 `${{rule.id}}: ${{node.html}}: ${{node.failureSummary}}`)),
         }}));"
    );
    let results = browser.execute(&script);
    assert!(results["checked"].as_u64().unwrap() > 10, "axe has looked: {results}");
    results["faults"].as_array().unwrap().iter().map(|fault| text(fault).to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
