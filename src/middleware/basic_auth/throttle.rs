//! Limits how many wrong passwords an address may send for a user name: a burst, then one at regular intervals (a token bucket).

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::http::peer::{ClientId, network_of};
use crate::lock::lock;

/// Counts failures by address and user name, in bounded memory.
pub(super) struct Throttle {
    addresses: Mutex<HashMap<Option<IpAddr>, Failures>>,
    /// How many addresses there are, so that no request waits for the lock while there are no failures.
    tracked: AtomicUsize,
    /// Hashes user names.
    hasher: RandomState,
}

/// The address that a request comes from and the user name that it claims. The user name is kept as a keyed hash, so that it
/// takes the same memory whatever its length and whether there is such a user or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    /// The address or the network. `None` stands for all clients without one, such as those on Unix sockets, together.
    address: Option<IpAddr>,
    name: u64,
}

/// The most failures in a burst: the size of the bucket.
const BURST: u32 = 10;

/// How long it takes until one failure is forgotten and another one is allowed.
pub(super) const REFILL_INTERVAL: Duration = Duration::from_secs(6);

/// The most addresses that are kept. Beyond that, the one with the fewest failures is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// The most user names of an address that are counted separately. All others share one count, so that a client that invents names
/// needs no more memory, erases no count, and gets no more passwords checked than this many users would.
const MAX_NAMES: usize = 16;

/// There were too many failures: how long until another one is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryAfter(pub(super) Duration);

