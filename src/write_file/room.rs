//! How much may still be stored, remembered for a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::storage::{Room, Store};

/// The room of a store as it was found lately.
#[derive(Default)]
pub(super) struct RecentRoom {
    found: Mutex<Option<(Instant, Option<Room>)>>,
}

impl RecentRoom {
    /// The room of this store, which is always the same one. A failure is logged.
    pub(super) fn current(&self, store: &Store) -> Option<Room> {
        let mut found = lock(&self.found);
        match *found {
            Some((when, room)) if when.elapsed() < FRESH => room,
            _ => {
                let room = store.room().unwrap_or_else(|error| {
                    log::debug!("cannot find out how much may be stored: {error}");
                    None
                });
                *found = Some((Instant::now(), room));
                room
            }
        }
    }
}

/// How long a result is good enough.
const FRESH: Duration = Duration::from_secs(1);
