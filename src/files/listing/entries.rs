//! The entries of a directory, or of several laid over each other: scanned in bounded memory, and yielded in order.

use std::fs::File;
use std::io;
use std::sync::{Arc, LazyLock};

use super::super::error::unreadable;
use super::super::lookup::is_missing;
use super::super::media_types::MediaTypes;
use super::budget::Budget;
use super::entry::{Details, Entry, Kind};
use super::order::{Column, Order};
#[cfg(feature = "markdown")]
use super::readme::{ReadmeRules, Readmes};
use super::scan::{Scan, ScanLayer, status};
use super::type_name::type_name;
use super::window::{Cursor, Window};
use crate::http::connection::{ClientLeft, Connection};
use crate::http::error::HttpError;
use crate::http::media_type;
use crate::http::path::RelativePath;
use crate::semaphore::{Crowded, Permit, Semaphore, processors};
use crate::storage::RootDir;

/// A directory to list.
pub(crate) struct ScanTarget {
    pub(crate) path: RelativePath,
    /// The directory in each tree that has it. An entry hides those of later layers with the same name.
    pub(crate) layers: Vec<(Arc<RootDir>, File)>,
    pub(crate) hidden: bool,
    /// The connection of the client that asks.
    pub(crate) connection: Connection,
    /// Whether part of the response has been sent already. Then the scan waits for its turn, however many others wait.
    pub(crate) has_begun: bool,
}

/// The entries of a directory in order, one after the other.
///
/// If there is not enough memory for all of them, a window of the next ones is held, and the directory is scanned again for those
/// that follow. Each entry comes once, unless its sort key changes between two scans.
pub(crate) struct Entries {
    path: RelativePath,
    hidden: bool,
    connection: Connection,
    has_begun: bool,
    layers: Vec<Layer>,
    media_types: Arc<MediaTypes>,
    window: Window,
    /// How many entries of the window have been stepped over.
    stepped: usize,
    /// The details of the entry that was last advanced to.
    details: Details,
    pub(crate) totals: Totals,
    #[cfg(feature = "markdown")]
    readmes: Readmes,
}

struct Layer {
    root_dir: Arc<RootDir>,
    /// `None` if the directory is opened anew for each scan.
    directory: Option<Arc<File>>,
}

/// How many entries are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) directories: usize,
    pub(crate) files: usize,
    /// Entries that are not listed, because no request for them would succeed: links that lead nowhere or out, fifos and the like.
    pub(crate) skipped: usize,
    /// Whether there are more than are listed.
    pub(crate) truncated: bool,
}

/// The most entries that are listed: nobody looks through more by eye.
const MAX_ENTRIES: usize = 1_000_000;

impl ScanTarget {
    /// Opens the directory at this path in each tree that has it; `None` if none has it.
    #[cfg(feature = "archive")]
    pub(crate) fn open(
        root_dirs: &[Arc<RootDir>],
        path: RelativePath,
        hidden: bool,
        connection: Connection,
        has_begun: bool,
    ) -> io::Result<Option<Self>> {
        let mut layers = Vec::new();
        for root_dir in root_dirs {
            if let Some(directory) = open(root_dir, &path)? {
                layers.push((Arc::clone(root_dir), directory));
            }
        }
        Ok((!layers.is_empty()).then_some(Self { path, layers, hidden, connection, has_begun }))
    }

    /// Scans for the entries: regular files and directories that the path can be followed to.
    pub(crate) fn read(
        self,
        order: Order,
        media_types: &Arc<MediaTypes>,
        budget: &Arc<Budget>,
    ) -> Result<Entries, ScanError> {
        let Self { path, layers, hidden, connection, has_begun } = self;
        let layers =
            layers.into_iter().map(|(root_dir, directory)| Layer { root_dir, directory: Some(Arc::new(directory)) });
        let mut entries = Entries {
            path,
            hidden,
            connection,
            has_begun,
            layers: layers.collect(),
            media_types: Arc::clone(media_types),
            window: Window::new(order, budget.share()),
            stepped: 0,
            details: Details::UNKNOWN,
            totals: Totals::default(),
            #[cfg(feature = "markdown")]
            readmes: Readmes::default(),
        };
        entries.totals = entries.fill(None)?;
        entries.has_begun = true;
        Ok(entries)
    }
}