/// The failures of an address. Each count is kept as the time at which all of it is forgotten, which every failure delays by
/// [`REFILL_INTERVAL`].
struct Failures {
    names: Vec<(u64, Instant)>,
    /// The shared count of all names beyond [`MAX_NAMES`].
    others: Option<Instant>,
    /// The latest of the counts.
    clear_at: Instant,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self { addresses: Mutex::default(), tracked: AtomicUsize::new(0), hasher: RandomState::new() }
    }

    pub(super) fn claim(&self, client: ClientId, name: &[u8]) -> Claim {
        let address = match client {
            ClientId::Address(address) => Some(network_of(address)),
            ClientId::Unix | ClientId::NoConnection => None,
        };
        Claim { address, name: self.hasher.hash_one(name) }
    }

    /// Whether the claim may fail once more.
    pub(super) fn check(&self, claim: Claim, now: Instant) -> Result<(), RetryAfter> {
        if self.tracked.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        match self.lock().get(&claim.address).and_then(|failures| failures.count(claim.name, now)) {
            Some(clear_at) => check_burst(clear_at, now),
            None => Ok(()),
        }
    }

    /// Counts a failure and returns how many there are now.
    pub(super) fn record_failure(&self, claim: Claim, now: Instant) -> Result<u32, RetryAfter> {
        let mut addresses = self.lock();
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&claim.address) {
            evict(&mut addresses, now);
        }
        let failures = addresses.entry(claim.address).or_insert_with(|| Failures::none(now));
        let result = failures.add(claim.name, now);
        self.tracked.store(addresses.len(), Ordering::Relaxed);
        let after = result?;
        Ok(u32::try_from((after - now).as_millis().div_ceil(REFILL_INTERVAL.as_millis())).unwrap_or(BURST))
    }

    /// Takes back one failure, because the password turned out to be right.
    pub(super) fn forgive(&self, claim: Claim, now: Instant) {
        let mut addresses = self.lock();
        if let Some(failures) = addresses.get_mut(&claim.address) {
            failures.take_back(claim.name, now);
            if failures.clear_at <= now {
                addresses.remove(&claim.address);
            }
        }
        self.tracked.store(addresses.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Failures>> {
        lock(&self.addresses)
    }
}

impl Failures {
    fn none(now: Instant) -> Self {
        Self { names: Vec::new(), others: None, clear_at: now }
    }

    /// The count of this name's failures, its own or the shared one, if there is one yet.
    fn count(&self, name: u64, now: Instant) -> Option<Instant> {
        let own = self.names.iter().find(|(other, _)| *other == name).map(|(_, clear_at)| *clear_at);
        let counted = self.names.iter().filter(|(_, clear_at)| *clear_at > now).count();
        own.or_else(|| self.others.filter(|_| counted >= MAX_NAMES))
    }

    /// Counts a failure and returns the time at which all of its count is forgotten.
    fn add(&mut self, name: u64, now: Instant) -> Result<Instant, RetryAfter> {
        self.names.retain(|(_, clear_at)| *clear_at > now);
        let index = self.names.iter().position(|(other, _)| *other == name);
        let before = match index {
            Some(index) => self.names[index].1,
            None if self.names.len() < MAX_NAMES => now,
            None => self.others.map_or(now, |others| others.max(now)),
        };
        check_burst(before, now)?;
        let after = before + REFILL_INTERVAL;
        match index {
            Some(index) => self.names[index].1 = after,
            None if self.names.len() < MAX_NAMES => self.names.push((name, after)),
            None => self.others = Some(after),
        }
        self.clear_at = self.clear_at.max(after);
        Ok(after)
    }

    fn take_back(&mut self, name: u64, now: Instant) {
        let own = self.names.iter_mut().find(|(other, _)| *other == name).map(|(_, clear_at)| clear_at);
        if let Some(clear_at) = own.or(self.others.as_mut()) {
            *clear_at = clear_at.checked_sub(REFILL_INTERVAL).unwrap_or(now);
        }
        self.names.retain(|(_, clear_at)| *clear_at > now);
        let counts = self.names.iter().map(|(_, clear_at)| *clear_at).chain(self.others);
        self.clear_at = counts.max().unwrap_or(now);
    }
}

/// Whether a count has room for one more failure.
fn check_burst(clear_at: Instant, now: Instant) -> Result<(), RetryAfter> {
    let counted = clear_at.saturating_duration_since(now);
    let most = REFILL_INTERVAL * (BURST - 1);
    if counted <= most { Ok(()) } else { Err(RetryAfter(counted - most)) }
}

/// Makes room for an address: removes those without failures and, if all have some, the one with the fewest.
fn evict(addresses: &mut HashMap<Option<IpAddr>, Failures>, now: Instant) {
    addresses.retain(|_, failures| failures.clear_at > now);
    if addresses.len() >= MAX_ADDRESSES
        && let Some(address) =
            addresses.iter().min_by_key(|(_, failures)| failures.clear_at).map(|(address, _)| *address)
    {
        addresses.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn claim(text: &str, name: u64) -> Claim {
        Claim { address: Some(address(text)), name }
    }

    #[test]
    fn after_a_burst_one_failure_is_allowed_per_interval() {
        let throttle = Throttle::new();
        let (one, start) = (claim("192.0.2.1", 1), Instant::now());
        for count in 1..=BURST {
            assert_eq!(throttle.check(one, start), Ok(()));
            assert_eq!(throttle.record_failure(one, start), Ok(count));
        }
        assert_eq!(throttle.check(one, start), Err(RetryAfter(REFILL_INTERVAL)));
        assert_eq!(
            throttle.record_failure(one, start),
            Err(RetryAfter(REFILL_INTERVAL)),
            "a refused attempt is not counted"
        );
        for other in [claim("192.0.2.2", 1), claim("192.0.2.1", 2)] {
            assert_eq!(throttle.check(other, start), Ok(()), "others are not affected");
            assert_eq!(throttle.record_failure(other, start), Ok(1), "others are not affected");
        }
        let later = start + REFILL_INTERVAL;
        assert_eq!(throttle.record_failure(one, later), Ok(BURST));
        assert_eq!(throttle.check(one, later), Err(RetryAfter(REFILL_INTERVAL)));
        assert_eq!(throttle.record_failure(one, start + REFILL_INTERVAL * 60), Ok(1), "all is forgotten");
    }

    #[test]
    fn names_beyond_the_first_sixteen_share_one_count() {
        let throttle = Throttle::new();
        let (ada, now) = (claim("192.0.2.1", 0), Instant::now());
        for _ in 0..BURST {
            throttle.record_failure(ada, now).unwrap();
        }
        let names = u64::try_from(MAX_NAMES).unwrap();
        for name in 1..names {
            assert_eq!(throttle.record_failure(claim("192.0.2.1", name), now), Ok(1), "{name}");
        }
        for count in 1..=BURST {
            assert_eq!(
                throttle.record_failure(claim("192.0.2.1", names + u64::from(count)), now),
                Ok(count),
                "together"
            );
        }
        for name in [0, names, names + 1, 10 * names] {
            let one = claim("192.0.2.1", name);
            assert_eq!(throttle.check(one, now), Err(RetryAfter(REFILL_INTERVAL)), "{name}");
            assert_eq!(throttle.record_failure(one, now), Err(RetryAfter(REFILL_INTERVAL)), "{name}");
        }
        assert_eq!(throttle.check(claim("192.0.2.1", 1), now), Ok(()), "a name with a count of its own");
        assert_eq!(throttle.check(claim("192.0.2.2", names), now), Ok(()), "another address");
        assert_eq!(throttle.lock()[&Some(address("192.0.2.1"))].names.len(), MAX_NAMES);
        // Names with a single failure are forgotten first and make room.
        let later = now + REFILL_INTERVAL;
        assert_eq!(throttle.check(claim("192.0.2.1", 10 * names), later), Ok(()));
        assert_eq!(throttle.record_failure(claim("192.0.2.1", 10 * names), later), Ok(1));
        assert_eq!(throttle.record_failure(ada, later), Ok(BURST));
    }

    #[test]
    fn a_failure_that_is_taken_back_leaves_nothing() {
        let throttle = Throttle::new();
        let now = Instant::now();
        for name in 0..3 * u64::try_from(MAX_NAMES).unwrap() {
            for _ in 0..3 * BURST {
                throttle.record_failure(claim("192.0.2.1", name), now).unwrap();
                throttle.forgive(claim("192.0.2.1", name), now);
            }
        }
        assert!(throttle.lock().is_empty());
        assert_eq!(throttle.tracked.load(Ordering::Relaxed), 0);
        // Also when the name has only the shared count.
        for name in 0..u64::try_from(MAX_NAMES).unwrap() {
            throttle.record_failure(claim("192.0.2.1", name), now).unwrap();
        }
        for _ in 0..3 * BURST {
            throttle.record_failure(claim("192.0.2.1", 99), now).unwrap();
            throttle.forgive(claim("192.0.2.1", 99), now);
        }
        assert_eq!(throttle.record_failure(claim("192.0.2.1", 99), now), Ok(1));
    }

    #[test]
    fn memory_is_bounded_and_the_addresses_with_most_failures_are_kept() {
        let throttle = Throttle::new();
        let (worst, now) = (claim("192.0.2.1", 1), Instant::now());
        for _ in 0..BURST {
            throttle.record_failure(worst, now).unwrap();
        }
        for number in 0..3 * u128::try_from(MAX_ADDRESSES).unwrap() {
            let address = Some(IpAddr::V6(Ipv6Addr::from_bits(number << 64)));
            throttle.record_failure(Claim { address, name: 1 }, now).unwrap();
        }
        assert_eq!(throttle.lock().len(), MAX_ADDRESSES);
        assert!(throttle.check(worst, now).is_err());
        throttle.record_failure(claim("192.0.2.9", 1), now + REFILL_INTERVAL * 60).unwrap();
        assert_eq!(throttle.lock().len(), 1, "addresses without failures make room first");
    }

    #[test]
    fn failures_are_counted_by_network() {
        let throttle = Throttle::new();
        let counted_as = |client| throttle.claim(client, b"ada").address;
        let table = [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("fe80::1:2:3:4", "fe80::1:2:3:4"),
            ("::1", "::1"),
        ];
        for (client, expected) in table {
            assert_eq!(counted_as(ClientId::Address(address(client))), Some(address(expected)), "{client}");
        }
        for client in [ClientId::Unix, ClientId::NoConnection] {
            assert_eq!(counted_as(client), None, "{client}");
        }
    }

    #[test]
    fn names_are_told_apart_by_a_hash_with_a_key_of_its_own() {
        let throttle = Throttle::new();
        let claim = |name: &str| throttle.claim(ClientId::NoConnection, name.as_bytes());
        assert_eq!(claim("ada"), claim("ada"));
        assert_ne!(claim("ada"), claim("Ada"));
        assert_ne!(
            claim("ada"),
            Throttle::new().claim(ClientId::NoConnection, b"ada"),
            "another throttle has another key"
        );
    }
}
