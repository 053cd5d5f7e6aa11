//! What the tests of several programs share. Most of it is that of `tests/it`, and each program needs some of it.
#![allow(dead_code, unused_imports)]

#[path = "../../it/support/programs.rs"]
mod programs;
#[path = "../../it/support/waiting.rs"]
mod waiting;
#[path = "../../it/browser/webdriver.rs"]
pub(crate) mod webdriver;

use std::process::Command;

pub(crate) use programs::{Program, Run, lines_of, on_path, output_of, skip};
pub(crate) use waiting::{PATIENCE, until};

/// Makes a command of curl with these arguments.
pub(crate) type Curl = fn(&[&str]) -> Command;

/// curl, which shows nothing but responses and errors, and ignores its configuration and proxies; `None`, after saying that the
/// test is skipped, if it is not installed.
pub(crate) fn curl(test: &str) -> Option<Curl> {
    if on_path("curl").is_none() {
        skip(test, "curl");
        return None;
    }
    Some(|arguments| {
        let mut curl = Command::new("curl");
        curl.args(["-q", "-sS", "--noproxy", "*"]).args(arguments);
        curl
    })
}
