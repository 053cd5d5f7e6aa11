//! `--open`: shows the site in the user's browser.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// A thread that opens a browser once it gets a URL.
///
/// The browser inherits what its starter has, so the thread starts before the program changes how it is scheduled.
pub(crate) struct Opener(Sender<String>);

impl Opener {
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, urls) = mpsc::channel::<String>();
        thread::Builder::new().name("open".into()).spawn(move || {
            if let Ok(url) = urls.recv()
                && let Err(error) = open::that_detached(&url)
            {
                log::warn!("cannot open a browser for {url}: {}", hearken::reason(&error));
            }
        })?;
        Ok(Self(sender))
    }

    /// Opens this URL, without waiting for the browser.
    pub(crate) fn open(self, url: &str) {
        // If the thread has ended, there is nobody to tell.
        let _ = self.0.send(url.to_owned());
    }
}
