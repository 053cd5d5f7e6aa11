//! Passes a response on: its body to stdout or to a file, and on request its head to stderr.

use std::io::{self, Write as _};
use std::path::Path;

use hearken::client::{ClientError, Response};

use crate::outcome::{Failure, Outcome};
use crate::output_file::OutputFile;
use crate::progress;
use crate::stderr::say;
use crate::task::Told;

/// Prints the body as it arrives.
pub(crate) fn print(response: Response, url: &str, told: Told) -> Result<Outcome, Failure> {
    let outcome = describe(&response, told);
    if outcome == Outcome::Refused {
        let tip = match response.status() {
            401 if told.how_to_log_in => {
                ": give a user name and a password with --auth USER:PASS, or --auth USER:@FILE"
            }
            _ => "",
        };
        say(&format!("hearken-client: {url}: {}{tip}", response.status_line()));
    }
    let mut out = io::stdout().lock();
    let copied = io::copy(&mut response.into_reader(), &mut out).and_then(|_| out.flush());
    match copied.map_err(io::Error::downcast::<ClientError>) {
        Ok(()) => Ok(outcome),
        Err(Ok(error)) => Err(error.into()),
        // The reader of stdout has closed it.
        Err(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(outcome),
        Err(Err(error)) => Err(Failure::Stdout(error)),
    }
}

/// Writes the body to a file, which is put in place when it is complete.
pub(crate) fn save(response: Response, path: &Path, url: &str, told: Told) -> Result<Outcome, Failure> {
    // Opened anew, a file that stdout is redirected to would be written from its beginning.
    if [Path::new("-"), Path::new("/dev/stdout")].contains(&path) {
        return print(response, url, told);
    }
    let outcome = describe(&response, told);
    let progress = progress::bar(response.content_length());
    let write = || {
        let mut file = OutputFile::create(path)?;
        io::copy(&mut progress.wrap_read(response.into_reader()), &mut file)?;
        file.finish()
    };
    let result = write();
    progress.finish_and_clear();
    let Err(error) = result else { return Ok(outcome) };
    match error.downcast::<ClientError>() {
        Ok(error) => Err(error.into()),
        Err(source) => Err(Failure::Save { path: path.into(), source }),
    }
}

/// Shows the head of the response if the user wants to see it.
pub(crate) fn describe(response: &Response, told: Told) -> Outcome {
    if told.head {
        say(&response.status_line());
        for (name, value) in response.headers() {
            say(&format!("{name}: {value}"));
        }
        say("");
    }
    if response.is_success() { Outcome::Success } else { Outcome::Refused }
}
