//! Opens files below a directory that no path leads out of.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::file_id::FileId;
use super::once_per_second::OncePerSecond;
use crate::http::path::RelativePath;

/// A directory held open by descriptor, so that everything opened is below it, even if its path changes.
///
/// Symbolic links may lead to other places inside the directory, never out of it.
pub(crate) struct RootDir {
    path: PathBuf,
    /// Opened at first use, and again once the path names another directory.
    directory: RwLock<Option<Arc<OwnedFd>>>,
    start: Instant,
    /// When the path was last checked, in seconds from `start`.
    path_check: OncePerSecond,
    /// Whether symbolic links may lead out when a file is opened.
    follow_links: bool,
}

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    // A FIFO without a writer must not block a worker.
    .union(OFlags::NONBLOCK);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);

impl RootDir {
    /// The directory at this path. It need not exist yet: until it does, nothing is found in it.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            directory: RwLock::new(None),
            start: Instant::now(),
            path_check: OncePerSecond::new(0),
            follow_links: false,
        }
    }

    /// Whether symbolic links may lead out of the directory when a file is opened. Writes follow none in any case.
    pub(crate) fn follow_links(&mut self, follow: bool) {
        self.follow_links = follow;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file or directory at this path for reading.
    pub(crate) fn open(&self, path: &RelativePath) -> io::Result<File> {
        self.open_by(path, |directory, name| self.open_in(directory, name))
    }

    /// As [`RootDir::open`], but follows no link at all, as writes do: permission is denied for a path with one.
    pub(crate) fn open_without_links(&self, path: &RelativePath) -> io::Result<File> {
        self.open_by(path, |directory, name| Ok(walk(directory, name)?))
    }

    fn open_by(&self, path: &RelativePath, open: impl Fn(&OwnedFd, &Path) -> io::Result<File>) -> io::Result<File> {
        let name = path.to_bytes();
        let name = if name.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(&name)) };
        let directory = self.directory()?;
        match open(&directory, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.reopen(&directory)? => {
                open(&*self.directory()?, name)
            }
            result => result,
        }
    }

    fn open_in(&self, directory: &OwnedFd, name: &Path) -> io::Result<File> {
        if self.follow_links {
            return Ok(rustix::fs::openat(directory, name, READ, Mode::empty()).map_err(refused)?.into());
        }
        match open_beneath(directory, name) {
            Err(Blocked::ByLink(error)) => self.open_by_target(directory, name).unwrap_or(Err(error)),
            Err(Blocked::Otherwise(error)) => Err(error),
            Ok(file) => Ok(file),
        }
    }

    /// Opens the target of the links in a path by its canonical path, if that is inside: an absolute link may point inside.
    ///
    /// The file system may change between the two steps. The second one decides, and cannot lead out either.
    fn open_by_target(&self, directory: &OwnedFd, name: &Path) -> Option<io::Result<File>> {
        let root = self.path.canonicalize().ok()?;
        let mut target = root.clone();
        // Segment by segment: a path out and back in would reveal the names of the directories above.
        for segment in name {
            target = target.join(segment).canonicalize().ok()?;
            if !target.starts_with(&root) {
                return None;
            }
        }
        let inside = target.strip_prefix(&root).ok()?;
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        Some(open_beneath(directory, inside).map_err(io::Error::from))
    }

    /// The status of the file at this path, links followed wherever they lead: for comparison only, not checked to be inside.
    pub(crate) fn status(&self, path: &[u8]) -> io::Result<rustix::fs::Stat> {
        let directory = self.directory()?;
        Ok(rustix::fs::statat(&directory, path, AtFlags::empty())?)
    }

    /// The directory that the path names now. Fails if it names none, even if one is still open.
    pub(crate) fn current(&self) -> io::Result<Arc<OwnedFd>> {
        let known = self.directory()?;
        if self.reopen(&known)? { self.directory() } else { Ok(known) }
    }

    fn directory(&self) -> io::Result<Arc<OwnedFd>> {
        self.check_path();
        if let Some(directory) = &*self.directory.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(directory));
        }
        let opened = Arc::new(rustix::fs::open(&self.path, DIRECTORY, Mode::empty())?);
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Checks once a second whether the path still names the open directory: it may have been replaced.
    fn check_path(&self) {
        if !self.path_check.is_due(self.start.elapsed().as_secs()) {
            return;
        }
        let known = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            // While the path names nothing, the open directory stays.
            let _ = self.reopen(&known);
        }
    }

    /// Closes the directory if its path names another one than `known`, as after a build tool has replaced it; the next use opens
    /// that. Returns whether it did.
    fn reopen(&self, known: &OwnedFd) -> io::Result<bool> {
        let current = FileId::of(&rustix::fs::stat(&self.path)?);
        if current.is_same_file(&FileId::of_open(known)?) {
            return Ok(false);
        }
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(true)
    }
}

/// Opens the file or directory at this path for reading, wherever it leads.
pub(crate) fn open_anywhere(path: &Path) -> io::Result<File> {
    Ok(rustix::fs::open(path, READ, Mode::empty()).map_err(refused)?.into())
}

/// Why a path below a directory was not opened.
enum Blocked {
    /// A link in the path leads out of the directory, or no link may be followed.
    ByLink(io::Error),
    Otherwise(io::Error),
}

impl From<Blocked> for io::Error {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::ByLink(error) | Blocked::Otherwise(error) => error,
        }
    }
}

