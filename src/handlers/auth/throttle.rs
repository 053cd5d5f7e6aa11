//! How many wrong passwords an address may send: a burst, and then one now and again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::peer::Client;

/// Counts failures by address, in bounded memory.
pub(super) struct Throttle {
    /// When all failures of an address are forgotten. Each one puts that off by [`EACH`].
    clear_at: Mutex<HashMap<IpAddr, Instant>>,
    /// How many there are, so that nobody waits for the lock while all is well.
    tracked: AtomicUsize,
}

/// The most failures in a burst.
const BURST: u32 = 10;

/// How long it takes for one failure to be forgotten.
const EACH: Duration = Duration::from_secs(6);

/// The most addresses that are kept. Beyond them, the one with the least against it is forgotten.
const MOST_ADDRESSES: usize = 4096;

/// The address has failed too often; how long until it may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooOften(pub(super) Duration);

impl Throttle {
    pub(super) fn new() -> Self {
        Self { clear_at: Mutex::default(), tracked: AtomicUsize::new(0) }
    }

    /// Whether the address may still fail once more.
    pub(super) fn check(&self, address: IpAddr, now: Instant) -> Result<(), TooOften> {
        if self.tracked.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        match self.lock().get(&address) {
            Some(clear_at) => room(*clear_at, now),
            None => Ok(()),
        }
    }

    /// Counts a failure; how many there are now.
    pub(super) fn fail(&self, address: IpAddr, now: Instant) -> Result<u32, TooOften> {
        let mut clear_at = self.lock();
        let before = clear_at.get(&address).copied().unwrap_or(now).max(now);
        room(before, now)?;
        if clear_at.len() >= MOST_ADDRESSES && !clear_at.contains_key(&address) {
            make_room(&mut clear_at, now);
        }
        let after = before + EACH;
        clear_at.insert(address, after);
        self.tracked.store(clear_at.len(), Ordering::Relaxed);
        Ok(u32::try_from((after - now).as_millis().div_ceil(EACH.as_millis())).unwrap_or(BURST))
    }

    /// Takes one failure back: it was none.
    pub(super) fn forgive(&self, address: IpAddr, now: Instant) {
        let mut clear_at = self.lock();
        if let Some(at) = clear_at.get_mut(&address) {
            *at = at.checked_sub(EACH).unwrap_or(now);
            if *at <= now {
                clear_at.remove(&address);
            }
        }
        self.tracked.store(clear_at.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        // The map is whole between any two statements.
        self.clear_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom a failure is counted against: an IPv4 address, or the network that one subscriber of IPv6 has (RFC 6177). Clients
/// without an address, such as those over a Unix socket, are one.
pub(super) fn subscriber(client: Client) -> IpAddr {
    match client {
        Client::Address(IpAddr::V4(address)) => IpAddr::V4(address),
        Client::Address(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        Client::Unix | Client::Nobody => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn room(clear_at: Instant, now: Instant) -> Result<(), TooOften> {
    let counted = clear_at.saturating_duration_since(now);
    let most = EACH * (BURST - 1);
    if counted <= most { Ok(()) } else { Err(TooOften(counted - most)) }
}

fn make_room(clear_at: &mut HashMap<IpAddr, Instant>, now: Instant) {
    clear_at.retain(|_, at| *at > now);
    if clear_at.len() >= MOST_ADDRESSES
        && let Some(address) = clear_at.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address)
    {
        clear_at.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_a_burst_one_failure_is_forgotten_at_a_time() {
        let throttle = Throttle::new();
        let (one, other, start) = (address("192.0.2.1"), address("192.0.2.2"), Instant::now());
        for count in 1..=BURST {
            assert_eq!(throttle.check(one, start), Ok(()));
            assert_eq!(throttle.fail(one, start), Ok(count));
        }
        assert_eq!(throttle.check(one, start), Err(TooOften(EACH)));
        assert_eq!(throttle.fail(one, start), Err(TooOften(EACH)), "and what is refused is not counted");
        assert_eq!(throttle.check(other, start), Ok(()), "others are not concerned");
        let later = start + EACH;
        assert_eq!(throttle.fail(one, later), Ok(BURST));
        assert_eq!(throttle.check(one, later), Err(TooOften(EACH)));
        assert_eq!(throttle.fail(one, start + EACH * 60), Ok(1), "all is forgotten");
    }

    #[test]
    fn what_was_no_failure_is_taken_back() {
        let throttle = Throttle::new();
        let (one, now) = (address("192.0.2.1"), Instant::now());
        for _ in 0..3 * BURST {
            throttle.fail(one, now).unwrap();
            throttle.forgive(one, now);
        }
        assert!(throttle.lock().is_empty());
        assert_eq!(throttle.tracked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_kept() {
        let throttle = Throttle::new();
        let (worst, now) = (address("192.0.2.1"), Instant::now());
        for _ in 0..BURST {
            throttle.fail(worst, now).unwrap();
        }
        for number in 0..3 * u128::try_from(MOST_ADDRESSES).unwrap() {
            throttle.fail(IpAddr::V6(Ipv6Addr::from_bits(number << 64)), now).unwrap();
        }
        assert_eq!(throttle.lock().len(), MOST_ADDRESSES);
        assert!(throttle.check(worst, now).is_err());
        throttle.fail(address("192.0.2.9"), now + EACH * 60).unwrap();
        assert_eq!(throttle.lock().len(), 1, "those that are clear make room first");
    }

    #[test]
    fn failures_count_against_a_subscriber() {
        let table = [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")];
        for (client, expected) in table {
            assert_eq!(subscriber(Client::Address(address(client))), address(expected), "{client}");
        }
        for client in [Client::Unix, Client::Nobody] {
            assert_eq!(subscriber(client), address("::"), "{client}");
        }
    }
}
