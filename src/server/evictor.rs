//! Eviction: which open connection is closed to make room for a new one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use super::connection::Connection;
use super::registry::{Evicted, Ranked, Registry};
use super::standing::MIN_WAIT;
use crate::lock::lock;

/// The connections among which to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    All,
    /// Those of one network, or those over Unix sockets.
    Network(Option<IpAddr>),
}

/// Ends connections so that new ones have their places. A search goes through all connections, so each finds several candidates
/// and keeps them for a while.
#[derive(Default)]
pub(super) struct Evictor {
    candidates: Mutex<HashMap<Scope, Shortlist>>,
}

/// The next candidates, the first one last, and when they were found; `None` before the first search and when they are used up.
#[derive(Default)]
struct Shortlist {
    ranked: Vec<Ranked>,
    made: Option<u64>,
}

/// For how many milliseconds a shortlist is used: others may have become idle since. It also limits how often a search finds nothing.
const SHORTLIST_LIFETIME: u64 = 20;

/// When there are shortlists for this many scopes, all are dropped.
const MAX_SCOPES: usize = 1024;

impl Evictor {
    /// Ends a connection because as many are open as are allowed: the longest idle one; else, of the network with the most
    /// connections, the slowest that has had its grace (in milliseconds); else, if that network has more than half of all
    /// connections, its slowest that has not just begun, or the one whose response has been pending for longest.
    ///
    /// Returns whether there was one. If a worker has it, its place is free soon.
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

    /// Ends a connection of this network, which has as many as it is allowed: its longest idle one, else its slowest that has had
    /// its grace. Returns whether there was one.
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
        // The candidates of an earlier search may all be busy again, so there is a second round.
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
