//! The program, as curl and a browser see it.

mod browser;
mod by_curl;
#[path = "../../../support/mod.rs"]
mod support;

use std::process::Command;

use support::Program;

/// The program on a free port.
fn streams() -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_streams")).arg("0"), 1)
}

/// The lines that a program prints until it ends.
fn rest_of(program: &mut Program) -> Vec<String> {
    let mut lines: Vec<String> = std::iter::from_fn(|| Some(program.line()).filter(|line| !line.is_empty())).collect();
    lines.sort_unstable();
    lines
}
