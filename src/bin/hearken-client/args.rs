//! The first step: the arguments from the command line and the environment, checked as far as clap can.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::credentials::Credentials;
use crate::seconds;

/// Fetch, post and put over HTTP and HTTPS; guess numbers and keep notes.
///
/// The body of the response goes to stdout, everything else to stderr. Exit codes: 0 for a response in the 200s, 1 for any
/// other response, or one that cannot be written, 2 for bad usage, 3 when there is no response.
#[derive(Debug, Parser)]
#[command(name = "hearken-client", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: CommandArgs,

    /// Trust only the certificates in this PEM file
    #[arg(long, global = true, value_name = "FILE", env = "HEARKEN_CLIENT_CACERT")]
    pub(crate) cacert: Option<PathBuf>,

    /// Give up after this many seconds
    #[arg(long, global = true, value_name = "S", env = "HEARKEN_CLIENT_TIMEOUT", value_parser = seconds::parse)]
    pub(crate) timeout: Option<Duration>,

    /// Try again this many times when the server cannot be reached
    #[arg(long, global = true, value_name = "N", env = "HEARKEN_CLIENT_RETRY", default_value_t = 0)]
    pub(crate) retry: u32,

    /// User name and password; @FILE in place of the password is the first line of a file
    #[arg(long, global = true, value_name = "USER:PASS", env = "HEARKEN_CLIENT_AUTH", hide_env_values = true,
          value_parser = Credentials::parse)]
    pub(crate) auth: Option<Credentials>,

    /// Show the status and the header fields of the response on stderr
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArgs {
    /// Fetch a URL
    Get {
        /// The URL; http:// may be left out
        url: String,
        /// Write the body to this file, whole or not at all
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Post JSON
    Post {
        /// The URL; http:// may be left out
        url: String,
        /// The JSON itself, @FILE to read it from a file, or - to read it from stdin
        #[arg(default_value = "-", value_name = "JSON|@FILE|-")]
        json: String,
    },
    /// Put a file
    Put {
        /// The URL; http:// may be left out
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
        #[arg(long, value_name = "S", default_value = "1", value_parser = seconds::parse)]
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
}

#[derive(Debug, Subcommand)]
pub(crate) enum NoteArgs {
    /// Add a note
    Add {
        /// The note, one line
        text: String,
    },
    /// Get a note
    Get {
        /// Its number, counted from 0
        number: u64,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
