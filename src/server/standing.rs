//! The standing of a connection: whether it is idle, waits for its client, or works. It decides which one is evicted for a new one.
//! Pure: moments are arguments.

use super::pace::Waiting;

/// How a connection fares with its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has waited for its next request since this moment, in milliseconds of the clock.
    Idle { since: u64 },
    /// It waits for its client to send or to read.
    Waits(Waiting),
    /// Its response has waited since this moment for content that is still to come, such as events.
    Pending { since: u64 },
    /// A worker is busy with it, which is not the client's fault.
    Works,
}

/// For how many milliseconds every client may keep the server waiting: some have just connected, others are idle in a moment.
pub(super) const MIN_WAIT: u64 = 100;

/// For how many milliseconds a request may take to arrive while other clients want the place.
const REQUEST_GRACE: u64 = 1000;

/// Bytes that every transfer is credited with, so that one that has just begun does not count as slow.
const HEAD_START: u64 = 64 * 1024;

impl Standing {
    /// A connection that has waited for its client since this moment and has moved nothing.
    pub(super) fn waits_since(since: u64, now: u64) -> Self {
        Self::Waits(Waiting { waited: now.saturating_sub(since), moved: 0 })
    }

    /// A connection that has waited for a request since this moment. After a second without one, each second counts as ten:
    /// closing the connection loses nothing, and a request that is on its way does not take so long.
    pub(super) fn awaits_request_since(since: u64, now: u64) -> Self {
        let waited = now.saturating_sub(since);
        let waited = if waited < REQUEST_GRACE { waited } else { waited.saturating_mul(10) };
        Self::Waits(Waiting { waited, moved: 0 })
    }

    /// The rank of an idle connection: the longest idle is the lowest.
    pub(super) fn idleness(self) -> Option<u64> {
        match self {
            Self::Idle { since } => Some(since),
            Self::Waits(_) | Self::Pending { .. } | Self::Works => None,
        }
    }

    /// The rank of a connection that has kept the server waiting for at least this many milliseconds: the slowest is the lowest.
    pub(super) fn slowness(self, at_least: u64) -> Option<u64> {
        match self {
            Self::Waits(Waiting { waited, moved }) if waited >= at_least => {
                Some(moved.saturating_add(HEAD_START).saturating_mul(1000) / waited.max(1))
            }
            Self::Idle { .. } | Self::Waits(_) | Self::Pending { .. } | Self::Works => None,
        }
    }

    /// The rank of a connection whose response is pending: the longest pending is the lowest.
    pub(super) fn patience(self) -> Option<u64> {
        match self {
            Self::Pending { since } => Some(since),
            Self::Idle { .. } | Self::Waits(_) | Self::Works => None,
        }
    }

    /// Whether nothing has happened on the connection since it fared as `before`.
    pub(super) fn is_still(self, before: Self) -> bool {
        match (before, self) {
            (Self::Idle { since: before }, Self::Idle { since: now }) => before == now,
            (Self::Waits(before), Self::Waits(now)) => before.waited <= now.waited,
            (Self::Pending { since: before }, Self::Pending { since: now }) => before == now,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(waited: u64, moved: u64) -> Standing {
        Standing::Waits(Waiting { waited, moved })
    }

    #[test]
    fn the_longest_idle_and_the_slowest_are_evicted_first() {
        let idle = |since| Standing::Idle { since };
        assert!(idle(5).idleness() < idle(6).idleness());
        assert_eq!((waits(9, 0).idleness(), Standing::Works.idleness()), (None, None));
        let pending = |since| Standing::Pending { since };
        assert!(pending(5).patience() < pending(6).patience());
        assert_eq!((pending(5).idleness(), pending(5).slowness(0)), (None, None));
        let slowest_first = [
            (waits(60_000, 0), "nothing for a minute"),
            (waits(60_000, 60 << 10), "a KiB a second"),
            (waits(20_000, 0), "nothing for a while"),
            (waits(60_000, 600 << 10), "ten a second"),
            (waits(1_000, 0), "it has just begun"),
            (waits(60_000, 60 << 20), "fast"),
            (waits(0, 0), "it has not even waited"),
        ];
        for pair in slowest_first.windows(2) {
            assert!(pair[0].0.slowness(0) < pair[1].0.slowness(0), "{pair:?}");
        }
        assert_eq!((idle(0).slowness(0), Standing::Works.slowness(0)), (None, None), "not the client's fault");
    }

    #[test]
    fn a_client_that_sends_no_request_counts_as_slow_sooner() {
        for (age, is_slow) in [(0, false), (999, false), (1_000, true), (9_000, true)] {
            assert_eq!(Standing::awaits_request_since(5, 5 + age).slowness(10_000).is_some(), is_slow, "{age}");
            assert_eq!(Standing::waits_since(5, 5 + age).slowness(10_000), None, "{age}");
        }
        assert!(Standing::awaits_request_since(0, 2_000).slowness(0) < waits(15_000, 0).slowness(0));
    }

    #[test]
    fn no_client_is_slow_within_its_grace() {
        for (waited, is_slow) in [(0, false), (9_999, false), (10_000, true), (u64::MAX, true)] {
            assert_eq!(waits(waited, 0).slowness(10_000).is_some(), is_slow, "{waited}");
        }
    }

    #[test]
    fn a_connection_that_has_moved_on_is_no_longer_a_candidate() {
        let table = [
            (Standing::Idle { since: 5 }, Standing::Idle { since: 5 }, true, "as before"),
            (Standing::Idle { since: 5 }, Standing::Idle { since: 9 }, false, "it has been answered since"),
            (Standing::Idle { since: 5 }, waits(1, 0), false, "it sends a request"),
            (Standing::Idle { since: 5 }, Standing::Works, false, "it is being answered"),
            (waits(10, 5), waits(12, 5), true, "it waits on"),
            (waits(10, 5), waits(3, 0), false, "another transfer"),
            (waits(10, 5), Standing::Works, false, "there was something to do"),
            (waits(10, 5), Standing::Idle { since: 9 }, false, "it is done"),
            (Standing::Pending { since: 5 }, Standing::Pending { since: 5 }, true, "as before"),
            (Standing::Pending { since: 5 }, Standing::Pending { since: 9 }, false, "another answer"),
        ];
        for (before, now, expected, why) in table {
            assert_eq!(now.is_still(before), expected, "{why}");
        }
    }
}
