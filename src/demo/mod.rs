//! The services of the demonstration: a greeting, a guessing game and notes.

mod guess;
mod hello;
mod notes;

pub use guess::Guess;
pub use hello::hello;
pub use notes::Notes;
