//! Thinks of a number and answers guesses: state that all workers share, changed in one step.
//!
//! `cargo run --example number_thinker [PORT]`, then open http://127.0.0.1:4041/?q=7, or run number_guesser

use hearken::demo::Guess;
use hearken::{Error, Server};

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4041".into());
    let builder = Server::bind(format!("127.0.0.1:{port}"))?;
    let server = builder.serve(Guess::new().on_pick(|number| println!("I'm thinking of a number. {number}")))?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
