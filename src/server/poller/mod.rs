//! Waiting for many connections at once: each is armed for reading or writing, and one of the waiting workers gets the event.
//!
//! On Linux the poller is one epoll instance that all workers share. There a connection that is armed for reading stays armed:
//! each arrival is one event, also while a worker has the connection, and arming it again takes no system call. Elsewhere one
//! worker at a time calls `poll`: correct rather than fast.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod poll;
mod readiness;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use epoll::Poller;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use poll::Poller;
pub(super) use readiness::Readiness;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::notifier::Notifier;
    use super::super::socket::{Interest, Socket};
    use super::super::token::Token;
    use super::*;

    const NOW: Option<Duration> = Some(Duration::ZERO);

    fn token(number: u64) -> Token {
        Token::from_u64(number)
    }

    fn pair() -> (Arc<Socket>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Arc::new(Socket::new(ours.into())), theirs)
    }

    /// The same tests for both pollers, which behave alike.
    macro_rules! pollers {
        ($($name:ident: $poller:path;)*) => {$(
            mod $name {
                use super::*;
                use $poller as Poller;

                /// The connection that gives the next event.
                fn ready(poller: &Poller) -> Token {
                    let Readiness::Connection { token, .. } = poller.wait(None) else { panic!("no event of a connection") };
                    token
                }

                #[test]
                fn each_event_is_given_once() {
                    let notifier = Arc::new(Notifier::new().unwrap());
                    let poller = Poller::new(&notifier).unwrap();
                    let (one, mut peer) = pair();
                    let (other, _silent) = pair();
                    poller.add(&one, token(1), Interest::Read).unwrap();
                    poller.add(&other, token(2), Interest::Read).unwrap();
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut);
                    assert!(!poller.has_ready());
                    peer.write_all(b"x").unwrap();
                    assert!(poller.has_ready());
                    assert_eq!(ready(&poller), token(1));
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut, "once");
                    // Unread input is another event when the socket is armed again, under whatever token.
                    poller.rearm(&one, token(3), Interest::Read).unwrap();
                    assert_eq!(ready(&poller), token(3));
                    if Poller::STAYS_ARMED {
                        peer.write_all(b"x").unwrap();
                        assert_eq!(ready(&poller), token(3), "each arrival is an event");
                    }
                    poller.disarm(&one, token(3));
                    peer.write_all(b"x").unwrap();
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut, "it is not armed");
                    poller.rearm(&one, token(4), Interest::Read).unwrap();
                    assert_eq!(ready(&poller), token(4));
                    drop(peer);
                    poller.rearm(&one, token(5), Interest::Read).unwrap();
                    assert_eq!(poller.wait(None), Readiness::Connection { token: token(5), ended: true });
                }

                #[test]
                fn room_to_write_and_the_end_of_input_are_events() {
                    let notifier = Arc::new(Notifier::new().unwrap());
                    let poller = Poller::new(&notifier).unwrap();
                    let (socket, mut peer) = pair();
                    poller.add(&socket, token(1), Interest::Write).unwrap();
                    assert_eq!(ready(&poller), token(1), "there is room");
                    let bytes = vec![b'x'; 1 << 20];
                    while socket.write(&[std::io::IoSlice::new(&bytes)]).is_ok() {}
                    poller.rearm(&socket, token(1), Interest::Write).unwrap();
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut, "there is none");
                    peer.set_nonblocking(true).unwrap();
                    while peer.read(&mut [0; 65536]).is_ok() {}
                    assert_eq!(ready(&poller), token(1));
                    poller.rearm(&socket, token(1), Interest::Read).unwrap();
                    drop(peer);
                    assert_eq!(ready(&poller), token(1), "the end");
                }

                #[test]
                fn the_notifier_wakes_a_waiter() {
                    let notifier = Arc::new(Notifier::new().unwrap());
                    let poller = Poller::new(&notifier).unwrap();
                    notifier.notify();
                    assert_eq!(poller.wait(None), Readiness::Notified);
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut, "once");
                    std::thread::scope(|scope| {
                        let waiters = [scope.spawn(|| poller.wait(None)), scope.spawn(|| poller.wait(None))];
                        notifier.notify();
                        while !waiters.iter().any(|waiter| waiter.is_finished()) {
                            std::thread::yield_now();
                        }
                        notifier.notify();
                        for waiter in waiters {
                            assert_eq!(waiter.join().unwrap(), Readiness::Notified);
                        }
                    });
                }

                #[test]
                fn each_of_many_events_reaches_one_waiter() {
                    let notifier = Arc::new(Notifier::new().unwrap());
                    let poller = Poller::new(&notifier).unwrap();
                    let pairs: Vec<_> = (0..50).map(|_| pair()).collect();
                    let seen = std::sync::Mutex::new(Vec::new());
                    std::thread::scope(|scope| {
                        for _ in 0..3 {
                            scope.spawn(|| {
                                loop {
                                    match poller.wait(None) {
                                        Readiness::Connection { token, .. } => seen.lock().unwrap().push(token.to_u64()),
                                        Readiness::Notified => {
                                            notifier.notify();
                                            return;
                                        }
                                        Readiness::TimedOut => {}
                                    }
                                }
                            });
                        }
                        for (number, (socket, peer)) in (0_u64..).zip(&pairs) {
                            (&*peer).write_all(b"x").unwrap();
                            poller.add(socket, token(number), Interest::Read).unwrap();
                        }
                        while seen.lock().unwrap().len() < pairs.len() {
                            std::thread::yield_now();
                        }
                        notifier.notify();
                    });
                    let mut seen = seen.into_inner().unwrap();
                    seen.sort_unstable();
                    assert_eq!(seen, (0..50).collect::<Vec<_>>());
                }

                #[test]
                fn a_forgotten_connection_gives_no_events() {
                    let notifier = Arc::new(Notifier::new().unwrap());
                    let poller = Poller::new(&notifier).unwrap();
                    let (socket, mut peer) = pair();
                    poller.add(&socket, token(1), Interest::Read).unwrap();
                    peer.write_all(b"x").unwrap();
                    poller.forget(token(1));
                    drop(socket);
                    assert_eq!(poller.wait(NOW), Readiness::TimedOut);
                }
            }
        )*};
    }

    pollers! {
        over_poll: poll::Poller;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pollers! {
        over_epoll: epoll::Poller;
    }
}
