//! The small services of the demonstration: a greeting, a guessing game, and notes.

pub(crate) mod guess;
pub(crate) mod hello;
pub(crate) mod notes;
