//! The `hearken` program: a file server for the command line.
//!
//! It runs in three steps: [`args`] takes the arguments, [`configuration`] checks them, and [`run`] serves.

mod allow;
mod args;
mod bind_address;
mod browser;
mod configuration;
#[path = "../common/credentials.rs"]
mod credentials;
mod development_certificate;
mod directory;
mod environment;
mod failure;
#[path = "../common/generate.rs"]
mod generate;
mod greeting;
#[path = "../common/ignored_signals.rs"]
mod ignored_signals;
mod limits;
mod logger;
mod make_hash;
mod reachable;
mod run;
mod scheduling;
#[path = "../common/seconds.rs"]
mod seconds;
mod signals;
mod single_file;
mod site;
mod users;
mod warnings;

use std::process::ExitCode;

use args::Args;
use configuration::Task;
use failure::Failure;

fn main() -> ExitCode {
    let result = start();
    if let Err(failure) = &result {
        failure.report();
    }
    log::logger().flush();
    result.map_or_else(|failure| failure.exit_code(), |()| ExitCode::SUCCESS)
}

fn start() -> Result<(), Failure> {
    let args = Args::read(std::env::args_os())?;
    // Every message from now on goes through the logger, which never waits for stderr.
    logger::install(args.log_level())?;
    run::run(Task::from_args(args)?)
}
