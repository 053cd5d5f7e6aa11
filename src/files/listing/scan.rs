//! Scans a directory, or several laid over each other: yields the entries that are served, in the order of the file system.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, DirEntry, FileType, Stat};

use super::super::lookup::{is_hidden, is_missing};
use super::entry::{Details, Kind};
use super::window::Scanned;
use crate::http::path::RelativePath;
use crate::storage::RootDir;

/// A scan under way: regular files and directories that the path can be followed to, those of the first layer first.
pub(crate) struct Scan {
    path: RelativePath,
    layers: Vec<ScanLayer>,
    hidden: bool,
    /// The most bytes of a name that a request can ask for.
    room: usize,
    /// Whether the details of all entries are read, and not only those that are known anyway.
    with_details: bool,
    /// The layer that is being read, and what is left of it. `None` before its first entry.
    index: usize,
    left: Option<Dir>,
    /// The names so far, which are hidden in later layers. `None` if there are too many to remember.
    seen: Option<HashSet<Box<[u8]>>>,
    skipped: usize,
}

/// A directory in one tree.
pub(crate) struct ScanLayer {
    /// What the caller knows the layer by.
    pub(crate) number: u8,
    pub(crate) root_dir: Arc<RootDir>,
    pub(crate) directory: Arc<File>,
}

/// An entry that a scan has found.
pub(crate) struct Found {
    entry: DirEntry,
    pub(crate) scanned: Scanned,
}

/// How many names of earlier layers are remembered, because they hide the same names in later ones. Beyond that, each name of a
/// later layer is looked up in the earlier ones.
const MAX_SEEN: usize = 1024;

impl Scan {
    /// The scan of the directory at this path, which is open in these layers. An entry hides those of later layers with the same name.
    pub(crate) fn new(path: RelativePath, layers: Vec<ScanLayer>, hidden: bool, with_details: bool) -> Self {
        let room = path.max_name_length();
        Self { path, layers, hidden, room, with_details, index: 0, left: None, seen: Some(HashSet::new()), skipped: 0 }
    }

    /// The next entry; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        while let Some(layer) = self.layers.get(self.index) {
            let left = match &mut self.left {
                Some(left) => left,
                left => left.insert(Dir::read_from(&layer.directory)?),
            };
            match left.next() {
                Some(entry) => {
                    if let Some(found) = self.inspect(entry?) {
                        return Ok(Some(found));
                    }
                }
                None => {
                    self.index += 1;
                    self.left = None;
                }
            }
        }
        Ok(None)
    }

    /// The details of the entry that `next` has returned last; `None` if it has vanished.
    pub(crate) fn details(&self, found: &Found) -> Option<Details> {
        let read = || Some(Details::of(&status(&self.layers.get(self.index)?.directory, found.name()).ok()?));
        found.scanned.details.or_else(read)
    }

    /// How many entries so far no request can ask for with success: links that lead nowhere or out, fifos and the like.
    pub(crate) fn skipped(&self) -> usize {
        self.skipped
    }

    /// The entry, if it is served and not hidden by one of an earlier layer.
    fn inspect(&mut self, entry: DirEntry) -> Option<Found> {
        let name = entry.file_name().to_bytes();
        let (above, rest) = self.layers.split_at(self.index);
        let (layer, is_last) = (&rest[0], rest.len() == 1);
        if matches!(name, b"." | b"..") || is_hidden(name, self.hidden) {
            return None;
        }
        if name.len() > self.room {
            self.skipped += 1;
            return None;
        }
        let is_shadowed = match &self.seen {
            Some(seen) => seen.contains(name),
            None => above.iter().any(|layer| layer.has(&self.path, name)),
        };
        if is_shadowed {
            return None;
        }
        let inspected = layer.inspect(&self.path, name, entry.file_type(), self.with_details);
        if !is_last && !matches!(inspected, Inspected::Nothing) {
            self.seen = self.seen.take().filter(|seen| seen.len() < MAX_SEEN);
            self.seen.as_mut().map(|seen| seen.insert(Box::<[u8]>::from(name)));
        }
        let is_link = entry.file_type() == FileType::Symlink;
        let (kind, details) = match inspected {
            Inspected::Entry(kind, details) => (kind, details),
            Inspected::Nothing if !is_link || !is_last => return None,
            Inspected::Refused | Inspected::Nothing => {
                self.skipped += 1;
                return None;
            }
        };
        Some(Found { scanned: Scanned { kind, is_link, layer: layer.number, details }, entry })
    }
}

impl Found {
    pub(crate) fn name(&self) -> &[u8] {
        self.entry.file_name().to_bytes()
    }

    /// Whether the directory says that it is a regular file, and not a link to one.
    #[cfg(feature = "markdown")]
    pub(crate) fn is_regular_file(&self) -> bool {
        self.entry.file_type() == FileType::RegularFile
    }
}

/// What an entry turns out to be.
enum Inspected {
    Entry(Kind, Option<Details>),
    /// Something that is not served: a fifo, a link that leads out.
    Refused,
    /// It has vanished, or is a link that leads nowhere.
    Nothing,
}

impl ScanLayer {
    /// Whether there is an entry of this name, served or not.
    fn has(&self, path: &RelativePath, name: &[u8]) -> bool {
        !matches!(self.inspect(path, name, FileType::Unknown, false), Inspected::Nothing)
    }

    fn inspect(&self, path: &RelativePath, name: &[u8], file_type: FileType, with_details: bool) -> Inspected {
        let known = |stat: Stat| match Kind::of(FileType::from_raw_mode(stat.st_mode)) {
            Some(kind) => Inspected::Entry(kind, Some(Details::of(&stat))),
            None => Inspected::Refused,
        };
        if file_type != FileType::Symlink && file_type != FileType::Unknown && !with_details {
            return Kind::of(file_type).map_or(Inspected::Refused, |kind| Inspected::Entry(kind, None));
        }
        if file_type != FileType::Symlink {
            match status(&self.directory, name) {
                Ok(stat) if !FileType::from_raw_mode(stat.st_mode).is_symlink() => return known(stat),
                Ok(_) => {}
                Err(_) => return Inspected::Nothing,
            }
        }
        let target = self.root_dir.open(&path.join(name)).and_then(|target| Ok(rustix::fs::fstat(&target)?));
        match target {
            Ok(stat) => known(stat),
            Err(error) if is_missing(&error) => Inspected::Nothing,
            Err(_) => Inspected::Refused,
        }
    }
}

/// The status of an entry of the directory; of a link, its own.
pub(super) fn status(directory: &File, name: &[u8]) -> io::Result<Stat> {
    let name = Path::new(OsStr::from_bytes(name));
    Ok(rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?)
}
