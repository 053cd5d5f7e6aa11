//! The man page and the shell completions of a program, made from its arguments.

use std::io::{self, Write as _};

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
    io::stdout().lock().write_all(&text(generated, command)?)
}

fn text(generated: Generated, mut command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let shell = match generated {
        Generated::Man => {
            command.build();
            write_man_page(&command, &mut text)?;
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

/// Writes the page of the program, with the help of its commands in it instead of on pages of their own.
fn write_man_page(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        page.extend_from_slice(b".SH COMMANDS\n");
        write_commands(command, page)?;
    }
    page.extend_from_slice(b".SH VERSION\n");
    writeln!(page, "{}", command.get_version().unwrap_or_default())
}

fn write_commands(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.has_subcommands() {
            write_commands(command, page)?;
            continue;
        }
        // The options of all commands stand above.
        let mut command = command.clone().mut_args(|option| {
            let is_above = option.is_global_set();
            option.hide(is_above)
        });
        let help = command.render_long_help().to_string();
        writeln!(page, ".SS {}\n.nf", roff(command.get_bin_name().unwrap_or_default()))?;
        for line in help.lines() {
            writeln!(page, "{}", roff(line))?;
        }
        page.extend_from_slice(b".fi\n");
    }
    Ok(())
}

/// A line of text, with the characters that mean something to roff escaped.
fn roff(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}
