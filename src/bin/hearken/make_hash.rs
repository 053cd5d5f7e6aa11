//! `--make-hash`: the hash of a password that is read from stdin.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use hearken::hash_password;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// Prints the hash of a password from stdin. At a terminal the password is typed twice, and not shown.
pub(crate) fn run() -> Result<(), Failure> {
    let password = if io::stdin().is_terminal() {
        let password = ask("Password: ").map_err(Failure::Stdin)?;
        if ask("The same again: ").map_err(Failure::Stdin)? != password {
            return Err(Failure::PasswordsDiffer);
        }
        password
    } else {
        read_line().map_err(Failure::Stdin)?
    };
    let hash = hash_password(&password).map_err(Failure::Hash)?;
    writeln!(io::stdout(), "{hash}").map_err(Failure::Stdout)
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks at the terminal for a line, which is not shown while it is typed.
fn ask(question: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    eprint!("{question}");
    tcsetattr(&stdin, OptionalActions::Drain, &hidden)?;
    let line = read_line();
    tcsetattr(&stdin, OptionalActions::Drain, &shown)?;
    eprintln!();
    line
}
