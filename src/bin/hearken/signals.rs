//! The signals that stop the server.

use std::ffi::c_int;
use std::io;
use std::thread;
use std::time::Duration;

use hearken::Server;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ignored_signals::is_ignored;

/// Catches the signals from now on.
pub(crate) fn catch() -> io::Result<Signals> {
    Signals::new(stop_signals())
}

/// The signals that stop the server. SIGHUP, sent when the terminal closes, is one of them unless it is ignored, as under nohup.
fn stop_signals() -> Vec<c_int> {
    let mut signals = vec![SIGINT, SIGTERM];
    signals.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
    signals
}

/// Stops the server at the first signal and lets running requests finish; a second signal cuts them off.
pub(crate) fn stop_on(mut signals: Signals, server: &Server, grace: Duration) -> Result<(), hearken::Error> {
    let stopper = server.stopper();
    let wait = move || {
        let mut graces = [grace, Duration::ZERO].into_iter();
        for _ in signals.forever() {
            stopper.stop(graces.next().unwrap_or_default());
        }
    };
    thread::Builder::new().name("hearken-signals".into()).spawn(wait).map(drop).map_err(hearken::Error::Thread)
}
