//! The walk of a search: goes through a directory and all below it, as far as listings lead, and yields what matches.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::super::listing::budget::Budget;
use super::super::listing::entry::{Details, Entry, Kind};
use super::super::listing::order::{Key, Order};
use super::super::listing::scan::{Found, Scan, ScanLayer};
use super::super::listing::window::{Cursor, Window};
use super::super::lookup::{Layers, Lookup, Roots};
use super::words::{Words, fold};
use crate::http::connection::{ClientLeft, Connection};
use crate::http::path::RelativePath;
use crate::semaphore::{Semaphore, processors};

/// The bounds of searches, and how many are under way.
pub(crate) struct Searches {
    pub(crate) limits: Limits,
    open: AtomicUsize,
    /// One permit for each thread that may walk.
    threads: Semaphore,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most searches at a time.
    pub(crate) searches: usize,
    /// The most results of a search.
    pub(crate) results: usize,
    /// How long a search takes at most, the time that the client takes to read included.
    pub(crate) time: Duration,
}

/// The right to search, given back when dropped.
pub(crate) struct Slot(Arc<Searches>);

/// A search under way.
///
/// What matches in a directory comes before what matches below it. Directories come in the order of their names, and a directory
/// with an index file is not entered: it would not be listed either. Nor are links to directories, which may lead to one above.
pub(crate) struct Walk {
    slot: Slot,
    roots: Arc<Roots>,
    budget: Arc<Budget>,
    connection: Connection,
    words: Words,
    /// The depth of the searched directory below the root.
    depth: usize,
    /// The directories that are being walked through, the deepest last.
    open: Vec<Level>,
    /// The scan of the deepest one, if it has not ended.
    scan: Option<(Scan, Option<Cursor>)>,
    /// What was found last, all in the deepest directory.
    matches: Vec<Match>,
    found: usize,
    unreadable: usize,
    began: Instant,
    flushed: Instant,
    end: Option<End>,
}

/// Why a search has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All was searched.
    Complete,
    /// There are more results than one search gives.
    Results,
    /// It took too long.
    Time,
}

struct Level {
    path: RelativePath,
    /// The path below the searched directory, as it is compared.
    folded: String,
    /// The directories in it, or the next ones that there is memory for, and how many of them have been entered.
    directories: Window,
    entered: usize,
}

struct Match {
    name: Vec<u8>,
    kind: Kind,
    details: Details,
}

/// 16 searches may hold 4 MiB each of the names of directories, in trees as deep and wide as paths allow.
const LIMITS: Limits = Limits { searches: 16, results: 1000, time: Duration::from_secs(10) };

/// How long a search walks before others get their turn, and it sees whether the client has left.
const TURN: Duration = Duration::from_millis(50);

/// After how long what was found is sent, however little it is.
const FLUSH: Duration = Duration::from_millis(200);

