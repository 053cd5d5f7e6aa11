//! Passes an answer on: its body to stdout or to a file, its head to stderr where that is asked for.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hearken::client::{Answer, ClientError};

use crate::outcome::{Failure, Outcome};
use crate::progress;

/// Prints the body as it arrives.
pub(crate) fn print(answer: Answer, verbose: bool) -> Result<Outcome, Failure> {
    let outcome = describe(&answer, verbose);
    let mut out = io::stdout().lock();
    let copied = io::copy(&mut answer.into_reader(), &mut out).and_then(|_| out.flush());
    match copied.map_err(io::Error::downcast::<ClientError>) {
        Ok(()) => Ok(outcome),
        Err(Ok(error)) => Err(error.into()),
        // The reader of stdout has seen enough.
        Err(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(outcome),
        Err(Err(error)) => Err(Failure::Stdout(error)),
    }
}

/// Writes the body to a file, under another name until it is whole.
pub(crate) fn save(answer: Answer, path: &Path, verbose: bool) -> Result<Outcome, Failure> {
    let outcome = describe(&answer, verbose);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let progress = progress::bar(answer.content_length());
    let write = || {
        let mut file = File::create(&partial)?;
        io::copy(&mut progress.wrap_read(answer.into_reader()), &mut file)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    let result = write();
    progress.finish_and_clear();
    let Err(error) = result else { return Ok(outcome) };
    let _ = fs::remove_file(&partial);
    match error.downcast::<ClientError>() {
        Ok(error) => Err(error.into()),
        Err(source) => Err(Failure::Save { path: path.into(), source }),
    }
}

/// Shows the head of the answer if `verbose` is set.
fn describe(answer: &Answer, verbose: bool) -> Outcome {
    if verbose {
        eprintln!("{}", answer.status_line());
        for (name, value) in answer.headers() {
            eprintln!("{name}: {value}");
        }
        eprintln!();
    }
    if answer.is_success() { Outcome::Success } else { Outcome::Refused }
}
