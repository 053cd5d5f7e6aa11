//! From a path to the file or directory that it names: in one tree, or in several laid over each other.

use std::fs::{File, Metadata};
use std::io;
use std::sync::Arc;

use rustix::fs::Stat;

use super::embedded::{EmbeddedFile, EmbeddedTree, Entry};
use crate::http::path::RelativePath;
use crate::storage::RootDir;
use crate::storage::is_unfinished;

/// The trees that are served. One hides what those behind it have at the same path.
pub(super) struct Roots {
    pub(super) roots: Vec<Root>,
    /// The names of index files, the preferred one first.
    pub(super) index_names: Vec<String>,
    /// Whether names that start with a dot are found.
    pub(super) include_hidden: bool,
}

/// One tree that is served.
pub(super) struct Root {
    pub(super) tree: Tree,
    /// Whether it holds uploads, which must not act as the site's own files.
    pub(super) uploads: bool,
}

/// Where the files of a tree are.
pub(super) enum Tree {
    /// Below a directory of the file system.
    Disk(Arc<RootDir>),
    /// In the program itself.
    Embedded(EmbeddedTree),
}

/// What a path names in all trees together.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum Lookup<'a> {
    /// A file, or the index file of a directory, with the tree that it is in.
    File(&'a Root, FoundFile<'a>),
    /// A directory without an index file, in each tree on disk that has it.
    Directory(Layers),
    /// A directory, by a path that does not end with a slash.
    MissingSlash,
    /// Something that may not be read, or that is no file and no directory.
    Forbidden,
    /// Nothing, or nothing that is served.
    NotFound,
}

/// A directory in each tree on disk that has it.
pub(super) type Layers = Vec<(Arc<RootDir>, File)>;

/// What a path names in one tree; by default, in one on disk.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum Found<F = OpenFile, D = File> {
    /// A regular file.
    File(F),
    /// A directory.
    Directory(D),
    /// Something that may not be opened, a fifo, a socket or a device. If it is a directory, files in it may still be opened
    /// by their names.
    Closed,
    /// Nothing, or a file by a path that asks for a directory.
    Nothing,
}

/// A file in any tree.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum FoundFile<'a> {
    Disk(&'a RootDir, OpenFile),
    Embedded(&'a EmbeddedFile),
}

/// A directory in any tree.
enum FoundDirectory {
    Disk(Arc<RootDir>, File),
    Embedded,
}

/// A regular file, opened for reading.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    /// Where it is in its tree.
    pub(super) path: RelativePath,
}

impl Roots {
    /// Looks up the path: the first tree that has something there decides, except that directories are laid over each other.
    pub(super) fn lookup(&self, path: &RelativePath) -> io::Result<Lookup<'_>> {
        if self.hides(path) {
            return Ok(Lookup::NotFound);
        }
        let mut directories = Vec::new();
        for root in &self.roots {
            match root.tree.find(path)? {
                Found::Nothing => {}
                Found::File(file) => return Ok(Lookup::File(root, file)),
                Found::Directory(_) if !path.is_directory() => return Ok(Lookup::MissingSlash),
                Found::Directory(directory) => directories.push((root, Some(directory))),
                Found::Closed if path.is_directory() => directories.push((root, None)),
                Found::Closed => return Ok(Lookup::Forbidden),
            }
        }
        if directories.is_empty() {
            return Ok(Lookup::NotFound);
        }
        match self.index(path, &directories)? {
            Some((root, Found::File(file))) => return Ok(Lookup::File(root, file)),
            Some(_) => return Ok(Lookup::Forbidden),
            None => {}
        }
        let mut on_disk = Vec::new();
        for (_, directory) in directories {
            match directory {
                Some(FoundDirectory::Disk(root_dir, directory)) => on_disk.push((root_dir, directory)),
                Some(FoundDirectory::Embedded) => {}
                None => return Ok(Lookup::Forbidden),
            }
        }
        Ok(if on_disk.is_empty() { Lookup::NotFound } else { Lookup::Directory(on_disk) })
    }

    /// Whether the names in the path are not served.
    pub(super) fn hides(&self, path: &RelativePath) -> bool {
        path.segments().iter().any(|name| is_hidden(name, self.include_hidden))
    }

    /// The first file at this path in the site's own trees.
    pub(super) fn own_file(&self, path: &RelativePath) -> Option<FoundFile<'_>> {
        self.own().find_map(|root| match root.tree.find(path) {
            Ok(Found::File(file)) => Some(file),
            _ => None,
        })
    }

    /// Whether the site itself, and not an upload, has something at this path.
    pub(super) fn owns(&self, path: &RelativePath) -> bool {
        self.own().any(|root| !matches!(root.tree.find(path), Ok(Found::Nothing)))
    }

    /// Whether directories may appear in the site's own trees.
    pub(super) fn has_own_directories(&self) -> bool {
        self.own().any(|root| root.tree.root_dir().is_some())
    }

    fn own(&self) -> impl Iterator<Item = &Root> {
        self.roots.iter().filter(|root| !root.uploads)
    }

    /// The index file of a directory in these trees, even if it may not be opened. If one of the site's own trees has the
    /// directory, uploaded index files do not count.
    fn index<'a>(
        &self,
        directory: &RelativePath,
        trees: &[(&'a Root, Option<FoundDirectory>)],
    ) -> io::Result<Option<(&'a Root, Found<FoundFile<'a>, FoundDirectory>)>> {
        let any_own = trees.iter().any(|(root, _)| !root.uploads);
        for name in &self.index_names {
            let path = directory.join(name.as_bytes());
            for (root, _) in trees.iter().filter(|(root, _)| !(any_own && root.uploads)) {
                match root.tree.find(&path)? {
                    found @ (Found::File(_) | Found::Closed) => return Ok(Some((root, found))),
                    Found::Directory(_) | Found::Nothing => {}
                }
            }
        }
        Ok(None)
    }
}

