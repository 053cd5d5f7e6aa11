//! Which connection makes room for a new one. The rules are pure; the registry applies them.

use std::collections::HashMap;
use std::net::IpAddr;

use super::lock::lock;
use super::registry::{Ranked, Registry};
use super::standing::MOMENT;

/// Whose connections are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    All,
    /// Those of one network, or those over Unix sockets.
    Network(Option<IpAddr>),
}

/// Those that make room next, which are looked for several at a time: it takes a look at all connections.
#[derive(Default)]
pub(super) struct Candidates(HashMap<Scope, Shortlist>);

/// The next candidates, the first one last, and when they were looked for; `None` before that, and when they are used up.
#[derive(Default)]
struct Shortlist {
    ranked: Vec<Ranked>,
    made: Option<u64>,
}

/// For how many milliseconds a shortlist is good: others may be idle by then. So often it is looked in vain at most.
const GOOD_FOR: u64 = 20;

/// Of more than these, the shortlists are forgotten.
const MOST_SCOPES: usize = 1024;

impl Registry {
    /// Ends a connection so that a new one has its place, as many being open as may be: the longest idle one; else, of the
    /// network that has most, the slowest that has had its grace (in milliseconds); else, where that network has more than half
    /// of all, its slowest, if that has not just begun, or the one whose answer has been pending for longest. Whether there was
    /// one. One that a worker has gives up its place soon.
    pub(super) fn make_room(&self, grace: u64) -> bool {
        self.evict_next(Scope::All, || {
            let idle = self.lowest(|_, standing| standing.idleness());
            let Some((largest, count)) = self.largest_network().filter(|_| idle.is_empty()) else { return idle };
            let slowest = |at_least| self.slowest_of(largest, at_least);
            let slow = slowest(grace);
            if !slow.is_empty() || count <= self.count() / 2 {
                return slow;
            }
            let slow = slowest(grace.min(MOMENT));
            let pending = || self.lowest(|other, standing| standing.patience().filter(|_| other == largest));
            if slow.is_empty() { pending() } else { slow }
        })
    }

    /// Ends a connection of this network, which has as many as it may: its longest idle, else its slowest that has had its
    /// grace. Whether there was one.
    pub(super) fn make_room_of(&self, network: Option<IpAddr>, grace: u64) -> bool {
        self.evict_next(Scope::Network(network), || {
            let idle = self.lowest(|other, standing| standing.idleness().filter(|_| other == network));
            if idle.is_empty() { self.slowest_of(network, grace) } else { idle }
        })
    }

    fn slowest_of(&self, network: Option<IpAddr>, at_least: u64) -> Vec<Ranked> {
        self.lowest(|other, standing| standing.slowness(at_least).filter(|_| other == network))
    }

    fn evict_next(&self, scope: Scope, find: impl Fn() -> Vec<Ranked>) -> bool {
        let now = self.now();
        let mut candidates = lock(&self.candidates);
        if candidates.0.len() >= MOST_SCOPES && !candidates.0.contains_key(&scope) {
            candidates.0.clear();
        }
        let shortlist = candidates.0.entry(scope).or_default();
        // Those that were found before may all be busy again.
        for _ in 0..2 {
            if shortlist.made.is_none_or(|made| now >= made.saturating_add(GOOD_FOR)) {
                shortlist.made = Some(now);
                shortlist.ranked = find();
                shortlist.ranked.reverse();
            }
            while let Some(ranked) = shortlist.ranked.pop() {
                if shortlist.ranked.is_empty() {
                    shortlist.made = None;
                }
                if self.evict(ranked.token, |standing| standing.is_still(ranked.standing)) {
                    return true;
                }
            }
        }
        false
    }
}
