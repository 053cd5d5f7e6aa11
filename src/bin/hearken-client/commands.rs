//! What each command does: one or more exchanges, their bodies on stdout.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use hearken::client::{Answer, Client, ClientError};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::{Args, Command, NoteCommand};

/// How it went, where there was an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The status was in the 200s.
    Success,
    /// It was not.
    Refused,
}

pub(crate) fn run(args: &Args, client: &Client) -> Result<Outcome, Box<dyn Error>> {
    let show = |answer: Answer| {
        hint(&answer, args);
        print(answer, args.verbose)
    };
    match &args.command {
        Command::Get { url, output } => {
            let answer = client.get(&full_url(url))?;
            hint(&answer, args);
            match output {
                Some(path) if answer.is_success() => save(answer, path, args.verbose),
                _ => print(answer, args.verbose),
            }
        }
        Command::Post { url, json } => show(client.post_json(&full_url(url), read_json(json)?)?),
        Command::Put { url, file } => show(put(client, &full_url(url), file)?),
        Command::Guess { url, interval } => guess(client, &full_url(url), *interval, args),
        Command::Note { command, url } => {
            let body = match command {
                NoteCommand::Add { text } => json!({ "myNote": text }),
                NoteCommand::Get { number } => json!({ "getNote": number.to_string() }),
            };
            show(client.post_json(&full_url(url), body.to_string())?)
        }
    }
}

/// Says how to go on where the server asks for a password and none was given.
fn hint(answer: &Answer, args: &Args) {
    if answer.status() == 401 && args.auth.is_none() {
        eprintln!("hearken-client: give a user name and a password with --auth USER:PASS, or --auth USER:@FILE");
    }
}

/// A URL without a scheme is taken for an http one.
fn full_url(url: &str) -> String {
    if url.contains("://") { url.into() } else { format!("http://{url}") }
}

fn read_json(json: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    if json == "-" {
        let mut body = Vec::new();
        io::stdin().lock().read_to_end(&mut body)?;
        return Ok(body);
    }
    match json.strip_prefix('@') {
        Some(path) => fs::read(path).map_err(|error| format!("cannot read {path}: {error}").into()),
        None => Ok(json.into()),
    }
}

fn put(client: &Client, url: &str, path: &Path) -> Result<Answer, Box<dyn Error>> {
    if path == Path::new("-") {
        return Ok(client.put(url, &mut io::stdin().lock(), None)?);
    }
    let failed = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // Only a regular file's length is that of what can be read from it.
    let length = metadata.is_file().then_some(metadata.len());
    let progress = progress(length);
    let answer = client.put(url, &mut progress.wrap_read(file), length)?;
    progress.finish_and_clear();
    Ok(answer)
}

fn guess(client: &Client, url: &str, interval: Duration, args: &Args) -> Result<Outcome, Box<dyn Error>> {
    loop {
        let number = rand::random_range(0..10);
        println!("Guess is {number}.");
        let answer = client.get(&format!("{url}?q={number}"))?;
        if !answer.is_success() {
            hint(&answer, args);
            return print(answer, args.verbose);
        }
        if answer.text()?.starts_with("true") {
            println!("Good guess, yay!");
            return Ok(Outcome::Success);
        }
        println!("Bad guess, trying again.");
        thread::sleep(interval);
    }
}

/// Prints an answer's body as it arrives.
fn print(answer: Answer, verbose: bool) -> Result<Outcome, Box<dyn Error>> {
    let outcome = describe(&answer, verbose);
    let mut out = io::stdout().lock();
    let copied = io::copy(&mut answer.into_reader(), &mut out).and_then(|_| out.flush());
    match copied.map_err(io::Error::downcast::<ClientError>) {
        Ok(()) => Ok(outcome),
        Err(Ok(error)) => Err(error.into()),
        // Whoever reads stdout has seen enough.
        Err(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(outcome),
        Err(Err(error)) => Err(format!("cannot write to stdout: {error}").into()),
    }
}

/// Writes an answer's body to a file, under another name until it is whole.
fn save(answer: Answer, path: &Path, verbose: bool) -> Result<Outcome, Box<dyn Error>> {
    let outcome = describe(&answer, verbose);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let progress = progress(answer.content_length());
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
        Err(error) => Err(format!("cannot save {}: {error}", path.display()).into()),
    }
}

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

/// Transfers from this many bytes on show their progress.
const LONG: u64 = 1024 * 1024;

/// A progress bar for a long transfer, if stderr is a terminal; one that shows nothing otherwise.
fn progress(length: Option<u64>) -> ProgressBar {
    let style = |template| ProgressStyle::with_template(template).expect("it is one of those below");
    match length {
        Some(length) if length < LONG => ProgressBar::hidden(),
        Some(length) => {
            ProgressBar::new(length).with_style(style("{bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}"))
        }
        None => ProgressBar::no_length().with_style(style("{bytes} {spinner} {bytes_per_sec}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_may_lack_their_scheme() {
        assert_eq!(full_url("localhost:4040/x"), "http://localhost:4040/x");
        assert_eq!(full_url("https://localhost/"), "https://localhost/");
    }

    #[test]
    fn json_is_given_or_read_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        fs::write(&path, "{}").unwrap();
        assert_eq!(read_json("[1]").unwrap(), b"[1]");
        assert_eq!(read_json(&format!("@{}", path.display())).unwrap(), b"{}");
        assert!(read_json("@/no/such/file").unwrap_err().to_string().starts_with("cannot read /no/such/file"));
    }
}
