//! Writes messages to stderr on a separate thread: those of the library, of the program itself, and of panics.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

use hearken::LogWriter;
use log::{LevelFilter, Log, Metadata, Record};

/// The program's logger. Logging never waits for stderr, which may be a pipe that nobody reads.
struct Logger(OnceLock<LogWriter>);

static LOGGER: Logger = Logger(OnceLock::new());

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hearken")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata())
            && let Some(writer) = self.0.get()
        {
            // Text from a client must not begin a new line.
            let text = record.args().to_string().replace(char::is_control, "\u{fffd}");
            let level = record.level().as_str().to_ascii_lowercase();
            writer.write(&format!("hearken: {level}: {text}\n"));
        }
    }

    fn flush(&self) {
        if let Some(writer) = self.0.get() {
            writer.flush();
        }
    }
}

/// Shows messages of this level and above from now on.
///
/// # Errors
///
/// When the thread cannot be started.
pub(crate) fn install(level: LevelFilter) -> Result<(), hearken::Error> {
    let writer = LogWriter::new(io::stderr(), |lines| format!("hearken: warn: {lines} messages were not logged"))?;
    LOGGER.0.get_or_init(|| writer);
    log::set_logger(&LOGGER).expect("it is installed once, by main");
    log::set_max_level(level);
    // The default hook writes to stderr itself, and waits for it.
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Prints a line on stderr, whatever the level is.
pub(crate) fn say(text: impl Display) {
    print(&format!("{text}\n"));
}

/// Prints lines on stderr, whatever the level is.
pub(crate) fn print(lines: &str) {
    match LOGGER.0.get() {
        Some(writer) => writer.write(lines),
        // The logger is not installed. There is nowhere to report that stderr cannot be written.
        None => drop(io::stderr().write_all(lines.as_bytes())),
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    log::error!(target: "hearken", "{}", info.to_string().replace('\n', " "));
}
