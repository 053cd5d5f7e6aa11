//! The file that a Unix socket is known by: taking its path, its mode, and removing it as long as it is ours.

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

use super::lock::lock;

/// The mode that a socket's file has unless another one is asked for: only the server's own user connects.
pub(super) const DEFAULT_MODE: u32 = 0o600;
/// The greatest mode there is: everybody reads, writes and executes.
pub(super) const MAX_MODE: u32 = 0o777;

/// The file of a socket that listens. It is removed when this is dropped at the latest.
pub(super) struct SocketFile {
    path: PathBuf,
    directory: OwnedFd,
    name: OsString,
    status: Stat,
    /// The socket itself, so that no other file gets the inode's number meanwhile; `None` once the file has been removed.
    socket: Mutex<Option<Socket>>,
}

/// How often a lock is tried that others have: they look at one path and bind it. Who only stops does not wait for long, for
/// anybody who may read the directory may lock it.
const TRIES_TO_BIND: u32 = 200;
const TRIES_TO_REMOVE: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

impl SocketFile {
    /// Takes a path: where nothing is, or the socket of a server that has ended without removing it. The socket listens at once,
    /// and [`DEFAULT_MODE`] says who may connect.
    ///
    /// Nobody listens at a path where connecting is refused, unless a socket has been bound and does not listen yet. The
    /// directory is locked from binding to listening, so that no other server sees ours so, and takes it for a dead one.
    pub(super) fn bind(path: &Path, backlog: i32) -> io::Result<(Socket, Self)> {
        let address = SockAddr::unix(path)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(parent, flags, Mode::empty())?;

        let lock = DirectoryLock::take(&directory, TRIES_TO_BIND)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Linux gives the file the mode of its socket, less the umask. Elsewhere it gets it before anybody listens.
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
        // Should it have failed, the file goes with this.
        begun.map(|()| (socket, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says who may connect.
    pub(super) fn set_mode(&self, wanted: u32) -> io::Result<()> {
        set_mode(&self.directory, &self.name, &self.status, wanted)
    }

    /// Removes the file, unless another one has taken its place.
    pub(super) fn remove(&self) {
        let Some(socket) = lock(&self.socket).take() else { return };
        // Without the lock a server that starts might take the path in between. A file that is left is known to be dead.
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

/// Gives the file its mode, if it is still the one with this status.
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

/// Removes the socket of a server that has ended. Whatever else is there stays, which is an error.
fn remove_dead(directory: &OwnedFd, name: &OsStr, address: &SockAddr) -> io::Result<()> {
    let status = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        status => status?,
    };
    if FileType::from_raw_mode(status.st_mode) != FileType::Socket {
        return Err(io::Error::other("something that is no socket is there"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server that is too busy to take us is there.
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

/// The lock on a directory, which servers hold while they take or remove a path in it.
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
