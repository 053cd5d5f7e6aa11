//! A thread that can be joined with a deadline.

use std::convert::Infallible;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::error::Error;

/// A running thread.
pub(super) struct Thread {
    handle: JoinHandle<()>,
    /// Disconnected when the thread ends.
    ended: Receiver<Infallible>,
}

impl Thread {
    pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<Self, Error> {
        let (alive, ended) = bounded(0);
        let run = move || {
            run();
            drop(alive);
        };
        let handle = Builder::new().name(name.into()).spawn(run).map_err(Error::Thread)?;
        Ok(Self { handle, ended })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits until the thread has ended. At the deadline it is left behind.
    pub(super) fn join_until(self, deadline: Instant) {
        match self.ended.recv_deadline(deadline) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => {
                if self.handle.join().is_err() {
                    log::error!("a thread of the server has panicked");
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                log::error!("left behind: the thread {}", self.handle.thread().name().unwrap_or_default());
            }
        }
    }
}
