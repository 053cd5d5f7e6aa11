//! What a person sees and gets at start-up: the greeting on a terminal, `--open`, the man page and the completions.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::support::{Program, on_path, skip, until};

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");
const CLIENT: &str = env!("CARGO_BIN_EXE_hearken-client");

#[test]
fn a_terminal_is_told_what_is_served_and_where_to_open_it() {
    if on_path("script").is_none() {
        return skip("a_terminal_is_told_what_is_served_and_where_to_open_it", "script");
    }
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("site")).unwrap();
    let command = format!("echo $$ > id; exec {HEARKEN} --qr --bind 0.0.0.0 --port 0 --write in site");
    let mut terminal = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(place.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap());
    // The last thing that is printed is a warning.
    while !shown.contains("can write to in") && lines.read_line(&mut shown).unwrap() > 0 {}
    let id = fs::read_to_string(place.path().join("id")).unwrap();
    assert!(Command::new("kill").args(["-s", "INT", id.trim()]).status().unwrap().success());
    assert!(terminal.wait().unwrap().success());
    let place = place.path().canonicalize().unwrap();
    let (serving, uploads) = (place.join("site"), place.join("in"));
    let (_, port) = shown.lines().next().unwrap().trim_end().rsplit_once(':').unwrap();
    let parts = [
        format!("  Serving  {}\r\n", serving.display()),
        format!("  Uploads  to {}\r\n", uploads.display()),
        format!("  Open     http://127.0.0.1:{port} "),
        "  Stop     Ctrl-C\r\n".into(),
    ];
    for part in parts {
        assert!(shown.contains(&part), "{part:?} is missing in {shown}");
    }
    // A machine without a network has no URL for other devices.
    assert!(shown.contains("\x1b[30;107m") || shown.contains("there is no URL for a QR code"), "{shown}");
}

#[test]
fn a_pipe_gets_no_greeting() {
    let mut errors = tempfile::tempfile().unwrap();
    let mut server =
        Program::start(Command::new(HEARKEN).args(["--port", "0", "."]).stderr(errors.try_clone().unwrap()), 1);
    server.signal("TERM");
    assert!(server.wait().success());
    let mut printed = String::new();
    errors.rewind().unwrap();
    errors.read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
}

#[test]
fn a_browser_is_opened_with_the_url_of_this_machine() {
    let place = tempfile::tempdir().unwrap();
    let seen = place.path().join("seen");
    let opener = place.path().join("xdg-open");
    // Written under another name first: the test must not see half of it.
    fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > {0}.part && mv {0}.part {0}\n", seen.display())).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap());
    let server = Program::start(
        Command::new(HEARKEN).args(["--open", "--bind", "0.0.0.0", "--port", "0", "."]).env("PATH", path),
        1,
    );
    let opened = until("the browser to be opened", || fs::read_to_string(&seen).ok());
    assert_eq!(opened.trim_end(), format!("http://127.0.0.1:{}/", server.address().port()));
}

#[test]
fn the_man_page_and_the_completions_name_every_option() {
    for (program, generate) in [(HEARKEN, "--generate"), (CLIENT, "generate")] {
        let mut help = printed(program, &["--help"]);
        if program == CLIENT {
            help += &printed(program, &["get", "--help"]);
        }
        let options: Vec<_> = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).collect();
        for kind in ["man", "complete-bash", "complete-fish", "complete-zsh"] {
            let output = Command::new(program).args([generate, kind]).output().unwrap();
            assert!(output.status.success());
            let text = String::from_utf8(output.stdout).unwrap().replace("\\-", "-");
            for option in &options {
                let name = option.trim_start_matches('-').trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                assert!(text.contains(name), "{program} {generate} {kind} lacks {option}");
            }
        }
    }
}

fn printed(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
}
