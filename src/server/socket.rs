//! A connected socket: reads and writes that never block, and waits that end.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::SockRef;

use super::notifier::Notifier;
use super::progress::Progress;

/// A connected stream socket, TCP or Unix, that never blocks.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    /// How far its connection has got, for other threads to see.
    pub(super) progress: Progress,
}

/// Without it, a write to a client that has left would end a program that has the default action for SIGPIPE.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// On Apple's systems it is an option of the socket.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    Write,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There may be input, or room to write, or the connection has failed.
    Ready,
    TimedOut,
}

impl Socket {
    /// Takes a socket that was just accepted, which must be non-blocking.
    pub(super) fn new(socket: OwnedFd) -> Self {
        #[cfg(target_vendor = "apple")]
        let _ = SockRef::from(&socket).set_nosigpipe(true);
        Self { descriptor: socket, progress: Progress::new() }
    }

    /// Reads what has arrived into the buffer. `Ok(0)` means that the peer has ended its side.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| recv(&self.descriptor, &mut *buffer, RecvFlags::empty()).map(|(read, _)| read))
    }

    /// Reads what has arrived into the spare capacity of the buffer.
    pub(super) fn read_spare(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        uninterrupted(|| recv(&self.descriptor, spare_capacity(buffer), RecvFlags::empty()).map(|(read, _)| read))
    }

    /// Writes as much as there is room for, and returns how many bytes.
    pub(super) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if let [one] = slices {
            return uninterrupted(|| send(&self.descriptor, one, NO_SIGNAL));
        }
        uninterrupted(|| sendmsg(&self.descriptor, slices, &mut SendAncillaryBuffer::default(), NO_SIGNAL))
    }

    /// How many bytes have arrived and are unread.
    pub(super) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.descriptor).unwrap_or(0)
    }

    /// How many written bytes the peer has not acknowledged, if the system counts them.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[expect(unsafe_code, reason = "neither rustix nor socket2 has SIOCOUTQ")]
    pub(super) fn unacknowledged(&self) -> Option<u64> {
        use rustix::ioctl::{Getter, Opcode, ioctl};

        /// `SIOCOUTQ`, which has the number of `TIOCOUTQ`.
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_possible_truncation,
            reason = "the type differs between C libraries, the number is small"
        )]
        const OUTQ: Opcode = libc::TIOCOUTQ as Opcode;
        // SAFETY: on a socket this request only writes one `int` to where it is told (tcp(7), unix(7)), and `Getter` gives it
        // a place for exactly that.
        let queued = unsafe { ioctl(&self.descriptor, Getter::<OUTQ, libc::c_int>::new()) };
        queued.ok().and_then(|queued| u64::try_from(queued).ok())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn unacknowledged(&self) -> Option<u64> {
        None
    }

    /// How many written bytes the system keeps for a peer that does not read.
    pub(super) fn send_buffer(&self) -> u64 {
        SockRef::from(&self.descriptor).send_buffer_size().map_or(0, |size| size as u64)
    }

    /// Ends the server's side. The peer sees it when it has read everything that was sent.
    pub(super) fn finish(&self) {
        let _ = SockRef::from(&self.descriptor).shutdown(Shutdown::Write);
    }

    /// Has closing the socket reset the connection, so that the peer notices that the response is not complete. What it has not
    /// read is lost.
    pub(super) fn reset_when_closed(&self) {
        let _ = SockRef::from(&self.descriptor).set_linger(Some(Duration::ZERO));
    }

    /// Ends the connection at once, even while another thread uses the socket: by a reset if that is possible.
    pub(super) fn cut(&self) {
        self.reset_when_closed();
        // Connecting to AF_UNSPEC resets a TCP connection (connect(2)); others are only shut down.
        if rustix::net::connect_unspec(&self.descriptor).is_err() {
            let _ = SockRef::from(&self.descriptor).shutdown(Shutdown::Both);
        }
    }

    /// Waits until the socket is ready, no longer than the limit. A socket that is cut during the wait counts as ready.
    pub(super) fn wait(&self, interest: Interest, limit: Option<Duration>) -> Waited {
        let events = match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
        };
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let mut descriptors = [PollFd::new(&self.descriptor, events)];
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match poll(&mut descriptors, left.and_then(|left| Timespec::try_from(left).ok()).as_ref()) {
                Err(Errno::INTR) => {}
                Ok(0) => return Waited::TimedOut,
                // The next read or write returns the error, if there is one.
                Ok(_) | Err(_) => return Waited::Ready,
            }
        }
    }

    /// Whether the peer has left: it has ended its side, or the connection has failed or is cut. Waits for that, or for the
    /// notifier, for at most this long.
    pub(super) fn is_left(&self, notifier: Option<&Notifier>, time: Duration) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let left = PollFlags::RDHUP;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let left = PollFlags::empty();
        // Errors and hang-ups are always reported (poll(2)).
        let mut descriptors = [PollFd::new(&self.descriptor, left), PollFd::new(&self.descriptor, left)];
        let mut waited_for = 1;
        if let Some(notifier) = notifier {
            descriptors[1] = PollFd::new(notifier, PollFlags::IN);
            waited_for = 2;
        }
        let _ = poll(&mut descriptors[..waited_for], Timespec::try_from(time).ok().as_ref());
        !descriptors[0].revents().is_empty()
    }
}

/// Waits until a client connects to this listener, or the notifier is notified, no longer than the limit. Returns whether a client
/// has connected.
pub(super) fn wait_for_client(listener: impl AsFd, notifier: &Notifier, limit: Option<Duration>) -> bool {
    let mut descriptors = [PollFd::new(&listener, PollFlags::IN), PollFd::new(notifier, PollFlags::IN)];
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    let _ = poll(&mut descriptors, limit.as_ref());
    !descriptors[0].revents().is_empty()
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}
