//! curl logs in, uploads and logs out; and tries what it may not.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use crate::Site;
use crate::support::{Curl, Run as _, curl};

/// A user of a site, with cookies.
struct User<'a> {
    site: &'a Site,
    curl: Curl,
    home: TempDir,
}

/// What the user gets, after redirects if curl was told to follow them.
#[derive(Debug)]
struct Page {
    status: String,
    location: String,
    set_cookie: String,
    text: String,
}

const PASSWORD: [&str; 4] = ["-d", "user=ada", "-d", "password=open-sesame"];

impl<'a> User<'a> {
    fn new(site: &'a Site, curl: Curl) -> Self {
        Self { site, curl, home: tempfile::tempdir().unwrap() }
    }

    /// Requests a path, with further arguments of curl.
    #[track_caller]
    fn request(&self, path: &str, arguments: &[&str]) -> Page {
        let jar = self.home.path().join("cookies");
        let jar = jar.to_str().unwrap();
        let shown = "\n%{http_code}\n%header{location}\n%header{set-cookie}";
        let url = self.site.url(path);
        let fixed = ["-b", jar, "-c", jar, "-w", shown, &url];
        let Output { status, stdout, stderr } = (self.curl)(&[&fixed, arguments].concat()).run();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        let stdout = String::from_utf8(stdout).unwrap();
        let mut parts = stdout.rsplitn(4, '\n').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        Page { set_cookie: next(), location: next(), status: next(), text: next() }
    }

    /// Logs in, and returns the token in the forms of the session.
    #[track_caller]
    fn log_in(&self) -> String {
        let page = self.request("login", &[&PASSWORD[..], &["-L"]].concat());
        assert_eq!(page.status, "200", "{page:?}");
        let (_, token) = page.text.split_once("name=\"token\" value=\"").unwrap();
        token[..32].to_owned()
    }

    /// The id of the session, from the file of cookies.
    fn session(&self) -> Option<String> {
        let jar = fs::read_to_string(self.home.path().join("cookies")).unwrap();
        jar.lines().find_map(|line| Some(line.split_once("\tsession\t")?.1.to_owned()))
    }

    /// Uploads files, each as curl's `-F` takes it, and returns the status.
    #[track_caller]
    fn upload(&self, token: &str, files: &[&str], arguments: &[&str]) -> String {
        let token = format!("token={token}");
        let mut all = vec!["-F", &token];
        for file in files {
            all.extend(["-F", file]);
        }
        self.request("files", &[&all, arguments].concat()).status
    }
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, content)| (name.to_string(), content.to_string())).collect()
}

#[test]
fn a_session_lasts_from_login_to_logout() {
    let Some(curl) = curl("a_session_lasts_from_login_to_logout") else { return };
    let site = Site::start();
    let user = User::new(&site, curl);
    let refused = user.request("login", &["-d", "user=ada", "-d", "password=open-sesam"]);
    assert_eq!((&*refused.status, &*refused.set_cookie), ("403", ""));
    assert!(refused.text.contains("Wrong name or password."), "{refused:?}");

    let begun = user.request("login", &PASSWORD);
    assert_eq!((&*begun.status, &*begun.location), ("303", "/"));
    let (id, attributes) = begun.set_cookie.strip_prefix("session=").unwrap().split_once("; ").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Path=/");

    let token = user.log_in();
    assert_eq!(user.session().map(|id| id.len()), Some(32));
    let ended = user.request("logout", &["-d", &format!("token={token}")]);
    assert_eq!((&*ended.status, &*ended.location), ("303", "/login"));
    assert!(ended.set_cookie.starts_with("session=; ") && ended.set_cookie.contains("Max-Age=0"), "{ended:?}");
    assert_eq!(user.session(), None, "curl has removed the cookie");
}

#[test]
fn nobody_gets_in_without_a_session() {
    let Some(curl) = curl("nobody_gets_in_without_a_session") else { return };
    let site = Site::start();
    let user = User::new(&site, curl);
    let token = user.log_in();
    let ended = format!("session={}", user.session().unwrap());
    user.request("logout", &["-d", &format!("token={token}")]);
    user.log_in(); // so that there is a session
    let guess = format!("session={}", "0".repeat(32));
    let stranger = User::new(&site, curl);
    for cookie in ["", "session=", &guess, &ended] {
        let field = format!("Cookie: {cookie}");
        let requests: [(&str, &[&str]); 5] = [
            ("", &[]),
            ("files/", &[]),
            ("files/a.txt", &[]),
            ("files", &["-F", "token=", "-F", "one=a;filename=a.txt"]),
            ("logout", &["-d", "token="]),
        ];
        for (path, arguments) in requests {
            let page = stranger.request(path, &[&["-H", &field], arguments].concat());
            assert_eq!((&*page.status, &*page.location), ("303", "/login"), "{path} with {cookie:?}");
        }
    }
    assert_eq!(site.stored(), []);
}

