//! Thinks of a number from 0 to 9 and answers guesses, until ^C. All workers share the number; one at a time compares and changes it.
//!
//! `cargo run --example number_thinker [PORT]`, then open www/make_a_guess.html from disk, or run number_guesser

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hearken::{HttpError, Method, Request, Response, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn handle_get(my_number: &Mutex<u8>, request: &Request) -> Response {
    let mut number = my_number.lock().unwrap_or_else(PoisonError::into_inner);
    if request.query().value("q").is_none_or(|guess| guess != number.to_string()) {
        return Response::text("false\n");
    }
    // Never the same again, so that of several right guesses at once only the first one wins.
    *number = (*number + rand::random_range(1..10)) % 10;
    println!("I'm thinking of a number. {number}");
    Response::text("true\nI'm thinking of another number.\n")
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4041".into());
    let number = rand::random_range(0..10);
    let (my_number, builder) = (Mutex::new(number), Server::bind(format!("127.0.0.1:{port}"))?);
    let (stopper, mut signals) = (builder.stopper(), Signals::new([SIGINT, SIGTERM])?);
    thread::spawn(move || signals.forever().for_each(|_| stopper.stop(Duration::from_secs(5))));
    println!("I'm thinking of a number. {number}");
    let server = builder.serve(move |request: &mut Request| match request.method() {
        Method::Get => Ok(handle_get(&my_number, request)),
        _ => Err(HttpError::MethodNotAllowed((&[Method::Get]).into())),
    })?;
    println!("Listening on {}", server.url());
    server.join();
    println!("No more requests.");
    Ok(())
}
