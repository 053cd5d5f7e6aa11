//! The names seen in the objects that are open, as hashes, to find one that comes twice.

use std::collections::HashSet;
use std::hash::RandomState;

/// Remembers the names of open objects, up to a number of them.
pub(super) struct Names {
    most: usize,
    seen: HashSet<u64, RandomState>,
    /// The hashes in the order they came, so that those of an object can be forgotten when it closes.
    order: Vec<u64>,
    /// Where each open object's begin.
    begins: Vec<usize>,
}

impl Names {
    pub(super) fn new(most: usize, random: &RandomState) -> Self {
        Self { most, seen: HashSet::with_hasher(random.clone()), order: Vec::new(), begins: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.begins.push(self.order.len());
    }

    /// Notes a name of the innermost object, whose hash tells its level as well. False when the object has it already.
    pub(super) fn add(&mut self, hash: u64) -> bool {
        if self.order.len() == self.most {
            return !self.seen.contains(&hash);
        }
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push(hash);
        true
    }

    pub(super) fn close(&mut self) {
        let begin = self.begins.pop().unwrap_or(0);
        for hash in self.order.drain(begin..) {
            self.seen.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forgotten_with_their_object_and_beyond_the_bound() {
        let mut names = Names::new(3, &RandomState::new());
        names.open();
        assert!(names.add(1));
        assert!(!names.add(1));
        names.open();
        assert!(names.add(2));
        assert!(!names.add(2));
        names.close();
        names.open();
        assert!(names.add(2), "it was another object's");
        assert!(names.add(3));
        assert!(names.add(4) && names.add(4), "there is no room to remember it");
        assert!(!names.add(3), "what is remembered is found");
        assert_eq!((names.seen.len(), names.order.len()), (3, 3));
        names.close();
        names.close();
        assert!(names.seen.is_empty() && names.order.is_empty());
    }
}
