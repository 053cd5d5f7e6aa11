//! The access log: one line a request, in a format that log tools know, written by a thread of its own.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::http::date;
use crate::http::peer::Peer;
use crate::http::request::Request;
use crate::http::status::Status;

/// The form of the lines of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The Common Log Format of NCSA httpd: address, time, request line, status and bytes of the body.
    Common,
    /// The same with the fields `Referer` and `User-Agent`.
    Combined,
    /// An object of JSON a line, with the time of the request (RFC 3339) and the milliseconds that the exchange took.
    Json,
}

/// Writes a line for each request. Of a request's header fields it writes `Referer` and `User-Agent` and no others.
///
/// The lines are collected, and a thread of its own writes them: a slow disk or terminal does not hold up a worker. When more
/// than 1 MiB is waiting, lines are left out, and a line says how many.
pub struct AccessLog {
    format: LogFormat,
    shared: Arc<Shared>,
    /// `None` once the log is being dropped.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    left_out: usize,
    writing: bool,
    closed: bool,
    /// Whether the thread has ended, be it by a panic of what it writes to.
    ended: bool,
}

/// Tells, however the thread ends, that it has.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// How long the end of a log waits for what it is written to.
const MOST_PATIENCE: Duration = Duration::from_secs(1);

const MOST_WAITING: usize = 1024 * 1024;

/// What a line of the log is made from.
pub(crate) struct Record {
    peer: Option<Peer>,
    user: Option<String>,
    time: SystemTime,
    request_line: String,
    referer: Option<String>,
    user_agent: Option<String>,
    status: Status,
    bytes: u64,
    duration: Duration,
}

impl AccessLog {
    /// A log in this form, to this place.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] when the system has no thread left.
    pub fn new(format: LogFormat, out: impl Write + Send + 'static) -> Result<Self, Error> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&shared);
        let run = move || writer.write_out(out);
        let thread = thread::Builder::new().name("hearken-log".into()).spawn(run).map_err(Error::Thread)?;
        Ok(Self { format, shared, thread: Some(thread) })
    }

