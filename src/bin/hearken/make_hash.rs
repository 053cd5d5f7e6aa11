//! `--make-hash`: the hash of a password that is read from stdin.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use hearken::hash_password;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Prints the hash of a password from stdin; from a terminal it is asked for twice and not shown.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let password = if io::stdin().is_terminal() {
        let password = ask("Password: ")?;
        if ask("The same again: ")? != password {
            return Err("the two passwords differ".into());
        }
        password
    } else {
        read_line()?
    };
    let hash = hash_password(&password).map_err(|error| format!("cannot make a hash: {error}"))?;
    writeln!(io::stdout(), "{hash}")?;
    Ok(())
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks on the terminal for something that is not to be seen there.
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
