//! What visitors have uploaded, in a browser: media play and show, and pages do nothing.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::webdriver::Browser;
use super::{Site, in_browser, in_browser_with};
use crate::support::{Program, ask, until};

/// The length of the video, in seconds: red in the first half, blue in the second.
const SECONDS: u64 = 20;

#[test]
fn an_uploaded_video_plays_and_seeks() {
    in_browser_with("an_uploaded_video_plays_and_seeks", &["--max-body", "64MiB"], |browser, site| {
        browser.navigate(&site.page("index.html"));
        let colours = ["#f00", "#00f"].map(|colour| vp8(&drawn(browser, colour, "image/webp")));
        upload(site, "film.webm", &webm(&colours));
        browser.navigate(&site.page("film.webm"));
        assert_eq!(
            browser.execute("return window.origin"),
            *site.url.trim_end_matches('/'),
            "it has the site's origin"
        );
        let video = |property: &str| browser.execute(&format!("return document.querySelector('video').{property}"));
        until("the length of the video", || (video("duration").as_f64()? == SECONDS as f64).then_some(()));
        browser.execute("const video = document.querySelector('video'); video.muted = true; return video.play()");
        until("the video to play", || (video("currentTime").as_f64()? > 0.2).then_some(()));
        assert_eq!(shown(browser), "red");
        let late = SECONDS - 5;
        browser.execute(&format!(
            "document.querySelector('video').pause(); document.querySelector('video').currentTime = {late}"
        ));
        until("a picture at the new place", || {
            (video("readyState").as_u64()? >= 2 && !video("seeking").as_bool()?).then_some(())
        });
        assert_eq!((video("currentTime").as_u64(), shown(browser)), (Some(late), "blue"));
        assert!(video("error").is_null());
    });
}

#[test]
fn uploaded_images_text_and_documents_show() {
    in_browser("uploaded_images_text_and_documents_show", |browser, site| {
        browser.navigate(&site.page("index.html"));
        for (name, media_type) in [("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.webp", "image/webp")] {
            upload(site, name, &drawn(browser, "#080", media_type));
            browser.navigate(&site.page(name));
            let image =
                browser.execute("return [document.contentType, document.images[0].naturalWidth, window.origin]");
            assert_eq!(image, json!([media_type, 64, site.url.trim_end_matches('/')]), "{name}");
            browser.navigate(&site.page("index.html"));
        }
        for name in ["a.txt", "README", "Cargo.lock"] {
            upload(site, name, "größe <b>\n".as_bytes());
            browser.navigate(&site.page(name));
            let text = browser.execute("return [document.contentType, document.body.textContent]");
            assert_eq!(text, json!(["text/plain", "größe <b>\n"]), "{name}");
        }
        upload(site, "a.pdf", PDF);
        browser.navigate(&site.page("a.pdf"));
        assert_eq!(browser.execute("return document.contentType"), "application/pdf");
        assert!(site.get(&site.page("a.pdf")).header("Content-Security-Policy").is_none());
    });
}

/// A page of the site can embed each kind of upload that only shows something.
#[test]
fn a_page_of_the_site_embeds_uploads() {
    in_browser("a_page_of_the_site_embeds_uploads", |browser, site| {
        browser.navigate(&site.page("index.html"));
        upload(site, "a.png", &drawn(browser, "#080", "image/png"));
        upload(site, "a.pdf", PDF);
        upload(site, "a.txt", b"text");
        let root = tempfile::tempdir().unwrap();
        let page = "<!doctype html><img src=a.png><embed src=a.pdf type=application/pdf width=400 height=300><iframe src=a.txt></iframe>";
        fs::write(root.path().join("page.html"), page).unwrap();
        let (root, data) = (root.path().to_str().unwrap(), site.data.path().to_str().unwrap());
        let server = Program::hearken(&["--write", data, root]);
        browser.navigate(&format!("{}page.html", server.url()));
        assert_eq!(browser.execute("return document.images[0].naturalWidth"), 64);
        assert_eq!(browser.execute("return document.querySelector('iframe').contentDocument.body.textContent"), "text");
        // The browser's own viewer is an extension, and has a target of its own.
        until("the viewer of PDF documents", || {
            let targets = browser.devtools("Target.getTargets", &json!({}));
            let targets = targets["targetInfos"].as_array().unwrap();
            targets
                .iter()
                .any(|target| target["url"].as_str().unwrap().starts_with("chrome-extension://"))
                .then_some(())
        });
    });
}

/// What it runs when it runs: it marks the document, and writes a file in the name of the site.
const SCRIPT: &str = "document.documentElement.setAttribute('data-ran', 'yes'); \
                      fetch('/ran', { method: 'PUT', body: document.cookie || 'nothing' });";

