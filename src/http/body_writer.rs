//! The writer that a response body is written to while the response is on its way.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use super::connection::{ClientLeft, Connection};

/// Writes the body of a response that was made by [`Response::writer`](crate::Response::writer).
///
/// What is written goes to the client when 32 KiB have gathered, by [`flush`](Write::flush) and [`BodyWriter::wait`], and at the
/// end. Once the client has left, or the server has aborted the connection, writing fails.
pub struct BodyWriter<'a> {
    send: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    connection: Connection,
    /// What was written and not sent.
    held: Vec<u8>,
    sent: u64,
    /// Why sending failed the first time.
    failure: Option<io::Error>,
}

/// How a body that a function wrote has ended.
pub(crate) enum Written {
    /// It is complete, with this many bytes.
    Whole(u64),
    /// The function has failed.
    Broken(io::Error),
    /// It could not be sent.
    Unsent(io::Error),
}

/// A function that writes a body, and gives the writer back.
pub(crate) type WriteBody = Box<dyn for<'a> FnOnce(BodyWriter<'a>) -> (io::Result<()>, BodyWriter<'a>) + Send>;

/// How many bytes are gathered before they are sent.
const HELD: usize = 32 * 1024;

/// Calls the function that writes the body, which `send` sends to the client of this connection piece by piece.
pub(crate) fn write_body(
    write: WriteBody,
    connection: Connection,
    send: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Written {
    let (result, mut writer) = write(BodyWriter { send, connection, held: Vec::new(), sent: 0, failure: None });
    let result = result.and_then(|()| writer.flush());
    match (writer.failure, result) {
        // The function may have reported it as another error, or not at all.
        (Some(failure), _) => Written::Unsent(failure),
        (None, Err(error)) => Written::Broken(error),
        (None, Ok(())) => Written::Whole(writer.sent),
    }
}

impl BodyWriter<'_> {
    /// Sends what was written, then waits for this long, or until the client leaves or the server starts to shut down. Returns
    /// whether to go on: false in both of these cases.
    ///
    /// While a worker waits, another thread takes its place.
    pub fn wait(&mut self, time: Duration) -> bool {
        self.flush().is_ok() && self.connection.wait(time)
    }

    /// The connection of the request, which tells whether the client is still there, and whether the server is shutting down.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Fails once sending has failed.
    fn check(&self) -> io::Result<()> {
        if self.failure.is_some() { Err(ClientLeft.into()) } else { Ok(()) }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match (self.send)(bytes) {
            Ok(()) => {
                self.sent += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.failure = Some(error);
                Err(ClientLeft.into())
            }
        }
    }
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        if self.held.len() + bytes.len() > HELD {
            self.flush()?;
        }
        if bytes.len() >= HELD {
            self.send(bytes)?;
        } else {
            self.held.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        if self.held.is_empty() {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        let result = self.send(&held);
        held.clear();
        self.held = held;
        result
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("sent", &self.sent).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    type WriteTo = fn(&mut BodyWriter<'_>) -> io::Result<()>;

    /// The pieces that are sent, by their lengths, of which the one at this index fails.
    fn pieces(write: WriteTo, failing: usize) -> (Vec<usize>, Written) {
        let mut sent = Vec::new();
        let written =
            write_body(Box::new(move |mut out| (write(&mut out), out)), Connection::default(), &mut |piece| {
                if sent.len() == failing {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                sent.push(piece.len());
                Ok(())
            });
        (sent, written)
    }

    #[test]
    fn small_writes_gather_and_large_ones_do_not() {
        let table: [(WriteTo, &[usize], &str); 8] = [
            (|_| Ok(()), &[], "nothing"),
            (|out| out.write_all(b""), &[], "no empty piece, which would end a chunked body"),
            (|out| out.write_all(b"ab").and_then(|()| out.write_all(b"c")), &[3], "at the end"),
            (|out| out.write_all(b"ab").and_then(|()| out.flush()).and_then(|()| out.flush()), &[2], "flushed"),
            (
                |out| {
                    out.write_all(b"ab")?;
                    assert!(out.wait(Duration::ZERO));
                    out.write_all(b"c")
                },
                &[2, 1],
                "before a wait",
            ),
            (|out| out.write_all(&[0; HELD]), &[HELD], "large"),
            (|out| out.write_all(b"ab").and_then(|()| out.write_all(&[0; HELD + 1])), &[2, HELD + 1], "in order"),
            (|out| (0..3).try_for_each(|_| out.write_all(&[0; HELD / 2])), &[HELD, HELD / 2], "as much as is gathered"),
        ];
        for (write, expected, why) in table {
            let (sent, written) = pieces(write, usize::MAX);
            assert_eq!(sent, expected, "{why}");
            assert!(
                matches!(written, Written::Whole(length) if length == expected.iter().sum::<usize>() as u64),
                "{why}"
            );
        }
    }

    #[test]
    fn a_large_write_is_sent_at_once() {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let write: WriteBody = Box::new(move |mut out| {
            let result = out.write_all(&[0; HELD]);
            assert_eq!(seen.load(Ordering::SeqCst), HELD);
            (result, out)
        });
        let written = write_body(write, Connection::default(), &mut |piece| {
            sent.fetch_add(piece.len(), Ordering::SeqCst);
            Ok(())
        });
        assert!(matches!(written, Written::Whole(length) if length == HELD as u64));
    }

    #[test]
    fn a_function_is_told_that_the_client_has_left() {
        let table: [(WriteTo, &[usize]); 3] = [
            (|out| (0..9).try_for_each(|_| out.write_all(b"a").and_then(|()| out.flush())), &[1, 1]),
            // It does not care.
            (
                |out| {
                    (0..9).for_each(|_| drop(out.write_all(b"a").and_then(|()| out.flush())));
                    Ok(())
                },
                &[1, 1],
            ),
            (
                |out| {
                    while out.wait(Duration::ZERO) {
                        out.write_all(b"ab")?;
                    }
                    Err(io::Error::other("the loop has ended"))
                },
                &[2, 2],
            ),
        ];
        for (write, expected) in table {
            let (sent, written) = pieces(write, 2);
            assert_eq!(sent, expected);
            assert!(matches!(written, Written::Unsent(error) if error.kind() == io::ErrorKind::BrokenPipe));
        }
    }

    #[test]
    fn nothing_succeeds_once_sending_has_failed() {
        let write: WriteTo = |out| {
            out.write_all(b"a")?;
            assert!(out.flush().is_err());
            assert!(out.write_all(b"b").is_err(), "not even a byte that would only be held");
            assert!(out.flush().is_err(), "although nothing is held");
            assert!(!out.wait(Duration::ZERO));
            Ok(())
        };
        assert!(matches!(pieces(write, 0).1, Written::Unsent(_)));
    }

    #[test]
    fn a_function_that_fails_breaks_the_body() {
        let (sent, written) = pieces(|out| out.write_all(b"a").and_then(|()| Err(io::Error::other("no more"))), 9);
        assert!(sent.is_empty(), "what was not sent stays unsent");
        assert!(matches!(written, Written::Broken(error) if error.to_string() == "no more"));
    }
}
