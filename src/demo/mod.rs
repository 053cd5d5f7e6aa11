//! The services of the demonstration: a greeting, a guessing game and notes.
//!
//! ```
//! use hearken::demo::{Guess, Notes, hello};
//! use hearken::{Request, Router};
//!
//! let app = Router::new().get("/hello", hello).any("/guess", Guess::new()).any("/notes", Notes::new("notes.txt"));
//! assert_eq!(app.respond(&mut Request::get("/hello")).read_text().unwrap(), "Hello, world!");
//! ```

mod guess;
mod hello;
mod notes;

pub use guess::Guess;
pub use hello::hello;
pub use notes::Notes;
