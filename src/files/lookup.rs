//! From a path to what is there in one directory tree: a file, a directory, or nothing.

use std::fs::{File, Metadata};
use std::io;

use rustix::fs::Stat;

use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::storage::root_dir::Sandbox;

/// What is at a path.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum Found {
    /// A regular file.
    File(OpenFile),
    /// A directory.
    Directory(File),
    /// Something that we may not open. If it is a directory, what is in it may still be opened by its name.
    Closed,
    /// Nothing, or a file by a path that asks for a directory.
    Nothing,
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
    pub(super) fn place(&self, path: &RelativePath) -> Vec<u8> {
        if path.is_directory() { path.join(&self.name).to_bytes() } else { path.to_bytes() }
    }

    /// The file's status, before it is read.
    pub(super) fn status(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.file)?)
    }
}

/// Finds what is at the path below one directory. Fifos, sockets and devices are there, and are nothing to send: 403.
pub(super) fn resolve(sandbox: &Sandbox, path: &RelativePath) -> Result<Found, HttpError> {
    let opened = match sandbox.open(path).map_err(HttpError::from) {
        Ok(opened) => opened,
        Err(HttpError::NotFound) => return Ok(Found::Nothing),
        Err(HttpError::Forbidden) => return Ok(Found::Closed),
        Err(error) => return Err(error),
    };
    let metadata = opened.metadata()?;
    if metadata.is_dir() {
        return Ok(Found::Directory(opened));
    }
    if path.is_directory() {
        return Ok(Found::Nothing);
    }
    if !metadata.is_file() {
        return Ok(Found::Closed);
    }
    let name = path.segments().last().cloned().unwrap_or_default();
    Ok(Found::File(OpenFile { file: opened, metadata, name }))
}

/// The file of this name in the directory that the path names, if there is one that can be sent.
pub(super) fn index(sandbox: &Sandbox, directory: &RelativePath, name: &str) -> Result<Option<OpenFile>, HttpError> {
    match resolve(sandbox, &directory.join(name.as_bytes()))? {
        Found::File(file) => Ok(Some(file)),
        Found::Directory(_) | Found::Nothing => Ok(None),
        Found::Closed => Err(HttpError::Forbidden),
    }
}
