//! The poller over one epoll instance (epoll(7)), which all workers share.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::notifier::Notifier;
use super::super::socket::{Interest, Socket};
use super::super::token::Token;
use super::readiness::Readiness;

/// An epoll instance (epoll(7)).
#[derive(Debug)]
pub(in crate::server) struct Poller {
    epoll: OwnedFd,
}

/// What the notifier is registered under. No token has this value.
const NOTIFIER: u64 = u64::MAX;

impl Poller {
    /// A poller that also waits for the notifier.
    pub(in crate::server) fn new(notifier: &Arc<Notifier>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // Edge-triggered: each notification wakes one worker, and need not be cleared.
        epoll::add(&epoll, notifier, EventData::new_u64(NOTIFIER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll })
    }

    /// Whether a connection that is armed for reading stays armed after an event.
    pub(in crate::server) const STAYS_ARMED: bool = true;

    /// Arms a connection for the first time.
    pub(in crate::server) fn add(&self, socket: &Arc<Socket>, token: Token, interest: Interest) -> io::Result<()> {
        epoll::add(&self.epoll, &**socket, EventData::new_u64(token.to_u64()), flags(interest)).map_err(io::Error::from)
    }

    /// Arms a connection again. If it is ready now, this gives an event.
    pub(in crate::server) fn rearm(&self, socket: &Arc<Socket>, token: Token, interest: Interest) -> io::Result<()> {
        let data = EventData::new_u64(token.to_u64());
        epoll::modify(&self.epoll, &**socket, data, flags(interest)).map_err(io::Error::from)
    }

    /// Has a connection give no events until it is armed again.
    pub(in crate::server) fn disarm(&self, socket: &Arc<Socket>, token: Token) {
        let data = EventData::new_u64(token.to_u64());
        // Without ONESHOT, HUP and ERR would still be events. If this fails, there are more events than necessary.
        let _ = epoll::modify(&self.epoll, &**socket, data, EventFlags::ONESHOT);
    }

    /// Waits for one event only, so that other workers get the others.
    pub(in crate::server) fn wait(&self, limit: Option<Duration>) -> Readiness {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(NOTIFIER) }];
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match epoll::wait(&self.epoll, &mut events, limit.as_ref()) {
            Ok(0) | Err(Errno::INTR) => Readiness::TimedOut,
            Ok(_) => match events[0].data.u64() {
                NOTIFIER => Readiness::Notified,
                token => Readiness::Connection {
                    token: Token::from_u64(token),
                    ended: { events[0].flags }.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
                },
            },
            Err(error) => panic!("an epoll instance that is open can be waited for: {error}"),
        }
    }

    /// Whether there is an event that no worker has taken.
    pub(in crate::server) fn has_ready(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Removes a connection that is about to be closed. The system does that when its socket is closed.
    #[expect(clippy::unused_self, reason = "the other poller keeps what it waits for itself")]
    pub(in crate::server) fn forget(&self, _: Token) {}
}

/// HUP and ERR are always events.
fn flags(interest: Interest) -> EventFlags {
    match interest {
        // Edge-triggered: an event for each arrival, and none for input that was there before.
        Interest::Read => EventFlags::IN | EventFlags::RDHUP | EventFlags::ET,
        Interest::Write => EventFlags::OUT | EventFlags::ONESHOT,
    }
}
