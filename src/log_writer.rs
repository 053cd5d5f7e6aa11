//! Writes the lines of a log on a separate thread, from a bounded queue: logging never waits for a disk or a terminal.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::lock::lock;

/// Writes the lines of a log on a separate thread.
///
/// [`LogWriter::write`] never waits. At most 1 MiB waits to be written; beyond that, lines are dropped, and a line says how
/// many. Each write holds whole lines, up to 4 KiB or a single longer line, so that the lines of several programs do not mix in one
/// pipe.
///
/// Dropping it waits until the rest is written: for half a second at most, and for no more than 200 ms without progress.
///
/// ```
/// use hearken::LogWriter;
///
/// let log = LogWriter::new(std::io::stderr(), |lines| format!("{lines} messages were not logged"))?;
/// log.write("a message\n");
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct LogWriter {
    shared: Arc<Shared>,
    /// `None` while the log is being dropped.
    thread: Option<JoinHandle<()>>,
}

/// Makes the line, without its end, that says how many lines were dropped.
type DroppedLine = fn(usize) -> String;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines were dropped and not yet mentioned.
    dropped: usize,
    writing: bool,
    /// Grows with each piece written.
    progress: u64,
    /// Whether a flush or a drop has given up waiting for the writer underneath.
    is_stuck: bool,
    closed: bool,
    /// Whether the thread has ended, possibly because the writer underneath panicked.
    ended: bool,
}

/// The most bytes that wait to be written.
const MAX_WAITING: usize = 1024 * 1024;

/// The size of a write. A write of this size to a pipe is atomic on Linux (`PIPE_BUF`, pipe(7)).
const PIECE: usize = 4096;

/// How long a flush or a drop waits in all, and how long without progress.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
const STALL_TIMEOUT: Duration = Duration::from_millis(200);

impl LogWriter {
    /// Writes to `out`. `dropped_line` makes the line, without its end, that says how many lines were dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] when the thread cannot be started.
    pub fn new(out: impl Write + Send + 'static, dropped_line: fn(usize) -> String) -> Result<Self, Error> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&shared);
        let run = move || writer.write_out(out, dropped_line);
        let thread = thread::Builder::new().name("hearken-log".into()).spawn(run).map_err(Error::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Queues a line, which ends in `\n`, or drops it if too much is waiting. Never waits.
    pub fn write(&self, line: &str) {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > MAX_WAITING {
            state.dropped += 1;
            return;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        if !state.writing {
            self.shared.changed.notify_all();
        }
    }

    /// Waits until everything is written, for no longer than dropping the log would.
    pub fn flush(&self) {
        drop(self.shared.wait_while(self.shared.lock(), |state| !state.waiting.is_empty() || state.writing));
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.changed.notify_all();
        // The thread writes the rest and ends. One that cannot is left behind.
        let ended = self.shared.wait_while(state, |_| true).ended;
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            // Nothing can be done about a panic of the writer underneath.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Waits while `condition` holds and the thread runs, until a timeout.
    fn wait_while<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        while condition(&state) && !state.ended && !state.is_stuck {
            let before = state.progress;
            let left = deadline.saturating_duration_since(Instant::now()).min(STALL_TIMEOUT);
            let (changed, waited) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = changed;
            if waited.timed_out() && condition(&state) {
                // Later callers need not wait for it too.
                state.is_stuck = state.progress == before || Instant::now() >= deadline;
            }
        }
        state
    }

    fn write_out(&self, mut out: impl Write, dropped_line: DroppedLine) {
        let _ending = Ending(self);
        let mut taken = Vec::new();
        loop {
            let mut state = self.lock();
            state.writing = false;
            self.changed.notify_all();
            while state.waiting.is_empty() {
                if state.closed {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut taken, &mut state.waiting);
            let dropped = std::mem::take(&mut state.dropped);
            state.writing = true;
            drop(state);
            if dropped > 0 {
                taken.extend_from_slice(dropped_line(dropped).as_bytes());
                taken.push(b'\n');
            }
            let mut rest = taken.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(piece_length(rest));
                // The server goes on without its log. There is nowhere to report that.
                let _ = out.write_all(piece).and_then(|()| out.flush());
                rest = after;
                let mut state = self.lock();
                state.progress += 1;
                state.is_stuck = false;
                self.changed.notify_all();
            }
            taken.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Notes that the thread has ended, even by a panic.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// The length of the next write: as many whole lines as fit in a piece, or a single longer line.
fn piece_length(lines: &[u8]) -> usize {
    if lines.len() <= PIECE {
        return lines.len();
    }
    let end = |byte: &u8| *byte == b'\n';
    let fitting = lines[..PIECE].iter().rposition(end);
    fitting.or_else(|| lines.iter().position(end)).map_or(lines.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    fn dropped_line(lines: usize) -> String {
        format!("{lines} dropped")
    }

    /// Passes each write on to the test, which lets it happen.
    struct Gated {
        go: mpsc::Receiver<()>,
        pieces: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gated {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            // Once the sender is dropped, this returns at once.
            let _ = self.go.recv();
            self.pieces.send(buffer.to_vec()).unwrap();
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_is_stuck_holds_nobody_up_and_counts_the_lines_it_drops() {
        let (go, wait) = mpsc::channel();
        let (pieces, written) = mpsc::channel();
        let log = LogWriter::new(Gated { go: wait, pieces }, dropped_line).unwrap();
        // More than the queue and the batch being written can hold.
        let line = format!("{}\n", "x".repeat(99));
        let all = 3 * MAX_WAITING / line.len();
        for _ in 0..all {
            log.write(&line);
        }
        log.flush();
        assert!(written.try_recv().is_err(), "nothing was taken");
        drop(go);
        drop(log);
        let text: Vec<u8> = written.iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let kept = text.matches(&line).count();
        let dropped: usize = text
            .lines()
            .filter_map(|line| line.strip_suffix(" dropped"))
            .map(|number| number.parse::<usize>().unwrap())
            .sum();
        assert_eq!(kept + dropped, all);
        assert!(dropped > 0);
    }

    #[test]
    fn each_write_holds_whole_lines() {
        let table = [
            (vec![10, 10], vec![20], "short ones together"),
            (vec![PIECE], vec![PIECE], "one that just fits"),
            (vec![PIECE - 10, 10, 10], vec![PIECE, 10], "as many as fit"),
            (vec![10, PIECE + 1, 10], vec![10, PIECE + 1, 10], "a long one by itself"),
        ];
        for (lines, expected, why) in table {
            let text: Vec<u8> =
                lines.iter().flat_map(|length| [vec![b'x'; length - 1], b"\n".to_vec()].concat()).collect();
            let mut rest = text.as_slice();
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(piece_length(rest));
                pieces.push(piece.len());
                rest = after;
            }
            assert_eq!(pieces, expected, "{why}");
        }
    }
}
