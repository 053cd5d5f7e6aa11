//! What is in a directory, or in several laid over each other: read once, kept small, and sorted.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Stat};

use super::media_type::MediaTypes;
use crate::handlers::sandbox::Sandbox;
use crate::handlers::store;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;

/// A directory that is to be looked into.
pub(super) struct Scope {
    pub(super) path: RelativePath,
    /// Where it is, the first one hiding what the later ones have by the same name.
    pub(super) layers: Vec<(Arc<Sandbox>, File)>,
    pub(super) hidden: bool,
}

/// The entries of a directory. A hundred thousand take a few MiB.
pub(super) struct Entries {
    layers: Vec<File>,
    /// All names, one after the other.
    names: Vec<u8>,
    rows: Vec<Row>,
    /// Whether there were more than are kept.
    pub(super) truncated: bool,
}

/// One entry, its name elsewhere.
#[derive(Clone, Copy)]
struct Row {
    start: u32,
    length: u8,
    kind: Kind,
    #[cfg_attr(not(feature = "archive"), allow(dead_code, reason = "only archives ask"))]
    is_link: bool,
    layer: u8,
    /// Known at once where the entry is a link, or the order asks for it; looked at when it is shown otherwise.
    details: Option<Details>,
}

/// One entry, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: Kind,
    pub(super) details: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// What entries are sorted by. Directories come first in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Column {
    #[default]
    Name,
    Size,
    Type,
    Time,
}

/// A column, and whether the largest comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) descending: bool,
}

/// More entries than this are not listed: who has more does not look for one by eye.
const MOST_ENTRIES: usize = 1_000_000;

/// Whether a name is neither served nor listed. Files that are still being written never are.
pub(super) fn is_hidden(name: &[u8], include_hidden: bool) -> bool {
    name.starts_with(b".") && (!include_hidden || store::is_unfinished(name))
}

