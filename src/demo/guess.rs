//! The guessing game: picks a number from 0 to 9 and says whether a guess is right.

use std::sync::{Mutex, PoisonError};

use rand::RngExt as _;

use crate::handler::{Handler, IntoResponse as _};
use crate::http::error::HttpError;
use crate::http::method::Method;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::lock::lock;

/// Picks a number from 0 to 9 and answers guesses: the response to `GET /?q=7` is `true`, and another number is picked, or
/// `false`. Other methods get 405.
///
/// Comparing a guess and picking another number are one atomic step: if several right guesses arrive at the same time, one wins.
pub struct Guess {
    number: Mutex<u8>,
    on_pick: Box<dyn Fn(u8) + Send + Sync>,
}

/// How many numbers there are, counted from 0.
const NUMBERS: u8 = 10;

impl Guess {
    /// Picks a first number.
    pub fn new() -> Self {
        let number = rand::rng().random_range(0..NUMBERS);
        Self { number: Mutex::new(number), on_pick: Box::new(|_| {}) }
    }

    /// Calls `on_pick` with the first number now, and then with each number that is picked. Defaults to doing nothing.
    #[must_use]
    pub fn on_pick(mut self, on_pick: impl Fn(u8) + Send + Sync + 'static) -> Self {
        on_pick(*self.number.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.on_pick = Box::new(on_pick);
        self
    }

    /// Whether the guess is right. If so, another number is picked before any other guess is compared.
    pub fn try_guess(&self, guess: &str) -> bool {
        let mut number = lock(&self.number);
        if guess.as_bytes() != [b'0' + *number] {
            return false;
        }
        *number = another(*number, rand::rng().random_range(1..NUMBERS));
        (self.on_pick)(*number);
        true
    }
}

impl Default for Guess {
    fn default() -> Self {
        Self::new()
    }
}

impl Handler for Guess {
    fn handle(&self, request: &mut Request) -> Response {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return HttpError::MethodNotAllowed((&[Method::Get, Method::Head]).into()).into_response(request);
        }
        // HEAD is a safe method: it neither tells nor changes the number.
        let right =
            *request.method() == Method::Get && request.query().value("q").is_some_and(|guess| self.try_guess(&guess));
        let text = if right { "true\nI'm thinking of another number.\n" } else { "false\n" };
        Response::text(text).with_header("Cache-Control", "no-store")
    }
}

/// The number `step` further on, modulo [`NUMBERS`]; never the same number for a step from 1 to `NUMBERS - 1`.
fn another(number: u8, step: u8) -> u8 {
    (number + step) % NUMBERS
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn thinking_of(number: u8) -> Guess {
        let guess = Guess::new();
        *guess.number.lock().unwrap() = number;
        guess
    }

    #[test]
    fn only_the_digit_itself_is_right() {
        let table = [
            ("/?q=7", "true\nI'm thinking of another number.\n"),
            ("/?a=b&q=7", "true\nI'm thinking of another number.\n"),
            ("/?q=8", "false\n"),
            ("/?q=07", "false\n"),
            ("/?q=7.0", "false\n"),
            ("/?q=99", "false\n"),
            ("/?q=-7", "false\n"),
            ("/?q=seven", "false\n"),
            ("/?q=", "false\n"),
            ("/?q", "false\n"),
            ("/", "false\n"),
        ];
        for (target, expected) in table {
            let mut response = thinking_of(7).handle(&mut Request::get(target));
            assert_eq!(response.read_text().unwrap(), expected, "{target}");
        }
    }

    #[test]
    fn only_get_can_guess() {
        let guess = thinking_of(7);
        assert_eq!(guess.handle(&mut Request::post("/?q=7")).status().code(), 405);
        assert_eq!(guess.handle(&mut Request::new(Method::Head, "/?q=7")).status().code(), 200);
        assert_eq!(*guess.number.lock().unwrap(), 7, "HEAD has no effect");
    }

    #[test]
    fn another_number_may_be_any_but_the_same() {
        for number in 0..NUMBERS {
            let mut reached: Vec<u8> = (1..NUMBERS).map(|step| another(number, step)).collect();
            reached.sort_unstable();
            assert_eq!(reached, (0..NUMBERS).filter(|other| *other != number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn of_many_simultaneous_right_guesses_one_wins() {
        let picks = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&picks);
        let guess = Guess::new().on_pick(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let wins = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..100 {
                let (guess, wins) = (&guess, &wins);
                // Threads start at different numbers, and half of them count down.
                let step = if thread % 2 == 0 { 1 } else { 9 };
                scope.spawn(move || {
                    for round in 0..10_000 {
                        if guess
                            .try_guess(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"][(thread + round * step) % 10])
                        {
                            wins.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let (picks, wins) = (picks.load(Ordering::Relaxed), wins.load(Ordering::Relaxed));
        assert_eq!(picks, wins + 1, "one pick per win, besides the first");
        // A thread that tries all numbers undisturbed finds the right one.
        assert!(wins > 1000, "{wins}");
    }
}
