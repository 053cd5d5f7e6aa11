//! The watch over the connections: ends those that have been without a request for too long.
//!
//! tiny_http answers 400 when its own socket timeout strikes, also where nothing was asked, and a client that is just sending its
//! next request would take that for the answer. So idle connections are ended from outside, before that timeout.

use std::time::Duration;

use super::connections::{Connections, Phase};
use crate::config::Settings;

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Leave,
    /// It has been waiting too long for a request.
    End,
}

/// Judges a connection by its phase and how long it has been in it.
pub(super) fn judge(phase: Phase, age: Duration, settings: &Settings) -> Verdict {
    match phase {
        Phase::Waiting if !settings.idle_timeout.is_zero() && age >= settings.idle_timeout => Verdict::End,
        Phase::Waiting | Phase::Busy | Phase::Ended => Verdict::Leave,
    }
}

/// Judges all connections once, and ends those that are to end.
pub(super) fn sweep(connections: &Connections, settings: &Settings) {
    connections.for_each(|connection, phase, age| match judge(phase, age, settings) {
        Verdict::Leave => {}
        Verdict::End => {
            connection.end_if_waiting();
        }
    });
}

/// How often to sweep: often enough that a deadline is missed by a tenth of it or so, and at most by a second.
pub(super) fn interval(settings: &Settings) -> Duration {
    let deadline = if settings.idle_timeout.is_zero() { Duration::from_secs(10) } else { settings.idle_timeout };
    (deadline / 10).clamp(Duration::from_millis(20), Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_too_long_is_ended() {
        let seconds = Duration::from_secs;
        let timeout = Settings::default().idle_timeout(seconds(5));
        let forever = Settings::default().idle_timeout(Duration::ZERO);
        let table = [
            (Phase::Waiting, seconds(4), &timeout, Verdict::Leave),
            (Phase::Waiting, seconds(5), &timeout, Verdict::End),
            (Phase::Waiting, seconds(999), &forever, Verdict::Leave),
            (Phase::Busy, seconds(999), &timeout, Verdict::Leave),
            (Phase::Ended, seconds(999), &timeout, Verdict::Leave),
        ];
        for (phase, age, settings, expected) in table {
            assert_eq!(judge(phase, age, settings), expected, "{phase:?} for {age:?}");
        }
    }
}
