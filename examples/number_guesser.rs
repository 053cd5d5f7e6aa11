//! Guesses the number that number_thinker thinks of, once a second until it is right.
//!
//! `cargo run --example number_guesser [URL]` beside number_thinker; www/make_a_guess.html does the same by hand

use std::thread;
use std::time::Duration;

use hearken::client::{Client, ClientError};

fn main() -> Result<(), ClientError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4041/".into());
    let client = Client::new();
    loop {
        let number = rand::random_range(0..10);
        println!("Guess is {number}.");
        // Without `error_for_status` an error would count as a bad guess.
        let answer = client.get(&format!("{url}?q={number}"))?.error_for_status()?;
        if answer.text()?.starts_with("true") {
            println!("Good guess, yay!");
            return Ok(());
        }
        println!("Bad guess, trying again.");
        thread::sleep(Duration::from_secs(1));
    }
}
