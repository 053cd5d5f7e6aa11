//! The note service: keeps notes in a text file, one a line.

mod lines;
mod service;

pub use service::Notes;
