//! Lingering: how long a connection is kept after its last response for the client to read it. Closing a socket with unread bytes
//! resets the connection, and a reset may overtake the response (RFC 9112 §9.6). Pure: moments and counts are arguments.

use std::time::Duration;

/// A connection that waits for its client to end its side.
#[derive(Debug)]
pub(super) struct Lingering {
    /// When it began, in milliseconds.
    begun: u64,
    /// How many more bytes from the client are read.
    room: usize,
    /// How many bytes were received, and how many the client had not acknowledged, at the last check.
    received: u64,
    unacknowledged: u64,
}

/// The time between two checks.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How many bytes from the client are read at most, and for how long.
const MAX_BYTES: usize = 32 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(30);

impl Lingering {
    pub(super) fn new(now: u64, received: u64, unacknowledged: u64) -> Self {
        Self { begun: now, room: MAX_BYTES, received, unacknowledged }
    }

    /// When it began, in milliseconds.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Notes that the client has sent this many more bytes. Returns whether it may send more.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(0);
        left.is_some()
    }

    /// Checks whether to linger on: while the client reads the response, or for a limited time while it sends.
    pub(super) fn goes_on(&mut self, now: u64, received: u64, unacknowledged: u64, min_rate: u64) -> bool {
        let least = min_rate.saturating_mul(CHECK_INTERVAL.as_secs()).max(1);
        let is_reading = unacknowledged > 0 && self.unacknowledged.saturating_sub(unacknowledged) >= least;
        let is_sending = received > self.received && u128::from(now.saturating_sub(self.begun)) < MAX_TIME.as_millis();
        (self.received, self.unacknowledged) = (received, unacknowledged);
        is_reading || is_sending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_lingers_while_its_client_reads_or_sends() {
        // Received 100 and unacknowledged 10,000 at first.
        let table = [
            (2_000, 100, 10_000, false, "nothing moves"),
            (2_000, 100, 10_000 - 2048, true, "it reads at the least rate"),
            (2_000, 100, 10_000 - 2047, false, "it reads too slowly"),
            (2_000, 100, 0, false, "it has read everything"),
            (2_000, 101, 10_000, true, "it still sends"),
            (30_000, 101, 10_000, false, "for too long"),
            (30_000, 101, 5_000, true, "reading has no end but its rate"),
        ];
        for (now, received, unacknowledged, expected, why) in table {
            let mut lingering = Lingering::new(0, 100, 10_000);
            assert_eq!(lingering.goes_on(now, received, unacknowledged, 1024), expected, "{why}");
        }
    }

    #[test]
    fn each_check_compares_with_the_one_before() {
        let mut lingering = Lingering::new(0, 0, 10_000);
        assert!(lingering.goes_on(2_000, 0, 5_000, 1024));
        assert!(!lingering.goes_on(4_000, 0, 5_000, 1024), "it has stopped");
        let mut any_rate = Lingering::new(0, 0, 10_000);
        assert!(any_rate.goes_on(2_000, 0, 9_999, 0));
        assert!(!any_rate.goes_on(4_000, 0, 9_999, 0));
    }

    #[test]
    fn what_a_client_sends_while_lingering_is_limited() {
        let mut lingering = Lingering::new(0, 0, 0);
        assert!(lingering.take(MAX_BYTES));
        assert!(!lingering.take(1));
    }
}
