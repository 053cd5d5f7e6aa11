//! Locking a mutex whatever became of those who held it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what nothing panics over while it is being changed, so that it is whole whatever became of others.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
