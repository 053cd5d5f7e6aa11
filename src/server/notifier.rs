//! A descriptor that can be made readable, to wake a thread that waits for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Wakes the threads that wait for it: an eventfd on Linux, a pipe elsewhere.
#[derive(Debug)]
pub(super) struct Notifier {
    readable: OwnedFd,
    /// The other end of the pipe.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    writable: OwnedFd,
}

impl Notifier {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};

        Ok(Self { readable: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn new() -> io::Result<Self> {
        let (readable, writable) = rustix::pipe::pipe()?;
        for end in [&readable, &writable] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Self { readable, writable })
    }

    /// Makes the descriptor readable until it is cleared.
    pub(super) fn notify(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let end = &self.readable;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let end = &self.writable;
        // It fails only if the eventfd or pipe is full, and then the descriptor is readable.
        let _ = rustix::io::write(end, &1_u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable again.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    pub(super) fn clear(&self) {
        let mut buffer = [0_u8; 64];
        while rustix::io::read(&self.readable, &mut buffer).is_ok_and(|read| read == buffer.len()) {}
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}
