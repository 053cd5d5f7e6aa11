//! The man page and the shell completions of a program, made from its arguments.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// What can be made from the arguments of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generated {
    /// The man page
    Man,
    /// Completions for bash
    CompleteBash,
    /// Completions for fish
    CompleteFish,
    /// Completions for zsh
    CompleteZsh,
}

/// Writes it to stdout.
///
/// # Errors
///
/// When stdout cannot be written.
pub(crate) fn generate(generated: Generated, command: Command) -> io::Result<()> {
    io::Write::write_all(&mut io::stdout().lock(), &text(generated, command)?)
}

fn text(generated: Generated, mut command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let shell = match generated {
        Generated::Man => {
            Man::new(command).render(&mut text)?;
            return Ok(text);
        }
        Generated::CompleteBash => Shell::Bash,
        Generated::CompleteFish => Shell::Fish,
        Generated::CompleteZsh => Shell::Zsh,
    };
    let name = command.get_name().to_owned();
    // Writing to memory cannot fail, which this function relies on.
    clap_complete::generate(shell, &mut command, name, &mut text);
    Ok(text)
}
