//! The file of a Unix socket: binding its path, setting its mode, and removing it if it is still the server's own.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::lock::lock;

/// The default mode of a socket's file: only the server's own user can connect.
pub(super) const DEFAULT_MODE: u32 = 0o600;
/// The greatest mode: all users read, write and execute.
pub(super) const MAX_MODE: u32 = 0o777;

/// The file of a listening socket. It is removed when this is dropped at the latest.
pub(super) struct SocketFile {
    path: PathBuf,
    directory: OwnedFd,
    name: OsString,
    status: Stat,
    /// A duplicate of the socket, so that no other file gets its inode number while it is open; `None` once the file was removed.
    socket: Mutex<Option<Socket>>,
}

/// How often to try for the lock on a directory, which other servers hold while they bind a path. A server that stops does not
/// try for long, because any user who may read the directory can lock it.
const TRIES_TO_BIND: u32 = 200;
const TRIES_TO_REMOVE: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

impl SocketFile {
    /// Binds a path that is free, or that has the socket of a server that ended without removing it. The socket listens at once,
    /// with [`DEFAULT_MODE`].
    ///
    /// If connecting to a path is refused, no server listens there, or one has bound its socket and does not listen yet. So the
    /// directory is locked from binding to listening: no other server takes this socket for a dead one.
    pub(super) fn bind(path: &Path, backlog: i32) -> io::Result<(Socket, Self)> {
        let address = SockAddr::unix(path)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(parent, flags, Mode::empty())?;

        let lock = DirectoryLock::take(&directory, TRIES_TO_BIND)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Linux gives the file the mode of its socket, less the umask. Elsewhere the mode is set before the socket listens.
        let _ = rustix::fs::fchmod(&socket, mode(DEFAULT_MODE));
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_dead(&directory, name, &address)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        let status = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kept = Mutex::new(Some(socket.try_clone()?));
        let begin = || {
            set_mode(&directory, name, &status, DEFAULT_MODE)?;
            socket.listen(backlog)
        };
        let begun = begin();
        drop(lock);
        let file = Self { path: path.to_owned(), directory, name: name.to_owned(), status, socket: kept };
        // If it has failed, dropping `file` removes the file.
        begun.map(|()| (socket, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the mode, which says which users may connect.
    pub(super) fn set_mode(&self, wanted: u32) -> io::Result<()> {
        set_mode(&self.directory, &self.name, &self.status, wanted)
    }

    /// Removes the file, unless another one has taken its place.
    pub(super) fn remove(&self) {
        let Some(socket) = lock(&self.socket).take() else { return };
        // Without the lock, a server that starts could bind the path between the check and the removal. If the file stays, other
        // servers see that it is dead.
        if let Ok(_lock) = DirectoryLock::take(&self.directory, TRIES_TO_REMOVE)
            && let Ok(status) = rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
            && is_same_file(&self.status, &status)
        {
            let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        }
        drop(socket);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

impl fmt::Debug for SocketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// Sets the mode of the file if it is still the one with this status.
#[allow(clippy::useless_conversion, reason = "the types differ between systems")]
fn set_mode(directory: &OwnedFd, name: &OsStr, ours: &Stat, wanted: u32) -> io::Result<()> {
    let status = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !is_same_file(ours, &status) {
        return Err(io::Error::other("another file has taken its place"));
    }
    if u32::from(status.st_mode) & MAX_MODE != wanted {
        rustix::fs::chmodat(directory, name, mode(wanted), AtFlags::empty())?;
    }
    Ok(())
}

fn is_same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Removes the socket of a server that has ended. Anything else at the path stays and is an error.
fn remove_dead(directory: &OwnedFd, name: &OsStr, address: &SockAddr) -> io::Result<()> {
    let status = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        status => status?,
    };
    if FileType::from_raw_mode(status.st_mode) != FileType::Socket {
        return Err(io::Error::other("something that is no socket is there"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server that is too busy to accept makes a blocking connect wait. It exists, so the path is in use.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(rustix::fs::unlinkat(directory, name, AtFlags::empty())?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[allow(clippy::useless_conversion, reason = "the types differ between systems")]
fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits.try_into().unwrap_or_default())
}

/// The lock on a directory, which servers hold while they bind or remove a path in it.
struct DirectoryLock<'a>(&'a OwnedFd);

impl<'a> DirectoryLock<'a> {
    fn take(directory: &'a OwnedFd, tries: u32) -> io::Result<Self> {
        for _ in 0..tries {
            match rustix::fs::flock(directory, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(LOCK_PAUSE),
                taken => return Ok(taken.map(|()| Self(directory))?),
            }
        }
        Err(io::Error::other("its directory is locked by another program"))
    }
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(self.0, FlockOperation::Unlock);
    }
}
