//! The picture of a listing in the README: on a desktop, and on a phone in the dark.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use serde_json::json;

use super::webdriver::{Browser, ColorScheme, in_browser};
use super::{Site, texts};

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screenshot.png");

/// What the picture may take, in bytes.
const MOST: u64 = 150 * 1024;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 800;
const WIDE: u32 = 870;
const NARROW: u32 = 390;

const README: &str = "Pictures and papers of our trip. Add yours to [photos](photos/).\n";

/// The files that were there, and those that visitors have stored: names, bytes, and minutes before the last one.
const OURS: [(&str, u64, u64); 5] = [
    ("Route.pdf", 1_384_210, 9_790),
    ("Travel plan.docx", 48_340, 31_400),
    ("film.mp4", 768_411_904, 1_210),
    ("photos/fjord.jpg", 4_210_000, 2_800),
    ("README.md", 0, 30),
];
const STORED: [(&str, u64, u64); 4] = [
    ("All pictures.zip", 1_932_735_283, 905),
    ("Costs.xlsx", 23_901, 64),
    ("harbour.jpg", 3_902_764, 31),
    ("packing list.txt", 812, 0),
];

#[test]
#[ignore = "it writes docs/screenshot.png (make screenshots)"]
fn screenshot_of_a_listing() {
    in_browser("screenshot_of_a_listing", |browser| {
        let root = tempfile::tempdir().unwrap();
        let options = ["--title", "Norway 2026", "--allow-delete", "--archive", "--max-body", "4GiB"];
        let site = Site::serve(root.path(), &options);
        fill(root.path(), &OURS);
        fill(site.data.path(), &STORED);
        fs::write(root.path().join("README.md"), README).unwrap();
        set_time(&root.path().join("README.md"), 30);
        set_time(&root.path().join("photos"), 2_800);
        browser.devtools("Emulation.setScrollbarsHidden", &json!({ "hidden": true }));
        browser.devtools("Emulation.setTimezoneOverride", &json!({ "timezoneId": "Europe/Oslo" }));
        let desktop = picture(browser, &site, WIDE, ColorScheme::Light);
        let phone = picture(browser, &site, NARROW, ColorScheme::Dark);
        fs::write(PICTURE, side_by_side(browser, &desktop, &phone)).unwrap();
        let size = fs::metadata(PICTURE).unwrap().len();
        assert!(size < MOST, "{PICTURE} has {size} bytes");
    });
}

/// The listing in this width, as PNG in Base64.
fn picture(browser: &Browser, site: &Site, width: u32, scheme: ColorScheme) -> String {
    browser.prefer(scheme);
    show(browser, width);
    browser.navigate(&site.url);
    assert!(texts(browser, "#entries a").contains(&"film.mp4".to_owned()));
    browser.devtools("Page.captureScreenshot", &json!({}))["data"].as_str().unwrap().to_owned()
}

/// Both pictures in one, as PNG with a palette: of the colours that they have most, so that little is lost.
fn side_by_side(browser: &Browser, left: &str, right: &str) -> Vec<u8> {
    browser.navigate("about:blank");
    let made = browser.execute(&format!(
        "const load = async (data) => {{
             const image = new Image();
             image.src = `data:image/png;base64,${{data}}`;
             await image.decode();
             return image;
         }};
         return (async () => {{
             const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT});
             const context = canvas.getContext('2d');
             context.fillStyle = '#fff';
             context.fillRect(0, 0, {WIDTH}, {HEIGHT});
             context.drawImage(await load('{left}'), 0, 0);
             context.drawImage(await load('{right}'), {WIDTH} - {NARROW}, 0);
             const bytes = context.getImageData(0, 0, {WIDTH}, {HEIGHT}).data;
             const pixels = new Uint32Array(bytes.buffer);
             const counts = new Map();
             for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
             const palette = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, 256);
             const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
             const nearest = (pixel) => {{
                 const distance = (other) => parts(other).reduce((sum, part, n) => sum + (part - parts(pixel)[n]) ** 2, 0);
                 return palette.map(distance).reduce((best, d, n, all) => (d < all[best] ? n : best), 0);
             }};
             const indices = new Map([...counts.keys()].map((pixel) => [pixel, nearest(pixel)]));
             const text = (numbers) => Array.from(numbers, (number) => String.fromCharCode(number)).join('');
             return {{
                 palette: btoa(text(palette.flatMap(parts))),
                 pixels: btoa(text(pixels.map((pixel) => indices.get(pixel)))),
             }};
         }})()"
    ));
    let bytes = |name: &str| BASE64_STANDARD.decode(made[name].as_str().unwrap()).unwrap();
    png(&bytes("palette"), &bytes("pixels"))
}

/// A PNG of these pixels, each an index into the palette of red, green and blue (PNG §11.2).
fn png(palette: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header = [&WIDTH.to_be_bytes()[..], &HEIGHT.to_be_bytes(), &[8, 3, 0, 0, 0]].concat();
    let mut compressed = ZlibEncoder::new(Vec::new(), Compression::best());
    for line in pixels.chunks_exact(WIDTH as usize) {
        // No filter.
        compressed.write_all(&[0]).unwrap();
        compressed.write_all(line).unwrap();
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let data = compressed.finish().unwrap();
    for (kind, data) in [(b"IHDR", &*header), (b"PLTE", palette), (b"IDAT", &*data), (b"IEND", &[])] {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        png.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(data);
        png.extend_from_slice(&crc.sum().to_be_bytes());
    }
    png
}

/// Makes the window so wide.
fn show(browser: &Browser, width: u32) {
    let size = json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", &size);
}

/// Makes files of these sizes that take no room.
fn fill(directory: &Path, files: &[(&str, u64, u64)]) {
    for (name, size, minutes) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap().set_len(*size).unwrap();
        set_time(&path, *minutes);
    }
}

/// Says that it was changed so many minutes before 10:24 UTC on a summer day.
fn set_time(path: &Path, minutes: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(1_783_506_240 - 60 * minutes);
    File::open(path).unwrap().set_modified(time).unwrap();
}
