//! A descriptor that becomes readable when it is told to, to wake a thread that waits for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Wakes whoever waits for it: an eventfd on Linux, a pipe elsewhere.
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

    /// Makes the descriptor readable, until that is taken back.
    pub(super) fn notify(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let end = &self.readable;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let end = &self.writable;
        // It fails only where so much was said already that nothing more fits, and then it is readable.
        let _ = rustix::io::write(end, &1_u64.to_ne_bytes());
    }

    /// Takes back all that was said.
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