impl Tree {
    /// Finds what the tree has at the path.
    fn find(&self, path: &RelativePath) -> io::Result<Found<FoundFile<'_>, FoundDirectory>> {
        Ok(match self {
            Self::Disk(root_dir) => match find(root_dir, path)? {
                Found::File(file) => Found::File(FoundFile::Disk(root_dir, file)),
                Found::Directory(directory) => Found::Directory(FoundDirectory::Disk(Arc::clone(root_dir), directory)),
                Found::Closed => Found::Closed,
                Found::Nothing => Found::Nothing,
            },
            Self::Embedded(tree) => match tree.get(path) {
                Some(Entry::File(file)) if !path.is_directory() => Found::File(FoundFile::Embedded(file)),
                Some(Entry::Directory) => Found::Directory(FoundDirectory::Embedded),
                Some(Entry::File(_)) | None => Found::Nothing,
            },
        })
    }

    /// The directory, if the tree is on disk.
    pub(super) fn root_dir(&self) -> Option<&Arc<RootDir>> {
        match self {
            Self::Disk(root_dir) => Some(root_dir),
            Self::Embedded(_) => None,
        }
    }
}

impl FoundFile<'_> {
    /// Its name, which its media type is guessed from.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::Disk(_, file) => file.name(),
            Self::Embedded(file) => file.name(),
        }
    }
}

impl OpenFile {
    /// Its name, which its media type is guessed from.
    pub(super) fn name(&self) -> &[u8] {
        self.path.segments().last().map_or(&[], Vec::as_slice)
    }

    /// The file's status, before it is read.
    pub(super) fn status(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.file)?)
    }
}

/// Opens what one tree has at the path.
pub(super) fn find(root_dir: &RootDir, path: &RelativePath) -> io::Result<Found> {
    let file = match root_dir.open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Found::Closed),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Ok(Found::Directory(file));
    }
    if path.is_directory() {
        return Ok(Found::Nothing);
    }
    if !metadata.is_file() {
        return Ok(Found::Closed);
    }
    Ok(Found::File(OpenFile { file, metadata, path: path.clone() }))
}

/// Whether the error means that the path names nothing.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// Whether a name is neither served nor listed. Unfinished files are always hidden.
pub(super) fn is_hidden(name: &[u8], include_hidden: bool) -> bool {
    name.starts_with(b".") && (!include_hidden || is_unfinished(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_files_are_told_from_failures() {
        use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, Other, PermissionDenied, TimedOut};
        let table = [
            (NotFound, true, "nothing of this name"),
            (NotADirectory, true, "a file in the place of a directory"),
            (InvalidFilename, true, "longer than names are in this file system"),
            (PermissionDenied, false, "it may not be opened"),
            (TimedOut, false, "the file system does not answer"),
            (Other, false, "anything else"),
        ];
        for (kind, missing, why) in table {
            assert_eq!(is_missing(&kind.into()), missing, "{why}");
        }
    }
}
