//! Something that happens once to a server, and that threads wait for beside a socket or a channel.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::lock;
use super::notifier::Notifier;

/// Raised once, it stays so.
pub(super) struct Signal {
    notifier: Notifier,
    /// Taken away when it is raised, which disconnects the receiver.
    sender: Mutex<Option<Sender<Infallible>>>,
    receiver: Receiver<Infallible>,
}

impl Signal {
    pub(super) fn new() -> io::Result<Self> {
        let (sender, receiver) = bounded(0);
        Ok(Self { notifier: Notifier::new()?, sender: Mutex::new(Some(sender)), receiver })
    }

    pub(super) fn raise(&self) {
        drop(lock(&self.sender).take());
        self.notifier.notify();
    }

    pub(super) fn is_raised(&self) -> bool {
        lock(&self.sender).is_none()
    }

    /// Gives nothing, and is disconnected from when the signal is raised.
    pub(super) fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }
}

/// Readable from when the signal is raised.
impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }
}
