//! A minimal WebDriver client: one headless Chromium, driven through chromedriver, and gone when dropped.

use std::fs;
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossbeam_channel::RecvTimeoutError;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PATIENCE, lines_of, on_path, skip, until};

/// A browser with one window. Commands that fail panic, with what the driver says.
pub(crate) struct Browser {
    session: String,
    driver: Driver,
}

/// An element of the page that the browser shows.
pub(crate) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

/// The running chromedriver. It and the browser keep their files in a directory of their own.
struct Driver {
    process: Child,
    port: u16,
    home: TempDir,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ColorScheme {
    Light,
    Dark,
}

/// Keys that are no characters (WebDriver §17.4.2).
pub(crate) mod key {
    pub(crate) const BACKSPACE: &str = "\u{e003}";
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const SHIFT: char = '\u{e008}';
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const SPACE: &str = " ";
    pub(crate) const END: &str = "\u{e010}";
    pub(crate) const CONTROL: &str = "\u{e009}";
    pub(crate) const CONTROL_END: &str = "\u{e009}\u{e010}\u{e009}";
    pub(crate) const HOME: &str = "\u{e011}";
}

/// How long the driver may take for one command. The first one includes the browser's start.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

const DRIVER: &str = "chromedriver";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The key of an element's id (WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Whether there is a browser to test with, and its driver.
pub(crate) fn available() -> bool {
    on_path(DRIVER).is_some() && browser_program().is_some()
}

/// Runs the check, of a test of this name, with a browser of its own. When it fails, what the browser shows is kept in
/// `tests/artifacts/`.
pub(crate) fn in_browser(test: &str, check: impl FnOnce(&Browser)) {
    if !available() {
        return skip(test, "chromedriver or chromium");
    }
    let browser = Browser::start();
    let Err(failure) = panic::catch_unwind(AssertUnwindSafe(|| check(&browser))) else { return };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts");
    let file = directory.join(format!("{test}.png"));
    let saved = browser.screenshot().and_then(|png| {
        fs::create_dir_all(&directory).and_then(|()| fs::write(&file, png)).map_err(|error| error.to_string())
    });
    match saved {
        Ok(()) => eprintln!("what the browser showed is in {}", file.display()),
        Err(error) => eprintln!("what the browser showed could not be saved: {error}"),
    }
    panic::resume_unwind(failure);
}

/// Sends a request to this port of the loopback interface on a connection of its own, and gives the answer's status and body.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(COMMAND_TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    read_answer(BufReader::new(stream))
}

impl Browser {
    /// Starts a browser.
    pub(crate) fn start() -> Self {
        let driver = Driver::start();
        let profile = driver.home.path().join("profile");
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let options = json!({ "binary": browser_program().unwrap(), "args": args });
        let capabilities = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        let session = driver.command("POST", "/session", &json!({ "capabilities": capabilities })).unwrap();
        Self { session: session["sessionId"].as_str().unwrap().to_owned(), driver }
    }

    /// Opens a page, and waits for it to load.
    #[track_caller]
    pub(crate) fn navigate(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The first element that the selector matches, waiting for it to be there.
    #[track_caller]
    pub(crate) fn find(&self, css: &str) -> Element<'_> {
        let selector = json!({ "using": "css selector", "value": css });
        let id = until(&format!("an element {css}"), || {
            let found = self.command("POST", "/element", &selector).ok()?;
            Some(found[ELEMENT].as_str().unwrap().to_owned())
        });
        Element { browser: self, id }
    }

