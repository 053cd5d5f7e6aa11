//! What assistive technology finds on the pages, and what it is told when they change.

use std::fs;

use serde_json::{Value, json};

use super::webdriver::{Browser, key};
use super::{DESKTOP, PHONE, in_browser_with, shows};

#[test]
fn a_listing_has_a_name_for_each_part() {
    let options = ["--allow-delete", "--archive"];
    in_browser_with("a_listing_has_a_name_for_each_part", &options, |browser, site| {
        fs::create_dir_all(site.data.path().join("box/folder")).unwrap();
        fs::write(site.data.path().join("box/a.txt"), "text").unwrap();
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("box/"));
            let expected = [
                "banner",
                "navigation Breadcrumb",
                "list",
                "link Home",
                "link box",
                "heading box",
                "main",
                "status",
                "link Download all (tar)",
                "search",
                "searchbox Find",
                "button Search subfolders",
                "form",
                "button Upload files",
                "button Upload a folder",
                "status",
                "DisclosureTriangle New folder",
                "table Contents of this folder; the headings sort them",
                "columnheader Name",
                "link Name",
                "columnheader Size",
                "link Size",
                "columnheader Type",
                "link Type",
                "columnheader Changed",
                "link Changed",
                "columnheader Actions",
                "rowheader Parent folder",
                "link Parent folder",
                "rowheader folder/",
                "link folder/",
                "link Delete folder",
                "rowheader a.txt",
                "link a.txt",
                "link Edit a.txt",
                "link Delete a.txt",
            ];
            // On a phone the controls stand beside the name, below no heading.
            let expected = expected.into_iter().filter(|part| width == DESKTOP.0 || *part != "columnheader Actions");
            assert_eq!(tree(browser), expected.collect::<Vec<_>>(), "{width} pixels wide");
            let sorted = "return [...document.querySelectorAll('#entries th')].map((heading) => heading.ariaSort)";
            assert_eq!(browser.execute(sorted).as_array().unwrap()[0], "ascending");
        }
    });
}

#[test]
fn changes_are_told_once() {
    in_browser_with("changes_are_told_once", &["--max-total", "1000"], |browser, site| {
        fs::create_dir_all(site.data.path().join("box/folder")).unwrap();
        fs::write(site.data.path().join("box/a.txt"), "text").unwrap();
        browser.navigate(&site.page("box/"));
        browser.execute(
            "window.told = [];
             new MutationObserver(() => {
                 const regions = document.querySelectorAll('[role=status]:not(:empty), [aria-live]:not(:empty)');
                 told.push([...regions].map((region) => region.textContent).join(' + '));
             }).observe(document.body, { subtree: true, childList: true, characterData: true });",
        );
        let told = || {
            let mut texts: Vec<String> = serde_json::from_value(browser.execute("return told.splice(0)")).unwrap();
            texts.dedup();
            texts
        };
        browser.find("#search input").send_keys("a.");
        shows(browser, "#shown", &["1 of 2 shown"]);
        assert_eq!(told(), ["1 of 2 shown"]);
        // `clear` would not tell the page.
        browser.press(&key::BACKSPACE.repeat(2));
        shows(browser, "#shown", &[""]);
        told();

        let chosen = tempfile::tempdir().unwrap();
        let paths = [("small.txt", 5), ("large.bin", 5000)].map(|(name, size)| {
            let path = chosen.path().join(name);
            fs::write(&path, "x".repeat(size)).unwrap();
            path.to_str().unwrap().to_owned()
        });
        browser.find("#upload input[name=file]").send_keys(&paths.join("\n"));
        shows(browser, "#upload [role=status]", &["1 of 2 files stored, 1 not stored."]);
        let texts = told();
        assert!(texts.len() <= 3, "one text for each file that ends: {texts:?}");
        assert_eq!(texts.last().unwrap(), "1 of 2 files stored, 1 not stored.");
        let parts = tree(browser);
        let uploads = parts.iter().skip_while(|part| *part != "list Uploads").take(4).collect::<Vec<_>>();
        assert_eq!(
            uploads,
            [
                "list Uploads",
                "button Try again the upload of large.bin",
                "link small.txt",
                "DisclosureTriangle New folder"
            ]
        );
    });
}

#[test]
fn a_search_tells_what_it_has_found() {
    in_browser_with("a_search_tells_what_it_has_found", &[], |browser, site| {
        fs::create_dir_all(site.data.path().join("box/folder")).unwrap();
        fs::write(site.data.path().join("box/folder/a.txt"), "text").unwrap();
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("box/?search=a.t"));
            shows(browser, "[role=status]", &["1 result."]);
            let results = [
                "status",
                "table Files and folders that were found",
                "columnheader Name",
                "columnheader Size",
                "columnheader Type",
                "columnheader Changed",
                "rowheader a.txt in folder",
                "link a.txt",
                "link folder",
            ];
            let parts = tree(browser);
            let shown = parts.iter().skip_while(|part| *part != "status").collect::<Vec<_>>();
            assert_eq!(shown, results, "{width} pixels wide");
        }
    });
}

/// The parts of the page that assistive technology tells apart, in order: their roles and names.
fn tree(browser: &Browser) -> Vec<String> {
    let nodes = browser.devtools("Accessibility.getFullAXTree", &json!({}))["nodes"].take();
    let nodes = nodes.as_array().unwrap();
    let mut parts = Vec::new();
    collect(&nodes[0], nodes, &mut parts);
    parts
}

fn collect(node: &Value, nodes: &[Value], parts: &mut Vec<String>) {
    let role = node["role"]["value"].as_str().unwrap_or_default();
    if node["ignored"] != true && TOLD.contains(&role) {
        let name = node["name"]["value"].as_str().unwrap_or_default();
        parts.push(format!("{role} {name}").trim_end().to_owned());
    }
    for child in node["childIds"].as_array().into_iter().flatten() {
        if let Some(child) = nodes.iter().find(|node| node["nodeId"] == *child) {
            collect(child, nodes, parts);
        }
    }
}

/// The roles that a reader moves between.
const TOLD: [&str; 20] = [
    "banner",
    "button",
    "checkbox",
    "columnheader",
    "DisclosureTriangle",
    "form",
    "heading",
    "image",
    "link",
    "list",
    "main",
    "navigation",
    "progressbar",
    "region",
    "rowheader",
    "search",
    "searchbox",
    "status",
    "table",
    "textbox",
];
