//! The progress of a transfer, shown on stderr.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar for a long transfer, if stderr is a terminal; one that shows nothing otherwise.
pub(crate) fn bar(length: Option<u64>) -> ProgressBar {
    let style = |template| ProgressStyle::with_template(template).expect("the templates below are valid");
    match length {
        Some(length) if length < LONG => ProgressBar::hidden(),
        Some(length) => {
            ProgressBar::new(length).with_style(style("{bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}"))
        }
        None => ProgressBar::no_length().with_style(style("{bytes} {spinner} {bytes_per_sec}")),
    }
}

/// Transfers of at least this many bytes show their progress.
const LONG: u64 = 1024 * 1024;
