//! The directories with new subdirectories whose names may not be on the disk yet.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard};

use super::directory_id::DirectoryId;
use crate::lock::lock;

/// How many writers have marked each directory.
///
/// A writer that uses a directory which another one has just created must sync the name of that directory too, before it reports
/// that the file below it is safe.
#[derive(Default)]
pub(super) struct UnsyncedDirs(Mutex<HashMap<DirectoryId, usize>>);

/// Marks a directory as unsynced until cleared. A mark that is dropped uncleared, because something failed, stays:
/// every later writer then syncs the directory once more, which costs only time.
pub(super) struct UnsyncedMark<'a> {
    unsynced: &'a UnsyncedDirs,
    id: DirectoryId,
}

impl UnsyncedDirs {
    /// Marks a directory, before a subdirectory is created in it.
    pub(super) fn mark(&self, directory: &impl AsFd) -> io::Result<UnsyncedMark<'_>> {
        let id = DirectoryId::of(directory)?;
        *self.lock().entry(id).or_default() += 1;
        Ok(UnsyncedMark { unsynced: self, id })
    }

    /// Whether no directory is marked.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether this directory is marked.
    pub(super) fn contains(&self, directory: &impl AsFd) -> io::Result<bool> {
        let id = DirectoryId::of(directory)?;
        Ok(self.lock().contains_key(&id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DirectoryId, usize>> {
        lock(&self.0)
    }
}

impl UnsyncedMark<'_> {
    /// Removes the mark: the directory is on the disk.
    pub(super) fn clear(self) {
        let mut marked = self.unsynced.lock();
        if let Some(count) = marked.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                marked.remove(&self.id);
            }
        }
    }
}
