//! Alarms: when the deadline of which connection must be checked. Pure: moments are numbers of milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Alarms for the slots of the registry, the earliest first.
///
/// A slot sets an alarm only if it has none that is early enough, and sets another one when an alarm goes off before its
/// deadline. So it costs nothing to put off a deadline, which each request does, and there is about one alarm for each slot.
#[derive(Debug, Default)]
pub(super) struct Timers {
    alarms: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Timers {
    /// Sets an alarm for a slot. Returns whether it is now the earliest.
    pub(super) fn set(&mut self, at: u64, slot: u32) -> bool {
        let earliest = self.next().is_none_or(|next| at < next);
        self.alarms.push(Reverse((at, slot)));
        earliest
    }

    /// When the next alarm goes off.
    pub(super) fn next(&self) -> Option<u64> {
        self.alarms.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an alarm that is due.
    pub(super) fn due(&mut self, now: u64) -> Option<(u64, u32)> {
        let Reverse((at, _)) = self.alarms.peek()?;
        if *at > now {
            return None;
        }
        self.alarms.pop().map(|Reverse(alarm)| alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_go_off_in_order_and_not_early() {
        let mut timers = Timers::default();
        assert!(timers.set(30, 1));
        assert!(timers.set(10, 2));
        assert!(!timers.set(20, 3));
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.due(9), None);
        assert_eq!(timers.due(20), Some((10, 2)));
        assert_eq!(timers.due(20), Some((20, 3)));
        assert_eq!(timers.due(20), None);
        assert_eq!(timers.due(u64::MAX), Some((30, 1)));
        assert_eq!((timers.due(u64::MAX), timers.next()), (None, None));
    }
}
