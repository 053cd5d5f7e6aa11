//! Finding the socket that tiny_http has just accepted: it gives away a connection, and neither its socket nor its peer.
//!
//! A second descriptor of each socket is what lets the server end a connection that tiny_http waits on, refuse a body
//! without reading it, and know a body that was cut short. The system gives out the lowest free descriptor number, so the
//! number that was free just before an accept is the accepted socket's, unless another thread opened or closed something
//! in that moment; then all numbers are looked through. What stands there is recognised by its addresses before it is
//! touched.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, RawFd};

use socket2::{SockRef, Socket};

/// How many descriptors above the expected one are looked at: as many other threads may open files between two calls.
const WINDOW: RawFd = 64;

/// The descriptor number that the system would give out now.
pub(super) fn lowest_free(any: impl AsFd) -> io::Result<RawFd> {
    Ok(any.as_fd().try_clone_to_owned()?.as_raw_fd())
}

/// A socket that was accepted, and its two ends.
pub(super) struct Accepted {
    pub(super) socket: Socket,
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
        if known(local, peer) {
            return None;
        }
        let socket = duplicate(number)?;
        // Another thread may have put something else there meanwhile; the duplicate stays what it is.
        let still = ends(socket.as_raw_fd(), listening)? == (local, peer);
        still.then_some(Accepted { socket, local, peer })
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

fn duplicate(number: RawFd) -> Option<Socket> {
    borrow(number).try_clone_to_owned().ok().map(Socket::from)
}

#[expect(unsafe_code, reason = "a descriptor that tiny_http owns can only be named by its number")]
fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the number is from 0 up, so not the forbidden -1. The borrow is used for single system calls that ask for a
    // socket's addresses or duplicate it, and is not kept. Should the owner close the descriptor meanwhile, such a call
    // fails, or speaks of another file, which the comparison of addresses notices.
    unsafe { BorrowedFd::borrow_raw(number) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, TcpStream};

    use super::*;

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
        assert_ne!(found.socket.as_raw_fd(), accepted.as_raw_fd());
        assert!(claim(expected, address, |_, known| known == peer).is_none(), "a known one is not claimed twice");
        let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(claim(expected, other, |_, _| false).is_none(), "nor one of another listener");
    }
}