    /// The element that has the focus.
    #[track_caller]
    pub(crate) fn focused(&self) -> Element<'_> {
        let id = self.get("/element/active")[ELEMENT].as_str().unwrap().to_owned();
        Element { browser: self, id }
    }

    /// Presses and releases these keys one after the other, wherever the focus is.
    #[track_caller]
    pub(crate) fn press(&self, keys: &str) {
        self.act(keys.chars().flat_map(|key| [("keyDown", key), ("keyUp", key)]));
    }

    /// Presses these keys one after the other, and holds this one down meanwhile.
    #[track_caller]
    pub(crate) fn press_with(&self, held: char, keys: &str) {
        let pressed = keys.chars().flat_map(|key| [("keyDown", key), ("keyUp", key)]);
        self.act([("keyDown", held)].into_iter().chain(pressed).chain([("keyUp", held)]));
    }

    #[track_caller]
    fn act(&self, keys: impl Iterator<Item = (&'static str, char)>) {
        let actions: Vec<_> = keys.map(|(what, key)| json!({ "type": what, "value": key.to_string() })).collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// What the script, the body of a function, returns.
    #[track_caller]
    pub(crate) fn execute(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Keeps the pages from running scripts from now on. `execute` still does.
    #[track_caller]
    pub(crate) fn disable_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// Sets the scheme of colours that pages are told the user prefers.
    #[track_caller]
    pub(crate) fn prefer(&self, scheme: ColorScheme) {
        let value = match scheme {
            ColorScheme::Light => "light",
            ColorScheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// A command of the Chrome DevTools Protocol.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Makes this frame of the page the one that the following commands are about, until another page is opened.
    #[track_caller]
    pub(crate) fn enter_frame(&self, index: usize) {
        self.post("/frame", &json!({ "id": index }));
    }

    /// Sets the size of the window, in CSS pixels.
    #[track_caller]
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({ "width": width, "height": height }));
    }

    /// What the window shows, as PNG.
    pub(crate) fn screenshot(&self) -> Result<Vec<u8>, String> {
        let encoded = self.command("GET", "/screenshot", &Value::Null)?;
        BASE64_STANDARD.decode(encoded.as_str().unwrap_or_default()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        self.command("GET", path, &Value::Null).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    #[track_caller]
    fn post(&self, path: &str, parameters: &Value) -> Value {
        self.command("POST", path, parameters).unwrap_or_else(|error| panic!("POST {path} {parameters}: {error}"))
    }

    fn command(&self, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
        self.driver.command(method, &format!("/session/{}{path}", self.session), parameters)
    }
}

impl Element<'_> {
    #[track_caller]
    pub(crate) fn click(&self) {
        self.browser.post(&self.path("click"), &json!({}));
    }

    /// Types the text, after what is there.
    #[track_caller]
    pub(crate) fn send_keys(&self, text: &str) {
        self.browser.post(&self.path("value"), &json!({ "text": text }));
    }

    /// Empties a field.
    #[track_caller]
    pub(crate) fn clear(&self) {
        self.browser.post(&self.path("clear"), &json!({}));
    }

    /// The text as it is shown.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        text(&self.browser.get(&self.path("text")))
    }

    /// A property that is text.
    #[track_caller]
    pub(crate) fn property(&self, name: &str) -> String {
        text(&self.browser.get(&self.path(&format!("property/{name}"))))
    }

    /// A property that is a number.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.browser.get(&self.path(&format!("property/{name}"))).as_f64().unwrap()
    }

    /// What it is to assistive technology.
    #[track_caller]
    pub(crate) fn role(&self) -> String {
        text(&self.browser.get(&self.path("computedrole")))
    }

    /// What assistive technology calls it.
    #[track_caller]
    pub(crate) fn label(&self) -> String {
        text(&self.browser.get(&self.path("computedlabel")))
    }

    fn path(&self, command: &str) -> String {
        format!("/element/{}/{command}", self.id)
    }
}

impl Driver {
    /// Starts the driver. It takes a free port for IPv4 and the same one for IPv6, and ends if that one is taken.
    fn start() -> Self {
        (0..5).find_map(|_| Self::try_start()).expect("chromedriver says where it listens")
    }

    fn try_start() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut process = Command::new(on_path(DRIVER).unwrap())
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        // From here on it is killed whatever happens.
        let mut driver = Self { process, port: 0, home };
        let lines = lines_of(stdout);
        driver.port = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => match port_announced(&line) {
                    Some(port) => break port,
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for chromedriver to say where it listens"),
            }
        };
        Some(driver)
    }

    fn command(&self, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
        let body = if parameters.is_null() { String::new() } else { parameters.to_string() };
        let (status, answer) = exchange(self.port, method, path, &body).map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if status == 200 { Ok(value) } else { Err(format!("{}: {}", text(&value["error"]), text(&value["message"]))) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked to go, the driver ends the browser first; killed before that, it would leave it running.
        if exchange(self.port, "GET", "/shutdown", "").is_ok() {
            let deadline = Instant::now() + PATIENCE;
            while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in `ChromeDriver was started successfully on port 34567.`
fn port_announced(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("was started successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// Reads by the length: the driver leaves the connection open, whatever it says.
fn read_answer(mut stream: impl BufRead) -> io::Result<(u16, Vec<u8>)> {
    let mut head = String::new();
    while stream.read_line(&mut head)? > 2 {}
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("Content-Length") { value.trim().parse().ok() } else { None }
    });
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!("no status or no length: {head:?}")));
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn browser_program() -> Option<PathBuf> {
    BROWSERS.iter().find_map(on_path)
}
