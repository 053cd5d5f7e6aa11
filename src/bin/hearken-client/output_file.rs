//! The file of `--output`: written under no name or a temporary one, and put in place when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::temp_file::TempFile;

/// An open file for the body.
pub(crate) enum OutputFile {
    /// A regular file. It replaces the one at its path, if there is one, when it is complete.
    Whole { file: TempFile, target: PathBuf },
    /// A device, a pipe, or an open file such as `/dev/fd/3`.
    Direct(File),
}

impl OutputFile {
    /// Opens a file for this path. Links are followed. An existing regular file stays as it is until [`OutputFile::finish`].
    ///
    /// # Errors
    ///
    /// When the path names a directory, a file that may not be written, or one in a directory where none can be made.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        // `fs` ignores a slash at the end, after which only a directory can be meant.
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(fs::metadata(path).map_or_else(|error| error, |_| io::ErrorKind::IsADirectory.into()));
        }
        let (target, is_descriptor) = follow_links(path)?;
        let existing = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Of a descriptor, only the process that opened it knows where it may be written.
            Ok(_) if is_descriptor => return Ok(Self::Direct(OpenOptions::new().append(true).open(&target)?)),
            Ok(metadata) if !metadata.is_file() => {
                return Ok(Self::Direct(OpenOptions::new().write(true).open(&target)?));
            }
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_descriptor => None,
            Err(error) => return Err(error),
        };
        if existing.is_some() {
            // A rename would replace a file that is protected from being written.
            rustix::fs::access(&target, Access::WRITE_OK)?;
        }
        let mode = existing.as_ref().map_or(0o666, |existing| existing.mode() & 0o777);
        let directory = parent(&target);
        let file = TempFile::create_in(directory, mode).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(format!("there is no directory {}", directory.display())),
            io::ErrorKind::PermissionDenied => {
                io::Error::other(format!("permission denied to create a file in {}", directory.display()))
            }
            _ => error,
        })?;
        if let Some(existing) = existing {
            keep_owner_and_mode(file.file(), &existing)?;
        }
        Ok(Self::Whole { file, target })
    }

    /// Puts the file in place, after its contents are on the disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Whole { file, target } => {
                file.file().sync_all()?;
                file.persist(&target)
            }
            Self::Direct(mut file) => file.flush(),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Whole { file, .. } => file.file().write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The path that links lead to, which need not exist, and whether it is a descriptor of a process. Those are links too, but
/// not all of them lead to a path.
fn follow_links(path: &Path) -> io::Result<(PathBuf, bool)> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        if !is_link {
            return Ok((path, false));
        }
        if is_descriptor(&path) {
            return Ok((path, true));
        }
        path = parent(&path).join(fs::read_link(&path)?);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Whether a link is in a directory such as `/proc/self/fd`, which may be named `/dev/fd`.
fn is_descriptor(path: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(parent(path)) else { return false };
    directory.starts_with("/proc") && directory.ends_with("fd")
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Gives the new file the owner and the permissions of the existing one. The owner only if the system allows it.
fn keep_owner_and_mode(file: &File, existing: &fs::Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    let group = (new.gid() != existing.gid()).then_some(existing.gid());
    let owner = (new.uid() != existing.uid()).then_some(existing.uid());
    for (owner, group) in [(None, group), (owner, None)] {
        if owner.is_some() || group.is_some() {
            let _ = std::os::unix::fs::fchown(file, owner, group);
        }
    }
    file.set_permissions(fs::Permissions::from_mode(existing.mode() & 0o777))
}

/// As many as Linux follows.
const MAX_LINKS: usize = 40;
