//! Remembers where right passwords came from, so that they still pass from there while other clients guess. From there a burst of
//! guesses passes too, and later ones at the rate at which wrong passwords are forgotten.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::throttle::{Claim, REFILL_INTERVAL};

/// The addresses and user names whose password was right, in bounded memory.
pub(super) struct KnownClients {
    entries: RwLock<HashMap<Claim, Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// When the password was last right.
    right_at: Instant,
    /// When all wrong passwords are forgotten. Each one delays that by [`REFILL_INTERVAL`].
    clear_at: Instant,
}

/// How long a right password is remembered.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// How old an entry gets before it is refreshed, so that most requests change nothing.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// The most wrong passwords in a burst that are checked for a known client.
const MAX_WRONG: u32 = 100;

/// The most entries. Beyond that, the one whose password was last right longest ago is forgotten.
const MAX_ENTRIES: usize = 4096;

impl KnownClients {
    pub(super) fn new() -> Self {
        Self { entries: RwLock::default() }
    }

    /// Records that a password was right.
    pub(super) fn record_success(&self, claim: Claim, now: Instant) {
        let known = self.read().get(&claim).copied();
        if known.is_some_and(|entry| now.saturating_duration_since(entry.right_at) < FRESH) {
            return;
        }
        let mut entries = self.write();
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&claim) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.right_at).map(|(claim, _)| *claim);
            if let Some(oldest) = oldest {
                entries.remove(&oldest);
            }
        }
        entries.entry(claim).or_insert(Entry { right_at: now, clear_at: now }).right_at = now;
    }

    /// Records a wrong password that the throttle let through.
    pub(super) fn record_failure(&self, claim: Claim, now: Instant) {
        if self.read().contains_key(&claim)
            && let Some(entry) = self.write().get_mut(&claim)
        {
            entry.clear_at = entry.clear_at.max(now) + REFILL_INTERVAL;
        }
    }

    /// Whether a password that the throttle refuses passes all the same: if it `is_right`, and a right one came from the same
    /// address recently. After too many wrong ones none passes, because passing would tell a guesser that the guess is right.
    pub(super) fn admits(&self, claim: Claim, is_right: bool, now: Instant) -> bool {
        if !self.read().get(&claim).is_some_and(|entry| entry.may_be_checked(now)) {
            return false;
        }
        let mut entries = self.write();
        // Other threads may have counted in the meantime.
        let Some(entry) = entries.get_mut(&claim).filter(|entry| entry.may_be_checked(now)) else { return false };
        if is_right {
            entry.right_at = now;
        } else {
            entry.clear_at = entry.clear_at.max(now) + REFILL_INTERVAL;
        }
        is_right
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Claim, Entry>> {
        // A panic cannot leave the map inconsistent, so a poisoned lock is still usable.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Claim, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn may_be_checked(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.right_at) < LIFETIME
            && self.clear_at.saturating_duration_since(now) <= REFILL_INTERVAL * (MAX_WRONG - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::throttle::Throttle;
    use super::*;
    use crate::http::peer::ClientId;

    fn client(address: &str) -> ClientId {
        ClientId::Address(address.parse().unwrap())
    }

    #[test]
    fn a_password_that_was_right_from_an_address_passes_from_there() {
        let (known_clients, throttle, start) = (KnownClients::new(), Throttle::new(), Instant::now());
        let claim = |address, name: &str| throttle.claim(client(address), name.as_bytes());
        let ada = claim("192.0.2.1", "ada");
        assert!(!known_clients.admits(ada, true, start), "not known yet");
        known_clients.record_success(ada, start);
        let table = [
            (ada, true, Duration::ZERO, true, "at once"),
            (ada, false, Duration::ZERO, false, "a wrong one"),
            (claim("192.0.2.2", "ada"), true, Duration::ZERO, false, "from elsewhere"),
            (claim("192.0.2.1", "bob"), true, Duration::ZERO, false, "another user"),
            (ada, true, LIFETIME - FRESH, true, "after hours"),
            (ada, true, 2 * LIFETIME - 2 * FRESH, true, "use keeps it known"),
            (ada, true, 3 * LIFETIME, false, "after too many hours"),
        ];
        for (claim, is_right, later, expected, why) in table {
            assert_eq!(known_clients.admits(claim, is_right, start + later), expected, "{why}");
        }
    }

    #[test]
    fn guesses_gain_a_burst_and_then_one_per_interval() {
        let (known_clients, start) = (KnownClients::new(), Instant::now());
        let ada = Throttle::new().claim(client("192.0.2.1"), b"ada");
        known_clients.record_success(ada, start);
        for _ in 0..10 {
            known_clients.record_failure(ada, start);
        }
        for guess in 10..MAX_WRONG {
            assert!(known_clients.admits(ada, true, start), "{guess}");
            assert!(!known_clients.admits(ada, false, start), "{guess}");
        }
        for _ in 0..100 {
            assert!(!known_clients.admits(ada, false, start), "a guess that is not checked is not counted");
        }
        assert!(!known_clients.admits(ada, true, start), "the right one waits too, or it would give itself away");
        known_clients.record_success(ada, start);
        assert!(!known_clients.admits(ada, true, start), "another success does not help");
        for round in 1..=3 {
            let later = start + REFILL_INTERVAL * round;
            assert!(known_clients.admits(ada, true, later), "{round}: one is forgotten");
            assert!(!known_clients.admits(ada, false, later), "{round}");
            assert!(!known_clients.admits(ada, true, later), "{round}: only one more guess is checked");
        }
        // Failures that the throttle counts count here too, so that no more guesses are checked in all.
        known_clients.record_failure(ada, start + REFILL_INTERVAL * 4);
        assert!(!known_clients.admits(ada, true, start + REFILL_INTERVAL * 4));
        assert!(known_clients.admits(ada, true, start + REFILL_INTERVAL * 200), "all is forgotten");
    }

    #[test]
    fn memory_is_bounded_and_entries_in_use_are_kept() {
        let (known_clients, throttle, start) = (KnownClients::new(), Throttle::new(), Instant::now());
        let ada = throttle.claim(client("192.0.2.1"), b"ada");
        known_clients.record_success(ada, start);
        for number in 0..2 * MAX_ENTRIES {
            let now = start + FRESH * u32::try_from(number).unwrap() / 1024;
            known_clients.record_success(throttle.claim(client("192.0.2.2"), &number.to_be_bytes()), now);
            known_clients.record_success(ada, now);
        }
        assert_eq!(known_clients.read().len(), MAX_ENTRIES);
        assert!(known_clients.read().contains_key(&ada));
        known_clients.record_failure(throttle.claim(client("192.0.2.3"), b"eve"), start);
        assert_eq!(known_clients.read().len(), MAX_ENTRIES, "wrong ones take no memory");
    }
}
