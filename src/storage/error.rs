//! Why the store could not do what it was asked to.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A failure of the store, named by what happened.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// No file is at the path.
    NotFound,
    /// The file system does not accept the name, for example because it is too long.
    InvalidName,
    /// The path names a directory.
    DirectoryAtPath,
    /// Something is at the path where a directory was to be created.
    AlreadyThere,
    /// The directory to remove is not empty.
    NotEmpty,
    /// A file or a symbolic link stands where the path needs a directory.
    FileAsDirectory,
    /// All names that were tried are taken.
    NamesTaken,
    /// The process may not do this.
    PermissionDenied,
    /// The file system is mounted read-only.
    ReadOnlyFileSystem,
    /// All files of the store together may not have more than this many bytes.
    MaxTotal(u64),
    /// This many bytes of the file system are to stay free.
    MinFree(u64),
    /// The user that the process runs as may not have more on the disk.
    DiskQuota,
    /// The disk has no space left.
    DiskFull,
    /// The store's directory cannot be opened.
    RootUnavailable(PathBuf, io::Error),
    /// Another failure of the file system.
    Io(io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such file"),
            Self::InvalidName => f.write_str("invalid file name"),
            Self::DirectoryAtPath => f.write_str("a directory stands there"),
            Self::AlreadyThere => f.write_str("something of this name is there already"),
            Self::NotEmpty => f.write_str("the folder is not empty"),
            Self::FileAsDirectory => f.write_str("a file stands where a directory is needed"),
            Self::NamesTaken => f.write_str("every name for it is taken"),
            Self::PermissionDenied => f.write_str("permission denied"),
            Self::ReadOnlyFileSystem => f.write_str("read-only file system"),
            Self::MaxTotal(bytes) => write!(f, "all files together may have {bytes} bytes"),
            Self::MinFree(bytes) => write!(f, "{bytes} bytes of the file system are to stay free"),
            Self::DiskQuota => f.write_str("disk quota exceeded"),
            Self::DiskFull => f.write_str("no space left on the disk"),
            Self::RootUnavailable(path, error) => write!(f, "cannot open {}: {error}", path.display()),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Its text is that of the error itself.
            Self::Io(error) => error.source(),
            Self::RootUnavailable(_, error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            io::ErrorKind::InvalidFilename => Self::InvalidName,
            // A file system is mounted there.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy => Self::PermissionDenied,
            io::ErrorKind::AlreadyExists => Self::AlreadyThere,
            io::ErrorKind::DirectoryNotEmpty => Self::NotEmpty,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnlyFileSystem,
            io::ErrorKind::QuotaExceeded => Self::DiskQuota,
            io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}
