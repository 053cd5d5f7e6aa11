//! Where messages go, the library's, the program's own and those of panics: to stderr, written by a thread of its own.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

use hearken::LogWriter;
use log::{LevelFilter, Log, Metadata, Record};

/// The program's logger. Nobody who logs waits for stderr, which may be a pipe that nobody reads.
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
            // Text that came from a client keeps to its line.
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

/// Shows messages of this level and above from here on.
///
/// # Errors
///
/// When the system has no thread left to write them.
pub(crate) fn install(level: LevelFilter) -> Result<(), hearken::Error> {
    let writer = LogWriter::new(io::stderr(), |lines| format!("hearken: warn: {lines} messages were not logged"))?;
    LOGGER.0.get_or_init(|| writer);
    log::set_logger(&LOGGER).expect("it is installed once, by main");
    log::set_max_level(level);
    // The hook that is there by default writes to stderr itself, and waits for it.
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Says something that is no message of a level: whatever is shown, this is.
pub(crate) fn say(text: impl Display) {
    match LOGGER.0.get() {
        Some(writer) => writer.write(&format!("{text}\n")),
        // There is no thread to write it. Where it cannot be written, there is nowhere to say so.
        None => drop(writeln!(io::stderr(), "{text}")),
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    log::error!(target: "hearken", "{}", info.to_string().replace('\n', " "));
}
