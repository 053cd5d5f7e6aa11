//! The third step: exchanges requests and answers with the server.

use std::io::{self, Read as _};
use std::thread;
use std::time::Duration;

use hearken::client::{Answer, Client};

use crate::outcome::{Failure, Outcome};
use crate::progress;
use crate::response::{print, save};
use crate::task::{Command, Json, Source, Task};

pub(crate) fn run(task: Task) -> Result<Outcome, Failure> {
    let Task { client, command, verbose, has_credentials } = task;
    let (answer, output) = match command {
        Command::Get { url, output } => (client.get(&url)?, output),
        Command::Post { url, json } => (post(&client, &url, json)?, None),
        Command::Put { url, source } => (put(&client, &url, source)?, None),
        Command::Guess { url, interval } => match guess(&client, &url, interval)? {
            None => return Ok(Outcome::Success),
            Some(refusal) => (refusal, None),
        },
    };
    if answer.status() == 401 && !has_credentials {
        eprintln!("hearken-client: give a user name and a password with --auth USER:PASS, or --auth USER:@FILE");
    }
    match output {
        Some(path) if answer.is_success() => save(answer, &path, verbose),
        _ => print(answer, verbose),
    }
}

fn post(client: &Client, url: &str, json: Json) -> Result<Answer, Failure> {
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

fn put(client: &Client, url: &str, source: Source) -> Result<Answer, Failure> {
    let (file, length) = match source {
        Source::File(file, length) => (file, length),
        Source::Stdin => return Ok(client.put(url, &mut io::stdin().lock(), None)?),
    };
    let progress = progress::bar(length);
    let answer = client.put(url, &mut progress.wrap_read(file), length)?;
    progress.finish_and_clear();
    Ok(answer)
}

/// Guesses until the number is right. The answer of a server that does not play is returned.
fn guess(client: &Client, url: &str, interval: Duration) -> Result<Option<Answer>, Failure> {
    loop {
        let number = rand::random_range(0..10);
        println!("Guess is {number}.");
        let answer = client.get(&format!("{url}?q={number}"))?;
        if !answer.is_success() {
            return Ok(Some(answer));
        }
        if answer.text()?.starts_with("true") {
            println!("Good guess, yay!");
            return Ok(None);
        }
        println!("Bad guess, trying again.");
        thread::sleep(interval);
    }
}
