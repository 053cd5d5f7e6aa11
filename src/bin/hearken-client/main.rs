//! The `hearken-client` program: an HTTP client for the command line.

mod args;
mod commands;
#[path = "../common/credentials.rs"]
mod credentials;
#[path = "../common/seconds.rs"]
mod seconds;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;
use hearken::client::{Client, ClientError};

use args::Args;
use commands::Outcome;

fn main() -> ExitCode {
    let args = Args::parse();
    match client(&args).and_then(|client| commands::run(&args, &client)) {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(error) => {
            eprintln!("hearken-client: {error}");
            ExitCode::from(code(error.as_ref()))
        }
    }
}

fn client(args: &Args) -> Result<Client, Box<dyn Error>> {
    let mut builder = Client::builder().retries(args.retry);
    if let Some(timeout) = args.timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(path) = &args.cacert {
        builder = builder.trust(path)?;
    }
    if let Some(credentials) = &args.auth {
        builder = builder.basic_auth(&credentials.user, &credentials.password.read(&credentials.user)?)?;
    }
    Ok(builder.build())
}

/// 2 for what is wrong with the command line, the files it names included; 3 for an exchange that failed.
fn code(error: &(dyn Error + 'static)) -> u8 {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Url(_) | ClientError::Authority { .. } | ClientError::Credentials) => 2,
        Some(_) => 3,
        None => 2,
    }
}
