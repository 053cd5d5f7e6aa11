//! The third step: sends the requests of the task.

use std::io::{self, Read, Write as _};
use std::thread;
use std::time::Duration;

use hearken::Method;
use hearken::client::{Client, ClientError, Response};
use indicatif::HumanBytes;
use serde_json::json;

use crate::args;
use crate::generate;
use crate::outcome::{Failure, Outcome};
use crate::progress;
use crate::response::{describe, print, save};
use crate::stderr::say;
use crate::task::{Command, Json, Note, Source, Task, Told};

pub(crate) fn run(task: Task) -> Result<Outcome, Failure> {
    let Task { client, command, told } = task;
    match command {
        Command::Get { url, output } => {
            let response = client.get(&url)?;
            match output {
                Some(path) if response.is_success() => save(response, &path, &url, told),
                _ => print(response, &url, told),
            }
        }
        Command::Post { url, json } => print(post(&client, &url, json)?, &url, told),
        Command::Put { url, source } => put(&client, &url, source, told),
        Command::Guess { url, interval } => guess(&client, &url, interval, told),
        Command::Note { url, note } => keep_notes(&client, &url, &note, told),
        Command::Generate(generated) => {
            generate::generate(generated, args::command()).map_err(Failure::Stdout)?;
            Ok(Outcome::Success)
        }
    }
}

fn post(client: &Client, url: &str, json: Json) -> Result<Response, Failure> {
    let body = match json {
        Json::Bytes(bytes) => bytes,
        Json::Stdin => {
            let mut body = Vec::new();
            io::stdin().lock().read_to_end(&mut body).map_err(Failure::Stdin)?;
            body
        }
    };
    Ok(client.post_json(url, body)?)
}

fn put(client: &Client, url: &str, source: Source, told: Told) -> Result<Outcome, Failure> {
    let (name, reader, length): (_, Box<dyn Read>, _) = match source {
        Source::File { path, file, length } => (path.display().to_string(), Box::new(file), length),
        Source::Stdin => ("stdin".to_owned(), Box::new(io::stdin().lock()), None),
    };
    let progress = progress::bar(length);
    let mut reader = Counted { reader: progress.wrap_read(reader), length, read: 0, error: None };
    let result = client.put(url, &mut reader, length);
    progress.finish_and_clear();
    if let (Err(ClientError::Exchange { .. }), Some(source)) = (&result, reader.error) {
        return Err(Failure::File { path: name.into(), source });
    }
    let response = result?;
    if !response.is_success() {
        return print(response, url, told);
    }
    // RFC 9110 §9.3.4
    let done = match response.status() {
        201 => "created".to_owned(),
        200 | 204 => "replaced".to_owned(),
        _ => response.status_line(),
    };
    let outcome = print(response, url, told)?;
    say(&format!("stored {name} at {url} ({}, {done})", HumanBytes(reader.read)));
    Ok(outcome)
}

/// Counts what it reads, and remembers why it cannot read on.
struct Counted<R> {
    reader: R,
    length: Option<u64>,
    read: u64,
    error: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match self.reader.read(buffer) {
            Ok(0) if !buffer.is_empty() && self.length.is_some_and(|length| self.read < length) => {
                Err(io::Error::other("it became shorter while it was sent"))
            }
            result => result,
        };
        match result {
            Ok(length) => {
                self.read += length as u64;
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.error = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// Guesses until the number is right. Fails if the server does not play.
fn guess(client: &Client, url: &str, interval: Duration, told: Told) -> Result<Outcome, Failure> {
    loop {
        let number = rand::random_range(0..10);
        print_line(&format!("Guess is {number}."))?;
        let response = client.get(&format!("{url}?q={number}"))?;
        if !response.is_success() {
            return print(response, url, told);
        }
        let text = response.text()?;
        if text.starts_with("true") {
            print_line("Good guess, yay!")?;
            return Ok(Outcome::Success);
        }
        if !text.starts_with("false") {
            return Err(Failure::NoService { service: "guessing game", url: url.into() });
        }
        print_line("Bad guess, trying again.")?;
        thread::sleep(interval);
    }
}

/// Prints a line on stdout, whose reader may have closed it.
fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::Stdout)
}

/// Adds or gets a note. The server is first asked whether it has notes: another one might store the request as a file.
fn keep_notes(client: &Client, url: &str, note: &Note, told: Told) -> Result<Outcome, Failure> {
    let response = client.request(Method::Options, url).send()?;
    if response.header("Access-Control-Allow-Methods").is_none() {
        return match response.status() {
            200..=299 | 404 | 405 => Err(Failure::NoService { service: "notes", url: url.into() }),
            _ => print(response, url, told),
        };
    }
    let json = match note {
        Note::Add(text) => json!({ "myNote": text }),
        Note::Get(number) => json!({ "getNote": number.to_string() }),
    };
    let response = client.post_json(url, json.to_string())?;
    match note {
        Note::Get(number) if response.status() == 404 => {
            describe(&response, told);
            Err(Failure::NoSuchNote { number: *number })
        }
        _ => print(response, url, told),
    }
}