/// Opens a path for reading without leaving the directory. Uses the kernel's own check (`openat2`) if there is one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_beneath(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    use rustix::fs::ResolveFlags;
    use rustix::io::Errno;

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(directory, path, READ, Mode::empty(), resolve) {
        Ok(opened) => Ok(opened.into()),
        // Kernels before 5.6 lack the call, and some sandboxes deny it.
        Err(Errno::NOSYS | Errno::PERM) => walk(directory, path),
        Err(error @ Errno::XDEV) => Err(Blocked::ByLink(refused(error))),
        Err(error) => Err(Blocked::Otherwise(refused(error))),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_beneath(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    walk(directory, path)
}

/// Opens a path one segment at a time, following no link at all.
fn walk(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    use rustix::io::Errno;

    let mut current = directory.as_fd().try_clone_to_owned().map_err(Blocked::Otherwise)?;
    let mut segments = path.iter().peekable();
    while let Some(segment) = segments.next() {
        let flags = if segments.peek().is_some() { DIRECTORY } else { READ };
        current = rustix::fs::openat(&current, segment, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
            match error {
                // For a link in place of a directory Linux reports NOTDIR, other systems LOOP or MLINK.
                Errno::LOOP | Errno::MLINK | Errno::NOTDIR => Blocked::ByLink(refused(error)),
                error => Blocked::Otherwise(refused(error)),
            }
        })?;
    }
    Ok(current.into())
}

/// Paths out of the directory, and files that cannot be opened, exist but are not for the client: permission denied.
fn refused(error: rustix::io::Errno) -> io::Error {
    use rustix::io::Errno;
    match error {
        Errno::XDEV | Errno::LOOP | Errno::MLINK | Errno::NXIO | Errno::NODEV => io::ErrorKind::PermissionDenied.into(),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::parse(text).unwrap()
    }

    fn read(root_dir: &RootDir, name: &str) -> Result<String, io::ErrorKind> {
        let mut text = String::new();
        let mut file = root_dir.open(&path(name)).map_err(|error| error.kind())?;
        file.read_to_string(&mut text).map_err(|error| error.kind())?;
        Ok(text)
    }

    #[test]
    fn links_lead_inside_and_never_out() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(root.join("sub/file"), "inside").unwrap();
        symlink("sub/file", root.join("in")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink(outer.path().join("secret"), root.join("absolute")).unwrap();
        symlink("..", root.join("sub/up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let root_dir = RootDir::new(&root);
        assert_eq!(read(&root_dir, "/sub/file"), Ok("inside".into()));
        assert_eq!(read(&root_dir, "/sub/up/sub/file"), Ok("inside".into()));
        assert_eq!(read(&root_dir, "/in"), Ok("inside".into()));
        for name in ["/out", "/absolute", "/loop", "/sub/up/out"] {
            assert_eq!(read(&root_dir, name), Err(io::ErrorKind::PermissionDenied), "{name}");
        }
        assert_eq!(read(&root_dir, "/missing"), Err(io::ErrorKind::NotFound));
        assert_eq!(read(&root_dir, "/sub/file/x"), Err(io::ErrorKind::NotADirectory));

        let directory = root_dir.directory().unwrap();
        assert!(walk(&directory, Path::new("sub/file")).is_ok());
        for name in ["in", "out", "absolute", "loop", "sub/up/sub/file"] {
            assert!(walk(&directory, Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn absolute_links_may_lead_inside() {
        let outer = tempfile::tempdir().unwrap();
        let (root, other) = (outer.path().join("root"), outer.path().join("other"));
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("sub/file"), "inside").unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        // The directory may itself be known by a link.
        symlink(&root, &other).unwrap();
        symlink(root.join("sub/file"), root.join("in")).unwrap();
        symlink(other.join("sub"), root.join("by-other-name")).unwrap();
        symlink(&root, root.join("top")).unwrap();
        symlink(outer.path().join("root/sub/../../secret"), root.join("out")).unwrap();
        symlink(root.join("out"), root.join("twice")).unwrap();
        symlink(outer.path(), root.join("above")).unwrap();
        for path in [&root, &other] {
            let root_dir = RootDir::new(path);
            assert_eq!(read(&root_dir, "/in"), Ok("inside".into()));
            assert_eq!(read(&root_dir, "/by-other-name/file"), Ok("inside".into()));
            assert_eq!(read(&root_dir, "/top/top/in"), Ok("inside".into()));
            for name in ["/out", "/twice", "/top/out", "/above/root/in", "/above/root/sub/file"] {
                assert_eq!(read(&root_dir, name), Err(io::ErrorKind::PermissionDenied), "{name}");
            }
        }
    }

    #[test]
    fn links_lead_out_where_that_is_allowed() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(outer.path().join("other"), "outside").unwrap();
        symlink("../other", root.join("relative")).unwrap();
        symlink(outer.path().join("other"), root.join("absolute")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mut root_dir = RootDir::new(&root);
        root_dir.follow_links(true);
        assert_eq!(read(&root_dir, "/relative"), Ok("outside".into()));
        assert_eq!(read(&root_dir, "/absolute"), Ok("outside".into()));
        assert_eq!(read(&root_dir, "/loop"), Err(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn a_replaced_directory_is_found_again() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        let root_dir = RootDir::new(&root);
        assert_eq!(read(&root_dir, "/a"), Err(io::ErrorKind::NotFound));
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "1").unwrap();
        assert_eq!(read(&root_dir, "/a"), Ok("1".into()));
        fs::rename(&root, outer.path().join("old")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("b"), "2").unwrap();
        assert_eq!(read(&root_dir, "/b"), Ok("2".into()));
    }

    #[test]
    fn a_swapped_directory_is_noticed_by_the_check_of_the_path() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "old").unwrap();
        let mut root_dir = RootDir::new(&root);
        assert_eq!(read(&root_dir, "/a"), Ok("old".into()));
        fs::rename(&root, outer.path().join("old")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "new").unwrap();
        root_dir.path_check = OncePerSecond::new(u64::MAX);
        assert_eq!(read(&root_dir, "/a"), Ok("new".into()), "the check is due");
    }
}