/// Opens the directory at this path, if there is one.
fn open(root_dir: &RootDir, path: &RelativePath) -> io::Result<Option<File>> {
    match root_dir.open(path) {
        Ok(file) if file.metadata()?.is_dir() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why a scan failed.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// Too many other scans wait for their turn.
    Crowded,
    /// The client has left.
    ClientLeft,
    /// The file system failed.
    Io(io::Error),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// For a scan before any of the response was sent.
impl From<ScanError> for HttpError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Crowded | ScanError::ClientLeft => Self::Unavailable(1),
            ScanError::Io(error) => unreadable(error),
        }
    }
}

/// For a scan while the response is being sent.
impl From<ScanError> for io::Error {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Crowded | ScanError::ClientLeft => ClientLeft.into(),
            ScanError::Io(error) => error,
        }
    }
}

impl Entries {
    /// Steps to the next entry and reads its details; false at the end. An entry that has vanished is skipped.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        while self.step()? {
            let (name, scanned) = self.window.entry(self.stepped - 1);
            let directory = self.layers[usize::from(scanned.layer)].directory.as_ref();
            let read = || Some(Details::of(&status(directory?, name).ok()?));
            if let Some(details) = scanned.details.or_else(read) {
                self.details = details;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The entry that was advanced to.
    pub(crate) fn entry(&self) -> Entry<'_> {
        let (name, scanned) = self.window.entry(self.stepped - 1);
        Entry { name, kind: scanned.kind, details: self.details }
    }

    /// The entry that was advanced to, with the tree that it is in; `None` for a link, whose target may be elsewhere.
    pub(crate) fn entry_in_tree(&self) -> Option<(Entry<'_>, &Arc<RootDir>)> {
        let (_, scanned) = self.window.entry(self.stepped - 1);
        (!scanned.is_link).then(|| (self.entry(), &self.layers[usize::from(scanned.layer)].root_dir))
    }

    /// Steps to the next entry, even if it has vanished; false at the end.
    pub(crate) fn step(&mut self) -> io::Result<bool> {
        if self.stepped == self.window.len() {
            let Some(end) = self.window.end().filter(|_| self.window.is_partial()) else { return Ok(false) };
            self.stepped = 0;
            self.fill(Some(&end))?;
        }
        let is_there = self.stepped < self.window.len();
        self.stepped += usize::from(is_there);
        Ok(is_there)
    }

    /// The name and kind of the entry that was stepped to, and whether it is a symbolic link.
    #[cfg(feature = "archive")]
    pub(crate) fn kind(&self) -> (&[u8], Kind, bool) {
        let (name, scanned) = self.window.entry(self.stepped - 1);
        (name, scanned.kind, scanned.is_link)
    }

    /// Closes the directories; another scan opens them again. Details that have not been read stay unknown.
    #[cfg(feature = "archive")]
    pub(crate) fn close(&mut self) {
        self.layers.iter_mut().for_each(|layer| layer.directory = None);
    }

    /// Writes the README of the directory, if it has one that these rules permit.
    #[cfg(feature = "markdown")]
    pub(super) fn write_readme(&self, out: &mut Vec<u8>, rules: &ReadmeRules) -> io::Result<()> {
        if self.readmes.is_empty() {
            return Ok(());
        }
        // It is computing too, and takes memory until it is done.
        let _inside = take_turn(&SCANS, &self.connection, self.has_begun)?;
        self.readmes.write(out, rules, &self.path, |layer| &self.layers[layer].root_dir)
    }

    /// Scans the directory, and fills the window with the first entries behind the cursor.
    fn fill(&mut self, after: Option<&Cursor>) -> Result<Totals, ScanError> {
        let _inside = take_turn(&SCANS, &self.connection, self.has_begun)?;
        // The directories that are opened for this scan only.
        let opened = self.layers.iter().map(|layer| match layer.directory {
            Some(_) => Ok(None),
            None => open(&layer.root_dir, &self.path),
        });
        let opened = opened.collect::<Result<Vec<_>, _>>()?;
        #[cfg(feature = "markdown")]
        self.readmes.clear();
        let mut layers = Vec::new();
        for (number, (layer, opened)) in self.layers.iter().zip(opened).enumerate() {
            let Some(directory) = layer.directory.clone().or(opened.map(Arc::new)) else { continue };
            let number = u8::try_from(number).map_err(io::Error::other)?;
            layers.push(ScanLayer { number, root_dir: Arc::clone(&layer.root_dir), directory });
        }
        let Self { path, hidden, media_types, window, .. } = self;
        window.clear();
        let order = window.order();
        let mut scan = Scan::new(path.clone(), layers, *hidden, order.column.needs_details());
        let mut totals = Totals::default();
        while let Some(found) = scan.next()? {
            if totals.directories + totals.files == MAX_ENTRIES {
                totals.truncated = true;
                break;
            }
            let (name, scanned) = (found.name(), found.scanned);
            match scanned.kind {
                Kind::Directory => totals.directories += 1,
                Kind::File => {
                    totals.files += 1;
                    #[cfg(feature = "markdown")]
                    self.readmes.add(name, !found.is_regular_file(), scanned.layer.into());
                }
            }
            let is_by_type = order.column == Column::Type && scanned.kind == Kind::File;
            let type_name = if is_by_type { type_name_of(name, media_types) } else { "" };
            if after.is_none_or(|cursor| cursor.is_before(order, &scanned.key(name, type_name))) {
                window.add(name, scanned, type_name);
            }
        }
        totals.skipped = scan.skipped();
        window.finish();
        Ok(totals)
    }
}

