//! The access log: one line for each request, in a format that log tools read. A `LogWriter` writes the lines.

use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use crate::error::Error;
use crate::handler::{Layer, Next};
use crate::http::date;
use crate::http::method::Method;
use crate::http::peer::{ClientId, Peer};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;
use crate::log_writer::LogWriter;

/// The format of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// The Common Log Format of NCSA httpd: address, time, request line, status and bytes of the body.
    Common,
    /// The Common Log Format, followed by `Referer` and `User-Agent`.
    Combined,
    /// One JSON object a line, with the time of the request (RFC 3339) and the duration of the exchange in milliseconds.
    Json,
}

/// Writes a line for each request. `Referer` and `User-Agent` are the only header fields it logs.
///
/// A [`LogWriter`] writes the lines: a slow disk or terminal does not hold up a worker, and when more than 1 MiB is waiting,
/// lines are dropped, and a line says how many.
///
/// [`Builder::access_log`](crate::Builder::access_log) logs every exchange of a server, once its response has been sent, invalid
/// requests included. As a [`Layer`] it logs the requests of part of an application: each when its response is made, with the
/// length of the content as the number of bytes, which is 0 for one of unknown length.
///
/// ```
/// use hearken::{AccessLog, LogFormat, Router};
///
/// let admin = Router::new().layer(AccessLog::new(LogFormat::Common, std::io::stderr())?).get("/", |_| "welcome");
/// let app = Router::new().nest("/admin", admin);
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct AccessLog {
    format: LogFormat,
    writer: LogWriter,
}

/// The contents of one line.
pub(crate) struct Record {
    client: ClientId,
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
    /// Logs to `out` in this format.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] when the thread that writes cannot be started.
    pub fn new(format: LogFormat, out: impl Write + Send + 'static) -> Result<Self, Error> {
        let writer = LogWriter::new(out, |lines| format!("{lines} requests were not logged"))?;
        Ok(Self { format, writer })
    }

    pub(crate) fn write(&self, record: &Record) {
        self.writer.write(&render(self.format, record));
    }

    /// Waits until everything is written, for no longer than [`LogWriter::flush`] does.
    pub(crate) fn flush(&self) {
        self.writer.flush();
    }
}

impl Layer for AccessLog {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        let (started, time) = (Instant::now(), SystemTime::now());
        let response = next.respond(request);
        let bytes = if *request.method() == Method::Head { 0 } else { response.content_length().unwrap_or(0) };
        let record = Record::begin(request, time);
        self.write(&record.end(response.status(), bytes, started.elapsed()));
        response
    }
}

impl Record {
    /// The record of a request that arrived at `time`.
    pub(crate) fn begin(request: &Request, time: SystemTime) -> Self {
        Self {
            client: request.client(),
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

    /// The record of input that is not a valid request. `line` is what was sent in place of a request line.
    pub(crate) fn of_no_request(peer: Peer, line: String, time: SystemTime) -> Self {
        Self {
            client: peer.ip().map_or(ClientId::Unix, ClientId::Address),
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

    /// Adds the outcome of the exchange.
    pub(crate) fn end(mut self, status: Status, bytes: u64, duration: Duration) -> Self {
        (self.status, self.bytes, self.duration) = (status, bytes, duration);
        self
    }
}

fn render(format: LogFormat, record: &Record) -> String {
    let client = record.client;
    // Spaces separate the fields of a line.
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
                "{client} - {user} [{}] \"{}\" {status} {bytes}\n",
                clf_time(record.time),
                escaped(&record.request_line)
            )
        }
        LogFormat::Combined => format!(
            "{client} - {user} [{}] \"{}\" {status} {bytes} \"{}\" \"{}\"\n",
            clf_time(record.time),
            escaped(&record.request_line),
            escaped(record.referer.as_deref().unwrap_or("-")),
            escaped(record.user_agent.as_deref().unwrap_or("-")),
        ),
        LogFormat::Json => {
            let mut line = serde_json::json!({
                "time": date::rfc3339(date::seconds(record.time).cast_signed()),
                "peer": client.to_string(),
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

/// The time as `06/Nov/1994:08:49:37 +0000`, assembled from the parts of an HTTP date.
fn clf_time(time: SystemTime) -> String {
    let date = date::format(time);
    let mut parts = date.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or("");
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

/// Escapes text that stands between quotes: `\"`, `\\`, and `\xHH` for each byte that is not printable ASCII.
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
    use crate::handler::Handler as _;

    fn record() -> Record {
        let request = Request::new(Method::Post, "/a?b=%22")
            .with_header("User-Agent", "say \"hi\"\t\u{e9}\\")
            .with_header("Cookie", "secret=1")
            .with_header("Authorization", "Basic c2VjcmV0");
        let time = date::parse("Sun, 06 Nov 1994 08:49:37 GMT", SystemTime::now()).unwrap();
        Record::begin(&request, time).end(Status::NOT_FOUND, 12, Duration::from_millis(34))
    }

    #[test]
    fn lines_have_the_common_formats_and_no_control_characters() {
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

    /// Sends each line to a channel.
    struct Lines(mpsc::Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn as_a_layer_it_logs_each_request_with_the_user_whom_a_layer_further_in_has_recognized() {
        let (sender, lines) = mpsc::channel();
        let handler = |request: &mut Request| {
            request.set_user("ada");
            (Status::CREATED, "hello")
        };
        let app = AccessLog::new(LogFormat::Common, Lines(sender)).unwrap().around(handler);
        for (request, end) in [(Request::get("/a"), "201 5\n"), (Request::new(Method::Head, "/a"), "201 0\n")] {
            let method = request.method().clone();
            assert_eq!(app.handle(&mut { request }).status(), Status::CREATED);
            let line = lines.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(
                line.starts_with("- - ada [") && line.ends_with(&format!("\"{method} /a HTTP/1.1\" {end}")),
                "{line}"
            );
        }
    }

    /// The time was once that of the response.
    #[test]
    fn the_time_is_that_of_the_request() {
        let seconds = || date::seconds(SystemTime::now());
        let (sender, lines) = mpsc::channel();
        let (entered, times) = mpsc::channel();
        let handler = move |_: &mut Request| {
            let second = seconds();
            entered.send(second).unwrap();
            while seconds() == second {
                std::thread::sleep(Duration::from_millis(1));
            }
            "hello"
        };
        let app = AccessLog::new(LogFormat::Json, Lines(sender)).unwrap().around(handler);
        app.handle(&mut Request::get("/"));
        let line: serde_json::Value =
            serde_json::from_str(&lines.recv_timeout(Duration::from_secs(10)).unwrap()).unwrap();
        let entered = date::rfc3339(times.recv().unwrap().cast_signed());
        assert!(line["time"].as_str().unwrap() <= entered.as_str(), "{line} is not later than {entered}");
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
    fn json_lines_are_json_and_hold_no_secrets() {
        let line = render(LogFormat::Json, &record());
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["time"], "1994-11-06T08:49:37Z");
        assert_eq!(value["status"], 404);
        assert_eq!(value["request"], "POST /a?b=%22 HTTP/1.1");
        assert_eq!(value["milliseconds"], 34);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains("secret") && !line.contains("c2VjcmV0"), "{line}");
    }
}
