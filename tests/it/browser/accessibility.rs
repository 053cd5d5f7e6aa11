//! The pages, checked for faults of accessibility by axe-core, on phone and desktop, light and dark.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::webdriver::{self, Browser, ColorScheme};
use super::{DESKTOP, PHONE, Site, WWW, shows, texts, told};
use crate::support::{ask, skip, until};

/// Installed by `make accessibility-tools`.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/accessibility/node_modules/axe-core/axe.min.js");

const README: &str = "# A folder\n\nText with `code`, **emphasis** and [a link](below/).\n\n## Parts\n\n* one\n* two\n\n    code that is \
    longer than the window of a phone, because it goes on and on and on and on\n\n| a table | of two columns |\n|---|---|\n| 1 | 2 |\n\n\
    - [x] done\n- [ ] to do\n\n> quoted\n\n---\n\n![a picture](picture.png)\n";

/// A browser whose pages are checked.
struct Checker<'a> {
    browser: &'a Browser,
    axe: String,
    faults: Vec<String>,
}

#[test]
fn listings_have_no_faults_of_accessibility() {
    check("listings_have_no_faults_of_accessibility", |checker| {
        let root = tempfile::tempdir().unwrap();
        fill(root.path());
        fs::write(root.path().join("folder/README.md"), README).unwrap();
        checker.open(&Site::serve(root.path(), &["--archive", "--title", "Our files"]).page("folder/"));
        let options = ["--archive", "--allow-delete", "--max-total", "4000"];
        let site = Site::serve(root.path(), &options);
        checker.open(&site.url);
        for query in ["sort=size&order=desc", "search=a", "search=nothing"] {
            checker.open(&format!("{}?{query}", site.url));
        }
        fs::create_dir(site.data.path().join("empty")).unwrap();
        checker.open(&site.page("empty/"));

        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        fill(&box_path);
        checker.open(&site.page("box/"));
        let browser = checker.browser;
        browser.execute("document.querySelector('#new-directory').open = true");
        browser.find("#search input").send_keys("small");
        let chosen = tempfile::tempdir().unwrap();
        for (name, size) in [("small.txt", 5), ("large.bin", 5000)] {
            let file = chosen.path().join(name);
            fs::write(&file, "x".repeat(size)).unwrap();
            browser.find("#upload input[name=file]").send_keys(file.to_str().unwrap());
        }
        shows(browser, "#upload [role=status]", &["1 of 2 files stored, 1 not stored."]);
        until("the stored file in the table", || {
            texts(browser, "#entries a").contains(&"small.txt".to_owned()).then_some(())
        });
        checker.look("the listing with uploads, a form for a new folder, and a filter");
    });
}

#[test]
fn pages_about_one_entry_have_no_faults_of_accessibility() {
    check("pages_about_one_entry_have_no_faults_of_accessibility", |checker| {
        let site = Site::start(&["--allow-delete"]);
        let box_path = site.data.path().join("box");
        fs::create_dir_all(box_path.join("empty")).unwrap();
        fs::create_dir(box_path.join("full")).unwrap();
        for (name, content) in [("full/a", ""), ("a & b.txt", "line\n"), ("mixed.txt", "one\r\ntwo\n")] {
            fs::write(box_path.join(name), content).unwrap();
        }
        for query in ["delete=a+%26+b.txt", "delete=empty", "delete=full", "edit=mixed.txt", "edit=a+%26+b.txt"] {
            checker.open(&site.page(&format!("box/?{query}")));
        }
        checker.browser.find("#text").send_keys("more");
        checker.browser.find("#editor button").click();
        shows(checker.browser, "#editor [role=status]", &["Saved."]);
        checker.look("the editor with a saved text");
        fs::remove_file(box_path.join("a & b.txt")).unwrap();
        checker.browser.find("#editor button").click();
        until("the refusal", || {
            let told = checker.browser.find("#editor [role=status]").text();
            told.contains("was changed or deleted").then_some(())
        });
        checker.look("the editor with a text that was refused");
    });
}

#[test]
fn error_pages_have_no_faults_of_accessibility() {
    check("error_pages_have_no_faults_of_accessibility", |checker| {
        let browser = checker.browser;
        let site = Site::start(&["--max-body", "100"]);
        checker.open_error(&site.page("people/missing.html"), "404");
        checker.send_form(&site.page("make_a_guess.html"), &site.page("box/"), 2000, "413");
        let full = Site::start(&["--max-total", "100"]);
        checker.send_form(&full.page("index.html"), &full.page("box/"), 2000, "507");
        checker.send_form(&full.page("index.html"), &site.page("box/"), 1, "403");
        checker.send_form(&site.page("index.html"), &site.page("guess"), 1, "405");
        // The browser would ask for the password before it shows the page.
        let closed = Site::start(&["--auth", "ada:secret"]);
        let reply = ask(closed.server.address(), "GET", "/", &[("Accept", "text/html")], b"");
        browser.navigate("about:blank");
        let frame = &browser.devtools("Page.getFrameTree", &json!({}))["frameTree"]["frame"]["id"];
        browser.devtools("Page.setDocumentContent", &json!({ "frameId": frame, "html": reply.text() }));
        checker.look_at_error("401");
    });
}