fn type_name_of(name: &[u8], media_types: &MediaTypes) -> &'static str {
    type_name(name, media_type::essence(&media_types.of(name))).name
}

/// Waits for a turn to scan. Fails if the client leaves while it waits, or if too many others wait, unless part of the response has
/// been sent already.
fn take_turn<'a>(scans: &'a Semaphore, connection: &Connection, has_begun: bool) -> Result<Permit<'a>, ScanError> {
    if let Some(permit) = scans.try_acquire() {
        return Ok(permit);
    }
    let most_waiting = if has_begun { usize::MAX } else { MAX_WAITING };
    let permit = scans.acquire(most_waiting).map_err(|Crowded| ScanError::Crowded)?;
    if connection.is_open() { Ok(permit) } else { Err(ScanError::ClientLeft) }
}

/// Bounds the scans that run at the same time to the number of processors, because a scan is nothing but computing. Without the
/// bound, 4,300 clients that each listed 20,000 names delayed requests for other pages by more than 10 s.
static SCANS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(processors()));

/// The most scans that wait for a turn: each holds a connection and its worker, and cannot be evicted.
const MAX_WAITING: usize = 256;

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::files::Files;
    use crate::handler::respond;
    use crate::http::body_channel::{BodyReceiver, Piece};
    use crate::http::connection::Link;
    use crate::http::request::Request;

    /// Many listings at once once kept every processor busy, and all other requests waiting.
    #[test]
    fn scans_at_the_same_time_are_bounded() {
        let root = tempfile::tempdir().unwrap();
        let files = Files::new(root.path());
        let turns: Vec<_> = (0..processors()).map(|_| SCANS.acquire(MAX_WAITING).unwrap()).collect();
        assert!(SCANS.try_acquire().is_none());
        thread::scope(|scope| {
            let listing = scope.spawn(|| respond(&files, &mut Request::get("/")).status().code());
            while SCANS.waiting() == 0 {
                thread::yield_now();
            }
            assert!(!listing.is_finished());
            drop(turns);
            assert_eq!(listing.join().unwrap(), 200);
        });
    }

    /// The link of a client that has left.
    struct Left;

    impl Link for Left {
        fn is_open(&self) -> bool {
            false
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn wait(&self, _: Duration) {}

        fn next_piece(&self, _: &BodyReceiver) -> Piece {
            Piece::Disconnected
        }
    }

    #[test]
    fn no_scan_begins_for_a_client_that_left_while_it_waited() {
        let scans = Semaphore::new(1);
        for (connection, is_open) in [(Connection::default(), true), (Connection::new(Left), false)] {
            for has_begun in [false, true] {
                let first = take_turn(&scans, &connection, has_begun).ok();
                assert!(first.is_some(), "a scan that need not wait does not ask whether the client is there");
                thread::scope(|scope| {
                    let second = scope.spawn(|| take_turn(&scans, &connection, has_begun).is_ok());
                    while scans.waiting() == 0 {
                        thread::yield_now();
                    }
                    drop(first);
                    assert_eq!(second.join().unwrap(), is_open);
                });
            }
        }
    }

    #[test]
    fn beyond_the_bound_only_scans_of_begun_responses_wait() {
        let (scans, connection) = (Semaphore::new(1), Connection::default());
        let first = scans.try_acquire().unwrap();
        thread::scope(|scope| {
            for _ in 0..MAX_WAITING {
                scope.spawn(|| drop(take_turn(&scans, &connection, false).ok().unwrap()));
            }
            while scans.waiting() < MAX_WAITING {
                thread::yield_now();
            }
            assert!(matches!(take_turn(&scans, &connection, false), Err(ScanError::Crowded)));
            scope.spawn(|| drop(take_turn(&scans, &connection, true).ok().unwrap()));
            while scans.waiting() <= MAX_WAITING {
                thread::yield_now();
            }
            drop(first);
        });
    }
}
