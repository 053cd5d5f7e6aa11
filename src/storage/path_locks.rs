//! A lock for each path, so that writers of the same file take turns.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard};

use crate::http::path::RelativePath;
use crate::lock::lock;

/// Locks for all paths. Paths with the same hash share one, and sometimes wait for each other.
pub(super) struct PathLocks {
    random: RandomState,
    locks: [Mutex<()>; COUNT],
}

const COUNT: usize = 64;

impl Default for PathLocks {
    fn default() -> Self {
        Self { random: RandomState::new(), locks: std::array::from_fn(|_| Mutex::new(())) }
    }
}

impl PathLocks {
    /// Waits for the path's lock and holds it until the guard is dropped. No thread may hold two: they could be the same one.
    pub(super) fn hold(&self, path: &RelativePath) -> MutexGuard<'_, ()> {
        let index = self.random.hash_one(path.segments()) % COUNT as u64;
        lock(&self.locks[usize::try_from(index).expect("it is below the count")])
    }
}
