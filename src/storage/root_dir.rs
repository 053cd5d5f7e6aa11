//! A directory that no path leads out of: opening what is below it.

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

/// A directory, by descriptor, so that what is opened is below it whatever happens to its path meanwhile.
///
/// Symbolic links inside may lead to other places inside, never out.
pub(crate) struct RootDir {
    path: PathBuf,
    /// Opened at first use, and again when the path has come to name another directory.
    directory: RwLock<Option<Arc<OwnedFd>>>,
    start: Instant,
    /// When the path was last looked at, in seconds from the start.
    looked: OncePerSecond,
    /// Whether links may lead out when something is opened.
    follow_links: bool,
}

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    // A fifo without a writer must not hold a worker.
    .union(OFlags::NONBLOCK);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);

impl RootDir {
    /// The directory at this path. It need not be there yet: until it is, nothing is found in it.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            directory: RwLock::new(None),
            start: Instant::now(),
            looked: OncePerSecond::new(0),
            follow_links: false,
        }
    }

    /// Whether links may lead out of the directory when something is opened. Writing follows none in any case.
    pub(crate) fn follow_links(&mut self, follow: bool) {
        self.follow_links = follow;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what the path names, a file or a directory, for reading.
    pub(crate) fn open(&self, path: &RelativePath) -> io::Result<File> {
        let name = path.to_bytes();
        let name = if name.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(&name)) };
        let directory = self.directory()?;
        match self.open_in(&directory, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.reopen(&directory)? => {
                let directory = self.directory()?;
                self.open_in(&directory, name)
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

    /// Opens what links lead to by a way without links, where it is in the directory: an absolute link may point inside.
    ///
    /// The file system may change between the two steps. The second one decides, and leads nowhere else either.
    fn open_by_target(&self, directory: &OwnedFd, name: &Path) -> Option<io::Result<File>> {
        let root = self.path.canonicalize().ok()?;
        let mut target = root.clone();
        // Segment by segment: a way out and back in would tell what the directories above are called.
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

    /// The status of what stands at this place, links followed wherever they lead: to compare with, not to trust.
    pub(crate) fn status(&self, place: &[u8]) -> io::Result<rustix::fs::Stat> {
        let directory = self.directory()?;
        Ok(rustix::fs::statat(&directory, place, AtFlags::empty())?)
    }

    /// The directory that the path names now. Fails where it names none, whatever is open.
    pub(crate) fn current(&self) -> io::Result<Arc<OwnedFd>> {
        let known = self.directory()?;
        if self.reopen(&known)? { self.directory() } else { Ok(known) }
    }

    fn directory(&self) -> io::Result<Arc<OwnedFd>> {
        self.look_again();
        if let Some(directory) = &*self.directory.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(directory));
        }
        let opened = Arc::new(rustix::fs::open(&self.path, DIRECTORY, Mode::empty())?);
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Once a second looks whether the path still names the directory that is open: it may have been swapped for another.
    fn look_again(&self) {
        if !self.looked.is_due(self.start.elapsed().as_secs()) {
            return;
        }
        let known = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            // Where the path names nothing at the moment, what is open stays.
            let _ = self.reopen(&known);
        }
    }

    /// Opens the directory anew if its path names another one than `known`, as after a build tool has replaced it.
    fn reopen(&self, known: &OwnedFd) -> io::Result<bool> {
        let current = FileId::of(&rustix::fs::stat(&self.path)?);
        if current.is_same_file(&FileId::of_open(known)?) {
            return Ok(false);
        }
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(true)
    }
}

/// Why a path below a directory was not opened.
enum Blocked {
    /// A link on the way leads out of the directory, or links are not followed at all.
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

/// Opens a path for reading without leaving the directory: by the kernel's own check where it has one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_beneath(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    use rustix::fs::ResolveFlags;
    use rustix::io::Errno;

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(directory, path, READ, Mode::empty(), resolve) {
        Ok(opened) => Ok(opened.into()),
        // Kernels before 5.6, and sandboxes that know the call from their deny list only.
        Err(Errno::NOSYS | Errno::PERM) => walk(directory, path),
        Err(error @ Errno::XDEV) => Err(Blocked::ByLink(refused(error))),
        Err(error) => Err(Blocked::Otherwise(refused(error))),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_beneath(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    walk(directory, path)
}

/// The same, a segment at a time and following no link at all.
fn walk(directory: &OwnedFd, path: &Path) -> Result<File, Blocked> {
    use rustix::io::Errno;

    let mut current = directory.as_fd().try_clone_to_owned().map_err(Blocked::Otherwise)?;
    let mut segments = path.iter().peekable();
    while let Some(segment) = segments.next() {
        let flags = if segments.peek().is_some() { DIRECTORY } else { READ };
        current = rustix::fs::openat(&current, segment, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
            match error {
                // A link in a directory's place: Linux says NOTDIR, others LOOP or MLINK.
                Errno::LOOP | Errno::MLINK | Errno::NOTDIR => Blocked::ByLink(refused(error)),
                error => Blocked::Otherwise(refused(error)),
            }
        })?;
    }
    Ok(current.into())
}

/// Ways out of the directory, and things that cannot be opened, are there and not for the client.
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
    fn a_swapped_directory_is_noticed_within_a_second_or_so() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "old").unwrap();
        let root_dir = RootDir::new(&root);
        assert_eq!(read(&root_dir, "/a"), Ok("old".into()));
        fs::rename(&root, outer.path().join("old")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "new").unwrap();
        let begun = Instant::now();
        while read(&root_dir, "/a") != Ok("new".into()) {
            assert!(begun.elapsed().as_secs() < 30);
            std::thread::yield_now();
        }
    }
}
