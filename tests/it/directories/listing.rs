//! Listings, in programs and in a browser.

use std::fs::{self, File};
use std::io::{self, Write as _};

use super::{names, text};
use crate::browser::webdriver::{self, Browser};
use crate::support::{Program, ask, get};

#[test]
fn a_large_directory_is_streamed_to_every_kind_of_client() {
    let root = tempfile::tempdir().unwrap();
    let count = 5000;
    for number in 0..count {
        File::create(root.path().join(format!("file-{number}"))).unwrap();
    }
    let server = Program::hearken(&[text(root.path())]);
    let reply = get(server.address(), "/?format=json");
    assert_eq!(reply.header("Transfer-Encoding"), Some("chunked"));
    let expected: Vec<_> = (0..count).map(|number| format!("file-{number}")).collect();
    assert_eq!(names(&reply), expected, "in the order of their numbers");
    let page = get(server.address(), "/?sort=name&order=desc").text();
    assert_eq!(page.matches("<a href=\"./file-").count(), count);
    assert!(page.contains("5,000 files") && page.ends_with("</html>\n"));
    assert!(page.find("file-4999") < page.find("file-10\""));

    let mut old = crate::support::Wire::connect(server.address());
    old.send("GET /?format=json HTTP/1.0\r\n\r\n");
    let old = old.reply();
    assert_eq!((old.header("Transfer-Encoding"), names(&old).len()), (None, count));
    let head = ask(server.address(), "HEAD", "/", &[], b"");
    assert_eq!((head.status, head.header("Vary")), (200, Some("Accept")));
}

#[test]
fn a_listing_works_in_a_browser() {
    if !webdriver::available() {
        let _ =
            writeln!(io::stderr(), "skipped: a_listing_works_in_a_browser: chromedriver or chromium is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("photos & <notes>");
    fs::create_dir_all(directory.join("2026")).unwrap();
    let odd = "a \"quoted\" <b>&amp; ?#% \u{202e}name\n.txt";
    for (name, length) in [("big.jpg", 5000), ("small.jpg", 5), (odd, 50)] {
        fs::write(directory.join(name), vec![b'x'; length]).unwrap();
    }
    fs::write(directory.join(format!("{}.log", "long".repeat(50))), "").unwrap();
    let server = Program::hearken(&["--archive", text(root.path())]);
    let browser = Browser::start();
    let shown = || {
        let script = "return [...document.querySelectorAll('tbody tr')].filter(r => r.offsetParent || r.offsetHeight)
            .map(r => r.cells[0].innerText.trim())";
        let value = browser.execute(script);
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (width, height) in [(390, 844), (1280, 800)] {
        browser.resize(width, height);
        browser.navigate(&format!("{}photos%20%26%20%3Cnotes%3E/", server.url()));
        let widths =
            browser.execute("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]");
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{widths} at {width}");
        assert_eq!(browser.find("h1").text(), "photos & <notes>");
        assert_eq!(shown().len(), 6, "{:?}", shown());
    }
    assert_eq!(shown()[..2], ["Parent folder", "2026/"]);
    // With scripts the search box filters the rows.
    browser.find("input[type=search]").send_keys("JPG");
    assert_eq!(shown(), ["Parent folder", "big.jpg", "small.jpg"]);
    assert_eq!(browser.find("#shown").text(), "2 of 5 shown");
    // The headings.
    browser.find("th.s a").click();
    let first = |count: usize| shown()[2..2 + count].to_vec();
    assert_eq!(first(1), ["big.jpg"]);
    assert_eq!(browser.execute("return document.querySelector('th.s').ariaSort"), "descending");
    // The odd name is fetched by its link, as is the way up.
    let odd_link = "return [...document.querySelectorAll('tbody a')].find(a => a.innerText.includes('quoted')).href";
    let link = browser.execute(odd_link).as_str().unwrap().to_owned();
    let path = format!("/{}", link.strip_prefix(server.url()).unwrap());
    assert_eq!(get(server.address(), &path).body.len(), 50, "{path}");
    browser.find("nav li:first-child a").click();
    assert_eq!(browser.execute("return location.pathname + location.search"), "/?sort=size&order=desc");
    // Scripts and styles other than the page's own do not run.
    let blocked = "const s = document.createElement('script'); s.textContent = 'window.broken = 1';
        document.body.append(s); return window.broken === undefined";
    assert_eq!(browser.execute(blocked), true);
}