impl Searches {
    pub(crate) fn new(limits: Limits, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Arc<Self> {
        let threads = Semaphore::new((processors() / 2).max(1));
        Arc::new(Self { limits, open: AtomicUsize::new(0), threads, clock: Box::new(clock) })
    }

    /// The bounds that all searches of this process share.
    pub(crate) fn of_process() -> Arc<Self> {
        static SEARCHES: LazyLock<Arc<Searches>> = LazyLock::new(|| Searches::new(LIMITS, Instant::now));
        Arc::clone(&SEARCHES)
    }

    /// The right to search; `None` if there are too many searches.
    pub(crate) fn take_slot(self: &Arc<Self>) -> Option<Slot> {
        let slot = Slot(Arc::clone(self));
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        (before < self.limits.searches).then_some(slot)
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Walk {
    /// The walk through the directory at this path, which is open in these layers.
    pub(crate) fn new(
        slot: Slot,
        roots: &Arc<Roots>,
        budget: &Arc<Budget>,
        connection: Connection,
        words: Words,
        path: RelativePath,
        layers: Layers,
    ) -> Self {
        let now = slot.0.now();
        let mut walk = Self {
            slot,
            roots: Arc::clone(roots),
            budget: Arc::clone(budget),
            connection,
            words,
            depth: path.segments().len(),
            open: Vec::new(),
            scan: None,
            matches: Vec::new(),
            found: 0,
            unreadable: 0,
            began: now,
            flushed: now,
            end: None,
        };
        walk.enter(path, String::new(), layers);
        walk
    }

    /// Walks on until something is found, but no longer than a turn; false at the end.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        self.matches.clear();
        if self.end.is_some() {
            return Ok(false);
        }
        let searches = Arc::clone(&self.slot.0);
        let _permit = searches.threads.queue();
        let began = searches.now();
        let mut now = began;
        loop {
            if now.duration_since(self.began) >= searches.limits.time {
                self.end = Some(End::Time);
            } else if self.scan.is_some() {
                self.scan_on();
            } else {
                self.go_on();
            }
            if self.end.is_some() || (self.scan.is_none() && !self.matches.is_empty()) {
                break;
            }
            now = searches.now();
            if now.duration_since(began) >= TURN {
                // Asked only now: a client that has closed its side may still read a response that comes at once.
                if !self.connection.is_open() {
                    return Err(ClientLeft.into());
                }
                break;
            }
        }
        let order = Order::default();
        self.matches.sort_unstable_by(|a, b| order.compare(&a.key(), &b.key()));
        Ok(true)
    }

    /// What the walk has found since it was advanced, and the directory that this is in: its path below the searched one.
    pub(crate) fn matches(&self) -> (&[Vec<u8>], impl Iterator<Item = Entry<'_>>) {
        let directory = self.open.last().map_or(&[][..], |level| &level.path.segments()[self.depth..]);
        (
            directory,
            self.matches.iter().map(|Match { name, kind, details }| Entry { name, kind: *kind, details: *details }),
        )
    }

    /// Whether what was found is to be sent now, however little it is.
    pub(crate) fn wants_flush(&mut self) -> bool {
        let now = self.slot.0.now();
        let is_due = now.duration_since(self.flushed) >= FLUSH;
        if is_due {
            self.flushed = now;
        }
        is_due
    }

    /// How many results there are so far.
    pub(crate) fn found(&self) -> usize {
        self.found
    }

    /// How many directories could not be read.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Why the walk has ended; `None` while it goes on.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    pub(crate) fn limits(&self) -> Limits {
        self.slot.0.limits
    }

    /// Reads one more entry of the deepest directory.
    fn scan_on(&mut self) {
        let (Some((scan, after)), Some(level)) = (&mut self.scan, self.open.last_mut()) else { return };
        let found = match scan.next() {
            Ok(Some(found)) => found,
            ended => {
                // What was read before an error counts.
                self.unreadable += usize::from(ended.is_err() && after.is_none());
                level.directories.finish();
                self.scan = None;
                return;
            }
        };
        let (name, scanned) = (found.name(), found.scanned);
        if scanned.kind == Kind::Directory && !scanned.is_link {
            let is_next = |cursor: &Cursor| cursor.is_before(Order::default(), &scanned.key(name, ""));
            if after.as_ref().is_none_or(is_next) {
                level.directories.add(name, scanned, "");
            }
        }
        if after.is_none()
            && level.has_match(&self.words, name)
            && let Some(found) = Match::new(scan, &found)
        {
            if self.found == self.slot.0.limits.results {
                self.end = Some(End::Results);
                return;
            }
            self.found += 1;
            self.matches.push(found);
        }
    }

    /// Enters the next directory, or leaves the deepest one.
    fn go_on(&mut self) {
        let Some(level) = self.open.last_mut() else {
            self.end = Some(End::Complete);
            return;
        };
        if level.entered < level.directories.len() {
            let (name, _) = level.directories.entry(level.entered);
            let path = level.path.join_directory(name);
            let folded = level.folded_path(name) + "/";
            level.entered += 1;
            if let Some(layers) = self.look_up(&path) {
                self.enter(path, folded, layers);
            }
            return;
        }
        let Some(end) = level.directories.end().filter(|_| level.directories.is_partial()) else {
            self.open.pop();
            return;
        };
        level.entered = 0;
        level.directories.clear();
        let path = level.path.clone();
        self.scan = self.look_up(&path).map(|layers| (self.scan_of(path, layers), Some(end)));
    }

    fn enter(&mut self, path: RelativePath, folded: String, layers: Layers) {
        let directories = Window::new(Order::default(), self.budget.share());
        self.scan = Some((self.scan_of(path.clone(), layers), None));
        self.open.push(Level { path, folded, directories, entered: 0 });
    }

    fn scan_of(&self, path: RelativePath, layers: Layers) -> Scan {
        let layers = layers.into_iter().map(|(root_dir, directory)| ScanLayer {
            // It is not asked for.
            number: 0,
            root_dir,
            directory: Arc::new(directory),
        });
        let layers = layers.collect();
        Scan::new(path, layers, self.roots.include_hidden, false)
    }

    /// The directory at this path in each tree, if it would be listed.
    fn look_up(&mut self, path: &RelativePath) -> Option<Layers> {
        match self.roots.lookup(path) {
            Ok(Lookup::Directory(layers)) => Some(layers),
            Ok(Lookup::File(..) | Lookup::MissingSlash | Lookup::NotFound) => None,
            Ok(Lookup::Forbidden) | Err(_) => {
                self.unreadable += 1;
                None
            }
        }
    }
}

impl Level {
    /// The path of an entry below the searched directory, as it is compared.
    fn folded_path(&self, name: &[u8]) -> String {
        let mut path = self.folded.clone();
        fold(&String::from_utf8_lossy(name), &mut path);
        path
    }

    fn has_match(&mut self, words: &Words, name: &[u8]) -> bool {
        // Appended and removed again, so that the path is not copied for each entry.
        let start = self.folded.len();
        fold(&String::from_utf8_lossy(name), &mut self.folded);
        let is_match = words.are_in(&self.folded, start);
        self.folded.truncate(start);
        is_match
    }
}

impl Match {
    /// The entry with its details; `None` if it has vanished.
    fn new(scan: &Scan, found: &Found) -> Option<Self> {
        let details = scan.details(found)?;
        Some(Self { name: found.name().to_vec(), kind: found.scanned.kind, details })
    }

    fn key(&self) -> Key<'_, &'static str> {
        Key { kind: self.kind, details: self.details, type_name: "", name: &self.name }
    }
}
