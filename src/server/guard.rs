//! The watch over the connections: ends those that are too slow or ask for too much, which their workers, waiting inside
//! tiny_http, cannot.
//!
//! tiny_http knows no deadlines. It answers a socket's timeout with a 400, also where nothing was asked, and a client that
//! is just sending its next request would take that for the answer. So slow connections are ended from outside, by what the
//! system counts of their bytes.

use std::thread::ThreadId;
use std::time::Duration;

use super::connections::{Connections, Phase, State};
use super::descriptor::Traffic;
use crate::config::Settings;

/// What the guard notes of a connection from one look to the next.
#[derive(Debug)]
pub(super) struct Watch {
    /// The phase that the notes are of.
    state: State,
    /// The bytes at the beginning of the phase, or when it was first seen.
    base: Option<Position>,
    /// When the first byte of a head was seen, in milliseconds of the table.
    head_since: Option<u64>,
    /// Where the stretch over which the rate is taken began.
    stretch: Stretch,
}

/// The bytes of a connection at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    traffic: Traffic,
    /// Received bytes that tiny_http has read.
    consumed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: u64,
    moved: u64,
    /// Whether it is the phase's first.
    first: bool,
}

/// What is seen of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) phase: Phase,
    /// How long it has been in its phase.
    pub(super) age: Duration,
    /// How long a head has been arriving, if one is.
    pub(super) head_age: Option<Duration>,
    /// How many bytes of a head have been read.
    pub(super) head_bytes: u64,
    /// How long the current stretch is, and how many bytes were moved in it.
    pub(super) stretch: Duration,
    pub(super) moved: u64,
    /// How long a stretch has to be to be judged.
    pub(super) full_stretch: Duration,
    /// Whether most connections that there may be are open.
    pub(super) pressure: bool,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may go on.
    Leave,
    /// It has been idle for too long: it is closed without a word.
    Close,
    /// The head has taken too long: 408.
    HeadTimeout,
    /// The head is too large: 431.
    HeadTooLarge,
    /// The body comes too slowly: its reader answers 408.
    StopReading,
    /// The answer is taken too slowly.
    Cut,
    /// Its worker has not come back from waiting: it never will.
    Lost,
}