#[test]
fn uploaded_pages_run_no_script_and_read_nothing() {
    in_browser("uploaded_pages_run_no_script_and_read_nothing", |browser, site| {
        let html = format!(
            "<!doctype html><title>page</title><p>text<script>{SCRIPT}</script><img src=x onerror=\"{SCRIPT}\">"
        );
        let xhtml = format!(
            "<html xmlns='http://www.w3.org/1999/xhtml'><body><p>text</p><script><![CDATA[{SCRIPT}]]></script></body></html>"
        );
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script><![CDATA[{SCRIPT}]]></script></svg>"
        );
        let xslt = "<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='sheet.xsl'?><a/>";
        let sheet = format!(
            "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'>\
             <html><body><script>{SCRIPT}</script></body></html></xsl:template></xsl:stylesheet>"
        );
        let gif = format!("GIF89a/*\0*/=1;{SCRIPT}");
        let pdf = [html.as_bytes(), PDF].concat();
        let table: [(&str, &[u8], bool); 14] = [
            // name, content, whether it has an origin of its own
            ("page.html", html.as_bytes(), true),
            ("page.htm", html.as_bytes(), true),
            ("page.xhtml", xhtml.as_bytes(), true),
            ("page.xht", xhtml.as_bytes(), true),
            ("page.svg", svg.as_bytes(), true),
            ("page.xml", xhtml.as_bytes(), true),
            ("styled.xml", xslt.as_bytes(), true),
            ("page.txt", html.as_bytes(), false),
            ("page", html.as_bytes(), false),
            ("page.unknown", xhtml.as_bytes(), false),
            ("page.png", svg.as_bytes(), false),
            ("page.gif", gif.as_bytes(), false),
            ("page.mp4", html.as_bytes(), false),
            ("page.pdf", &pdf, false),
        ];
        upload(site, "sheet.xsl", sheet.as_bytes());
        let ran = |url: &str| {
            browser.navigate(url);
            browser.execute("return document.documentElement?.getAttribute('data-ran')") == "yes"
        };
        for (name, content, _) in table {
            upload(site, name, content);
        }
        // Served as the site's own files, some of them do run: the browser would.
        let trusted = Program::hearken(&[site.data.path().to_str().unwrap()]);
        for name in ["page.html", "page.xhtml", "page.svg"] {
            assert!(ran(&format!("{}{name}", trusted.url())), "{name}");
        }
        for (name, _, own_origin) in table {
            let url = site.page(name);
            assert!(!ran(&url), "{name}");
            assert_eq!(browser.execute("return location.href"), *url, "{name} is not saved");
            assert_eq!(browser.execute("return window.origin") == "null", own_origin, "{name}");
        }
        // As a script in a page of the site, only one whose type says so is taken.
        let has_run = || fs::exists(site.data.path().join("ran")).unwrap();
        for name in ["page.txt", "page", "code.js"] {
            upload(site, name, SCRIPT.as_bytes());
        }
        for (name, is_script) in [("page.txt", false), ("page", false), ("page.gif", false), ("code.js", true)] {
            assert!(!has_run(), "before {name}");
            browser.navigate(&site.page("index.html"));
            let load = format!(
                "const script = document.createElement('script');
                 script.src = '/{name}';
                 return new Promise((done) => {{
                     script.onload = () => done(true);
                     script.onerror = () => done(false);
                     document.head.append(script);
                 }})"
            );
            assert_eq!(browser.execute(&load), is_script, "{name}");
        }
        until("the script to write", || has_run().then_some(()));
    });
}

fn upload(site: &Site, name: &str, content: &[u8]) {
    let status = ask(site.server.address(), "PUT", &format!("/{name}"), &[], content).status;
    assert!(matches!(status, 201 | 204), "{name}: {status}");
}

/// An image of 64 by 64 pixels of this colour, which the browser encodes.
fn drawn(browser: &Browser, colour: &str, media_type: &str) -> Vec<u8> {
    let url = browser.execute(&format!(
        "const canvas = document.createElement('canvas');
         canvas.width = canvas.height = 64;
         const context = canvas.getContext('2d', {{ alpha: false }});
         context.fillStyle = '{colour}';
         context.fillRect(0, 0, 64, 64);
         return canvas.toDataURL('{media_type}', 0.8)"
    ));
    let encoded = url.as_str().unwrap().strip_prefix(&format!("data:{media_type};base64,")).expect("the type is known");
    BASE64_STANDARD.decode(encoded).unwrap()
}

