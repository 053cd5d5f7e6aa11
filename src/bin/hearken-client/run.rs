//! The third step: sends the requests of the task.

use std::io::{self, Read as _};
use std::thread;
use std::time::Duration;

use hearken::client::{Client, Response};

use crate::outcome::{Failure, Outcome};
use crate::progress;
use crate::response::{print, save};
use crate::task::{Command, Json, Source, Task};

pub(crate) fn run(task: Task) -> Result<Outcome, Failure> {
    let Task { client, command, verbose, has_credentials } = task;
    let (response, output) = match command {
        Command::Get { url, output } => (client.get(&url)?, output),
        Command::Post { url, json } => (post(&client, &url, json)?, None),
        Command::Put { url, source } => (put(&client, &url, source)?, None),
        Command::Guess { url, interval } => match guess(&client, &url, interval)? {
            None => return Ok(Outcome::Success),
            Some(refusal) => (refusal, None),
        },
    };
    if response.status() == 401 && !has_credentials {
        eprintln!("hearken-client: give a user name and a password with --auth USER:PASS, or --auth USER:@FILE");
    }
    match output {
        Some(path) if response.is_success() => save(response, &path, verbose),
        _ => print(response, verbose),
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

fn put(client: &Client, url: &str, source: Source) -> Result<Response, Failure> {
    let (file, length) = match source {
        Source::File(file, length) => (file, length),
        Source::Stdin => return Ok(client.put(url, &mut io::stdin().lock(), None)?),
    };
    let progress = progress::bar(length);
    let response = client.put(url, &mut progress.wrap_read(file), length)?;
    progress.finish_and_clear();
    Ok(response)
}

/// Guesses until the number is right. Returns the response of a server that does not play.
fn guess(client: &Client, url: &str, interval: Duration) -> Result<Option<Response>, Failure> {
    loop {
        let number = rand::random_range(0..10);
        println!("Guess is {number}.");
        let response = client.get(&format!("{url}?q={number}"))?;
        if !response.is_success() {
            return Ok(Some(response));
        }
        if response.text()?.starts_with("true") {
            println!("Good guess, yay!");
            return Ok(None);
        }
        println!("Bad guess, trying again.");
        thread::sleep(interval);
    }
}
