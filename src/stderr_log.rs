//! A logger for programs that have none: shows messages on stderr, without making anyone wait.

use std::io;

use log::{LevelFilter, Log, Metadata, Record};

use crate::error::Error;
use crate::log_writer::LogWriter;

/// Shows the warnings and errors that go to the `log` facade on stderr, one a line: those of this library, which include the
/// reason of each 500, and those of other crates and of the program itself.
///
/// Messages are written by a [`LogWriter`], so that logging never waits for a terminal, or for a pipe that nobody reads. Control
/// characters in them are replaced. The level is `Warn`; `log::set_max_level` changes it afterwards. A program that ends can wait
/// for its last messages with `log::logger().flush()`.
///
/// If the program has installed a logger already, that one stays.
///
/// ```
/// use std::fs;
/// use hearken::{HttpError, Request, Router};
///
/// hearken::log_to_stderr()?;
/// let app = Router::new().get("/", |_| Ok::<_, HttpError>(fs::read("gone.txt")?));
/// app.respond(&mut Request::get("/")); // stderr: hearken: error: GET /: No such file or directory (os error 2)
/// # Ok::<(), hearken::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Thread`] when the thread that writes cannot be started.
pub fn log_to_stderr() -> Result<(), Error> {
    let writer = LogWriter::new(io::stderr(), |lines| format!("hearken: warn: {lines} messages were not logged"))?;
    if log::set_boxed_logger(Box::new(StderrLog(writer))).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
    Ok(())
}

struct StderrLog(LogWriter);

impl Log for StderrLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.write(&line(record));
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// The line that shows a message: the crate that it is from, its level and its text.
fn line(record: &Record<'_>) -> String {
    let source = record.target().split("::").next().unwrap_or_default();
    let level = record.level().as_str().to_ascii_lowercase();
    // Text from a client must not begin a new line, nor move the cursor.
    let text = record.args().to_string().replace(char::is_control, "\u{fffd}");
    format!("{source}: {level}: {text}\n")
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn a_message_is_one_line_with_its_source_and_level() {
        let table = [
            ("hearken::handler::into_response", Level::Error, "GET /: gone", "hearken: error: GET /: gone\n"),
            ("shop", Level::Warn, "größer", "shop: warn: größer\n"),
            (
                "hearken",
                Level::Error,
                "a\nhearken: error: b\u{1b}[2J",
                "hearken: error: a\u{fffd}hearken: error: b\u{fffd}[2J\n",
            ),
        ];
        for (target, level, text, expected) in table {
            let shown = line(&Record::builder().target(target).level(level).args(format_args!("{text}")).build());
            assert_eq!(shown, expected);
        }
    }
}
