//! Where the library's messages go: stderr, one line each.

use std::io::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hearken")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A stderr that is gone is no reason to stop serving. Text that came from a client keeps to its line.
            let text = record.args().to_string().replace(char::is_control, "\u{fffd}");
            let level = record.level().as_str().to_ascii_lowercase();
            let _ = writeln!(std::io::stderr().lock(), "hearken: {level}: {text}");
        }
    }

    fn flush(&self) {}
}

/// Shows messages of this level and above from here on.
pub(crate) fn install(level: LevelFilter) {
    log::set_logger(&Stderr).expect("it is installed once, by main");
    log::set_max_level(level);
}
