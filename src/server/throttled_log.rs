//! Logging lasting errors once in a while instead of each time.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Logs errors, at most one a second.
#[derive(Debug, Default)]
pub(super) struct ThrottledLog {
    said: Mutex<Option<Instant>>,
}

impl ThrottledLog {
    /// Logs this error, unless another one was logged within the last second.
    pub(super) fn error(&self, what: &str) {
        let mut said = lock(&self.said);
        if said.is_none_or(|said| said.elapsed() >= Duration::from_secs(1)) {
            *said = Some(Instant::now());
            drop(said);
            log::error!("{what}");
        }
    }
}
