//! The poller over poll(2), for systems without epoll: one worker at a time waits for the connections, the others wait for it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::notifier::Notifier;
use super::super::socket::{Interest, Socket};
use super::super::token::Token;
use super::readiness::Readiness;
use crate::lock::lock;

/// The descriptors to wait for, for poll(2).
#[derive(Debug)]
pub(in crate::server) struct Poller {
    notifier: Arc<Notifier>,
    /// Tells the worker in `poll` that the armed connections have changed.
    changed: Notifier,
    state: Mutex<PollSet>,
    /// Signalled when no worker is in `poll`.
    vacant: Condvar,
}

#[derive(Debug, Default)]
struct PollSet {
    armed: HashMap<u64, (Arc<Socket>, Interest)>,
    polling: bool,
}

impl Poller {
    /// A poller that also waits for the notifier.
    pub(in crate::server) fn new(notifier: &Arc<Notifier>) -> io::Result<Self> {
        let (notifier, changed) = (Arc::clone(notifier), Notifier::new()?);
        Ok(Self { notifier, changed, state: Mutex::default(), vacant: Condvar::new() })
    }

    /// Whether a connection that is armed for reading stays armed after an event.
    pub(in crate::server) const STAYS_ARMED: bool = false;

    /// Arms a connection for the first time.
    pub(in crate::server) fn add(&self, socket: &Arc<Socket>, token: Token, interest: Interest) -> io::Result<()> {
        self.lock().armed.insert(token.to_u64(), (Arc::clone(socket), interest));
        self.changed.notify();
        Ok(())
    }

    /// Arms a connection again.
    pub(in crate::server) fn rearm(&self, socket: &Arc<Socket>, token: Token, interest: Interest) -> io::Result<()> {
        self.add(socket, token, interest)
    }

    /// Waits for one event only, so that other workers get the others.
    pub(in crate::server) fn wait(&self, limit: Option<Duration>) -> Readiness {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut state = self.lock();
        while state.polling {
            let Some(left) = left() else {
                state = self.vacant.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if left.is_zero() {
                return Readiness::TimedOut;
            }
            (state, _) = self.vacant.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        state.polling = true;
        loop {
            let armed: Vec<_> =
                state.armed.iter().map(|(token, (socket, interest))| (*token, Arc::clone(socket), *interest)).collect();
            drop(state);
            let (notified, ready) = self.look(&armed, left());
            state = self.lock();
            let taken = ready.into_iter().find(|token| state.armed.remove(token).is_some());
            let end = match taken {
                // Whether the peer has ended its side is not known. Reading shows it.
                Some(token) => Some(Readiness::Connection { token: Token::from_u64(token), ended: true }),
                None if notified => {
                    self.notifier.clear();
                    Some(Readiness::Notified)
                }
                None => left().is_some_and(|left| left.is_zero()).then_some(Readiness::TimedOut),
            };
            if let Some(end) = end {
                state.polling = false;
                self.vacant.notify_one();
                return end;
            }
        }
    }

    /// Whether there is an event that no worker has taken.
    pub(in crate::server) fn has_ready(&self) -> bool {
        let state = self.lock();
        let armed: Vec<_> =
            state.armed.iter().map(|(token, (socket, interest))| (*token, Arc::clone(socket), *interest)).collect();
        drop(state);
        let (notified, ready) = self.look(&armed, Some(Duration::ZERO));
        notified || !ready.is_empty()
    }

    /// Has a connection give no events until it is armed again.
    pub(in crate::server) fn disarm(&self, _: &Arc<Socket>, token: Token) {
        self.forget(token);
    }

    /// Removes a connection that is about to be closed.
    pub(in crate::server) fn forget(&self, token: Token) {
        if self.lock().armed.remove(&token.to_u64()).is_some() {
            // So that the worker in `poll` drops the socket.
            self.changed.notify();
        }
    }

    /// Waits for the notifier and the armed connections. Returns whether the notifier was notified, and which are ready.
    fn look(&self, armed: &[(u64, Arc<Socket>, Interest)], limit: Option<Duration>) -> (bool, Vec<u64>) {
        let mut descriptors =
            vec![PollFd::new(&*self.notifier, PollFlags::IN), PollFd::new(&self.changed, PollFlags::IN)];
        descriptors.extend(armed.iter().map(|(_, socket, interest)| {
            let flags = if *interest == Interest::Read { PollFlags::IN } else { PollFlags::OUT };
            PollFd::new(&**socket, flags)
        }));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        if let Err(error) = poll(&mut descriptors, limit.as_ref()) {
            if error != Errno::INTR {
                // Too many descriptors, or no memory: neither changes at once.
                std::thread::sleep(Duration::from_millis(10));
            }
            return (false, Vec::new());
        }
        let is_ready = |descriptor: &PollFd<'_>| !descriptor.revents().is_empty();
        if is_ready(&descriptors[1]) {
            self.changed.clear();
        }
        let ready = descriptors[2..].iter().zip(armed).filter(|(descriptor, _)| is_ready(descriptor));
        (is_ready(&descriptors[0]), ready.map(|(_, (token, ..))| *token).collect())
    }

    fn lock(&self) -> MutexGuard<'_, PollSet> {
        lock(&self.state)
    }
}
