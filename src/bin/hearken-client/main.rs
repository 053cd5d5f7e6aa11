//! The `hearken-client` program: an HTTP client for the command line.
//!
//! It runs in three steps: [`args`] takes the arguments, [`task`] checks them, and [`run`] sends the requests.

mod args;
#[path = "../common/credentials.rs"]
mod credentials;
#[path = "../common/generate.rs"]
mod generate;
#[path = "../common/ignored_signals.rs"]
mod ignored_signals;
mod outcome;
mod output_file;
mod progress;
mod response;
mod run;
#[path = "../common/seconds.rs"]
mod seconds;
mod stderr;
mod task;
mod temp_file;

use std::process::ExitCode;

use args::Args;
use outcome::{Failure, Outcome, exit_code};
use task::Task;

fn main() -> ExitCode {
    let result = start();
    if let Err(failure) = &result {
        failure.report();
    }
    exit_code(&result)
}

fn start() -> Result<Outcome, Failure> {
    let args = Args::read(std::env::args_os())?;
    run::run(Task::from_args(args)?)
}