/// An answer without a body, for a connection that is about to be closed.
macro_rules! last_words {
    ($status:literal) => {
        concat!("HTTP/1.1 ", $status, "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()
    };
}
pub(super) use last_words;

/// How long an idle connection is kept under pressure.
const IDLE_UNDER_PRESSURE: Duration = Duration::from_secs(2);

/// How long after its connection was ended a worker may take to come back from waiting for a request. It takes a moment,
/// unless tiny_http is caught in itself: to a request of HTTP/2 or HTTP/3 it answers with a writer that waits for the request's
/// own to be dropped, which it holds itself.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// Judges a connection.
pub(super) fn judge(view: &View, settings: &Settings) -> Verdict {
    let over = |limit: Duration, age: Duration| !limit.is_zero() && age >= limit;
    match view.phase {
        Phase::Fresh | Phase::Idle => {
            if view.head_bytes > settings.max_head as u64 {
                return Verdict::HeadTooLarge;
            }
            match view.head_age {
                Some(age) if over(settings.head_timeout, age) => Verdict::HeadTimeout,
                Some(_) => Verdict::Leave,
                None if view.phase == Phase::Fresh && over(settings.head_timeout, view.age) => Verdict::Close,
                None if view.phase == Phase::Fresh => Verdict::Leave,
                None if over(settings.idle_timeout, view.age) => Verdict::Close,
                None if view.pressure && !settings.idle_timeout.is_zero() && view.age >= IDLE_UNDER_PRESSURE => {
                    Verdict::Close
                }
                None => Verdict::Leave,
            }
        }
        Phase::Reading | Phase::Writing => {
            let needed = u128::from(settings.min_rate) * view.stretch.as_millis() / 1000;
            if view.stretch < view.full_stretch || u128::from(view.moved) >= needed {
                return Verdict::Leave;
            }
            if view.phase == Phase::Reading { Verdict::StopReading } else { Verdict::Cut }
        }
        Phase::Closing if view.age >= LOST_AFTER => Verdict::Lost,
        Phase::Handling | Phase::Closing | Phase::Ended => Verdict::Leave,
    }
}

/// Looks at all connections once, and ends those that are to end. `give_up` is told which workers are lost.
pub(super) fn sweep(connections: &Connections, settings: &Settings, give_up: impl Fn(ThreadId)) {
    let pressure = is_pressed(connections, settings);
    for connection in connections.all() {
        let now = connections.now();
        let state = connection.state();
        let position = match state.phase {
            Phase::Handling | Phase::Closing | Phase::Ended => None,
            _ => connection
                .traffic()
                .map(|(traffic, unread)| Position { traffic, consumed: traffic.received.saturating_sub(unread) }),
        };
        let view = connection.watch().look(state, position, now, pressure, settings);
        let verdict = judge(&view, settings);
        if verdict != Verdict::Leave {
            log::debug!("{}: {verdict:?}", connection.peer());
        }
        match verdict {
            Verdict::Leave => {}
            Verdict::Close => {
                connection.end_waiting(state, now, b"");
            }
            Verdict::HeadTimeout => {
                connection.end_waiting(state, now, last_words!("408 Request Timeout"));
            }
            Verdict::HeadTooLarge => {
                connection.end_waiting(state, now, last_words!("431 Request Header Fields Too Large"));
                // The client is still sending, into a window that may be shut: only a reset tells it to stop.
                connection.cut();
            }
            Verdict::StopReading => connection.stop_reading(),
            Verdict::Cut => connection.cut(),
            Verdict::Lost => {
                log::error!("{}: a worker was lost to its request, which tiny_http cannot refuse", connection.peer());
                connection.disconnect();
                connections.remove(&connection);
                if let Some(worker) = connection.worker() {
                    give_up(worker);
                }
            }
        }
    }
}

/// Whether three quarters of the connections that there may be are open.
pub(super) fn is_pressed(connections: &Connections, settings: &Settings) -> bool {
    connections.count() >= settings.max_connections - settings.max_connections / 4
}

/// How long to wait between two looks: a tenth of a second, less for short deadlines, and more for many connections, at most a
/// second: a look at one takes about 2 µs (measured with thousands of idle ones), and all looks together a fiftieth of that time.
pub(super) fn interval(settings: &Settings, connections: usize) -> Duration {
    let deadlines = [settings.head_timeout, settings.idle_timeout, settings.rate_grace];
    let shortest = deadlines.into_iter().filter(|deadline| !deadline.is_zero()).min().unwrap_or(Duration::MAX);
    let fine = (shortest / 5).clamp(Duration::from_millis(10), Duration::from_millis(100));
    let affordable = Duration::from_micros(100).saturating_mul(u32::try_from(connections).unwrap_or(u32::MAX));
    fine.max(affordable.min(Duration::from_secs(1)))
}

impl Watch {
    /// No notes yet on a connection that is in its first phase.
    pub(super) fn new(state: State) -> Self {
        // A new connection began without a byte, whenever it is first looked at.
        let stretch = Stretch { since: state.since, moved: 0, first: true };
        Self { state, base: Some(Position::default()), head_since: None, stretch }
    }

    /// Brings the notes up to date, and gives what they show.
    fn look(
        &mut self,
        state: State,
        position: Option<Position>,
        now: u64,
        pressure: bool,
        settings: &Settings,
    ) -> View {
        if self.state != state {
            let moved = position.map_or(0, |position| moved(state.phase, position));
            let stretch = Stretch { since: state.since, moved, first: true };
            *self = Self { state, base: position, head_since: None, stretch };
        }
        let since = |moment: u64| Duration::from_millis(now.saturating_sub(moment));
        let mut view = View {
            phase: state.phase,
            age: since(state.since),
            head_age: None,
            head_bytes: 0,
            stretch: since(self.stretch.since),
            moved: 0,
            full_stretch: if self.stretch.first { settings.rate_grace } else { settings.rate_grace.saturating_mul(3) },
            pressure,
        };
        let (Some(position), Some(base)) = (position, self.base) else {
            // The system does not count bytes: then no rate is judged.
            view.stretch = Duration::ZERO;
            view.full_stretch = Duration::MAX;
            return view;
        };
        if state.is_waiting() && position.traffic.received > base.traffic.received {
            view.head_age = Some(since(*self.head_since.get_or_insert(now)));
            view.head_bytes = position.consumed.saturating_sub(base.consumed);
        }
        let total = moved(state.phase, position);
        // Where the peer has taken all there is, or we have not read what it sent, it is not the one who is slow.
        let held_up_here = match state.phase {
            Phase::Writing => !position.traffic.pending,
            _ => position.consumed < position.traffic.received,
        };
        if held_up_here {
            self.stretch = Stretch { since: now, moved: total, first: self.stretch.first };
            view.stretch = Duration::ZERO;
        }
        view.moved = total.saturating_sub(self.stretch.moved);
        if view.stretch >= view.full_stretch {
            self.stretch = Stretch { since: now, moved: total, first: false };
        }
        view
    }
}

/// The bytes that count in this phase.
fn moved(phase: Phase, position: Position) -> u64 {
    if phase == Phase::Writing { position.traffic.acknowledged } else { position.traffic.received }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const QUIET: View = View {
        phase: Phase::Idle,
        age: Duration::ZERO,
        head_age: None,
        head_bytes: 0,
        stretch: Duration::ZERO,
        moved: 0,
        full_stretch: Duration::from_secs(10),
        pressure: false,
    };

    #[test]
    fn each_limit_has_its_verdict() {
        use Phase::{Closing, Ended, Fresh, Handling, Idle, Reading, Writing};
        let settings = Settings::default();
        let late = View { stretch: seconds(10), ..QUIET };
        let table = [
            (View { phase: Fresh, age: seconds(9), ..QUIET }, Verdict::Leave, "a new connection"),
            (View { phase: Fresh, age: seconds(10), ..QUIET }, Verdict::Close, "it never said anything"),
            (View { phase: Idle, age: seconds(14), ..QUIET }, Verdict::Leave, "idle"),
            (View { phase: Idle, age: seconds(15), ..QUIET }, Verdict::Close, "idle for too long"),
            (View { phase: Idle, age: seconds(2), pressure: true, ..QUIET }, Verdict::Close, "idle under pressure"),
            (View { phase: Idle, age: seconds(1), pressure: true, ..QUIET }, Verdict::Leave, "just answered"),
            (
                View { phase: Idle, age: seconds(20), head_age: Some(seconds(9)), ..QUIET },
                Verdict::Leave,
                "a head that began in time has its own deadline",
            ),
            (View { phase: Idle, head_age: Some(seconds(10)), ..QUIET }, Verdict::HeadTimeout, "a slow head"),
            (View { phase: Fresh, head_age: Some(seconds(10)), ..QUIET }, Verdict::HeadTimeout, "a slow handshake"),
            (View { phase: Fresh, head_bytes: 32 * 1024, ..QUIET }, Verdict::Leave, "a large head"),
            (View { phase: Fresh, head_bytes: 32 * 1024 + 1, ..QUIET }, Verdict::HeadTooLarge, "too large a head"),
            (View { phase: Reading, moved: 10 * 1024, ..late }, Verdict::Leave, "a slow body, fast enough"),
            (View { phase: Reading, moved: 10 * 1024 - 1, ..late }, Verdict::StopReading, "too slow a body"),
            (View { phase: Reading, stretch: seconds(9), ..QUIET }, Verdict::Leave, "within the grace"),
            (View { phase: Writing, moved: 10 * 1024, ..late }, Verdict::Leave, "a slow reader, fast enough"),
            (View { phase: Writing, ..late }, Verdict::Cut, "a reader that takes nothing"),
            (View { phase: Handling, age: seconds(999), ..late }, Verdict::Leave, "handlers have all the time"),
            (View { phase: Ended, age: seconds(999), ..late }, Verdict::Leave, "a handler may still be at work"),
            (View { phase: Closing, age: seconds(1), ..QUIET }, Verdict::Leave, "its worker is on the way"),
            (View { phase: Closing, age: seconds(2), ..QUIET }, Verdict::Lost, "its worker does not come back"),
        ];
        for (view, expected, why) in table {
            assert_eq!(judge(&view, &settings), expected, "{why}: {view:?}");
        }
    }

    #[test]
    fn zero_turns_a_limit_off() {
        let settings = Settings::default().head_timeout(Duration::ZERO).idle_timeout(Duration::ZERO).min_rate(0);
        let views = [
            View { phase: Phase::Fresh, age: seconds(999), ..QUIET },
            View { phase: Phase::Fresh, head_age: Some(seconds(999)), ..QUIET },
            View { phase: Phase::Idle, age: seconds(999), pressure: true, ..QUIET },
            View { phase: Phase::Reading, stretch: seconds(999), ..QUIET },
            View { phase: Phase::Writing, stretch: seconds(999), ..QUIET },
        ];
        for view in views {
            assert_eq!(judge(&view, &settings), Verdict::Leave, "{view:?}");
        }
    }

    fn position(received: u64, acknowledged: u64, unread: u64) -> Option<Position> {
        Some(Position { traffic: Traffic { received, acknowledged, pending: true }, consumed: received - unread })
    }

    #[test]
    fn a_head_is_timed_from_its_first_byte_and_measured_by_what_was_read() {
        let settings = Settings::default();
        let fresh = State { phase: Phase::Fresh, since: 1_000 };
        let mut watch = Watch::new(fresh);
        assert_eq!(watch.look(fresh, position(0, 0, 0), 4_000, false, &settings).head_age, None);
        assert_eq!(watch.look(fresh, position(1, 0, 0), 5_000, false, &settings).head_age, Some(Duration::ZERO));
        let view = watch.look(fresh, position(900, 0, 300), 7_000, false, &settings);
        assert_eq!((view.head_age, view.head_bytes, view.age), (Some(seconds(2)), 600, seconds(6)));

        // After an answer it starts afresh: what was received before is not this head's.
        let idle = State { phase: Phase::Idle, since: 8_000 };
        assert_eq!(watch.look(idle, position(900, 50, 0), 8_100, false, &settings).head_age, None);
        let view = watch.look(idle, position(950, 50, 0), 9_100, false, &settings);
        assert_eq!((view.head_age, view.head_bytes), (Some(Duration::ZERO), 50));
    }

    #[test]
    fn rates_are_taken_over_stretches() {
        let settings = Settings::default();
        let reading = State { phase: Phase::Reading, since: 0 };
        let mut watch = Watch::new(State { phase: Phase::Fresh, since: 0 });
        let mut look = |received, now| watch.look(reading, position(received, 0, 0), now, false, &settings);
        assert_eq!(look(1_000, 100).moved, 0, "what came before does not count");
        let view = look(51_000, 10_000);
        assert_eq!((view.stretch, view.moved, view.full_stretch), (seconds(10), 50_000, seconds(10)));
        // Stalled from here on: the fast beginning does not help.
        assert_eq!(judge(&look(51_000, 39_000), &settings), Verdict::Leave);
        assert_eq!(judge(&look(51_000, 40_000), &settings), Verdict::StopReading);
    }

    #[test]
    fn nobody_is_slow_who_waits_for_us() {
        let settings = Settings::default();
        let fresh = State { phase: Phase::Fresh, since: 0 };
        let taken_all =
            Position { traffic: Traffic { received: 100, acknowledged: 500, pending: false }, consumed: 100 };
        let sent_more = Position { traffic: Traffic { received: 100, acknowledged: 0, pending: false }, consumed: 40 };
        for (phase, position) in [(Phase::Writing, taken_all), (Phase::Reading, sent_more)] {
            let state = State { phase, since: 0 };
            let mut watch = Watch::new(fresh);
            for now in [100, 20_000, 40_000] {
                let view = watch.look(state, Some(position), now, false, &settings);
                assert_eq!(judge(&view, &settings), Verdict::Leave, "{phase:?} at {now}");
            }
        }
    }

    #[test]
    fn where_bytes_are_not_counted_only_ages_are_judged() {
        let settings = Settings::default();
        let writing = State { phase: Phase::Writing, since: 0 };
        let mut watch = Watch::new(writing);
        assert_eq!(judge(&watch.look(writing, None, 999_000, false, &settings), &settings), Verdict::Leave);
        let idle = State { phase: Phase::Idle, since: 0 };
        assert_eq!(judge(&watch.look(idle, None, 15_000, false, &settings), &settings), Verdict::Close);
    }

    #[test]
    fn looks_are_as_frequent_as_deadlines_ask_and_connections_allow() {
        let short = Settings::default().idle_timeout(Duration::from_millis(100));
        assert_eq!(interval(&Settings::default(), 10), Duration::from_millis(100));
        assert_eq!(interval(&short, 10), Duration::from_millis(20));
        assert_eq!(interval(&Settings::default(), 5_000), Duration::from_millis(500));
        assert_eq!(interval(&Settings::default(), 100_000), Duration::from_secs(1));
    }
}