/// What the middle of the video shows now.
fn shown(browser: &Browser) -> &'static str {
    let pixel = browser.execute(
        "const canvas = document.createElement('canvas');
         canvas.width = canvas.height = 1;
         const context = canvas.getContext('2d');
         context.drawImage(document.querySelector('video'), 0, 0, 1, 1);
         return Array.from(context.getImageData(0, 0, 1, 1).data)",
    );
    let [red, green, blue] = [0, 1, 2].map(|index| pixel[index].as_u64().unwrap());
    match (red > 200, green > 100, blue > 200) {
        (true, false, false) => "red",
        (false, false, true) => "blue",
        _ => panic!("neither red nor blue: {pixel}"),
    }
}

/// The frame in a WebP image (RFC 9649), which consists of chunks: a lossy one is a key frame of VP8.
fn vp8(webp: &[u8]) -> Vec<u8> {
    let mut chunks = webp.strip_prefix(b"RIFF").expect("an image")[4..].strip_prefix(b"WEBP").expect("a WebP image");
    loop {
        let length = u32::from_le_bytes(chunks[4..8].try_into().unwrap()) as usize;
        if chunks.starts_with(b"VP8 ") {
            return chunks[8..8 + length].to_vec();
        }
        chunks = &chunks[8 + length.next_multiple_of(2)..];
    }
}

/// A WebM video (a subset of Matroska, RFC 9559) that shows these frames one after the other, each for its part of the time. Before each
/// but the first are so many zeros that a browser does not fetch them to get what is behind.
fn webm(frames: &[Vec<u8>]) -> Vec<u8> {
    let part = SECONDS * 1000 / frames.len() as u64;
    let header = element(
        &[0x1a, 0x45, 0xdf, 0xa3],
        &[
            number(&[0x42, 0x86], 1),
            number(&[0x42, 0xf7], 1),
            number(&[0x42, 0xf2], 4),
            number(&[0x42, 0xf3], 8),
            element(&[0x42, 0x82], b"webm"),
            number(&[0x42, 0x87], 2),
            number(&[0x42, 0x85], 2),
        ]
        .concat(),
    );
    let duration = (SECONDS as f64 * 1000.0).to_be_bytes();
    let info = [
        number(&[0x2a, 0xd7, 0xb1], 1_000_000),
        element(&[0x44, 0x89], &duration),
        element(&[0x4d, 0x80], b"test"),
        element(&[0x57, 0x41], b"test"),
    ];
    let size = element(&[0xe0], &[number(&[0xb0], 64), number(&[0xba], 64)].concat());
    let track = [number(&[0xd7], 1), number(&[0x73, 0xc5], 1), number(&[0x83], 1), element(&[0x86], b"V_VP8"), size];
    let start = [
        element(&[0x15, 0x49, 0xa9, 0x66], &info.concat()),
        element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat())),
    ]
    .concat();
    let clusters: Vec<_> =
        frames.iter().enumerate().map(|(index, frame)| cluster(index as u64 * part, part, frame)).collect();
    let padding = element(&[0xec], &vec![0; 8 << 20]);
    // The numbers have a fixed length, so that the positions do not depend on themselves.
    let cues = |first: u64| {
        let mut position = first;
        let points = clusters.iter().enumerate().map(|(index, cluster)| {
            let place = [number(&[0xf7], 1), number(&[0xf1], position)].concat();
            position += (cluster.len() + padding.len()) as u64;
            element(&[0xbb], &[number(&[0xb3], index as u64 * part), element(&[0xb7], &place)].concat())
        });
        element(&[0x1c, 0x53, 0xbb, 0x6b], &points.collect::<Vec<_>>().concat())
    };
    let first = (start.len() + cues(0).len()) as u64;
    let segment = [start, cues(first), clusters.join(&padding[..])].concat();
    [header, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat()
}

/// The frame four times a second, for this many milliseconds from this time.
fn cluster(time: u64, length: u64, frame: &[u8]) -> Vec<u8> {
    let blocks = (0..length).step_by(250).map(|offset| {
        let head = [&[0x81][..], &i16::try_from(offset).unwrap().to_be_bytes(), &[0x80]].concat();
        element(&[0xa3], &[&head[..], frame].concat())
    });
    element(&[0x1f, 0x43, 0xb6, 0x75], &[number(&[0xe7], time), blocks.collect::<Vec<_>>().concat()].concat())
}

/// An element of Matroska, with its length in eight bytes.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64 | 1 << 56).to_be_bytes();
    [id, &length, content].concat()
}

fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// A document of one empty page. Readers find the objects without a table of them.
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
    2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n\
    3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>\nendobj\n\
    trailer\n<< /Size 4 /Root 1 0 R >>\n%%EOF\n";