impl Scope {
    /// Opens the directory at this path in each sandbox that has it.
    #[cfg(feature = "archive")]
    pub(super) fn open(sandboxes: &[Arc<Sandbox>], path: RelativePath, hidden: bool) -> Result<Self, HttpError> {
        let mut layers = Vec::new();
        for sandbox in sandboxes {
            match sandbox.open(&path).map_err(HttpError::from) {
                Ok(file) if file.metadata()?.is_dir() => layers.push((Arc::clone(sandbox), file)),
                Ok(_) | Err(HttpError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        if layers.is_empty() { Err(HttpError::NotFound) } else { Ok(Self { path, layers, hidden }) }
    }

    /// Reads the entries: regular files and directories that the path can be followed to.
    pub(super) fn read(self, order: Order, media_types: &MediaTypes) -> io::Result<Entries> {
        let mut entries = Entries { layers: Vec::new(), names: Vec::new(), rows: Vec::new(), truncated: false };
        let mut seen = (self.layers.len() > 1).then(HashSet::new);
        let with_details = matches!(order.column, Column::Size | Column::Time);
        let room = self.path.room();
        for (layer, (sandbox, directory)) in self.layers.into_iter().enumerate() {
            let layer = u8::try_from(layer).map_err(io::Error::other)?;
            for entry in Dir::read_from(&directory)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if matches!(name, b"." | b"..") || is_hidden(name, self.hidden) || name.len() > room {
                    continue;
                }
                if seen.as_ref().is_some_and(|seen| seen.contains(name)) {
                    continue;
                }
                let found = look(&sandbox, &self.path, &directory, name, entry.file_type(), with_details);
                if !matches!(found, Look::Nothing)
                    && let Some(seen) = &mut seen
                {
                    seen.insert(Box::<[u8]>::from(name));
                }
                let Look::Entry(kind, details) = found else { continue };
                let Ok(start) = u32::try_from(entries.names.len()) else { break };
                if entries.rows.len() == MOST_ENTRIES {
                    entries.truncated = true;
                    break;
                }
                let length = u8::try_from(name.len()).expect("it fits the room, which is less than 256");
                entries.names.extend_from_slice(name);
                let is_link = entry.file_type() == FileType::Symlink;
                entries.rows.push(Row { start, length, kind, is_link, layer, details });
            }
            entries.layers.push(directory);
        }
        entries.sort(order, media_types);
        Ok(entries)
    }
}

/// What an entry is found to be.
enum Look {
    Entry(Kind, Option<Details>),
    /// Something that is there and not to be fetched: a fifo, a link that leads out.
    Refused,
    /// It has vanished meanwhile, or is a link that leads nowhere.
    Nothing,
}

fn look(
    sandbox: &Sandbox,
    path: &RelativePath,
    directory: &File,
    name: &[u8],
    file_type: FileType,
    with_details: bool,
) -> Look {
    let known = |stat: Stat| match Kind::of(FileType::from_raw_mode(stat.st_mode)) {
        Some(kind) => Look::Entry(kind, Some(Details::of(&stat))),
        None => Look::Refused,
    };
    if file_type != FileType::Symlink && file_type != FileType::Unknown && !with_details {
        return Kind::of(file_type).map_or(Look::Refused, |kind| Look::Entry(kind, None));
    }
    if file_type != FileType::Symlink {
        match status(directory, name) {
            Ok(stat) if !FileType::from_raw_mode(stat.st_mode).is_symlink() => return known(stat),
            Ok(_) => {}
            Err(_) => return Look::Nothing,
        }
    }
    let target = sandbox.open(&path.join(name)).and_then(|target| Ok(rustix::fs::fstat(&target)?));
    match target.map_err(HttpError::from) {
        Ok(stat) => known(stat),
        Err(HttpError::NotFound) => Look::Nothing,
        Err(_) => Look::Refused,
    }
}

fn status(directory: &File, name: &[u8]) -> io::Result<Stat> {
    let name = Path::new(OsStr::from_bytes(name));
    Ok(rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

impl Entries {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them are directories.
    pub(super) fn directories(&self) -> usize {
        self.rows.iter().filter(|row| row.kind == Kind::Directory).count()
    }

    /// The entry at this place in the order; `None` when it has vanished since the directory was read.
    pub(super) fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let row = &self.rows[index];
        let name = self.name(row);
        let details = match row.details {
            Some(details) => details,
            None => Details::of(&status(&self.layers[usize::from(row.layer)], name).ok()?),
        };
        Some(Entry { name, kind: row.kind, details })
    }

    /// The name and the kind of the entry at this place, and whether it is a link.
    #[cfg(feature = "archive")]
    pub(super) fn kind(&self, index: usize) -> (&[u8], Kind, bool) {
        let row = &self.rows[index];
        (self.name(row), row.kind, row.is_link)
    }

    /// Lets go of the directories that were read: details that are not known yet never will be.
    #[cfg(feature = "archive")]
    pub(super) fn close(&mut self) {
        self.layers.clear();
    }

    fn name(&self, row: &Row) -> &[u8] {
        name_in(&self.names, row)
    }

    fn sort(&mut self, order: Order, media_types: &MediaTypes) {
        let names = &self.names;
        let by_name = |a: &Row, b: &Row| compare_names(name_in(names, a), name_in(names, b));
        let details = |row: &Row| row.details.unwrap_or(Details { size: 0, modified: 0 });
        let directed = |ordering: Ordering| if order.descending { ordering.reverse() } else { ordering };
        let directories_first = |a: &Row, b: &Row| (a.kind == Kind::File).cmp(&(b.kind == Kind::File));
        let rows = &mut self.rows;
        match order.column {
            Column::Name => rows.sort_unstable_by(|a, b| directories_first(a, b).then_with(|| directed(by_name(a, b)))),
            // What a directory takes itself says nothing: they stay in the order of their names.
            Column::Size => rows.sort_unstable_by(|a, b| {
                let sizes = || match a.kind {
                    Kind::Directory => Ordering::Equal,
                    Kind::File => directed(details(a).size.cmp(&details(b).size)),
                };
                directories_first(a, b).then_with(sizes).then_with(|| by_name(a, b))
            }),
            Column::Time => rows.sort_unstable_by(|a, b| {
                let times = || directed(details(a).modified.cmp(&details(b).modified));
                directories_first(a, b).then_with(times).then_with(|| by_name(a, b))
            }),
            Column::Type => {
                // Few types among many files: what is kept of each file is its type's place among them.
                let mut places = BTreeMap::new();
                for row in rows.iter() {
                    places.entry(media_types.of(name_in(names, row))).or_insert(0);
                }
                places.values_mut().zip(0_u32..).for_each(|(place, number)| *place = number);
                let place = |row: &Row| places.get(&media_types.of(name_in(names, row))).copied().unwrap_or(0);
                let mut keyed: Vec<_> = rows.iter().map(|row| (place(row), *row)).collect();
                keyed.sort_unstable_by(|(type_a, a), (type_b, b)| {
                    let types = || match a.kind {
                        Kind::Directory => Ordering::Equal,
                        Kind::File => directed(type_a.cmp(type_b)),
                    };
                    directories_first(a, b).then_with(types).then_with(|| by_name(a, b))
                });
                rows.clear();
                rows.extend(keyed.into_iter().map(|(_, row)| row));
            }
        }
    }
}

fn name_in<'a>(names: &'a [u8], row: &Row) -> &'a [u8] {
    let start = row.start as usize;
    &names[start..start + usize::from(row.length)]
}

impl Kind {
    fn of(file_type: FileType) -> Option<Self> {
        match file_type {
            FileType::Directory => Some(Self::Directory),
            FileType::RegularFile => Some(Self::File),
            _ => None,
        }
    }
}

impl Details {
    #[allow(clippy::useless_conversion, reason = "the types differ between systems")]
    fn of(stat: &Stat) -> Self {
        Self { size: u64::try_from(stat.st_size).unwrap_or(0), modified: i64::from(stat.st_mtime) }
    }
}

/// Names as people sort them: by letters whatever their case, and numbers by their value; `a2` before `B` before `c10`.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ordering = match (left, right) {
            // Only what is the same to people is told apart by its bytes.
            ([], []) => return a.cmp(b),
            ([], _) => Ordering::Less,
            (_, []) => Ordering::Greater,
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut left), number(&mut right));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            ([x, rest_left @ ..], [y, rest_right @ ..]) => {
                (left, right) = (rest_left, rest_right);
                x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Takes the number that the text begins with, and gives it without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let sorted = [
            "",
            "-",
            "0",
            "00",
            "01",
            "1",
            "A",
            "a",
            "a1",
            "A2",
            "a2",
            "a2b",
            "a10",
            "a18446744073709551616",
            "aa",
            "B",
            "c",
            "ä",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare_names(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn an_entry_takes_little_memory() {
        assert!(size_of::<Row>() <= 32, "{}", size_of::<Row>());
    }
}
