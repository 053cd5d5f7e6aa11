//! Whether a peer keeps up the minimum rate. Pure: times and positions are arguments.

use std::time::Duration;

/// Measures one transfer in stretches of waiting. Only the time in which the peer keeps the server waiting counts, so a peer that
/// waits for the server is not slow.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes a second. 0 allows any rate, and so does a grace of zero.
    min_rate: u64,
    grace: Duration,
    /// Bytes that may be missing: what the send buffer may hold, where the system does not count that.
    slack: u64,
    /// How long the peer has kept the server waiting in this stretch.
    waited: Duration,
    /// The position of the transfer when the stretch began, and its last known position.
    start: u64,
    at: u64,
    /// The sum of the stretches before this one.
    before: Waiting,
    /// How much waiting completes this stretch.
    full: Duration,
}

/// How a transfer fares that has waited for its peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// How long the peer has kept it waiting, in milliseconds.
    pub(super) waited: u64,
    /// How many bytes it has moved in that time.
    pub(super) moved: u64,
}

/// The peer is slower than the minimum rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Pace {
    /// A transfer that is at this position now. Its first stretch is as long as the grace, later ones three times as long, and
    /// all are longer by the time that the slack takes at the minimum rate.
    pub(super) fn new(min_rate: u64, grace: Duration, slack: u64, position: u64) -> Self {
        let min_rate = if grace.is_zero() { 0 } else { min_rate };
        Self::stretch(min_rate, grace, grace, slack, position)
    }

    fn stretch(min_rate: u64, grace: Duration, length: Duration, slack: u64, position: u64) -> Self {
        let full = length.saturating_add(Duration::from_secs(slack.checked_div(min_rate).unwrap_or(0)));
        let (waited, before) = (Duration::ZERO, Waiting::default());
        Self { min_rate, grace, slack, waited, start: position, at: position, before, full }
    }

    /// How the transfer has fared since its peer first kept it waiting.
    pub(super) fn so_far(&self) -> Waiting {
        let waited = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        Waiting {
            waited: self.before.waited.saturating_add(waited),
            moved: self.before.moved.saturating_add(self.at.saturating_sub(self.start)),
        }
    }

    /// How much longer the peer may keep the server waiting before its rate is checked; `None` is for ever.
    pub(super) fn allowance(&self) -> Option<Duration> {
        (self.min_rate > 0).then(|| self.full.saturating_sub(self.waited))
    }

    /// Notes that the peer kept the server waiting for this long, and the position of the transfer now.
    pub(super) fn waited(&mut self, time: Duration, position: u64) -> Result<(), TooSlow> {
        self.waited += time;
        self.at = position;
        if self.min_rate == 0 || self.waited < self.full {
            return Ok(());
        }
        let needed = u128::from(self.min_rate) * self.waited.as_millis() / 1000;
        let moved = position.saturating_sub(self.start).saturating_add(self.slack);
        if u128::from(moved) < needed {
            return Err(TooSlow);
        }
        let before = self.so_far();
        *self = Self::stretch(self.min_rate, self.grace, self.grace.saturating_mul(3), self.slack, position);
        self.before = before;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rate_is_checked_at_the_end_of_a_stretch() {
        let table: &[(&[(u64, u64)], Result<(), TooSlow>, &str)] = &[
            (&[(9, 0)], Ok(()), "within the grace"),
            (&[(10, 10 * 1024)], Ok(()), "fast enough"),
            (&[(10, 10 * 1024 - 1)], Err(TooSlow), "a byte too few"),
            (&[(5, 0), (5, 10 * 1024)], Ok(()), "slow, then fast"),
            (&[(5, 0), (5, 0)], Err(TooSlow), "waits add up"),
            (&[(10, 1 << 20), (29, 1 << 20)], Ok(()), "the second stretch is three times as long"),
            (&[(10, 1 << 20), (30, 1 << 20)], Err(TooSlow), "a fast beginning does not help later"),
            (&[(10, 10 << 10), (30, 40 << 10), (30, 70 << 10)], Ok(()), "at the minimum rate for long"),
        ];
        for (waits, expected, why) in table {
            let mut pace = Pace::new(1024, GRACE, 0, 0);
            let results: Vec<_> = waits.iter().map(|(time, at)| pace.waited(seconds(*time), *at)).collect();
            assert_eq!(results.last(), Some(expected), "{why}");
        }
    }

    #[test]
    fn earlier_bytes_do_not_count_and_slack_does() {
        assert_eq!(Pace::new(1024, GRACE, 0, 1 << 30).waited(GRACE, 1 << 30), Err(TooSlow));
        let mut slack = Pace::new(1024, GRACE, 20 << 10, 5);
        assert_eq!(slack.allowance(), Some(seconds(30)), "the slack takes twenty seconds");
        assert_eq!(slack.waited(seconds(29), 5), Ok(()));
        assert_eq!(slack.waited(seconds(1), 5), Err(TooSlow));
        assert_eq!(Pace::new(1024, GRACE, 20 << 10, 5).waited(seconds(30), 5 + (10 << 10)), Ok(()));
    }

    #[test]
    fn the_waits_of_all_stretches_add_up() {
        let mut pace = Pace::new(1024, GRACE, 0, 5);
        assert_eq!(pace.so_far(), Waiting { waited: 0, moved: 0 });
        for (time, position, waited, moved) in
            [(4, 5, 4_000, 0), (6, 20_005, 10_000, 20_000), (3, 30_005, 13_000, 30_000), (30, 90_005, 43_000, 90_000)]
        {
            pace.waited(seconds(time), position).unwrap();
            assert_eq!(pace.so_far(), Waiting { waited, moved });
        }
    }

    #[test]
    fn a_peer_may_keep_the_server_waiting_for_the_rest_of_a_stretch() {
        let mut pace = Pace::new(1024, GRACE, 0, 0);
        assert_eq!(pace.allowance(), Some(GRACE));
        pace.waited(seconds(4), 0).unwrap();
        assert_eq!(pace.allowance(), Some(seconds(6)));
        pace.waited(seconds(6), 1 << 20).unwrap();
        assert_eq!(pace.allowance(), Some(seconds(30)));
        assert_eq!(Pace::new(0, GRACE, 0, 0).allowance(), None, "no minimum rate");
        assert_eq!(Pace::new(1024, Duration::ZERO, 0, 0).allowance(), None, "no time to measure it");
    }
}