#[test]
fn files_with_odd_names_are_stored_under_clean_ones_and_listed() {
    let Some(curl) = curl("files_with_odd_names_are_stored_under_clean_ones_and_listed") else { return };
    let site = Site::start();
    let user = User::new(&site, curl);
    let token = user.log_in();
    let uploads = [
        (
            ["one=1;filename=\"we \\\"said\\\"; so.txt\"", "another=2;filename=\"größe 😀.txt\""],
            ["we \"said\"; so.txt", "größe 😀.txt"],
        ),
        (["one=1;filename=../../etc/passwd", "another=2;filename=\"C:\\\\boot.ini\""], ["passwd", "boot.ini"]),
        (["one=1;filename=.htaccess", "another=2;filename=..."], ["htaccess", "upload"]),
        (["one=1;filename=index.html", "another=2;filename=100%.txt"], ["index.html", "100%.txt"]),
    ];
    let mut expected = Vec::new();
    for (files, [one, another]) in uploads {
        // Quotes in names can be escaped in two ways.
        for escape in [&[][..], &["--form-escape"]] {
            let status = user.upload(&token, &files, &[&["-L"], escape].concat());
            assert_eq!(status, "200", "{files:?} {escape:?}");
        }
        expected.extend([(one, "1"), (another, "2")]);
    }
    expected.sort_unstable();
    assert_eq!(site.stored(), owned(&expected));

    let list: serde_json::Value = serde_json::from_str(&user.request("files/?format=json", &[]).text).unwrap();
    let mut listed: Vec<&str> =
        list["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let page = user.request("files/index.html", &["-i"]).text;
    assert!(page.contains("\nContent-Security-Policy: sandbox"), "an uploaded page cannot act for the user: {page}");
}

#[test]
fn forms_that_break_a_rule_are_refused() {
    let Some(curl) = curl("forms_that_break_a_rule_are_refused") else { return };
    let site = Site::start();
    let (user, other) = (User::new(&site, curl), User::new(&site, curl));
    let (token, others) = (user.log_in(), other.log_in());
    let large = user.home.path().join("large");
    fs::write(&large, vec![b'x'; 2 * 1024 * 1024]).unwrap();
    let large = format!("another=@{};filename=large", large.display());
    let small = "one=1;filename=small";

    assert_eq!(user.upload(&others, &[small], &[]), "403", "the token of another session");
    assert_eq!(user.upload("", &[small], &[]), "403");
    let late = ["-F", small, "-F", &format!("token={token}")];
    assert_eq!(user.request("files", &late).status, "403", "the token comes after the file");
    assert_eq!(user.request("logout", &["-d", "token="]).status, "403");
    assert_eq!(user.request("files", &["-d", &format!("token={token}")]).status, "415", "a form without files");
    assert_eq!(user.upload(&token, &[small, &large], &[]), "413");
    assert_eq!(site.stored(), []);

    // What came before the fault is noticed has been stored.
    assert_eq!(user.upload(&token, &[small, &large], &["-H", "Transfer-Encoding: chunked"]), "413");
    assert_eq!(site.stored(), owned(&[("small", "1")]));
    assert_eq!(
        user.upload(&token, &["one=2;filename=small", "another=3;filename=b", "third=4;filename=c"], &[]),
        "413"
    );
    assert_eq!(site.stored(), owned(&[("b", "3"), ("small", "2")]));
}

#[test]
fn only_a_hundred_sessions_are_kept() {
    let Some(curl) = curl("only_a_hundred_sessions_are_kept") else { return };
    let site = Site::start();
    let (first, second) = (User::new(&site, curl), User::new(&site, curl));
    first.log_in();
    second.log_in();
    let login = site.url("login");
    let others = curl(&[&PASSWORD[..], &[&*login; 99]].concat()).run();
    assert!(others.status.success(), "{others:?}");
    assert_eq!(first.request("", &[]).location, "/login", "of 101 sessions the oldest has ended");
    assert_eq!(second.request("", &[]).status, "200");
}
