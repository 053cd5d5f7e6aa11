//! Which connection makes room for a new one. The rules are pure; the registry applies them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use super::connection::Connection;
use super::lock::lock;
use super::registry::{Evicted, Ranked, Registry};
use super::standing::MIN_WAIT;

/// Whose connections are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    All,
    /// Those of one network, or those over Unix sockets.
    Network(Option<IpAddr>),
}

/// Ends connections so that new ones have their places. Those that make room next are looked for several at a time: it takes a
/// look at all connections.
#[derive(Default)]
pub(super) struct Evictor {
    candidates: Mutex<HashMap<Scope, Shortlist>>,
}

/// The next candidates, the first one last, and when they were looked for; `None` before that, and when they are used up.
#[derive(Default)]
struct Shortlist {
    ranked: Vec<Ranked>,
    made: Option<u64>,
}

/// For how many milliseconds a shortlist is good: others may be idle by then. So often it is looked in vain at most.
const SHORTLIST_LIFETIME: u64 = 20;

/// Of more than these, the shortlists are forgotten.
const MAX_SCOPES: usize = 1024;

impl Evictor {
    /// Ends a connection so that a new one has its place, as many being open as may be: the longest idle one; else, of the
    /// network that has most, the slowest that has had its grace (in milliseconds); else, where that network has more than half
    /// of all, its slowest, if that has not just begun, or the one whose answer has been pending for longest. Whether there was
    /// one. One that a worker has gives up its place soon.
    pub(super) fn make_room(&self, registry: &Registry<Connection>, grace: u64) -> bool {
        self.evict_next(registry, Scope::All, || {
            let idle = registry.lowest(|_, standing| standing.idleness());
            let Some((largest, count)) = registry.largest_network().filter(|_| idle.is_empty()) else { return idle };
            let slowest = |at_least| slowest_of(registry, largest, at_least);
            let slow = slowest(grace);
            if !slow.is_empty() || count <= registry.count() / 2 {
                return slow;
            }
            let slow = slowest(grace.min(MIN_WAIT));
            let pending = || registry.lowest(|other, standing| standing.patience().filter(|_| other == largest));
            if slow.is_empty() { pending() } else { slow }
        })
    }

    /// Ends a connection of this network, which has as many as it may: its longest idle, else its slowest that has had its
    /// grace. Whether there was one.
    pub(super) fn make_room_of(&self, registry: &Registry<Connection>, network: Option<IpAddr>, grace: u64) -> bool {
        self.evict_next(registry, Scope::Network(network), || {
            let idle = registry.lowest(|other, standing| standing.idleness().filter(|_| other == network));
            if idle.is_empty() { slowest_of(registry, network, grace) } else { idle }
        })
    }

    fn evict_next(&self, registry: &Registry<Connection>, scope: Scope, find: impl Fn() -> Vec<Ranked>) -> bool {
        let now = registry.now();
        let mut candidates = lock(&self.candidates);
        if candidates.len() >= MAX_SCOPES && !candidates.contains_key(&scope) {
            candidates.clear();
        }
        let shortlist = candidates.entry(scope).or_default();
        // Those that were found before may all be busy again.
        for _ in 0..2 {
            if shortlist.made.is_none_or(|made| now >= made.saturating_add(SHORTLIST_LIFETIME)) {
                shortlist.made = Some(now);
                shortlist.ranked = find();
                shortlist.ranked.reverse();
            }
            while let Some(ranked) = shortlist.ranked.pop() {
                if shortlist.ranked.is_empty() {
                    shortlist.made = None;
                }
                match registry.evict(ranked.token, |standing| standing.is_still(ranked.standing)) {
                    Evicted::Parked(mut connection) => {
                        log::debug!("{}: closed to make room", connection.peer());
                        connection.finish();
                        return true;
                    }
                    Evicted::Cut => return true,
                    Evicted::No => {}
                }
            }
        }
        false
    }
}

fn slowest_of(registry: &Registry<Connection>, network: Option<IpAddr>, at_least: u64) -> Vec<Ranked> {
    registry.lowest(|other, standing| standing.slowness(at_least).filter(|_| other == network))
}
