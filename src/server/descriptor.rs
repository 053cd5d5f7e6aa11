//! Finding the socket that tiny_http has just accepted: it gives away a connection, and neither its socket nor its peer.
//!
//! Knowing the socket is what lets the server end a connection that tiny_http waits on, refuse a body without reading it, and
//! know a body that was cut short. The system gives out the lowest free descriptor number, so the number that was free just
//! before an accept is the accepted socket's, unless another thread opened or closed something in that moment; then all
//! numbers are looked through. What stands there is recognised by its addresses.
//!
//! A duplicate of each descriptor would be the simple way, and would cost every connection a third of its descriptors more.
//! So the number is lent: it is good for as long as tiny_http holds the connection, and the worker takes it back before.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use socket2::SockRef;

/// How many descriptors above the expected one are looked at: as many other threads may open files between two calls.
const WINDOW: RawFd = 64;

/// The descriptor number that the system would give out now.
pub(super) fn lowest_free(any: impl AsFd) -> io::Result<RawFd> {
    Ok(any.as_fd().try_clone_to_owned()?.as_raw_fd())
}

/// A socket that was accepted, and its two ends.
pub(super) struct Accepted {
    pub(super) socket: Lent,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

/// Finds the connected socket, most likely at `expected`, that belongs to the listener at `listening` and is not `known`.
///
/// `None` when there is none: the peer has reset the connection already.
pub(super) fn claim(
    expected: RawFd,
    listening: SocketAddr,
    known: impl Fn(SocketAddr, SocketAddr) -> bool,
) -> Option<Accepted> {
    (expected..expected + WINDOW).chain((0..expected).rev()).find_map(|number| {
        let (local, peer) = ends(number, listening)?;
        (!known(local, peer)).then(|| Accepted { socket: Lent(Mutex::new(Some(number))), local, peer })
    })
}

/// The two ends of the connected socket with this number, if it is one of the listener's.
fn ends(number: RawFd, listening: SocketAddr) -> Option<(SocketAddr, SocketAddr)> {
    let descriptor = borrow(number);
    let socket = SockRef::from(&descriptor);
    let peer = socket.peer_addr().ok()?.as_socket()?;
    let local = socket.local_addr().ok()?.as_socket()?;
    let ours = local.port() == listening.port() && (listening.ip().is_unspecified() || listening.ip() == local.ip());
    ours.then_some((local, peer))
}

/// A socket that tiny_http owns, until it is taken back.
pub(super) struct Lent(Mutex<Option<RawFd>>);

impl Lent {
    /// Calls `act` with the socket, unless it was taken back. It is not taken back meanwhile, so `act` must not wait.
    pub(super) fn with<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        number.map(|number| act(borrow(number)))
    }

    /// The socket, for the worker that is the one to take it back, and so may wait with it.
    pub(super) fn for_worker(&self) -> Option<BorrowedFd<'_>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(borrow)
    }

    /// Takes the socket back: from here on nobody uses it, and it may be closed.
    pub(super) fn take_back(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// How many bytes have gone over a connection since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Received, and acknowledged to the peer.
    pub(super) received: u64,
    /// Sent, and acknowledged by the peer.
    pub(super) acknowledged: u64,
    /// Whether there is more that the peer has not acknowledged yet.
    pub(super) pending: bool,
}

/// What the system counts of a connection's bytes; `None` where it does not tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "no safe interface gives TCP_INFO")]
pub(super) fn traffic(socket: BorrowedFd<'_>) -> Option<Traffic> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: the system writes at most `length` bytes, which is the size of `info`. Where an older one writes fewer, the rest
    // stays zero, and all zeros are a valid `tcp_info`, which is made of integers.
    let info = unsafe {
        let pointer = info.as_mut_ptr().cast();
        if libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, pointer, &mut length) != 0 {
            return None;
        }
        info.assume_init()
    };
    Some(Traffic {
        received: info.tcpi_bytes_received,
        acknowledged: info.tcpi_bytes_acked,
        pending: info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0,
    })
}

/// Elsewhere the sockets' own timeouts have to do.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn traffic(_: BorrowedFd<'_>) -> Option<Traffic> {
    None
}

#[expect(unsafe_code, reason = "a descriptor that tiny_http owns can only be named by its number")]
fn borrow<'a>(number: RawFd) -> BorrowedFd<'a> {
    // SAFETY: the number is from 0 up, so not the forbidden -1. While a connection is being claimed it is used only to ask a
    // socket for its addresses; should the owner close it meanwhile, the call fails, or speaks of another file, which the
    // comparison of addresses notices. From then on it is used through `Lent` only, and the worker takes it back before it
    // drops the connection that owns it, so it is open and the same socket whenever it is used.
    unsafe { BorrowedFd::borrow_raw(number) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_bytes_of_a_connection_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        client.write_all(&[0; 1000]).unwrap();
        accepted.read_exact(&mut [0; 1000]).unwrap();
        accepted.write_all(&[0; 300]).unwrap();
        client.read_exact(&mut [0; 300]).unwrap();
        // The last acknowledgement may be delayed.
        client.write_all(&[0; 1]).unwrap();
        accepted.read_exact(&mut [0; 1]).unwrap();
        if let Some(traffic) = traffic(accepted.as_fd()) {
            assert_eq!(traffic, Traffic { received: 1001, acknowledged: 300, pending: false });
        }
    }

    #[test]
    fn the_accepted_socket_is_found_among_other_files() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let expected = lowest_free(&listener).unwrap();
        // Other threads of this test program open files at the same time; so does this.
        let in_the_way = File::open("/dev/null").unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        let found = claim(expected.min(in_the_way.as_raw_fd()), address, |_, _| false).unwrap();
        assert_eq!((found.peer, found.local), (peer, address));
        assert_eq!(found.peer, client.local_addr().unwrap());
        assert_eq!(found.socket.with(|socket| socket.as_raw_fd()), Some(accepted.as_raw_fd()));
        assert!(claim(expected, address, |_, known| known == peer).is_none(), "a known one is not claimed twice");
        let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(claim(expected, other, |_, _| false).is_none(), "nor one of another listener");
        found.socket.take_back();
        assert_eq!(found.socket.with(|_| ()), None);
    }
}
