//! Lines of a log, written by a thread of its own from a bounded queue: whoever logs never waits for a disk or a terminal.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Writes lines to where a log goes, from a thread of its own.
///
/// [`LogWriter::write`] never waits. At most 1 MiB waits to be written; where more is logged meanwhile, lines are left out, and
/// a line says how many. Lines are written whole, at most 4 KiB of them at a time where they are shorter, so that those of
/// several programs do not mix in one pipe.
///
/// Dropping it waits for what is left to be written, for half a second at most, and no longer than 200 ms while
/// nothing is taken.
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
    /// `None` once the log is being dropped.
    thread: Option<JoinHandle<()>>,
}

/// The line, without its end, that says how many were left out.
type LeftOut = fn(usize) -> String;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    left_out: usize,
    writing: bool,
    /// Grows with each piece that was written.
    progress: u64,
    /// Whether somebody has waited in vain for what it is written to.
    is_stuck: bool,
    closed: bool,
    /// Whether the thread has ended, be it by a panic of what it writes to.
    ended: bool,
}

/// How many bytes wait to be written at most.
const MOST_WAITING: usize = 1024 * 1024;

/// So much is written at a time. POSIX keeps at least 512 bytes together in a pipe, Linux 4 KiB.
const PIECE: usize = 4096;

/// How long the end of a log waits for what it is written to, and how long while nothing is taken.
const MOST_PATIENCE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(200);

impl LogWriter {
    /// Writes to this place. `left_out` gives the line, without its end, that says how many lines were left out.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] when the system has no thread left.
    pub fn new(out: impl Write + Send + 'static, left_out: fn(usize) -> String) -> Result<Self, Error> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&shared);
        let run = move || writer.write_out(out, left_out);
        let thread = thread::Builder::new().name("hearken-log".into()).spawn(run).map_err(Error::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has the line written, which brings its own end, unless too many wait already. Never waits.
    pub fn write(&self, line: &str) {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > MOST_WAITING {
            state.left_out += 1;
            return;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        if !state.writing {
            self.shared.changed.notify_all();
        }
    }

    /// Waits until everything that was logged has been written, for no longer than a drop would.
    pub fn flush(&self) {
        drop(self.shared.wait_while(self.shared.lock(), |state| !state.waiting.is_empty() || state.writing));
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.changed.notify_all();
        // It writes what is left and ends. One that cannot write it is left behind.
        let ended = self.shared.wait_while(state, |_| true).ended;
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            // Should the writer have panicked, there is nothing to be done.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Waits while `condition` holds and the thread runs, as long as there is patience.
    fn wait_while<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + MOST_PATIENCE;
        while condition(&state) && !state.ended && !state.is_stuck {
            let before = state.progress;
            let left = deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
            let (changed, waited) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = changed;
            if waited.timed_out() && condition(&state) {
                // Nobody else is to wait for it, too.
                state.is_stuck = state.progress == before || Instant::now() >= deadline;
            }
        }
        state
    }

    fn write_out(&self, mut out: impl Write, left_out_line: LeftOut) {
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
            let left_out = std::mem::take(&mut state.left_out);
            state.writing = true;
            drop(state);
            if left_out > 0 {
                taken.extend_from_slice(left_out_line(left_out).as_bytes());
                taken.push(b'\n');
            }
            let mut rest = taken.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(piece_length(rest));
                // A log that cannot be written is no reason to stop serving, and there is nowhere to say so.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells, however the thread ends, that it has.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// As many whole lines as fit a piece; a longer line for itself.
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

    fn left_out(lines: usize) -> String {
        format!("{lines} left out")
    }

    /// Sends each write on, and takes none before it is told to.
    struct Gated {
        go: mpsc::Receiver<()>,
        pieces: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gated {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            // It goes on for ever when nobody is there to tell it any more.
            let _ = self.go.recv();
            self.pieces.send(buffer.to_vec()).unwrap();
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_takes_nothing_holds_nobody_up_and_counts_what_it_leaves_out() {
        let (go, wait) = mpsc::channel();
        let (pieces, written) = mpsc::channel();
        let log = LogWriter::new(Gated { go: wait, pieces }, left_out).unwrap();
        // What may wait twice, and what may be in the writer's hands, is less than this.
        let line = format!("{}\n", "x".repeat(99));
        let all = 3 * MOST_WAITING / line.len();
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
        let left_out: usize = text
            .lines()
            .filter_map(|line| line.strip_suffix(" left out"))
            .map(|number| number.parse::<usize>().unwrap())
            .sum();
        assert_eq!(kept + left_out, all);
        assert!(left_out > 0);
    }

    #[test]
    fn lines_are_written_in_pieces_that_stay_whole() {
        let table = [
            (vec![10, 10], vec![20], "short ones together"),
            (vec![PIECE], vec![PIECE], "what just fits"),
            (vec![PIECE - 10, 10, 10], vec![PIECE, 10], "as many as fit"),
            (vec![10, PIECE + 1, 10], vec![10, PIECE + 1, 10], "a long one for itself"),
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
