//! From a path to what is there: a file, a directory, or a directory that was named without its slash.

use std::fs::{File, Metadata};
use std::io;

use rustix::fs::Stat;

use crate::handlers::sandbox::Sandbox;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;

/// What is at a path.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum Found {
    /// A regular file.
    File(OpenFile),
    /// A directory without an index file.
    Directory(File),
    /// A directory, by a path that does not end with a slash.
    MissingSlash,
}

/// A regular file, opened for reading.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    /// The name that its media type is guessed from.
    pub(super) name: Vec<u8>,
}

impl OpenFile {
    /// Where the file is below its directory, given the path that it was found by.
    pub(super) fn place(&self, path: &RelativePath, index: &str) -> Vec<u8> {
        if path.is_directory() { path.join(index.as_bytes()).to_bytes() } else { path.to_bytes() }
    }

    /// The file's status, before it is read.
    pub(super) fn status(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.file)?)
    }
}

/// Finds what is at the path below one directory.
pub(super) fn resolve(sandbox: &Sandbox, path: &RelativePath, index: &str) -> Result<Found, HttpError> {
    let opened = sandbox.open(path)?;
    let metadata = opened.metadata()?;
    if metadata.is_dir() {
        if !path.is_directory() {
            return Ok(Found::MissingSlash);
        }
        return match open_index(sandbox, path, index)? {
            Some(file) => Ok(Found::File(file)),
            None => Ok(Found::Directory(opened)),
        };
    }
    if path.is_directory() {
        return Err(HttpError::NotFound);
    }
    let name = path.segments().last().cloned().unwrap_or_default();
    regular(opened, metadata, name).map(Found::File)
}

fn open_index(sandbox: &Sandbox, directory: &RelativePath, index: &str) -> Result<Option<OpenFile>, HttpError> {
    let path = directory.join(index.as_bytes());
    let file = match sandbox.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Ok(None);
    }
    regular(file, metadata, index.as_bytes().to_vec()).map(Some)
}

/// Fifos, sockets and devices are there, and are nothing to send.
fn regular(file: File, metadata: Metadata, name: Vec<u8>) -> Result<OpenFile, HttpError> {
    if !metadata.is_file() {
        return Err(HttpError::Forbidden);
    }
    Ok(OpenFile { file, metadata, name })
}
