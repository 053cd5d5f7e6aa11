//! The first step: the arguments from the command line and the environment, checked as far as clap can.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::credentials::Credentials;
use crate::generate::Generated;
use crate::seconds;

/// Fetch, post and put over HTTP and HTTPS; guess numbers and keep notes.
///
/// The body of the response goes to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "hearken-client",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: CommandArgs,

    /// Trust only the certificates in this PEM file
    ///
    /// Without it, the authorities that Mozilla trusts are trusted. [env: HEARKEN_CLIENT_CACERT]
    #[arg(long, global = true, help_heading = ALL, value_name = "FILE", env = "HEARKEN_CLIENT_CACERT")]
    pub(crate) cacert: Option<PathBuf>,

    /// Give up after this many seconds
    ///
    /// That is the time for all of an exchange, a large body included. Without it there is no limit.
    /// [env: HEARKEN_CLIENT_TIMEOUT]
    #[arg(long, global = true, help_heading = ALL, value_name = "S", env = "HEARKEN_CLIENT_TIMEOUT",
          allow_negative_numbers = true, value_parser = seconds::parse)]
    pub(crate) timeout: Option<Duration>,

    /// Try again this many times if there is no connection
    ///
    /// The first pause is 0.2 seconds, each further one is twice as long, up to 5 seconds. [env: HEARKEN_CLIENT_RETRY]
    #[arg(long, global = true, help_heading = ALL, value_name = "N", env = "HEARKEN_CLIENT_RETRY", default_value = "0",
          allow_negative_numbers = true, value_parser = parse_number)]
    pub(crate) retry: u32,

    /// User name and password, or USER:@FILE
    ///
    /// With @FILE in place of the password, it is the first line of that file, and nobody can see it in the list of processes.
    /// [env: HEARKEN_CLIENT_AUTH]
    #[arg(long, global = true, help_heading = ALL, value_name = "USER:PASS", env = "HEARKEN_CLIENT_AUTH",
          hide_env_values = true, value_parser = Credentials::parse)]
    pub(crate) auth: Option<Credentials>,

    /// Show the head of the response on stderr
    #[arg(short, long, global = true, help_heading = ALL)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArgs {
    /// Fetch a URL
    Get {
        /// The URL; http:// may be left out
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        url: String,
        /// Write the body to this file, whole or not at all
        ///
        /// An existing file is replaced when the body is complete. Devices and pipes are written to directly; - is stdout.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Post JSON
    Post {
        /// The URL; http:// may be left out
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        url: String,
        /// The JSON itself, @FILE to read it from a file, or - to read it from stdin
        #[arg(default_value = "-", value_name = "JSON|@FILE|-")]
        json: String,
    },
    /// Put a file
    ///
    /// A URL that ends with a slash gets the name of the file.
    Put {
        /// The URL; http:// may be left out
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        url: String,
        /// The file, or - for stdin
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Guess the number that a server thinks of until the guess is right
    Guess {
        /// The server's guessing service
        #[arg(default_value = "http://127.0.0.1:4040/guess")]
        url: String,
        /// Wait this many seconds between guesses
        #[arg(long, value_name = "S", default_value = "1", allow_negative_numbers = true, value_parser = seconds::parse)]
        interval: Duration,
    },
    /// Add a note, or get one
    Note {
        #[command(subcommand)]
        command: NoteArgs,
        /// The server's note service
        #[arg(long, global = true, default_value = "http://127.0.0.1:4040/notes")]
        url: String,
    },
    /// Print the man page or shell completions
    #[command(hide = true)]
    Generate {
        /// Which
        kind: Generated,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NoteArgs {
    /// Add a note
    Add {
        /// The note, one line
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        text: String,
    },
    /// Get a note
    Get {
        /// Its number, counted from 0
        #[arg(allow_negative_numbers = true, value_parser = parse_number)]
        number: u32,
    },
}

/// The group of the options that every command has.
const ALL: &str = "Options of all commands";

impl Args {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    ///
    /// For arguments that are not valid; `--help` and `--version` are reported as errors too.
    pub(crate) fn read(
        command_line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = command();
        let mut matches = command.try_get_matches_from_mut(command_line)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// The command line: the options of [`Args`], with `--help` and `--version` in their group.
pub(crate) fn command() -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).global(true);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    Args::command()
        // The long help of each option names its variable.
        .mut_args(|argument| argument.hide_env(true))
        .after_long_help(
            "Exit codes: 0 for a response in the 200s; 1 for any other response, or if a file cannot be read or written; \
             2 for bad usage; 3 if there is no complete response.",
        )
        .arg(help.help_heading(ALL).help("Print the options; --help says more about each than -h"))
        .arg(version.help_heading(ALL).help("Print the version"))
}

fn parse_number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("a number from 0 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
