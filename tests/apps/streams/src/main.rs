//! A clock that sends events, a page that shows it, and a large download that is written while it is sent.
//!
//! `cargo run -p streams [PORT]`, then open http://127.0.0.1:4061/

use std::error::Error;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use hearken::{BodyWriter, Connection, Event, Events, Request, Response, Router, Server, Settings};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long running responses have to finish when the program is told to stop.
const GRACE: Duration = Duration::from_secs(2);
/// A page reconnects after this time.
const RETRY: Duration = Duration::from_millis(2500);
/// 64 bytes each, 300 MiB together.
const ROWS: u32 = 300 * 1024 * 1024 / 64;
const FILLER: &str = "this row was written while the rows before it were sent";

/// Sends the time each second, for as many `seconds` as the query says, or for an hour. A client that reconnects gets what it has
/// missed, of the last minute.
fn clock(request: &mut Request) -> Response {
    let now = unix_time().as_secs();
    let seen: Option<u64> = request.header("Last-Event-ID").and_then(|id| id.parse().ok());
    let seconds: Option<u64> = request.query().value("seconds").and_then(|seconds| seconds.parse().ok());
    let first = seen.map_or(now, |seen| seen.clamp(now - 60, now) + 1);
    let last = now.saturating_add(seconds.unwrap_or(3600));
    Response::events(move |events| {
        let result = tick(events, first..=last);
        report("clock", events.connection(), result)
    })
}

fn tick(events: &mut Events<'_>, seconds: RangeInclusive<u64>) -> io::Result<()> {
    for second in seconds {
        if !events.wait(Duration::from_secs(second).saturating_sub(unix_time())) {
            break;
        }
        let time = format!("{:02}:{:02}:{:02} UTC", second / 3600 % 24, second / 60 % 60, second % 60);
        let event = Event::data(format!("{second} s since 1970\n{time}"));
        events.send(&event.name("tick").id(second.to_string()).retry(RETRY))?;
    }
    Ok(())
}

fn download(_: &mut Request) -> Response {
    let rows = Response::writer(|out| {
        let result = write_rows(out);
        report("download", out.connection(), result)
    });
    rows.with_header("Content-Type", "text/csv").with_header("Content-Disposition", "attachment; filename=rows.csv")
}

fn write_rows(out: &mut BodyWriter<'_>) -> io::Result<()> {
    (0..ROWS).try_for_each(|row| writeln!(out, "{row:07},{FILLER}"))?;
    out.flush()
}

/// Says on the terminal how a stream has ended, and returns its result.
fn report(stream: &str, connection: &Connection, result: io::Result<()>) -> io::Result<()> {
    let end = match (&result, connection.is_stopping()) {
        (Ok(()), true) => "ended, because the server stops",
        (Err(_), true) => "cut off, because the server stops",
        (_, false) if !connection.is_open() => "the client has left",
        (Err(_), false) => "it has failed",
        (Ok(()), false) => "complete",
    };
    println!("{stream}: {end}");
    result
}

fn unix_time() -> Duration {
    UNIX_EPOCH.elapsed().expect("the clock is set to a time after 1970")
}

fn main() -> Result<(), Box<dyn Error>> {
    hearken::log_to_stderr()?;
    let port = std::env::args().nth(1).unwrap_or_else(|| "4061".into());
    let app = Router::new()
        .get("/", |_| Response::html(include_str!("clock.html")))
        .get("/clock", clock)
        .get("/download", download);
    let builder = Server::bind(format!("127.0.0.1:{port}"))?.settings(Settings::default().max_streams(4));
    let (stopper, mut signals) = (builder.stopper(), Signals::new([SIGINT, SIGTERM])?);
    thread::spawn(move || signals.forever().for_each(|_| stopper.stop(GRACE)));
    let server = builder.serve(app)?;
    println!("Listening on {}", server.url());
    println!("Connections cut off: {}", server.join().cut);
    Ok(())
}