    pub(crate) fn write(&self, record: &Record) {
        let line = render(self.format, record);
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

    /// Waits until everything that was logged has been written, but not for long: where the log goes may take nothing any more.
    pub(crate) fn flush(&self) {
        let state = self.shared.lock();
        let wait = |state: &mut State| (!state.waiting.is_empty() || state.writing) && !state.ended;
        let waited = self.shared.changed.wait_timeout_while(state, MOST_PATIENCE, wait);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.changed.notify_all();
        // It writes what is left and ends. One that cannot write it is left behind.
        let waited = self.shared.changed.wait_timeout_while(state, MOST_PATIENCE, |state| !state.ended);
        let ended = waited.unwrap_or_else(PoisonError::into_inner).0.ended;
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            // Should the writer have panicked, there is nothing to be done.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn write_out(&self, mut out: impl Write) {
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
                taken.extend_from_slice(format!("{left_out} requests were not logged\n").as_bytes());
            }
            // A log that cannot be written is no reason to stop serving, and there is nowhere to say so.
            let _ = out.write_all(&taken).and_then(|()| out.flush());
            taken.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Takes note of a request that arrived at `time`.
    pub(crate) fn begin(request: &Request, time: SystemTime) -> Self {
        Self {
            peer: request.peer(),
            user: request.user().map(str::to_owned),
            time,
            request_line: format!("{} {} {}", request.method(), request.target(), request.version().as_str()),
            referer: request.header("Referer").map(str::to_owned),
            user_agent: request.header("User-Agent").map(str::to_owned),
            status: Status::OK,
            bytes: 0,
            duration: Duration::ZERO,
        }
    }

    /// Takes note of what was no request: this is what came in place of the request line.
    pub(crate) fn of_no_request(peer: Peer, line: String, time: SystemTime) -> Self {
        Self {
            peer: Some(peer),
            user: None,
            time,
            request_line: line,
            referer: None,
            user_agent: None,
            status: Status::BAD_REQUEST,
            bytes: 0,
            duration: Duration::ZERO,
        }
    }

    /// Adds what became of it.
    pub(crate) fn end(mut self, status: Status, bytes: u64, duration: Duration) -> Self {
        (self.status, self.bytes, self.duration) = (status, bytes, duration);
        self
    }
}

fn render(format: LogFormat, record: &Record) -> String {
    let peer = match record.peer {
        None => "-".to_owned(),
        Some(Peer::Tcp(address)) => address.ip().to_string(),
        Some(peer) => peer.to_string(),
    };
    // A space would end the field.
    let user = record
        .user
        .as_deref()
        .filter(|user| !user.is_empty())
        .map_or_else(|| "-".to_owned(), |user| escaped(user).replace(' ', "\\x20"));
    let status = record.status.code();
    let bytes = record.bytes;
    match format {
        LogFormat::Common => {
            format!(
                "{peer} - {user} [{}] \"{}\" {status} {bytes}\n",
                clf_time(record.time),
                escaped(&record.request_line)
            )
        }
        LogFormat::Combined => format!(
            "{peer} - {user} [{}] \"{}\" {status} {bytes} \"{}\" \"{}\"\n",
            clf_time(record.time),
            escaped(&record.request_line),
            escaped(record.referer.as_deref().unwrap_or("-")),
            escaped(record.user_agent.as_deref().unwrap_or("-")),
        ),
        LogFormat::Json => {
            let mut line = serde_json::json!({
                "time": date::rfc3339(date::seconds(record.time).cast_signed()),
                "peer": peer,
                "user": record.user,
                "request": record.request_line,
                "status": status,
                "bytes": bytes,
                "milliseconds": u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
                "referer": record.referer,
                "user_agent": record.user_agent,
            })
            .to_string();
            line.push('\n');
            line
        }
    }
}

/// The time as `06/Nov/1994:08:49:37 +0000`, put together from the parts of an HTTP date.
fn clf_time(time: SystemTime) -> String {
    let date = date::format(time);
    let mut parts = date.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or("");
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

/// Text for between quotes: what is not printable ASCII, and the quote and the backslash, as `\xHH`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            byte => write!(out, "\\x{byte:02x}").expect("writing to a String does not fail"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::http::method::Method;

    fn record() -> Record {
        let request = Request::new(Method::Post, "/a?b=%22")
            .with_header("User-Agent", "say \"hi\"\t\u{e9}\\")
            .with_header("Cookie", "secret=1")
            .with_header("Authorization", "Basic c2VjcmV0");
        let time = date::parse("Sun, 06 Nov 1994 08:49:37 GMT", SystemTime::now()).unwrap();
        Record::begin(&request, time).end(Status::NOT_FOUND, 12, Duration::from_millis(34))
    }

    #[test]
    fn lines_have_the_known_forms_and_no_control_characters() {
        let table = [
            (LogFormat::Common, "- - - [06/Nov/1994:08:49:37 +0000] \"POST /a?b=%22 HTTP/1.1\" 404 12\n"),
            (
                LogFormat::Combined,
                "- - - [06/Nov/1994:08:49:37 +0000] \"POST /a?b=%22 HTTP/1.1\" 404 12 \"-\" \
                 \"say \\\"hi\\\"\\x09\\xc3\\xa9\\\\\"\n",
            ),
        ];
        for (format, expected) in table {
            assert_eq!(render(format, &record()), expected);
        }
    }

    #[test]
    fn a_user_is_named_in_one_field() {
        let table = [
            (None, "- - - ["),
            (Some(""), "- - - ["),
            (Some("ada"), "- - ada ["),
            (Some("a \"b\""), "- - a\\x20\\\"b\\\" ["),
        ];
        for (user, expected) in table {
            let record = Record { user: user.map(str::to_owned), ..record() };
            assert!(render(LogFormat::Common, &record).starts_with(expected), "{user:?}");
            assert!(render(LogFormat::Combined, &record).starts_with(expected), "{user:?}");
        }
    }

    #[test]
    fn json_lines_are_json_and_tell_no_secrets() {
        let line = render(LogFormat::Json, &record());
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["time"], "1994-11-06T08:49:37Z");
        assert_eq!(value["status"], 404);
        assert_eq!(value["request"], "POST /a?b=%22 HTTP/1.1");
        assert_eq!(value["milliseconds"], 34);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains("secret") && !line.contains("c2VjcmV0"), "{line}");
    }

    /// Sends each write on, and takes none before it is told to.
    struct Slow {
        go: mpsc::Receiver<()>,
        lines: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            self.go.recv().unwrap();
            self.lines.send(buffer.to_vec()).unwrap();
            Ok(buffer.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_log_holds_nobody_up_and_counts_what_it_leaves_out() {
        let (go, wait) = mpsc::channel();
        let (lines, written) = mpsc::channel();
        let log = AccessLog::new(LogFormat::Common, Slow { go: wait, lines }).unwrap();
        let record = record();
        let line = render(LogFormat::Common, &record);
        // Twice what may wait, and what may be in the writer's hands, is more than is kept.
        let all = 3 * MOST_WAITING / line.len();
        for _ in 0..all {
            log.write(&record);
        }
        let _ = go.send(());
        let _ = go.send(());
        let _ = go.send(());
        log.flush();
        let text: Vec<u8> = written.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let kept = text.matches("POST").count();
        let left_out: usize = text
            .lines()
            .filter_map(|line| line.strip_suffix(" requests were not logged"))
            .map(|number| number.parse::<usize>().unwrap())
            .sum();
        assert_eq!(kept + left_out, all);
        assert!(left_out > 0);
    }
}