#[test]
fn the_pages_of_the_demonstration_have_no_faults_of_accessibility() {
    check("the_pages_of_the_demonstration_have_no_faults_of_accessibility", |checker| {
        let (browser, site) = (checker.browser, Site::start(&[]));
        checker.open(&site.page("index.html"));

        checker.open(&site.page("make_a_guess.html"));
        for number in ["3", "4"] {
            browser.find("#q").send_keys(number);
            browser.find("#guess").click();
            told(browser, number);
        }
        checker.look("the history of guesses");

        checker.open(&site.page("note_taker.html"));
        for note in ["Buy milk", &"long ".repeat(100)] {
            browser.find("#note").clear();
            browser.find("#note").send_keys(note);
            browser.find("#save").click();
            told(browser, "The new one is number");
            browser.execute("document.querySelector('#result').textContent = ''");
        }
        browser.find("#number").send_keys("9");
        browser.find("#fetch").click();
        told(browser, "There is no note number");
        browser.find("#list button");
        checker.look("the list of notes");

        checker.open(&site.page("write.html"));
        browser.find("#write").click();
        told(browser, "Wrote data for");
        browser.find("#other").click();
        browser.find("#content").clear();
        browser.find("#content").send_keys("{");
        browser.find("#write").click();
        told(browser, "JSON");
        checker.look("what was written, and what was not");

        checker.open(&site.page("upload.html"));
        browser.find("#files").send_keys(&format!("{WWW}/page.js"));
        browser.find("#upload").click();
        told(browser, "Stored page.js.");
        browser.find("#list a");
        checker.look("what was uploaded");
    });
}

/// Files and folders of all kinds, some with names that are hard to show.
fn fill(directory: &Path) {
    fs::create_dir_all(directory.join("folder/below")).unwrap();
    let kinds = ["a.docx", "a.xlsx", "a.pdf", "a.mp4", "a.mp3", "a.png", "a.zip", "a.rs", "a.txt", "a", "a.unknown"];
    let awkward = [
        "<b>&amp; \"'.txt",
        "שלום.txt",
        "👩\u{200d}💻.txt",
        "a\u{202e}gpj.exe",
        &"long name ".repeat(20),
        &"x".repeat(255),
    ];
    for name in kinds.iter().chain(&awkward) {
        fs::write(directory.join(name), "content").unwrap();
    }
}

/// Checks the pages that are opened, and asserts that none has a fault.
fn check(test: &str, pages: impl FnOnce(&mut Checker<'_>)) {
    let Ok(axe) = fs::read_to_string(AXE) else { return skip(test, "axe-core (make accessibility-tools)") };
    webdriver::in_browser(test, |browser| {
        let mut checker = Checker { browser, axe, faults: Vec::new() };
        pages(&mut checker);
        let faults = checker.faults;
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    });
}

impl Checker<'_> {
    /// Opens a page and checks it.
    #[track_caller]
    fn open(&mut self, url: &str) {
        self.browser.navigate(url);
        self.look(url);
    }

    /// Opens a page of an error, and checks it.
    #[track_caller]
    fn open_error(&mut self, url: &str, code: &str) {
        self.browser.navigate(url);
        self.look_at_error(code);
    }

    /// Sends a file of so many bytes by a form, from one page to another URL, and checks the page of the error that follows.
    #[track_caller]
    fn send_form(&mut self, from: &str, to: &str, bytes: usize, code: &str) {
        self.browser.navigate(from);
        self.browser.execute(&format!(
            "const form = document.createElement('form');
             Object.assign(form, {{ method: 'post', action: {to}, enctype: 'multipart/form-data' }});
             const field = document.createElement('input');
             Object.assign(field, {{ type: 'file', name: 'file' }});
             const data = new DataTransfer();
             data.items.add(new File(['x'.repeat({bytes})], 'a.txt'));
             field.files = data.files;
             form.append(field);
             document.body.append(form);
             form.submit();",
            to = json!(to)
        ));
        self.look_at_error(code);
    }

    fn look_at_error(&mut self, code: &str) {
        shows(self.browser, ".code", &[&format!("Error {code}")]);
        self.look(&format!("the page of error {code}"));
    }

    /// Checks what is shown.
    fn look(&mut self, page: &str) {
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            self.browser.prefer(scheme);
            for (width, height) in [PHONE, DESKTOP] {
                self.browser.resize(width, height);
                let faults = faults(self.browser, &self.axe);
                self.faults
                    .extend(faults.iter().map(|fault| format!("{page}, {scheme:?}, {width} pixels wide: {fault}")));
            }
        }
    }
}

/// What axe finds in the page that is open.
fn faults(browser: &Browser, axe: &str) -> Vec<String> {
    if browser.execute("return !window.axe") == true {
        browser.execute(axe);
    }
    let results = browser.execute(
        "return axe.run(document, { resultTypes: ['violations'] }).then((results) => ({
             checked: results.passes.length,
             faults: results.violations.flatMap((rule) => rule.nodes.map((node) =>
                 `${rule.id}: ${node.html}: ${node.failureSummary}`)),
         }));",
    );
    assert!(results["checked"].as_u64().unwrap() > 10, "axe has looked: {results}");
    results["faults"].as_array().unwrap().iter().map(|fault| text(fault).to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
