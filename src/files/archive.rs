//! A directory and everything below it as a tar archive, generated while it is sent.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use tar::{EntryType, Header};

use super::listing::budget::Budget;
use super::listing::entries::{Entries, ScanError, ScanTarget};
use super::listing::entry::Kind;
use super::listing::order::Order;
use super::lookup::{self, Found, OpenFile};
use super::pieces::{PieceReader, Pieces};
use crate::http::connection::Connection;
use crate::http::content_disposition;
use crate::http::error::HttpError;
use crate::http::path::RelativePath;
use crate::http::response::Response;
use crate::storage::RootDir;

/// The response with the directory at the path, merged from all trees that have it; `None` if none has it.
pub(super) fn respond(
    root_dirs: Vec<Arc<RootDir>>,
    path: &RelativePath,
    hidden: bool,
    budget: &Arc<Budget>,
    connection: Connection,
) -> Result<Option<Response>, HttpError> {
    // Everything is in one directory, so that unpacking does not scatter files over another one.
    let name = path.segments().last().map_or(&b"files"[..], Vec::as_slice).to_vec();
    let mut archive = Archive {
        root_dirs,
        hidden,
        budget: Arc::clone(budget),
        connection,
        depth: path.segments().len(),
        name,
        open: Vec::new(),
        file: None,
        ended: false,
    };
    let mut beginning = Vec::new();
    if let Added::Missing = archive.enter_directory(&mut beginning, path.clone())? {
        return Ok(None);
    }
    let file_name = [&archive.name, &b".tar"[..]].concat();
    let body = io::Cursor::new(beginning).chain(PieceReader::new(archive));
    let response = Response::generated(body)
        .with_header("Content-Type", "application/x-tar")
        .with_header("Cache-Control", "no-cache")
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Content-Disposition", content_disposition::attachment(&file_name));
    Ok(Some(response))
}

/// The archive, and how much of it has been generated.
struct Archive {
    root_dirs: Vec<Arc<RootDir>>,
    hidden: bool,
    budget: Arc<Budget>,
    connection: Connection,
    /// The depth of the archived directory below the root, and the directory's name in the archive.
    depth: usize,
    name: Vec<u8>,
    /// The directories that are being listed, the deepest last.
    open: Vec<Level>,
    /// The file whose content comes next.
    file: Option<Content>,
    ended: bool,
}

struct Level {
    path: RelativePath,
    entries: Entries,
}

struct Content {
    file: File,
    left: u64,
    padding: usize,
}

/// The block size of the tar format, in bytes.
const BLOCK: usize = 512;
/// How many bytes of a file are read at a time.
const READ: usize = 32 * 1024;
/// The longest name that a header holds, in bytes.
const NAME: usize = 100;

impl Pieces for Archive {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(content) = &mut self.file {
            if content.read(out)? {
                self.file = None;
            }
            return Ok(true);
        }
        let Some(level) = self.open.last_mut() else {
            // Two empty blocks end the archive.
            let last = !self.ended;
            if last {
                out.resize(out.len() + 2 * BLOCK, 0);
            }
            self.ended = true;
            return Ok(last);
        };
        if !level.entries.step()? {
            self.open.pop();
            return Ok(true);
        }
        let (name, kind, is_link) = level.entries.kind();
        let (path, added) = match kind {
            // A link to a directory may lead to one above it.
            Kind::Directory if is_link => return Ok(true),
            Kind::Directory => {
                let path = level.path.join_directory(name);
                (path.clone(), self.enter_directory(out, path))
            }
            Kind::File => {
                let path = level.path.join(name);
                let added = self.begin_file(out, &path);
                (path, added)
            }
        };
        match added {
            Ok(Added::Yes | Added::Missing) => Ok(true),
            Err(ScanError::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                log::warn!("{:?} may not be read, and is left out of an archive", shown(&path));
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether something was added to the archive.
enum Added {
    Yes,
    /// The file or directory has vanished.
    Missing,
}

impl Archive {
    /// Adds a directory; its entries come next.
    fn enter_directory(&mut self, out: &mut Vec<u8>, path: RelativePath) -> Result<Added, ScanError> {
        let has_begun = !self.open.is_empty();
        let target = ScanTarget::open(&self.root_dirs, path.clone(), self.hidden, self.connection.clone(), has_begun)?;
        let Some(target) = target else { return Ok(Added::Missing) };
        let metadata = target.layers[0].1.metadata()?;
        let mut entries = target.read(Order::default(), &Arc::default(), &self.budget)?;
        if entries.totals.truncated {
            log::warn!("{:?} has too many entries: not all are in an archive of it", shown(&path));
        }
        entries.close();
        put_header(out, &self.name_of(&path), &metadata);
        self.open.push(Level { path, entries });
        Ok(Added::Yes)
    }

    /// Adds a file; its content comes next.
    fn begin_file(&mut self, out: &mut Vec<u8>, path: &RelativePath) -> Result<Added, ScanError> {
        for root_dir in &self.root_dirs {
            match lookup::find(root_dir, path)? {
                Found::Nothing => {}
                Found::File(OpenFile { file, metadata, .. }) => {
                    put_header(out, &self.name_of(path), &metadata);
                    let left = metadata.len();
                    self.file = Some(Content { file, left, padding: padding(left) });
                    return Ok(Added::Yes);
                }
                Found::Closed | Found::Directory(_) => {
                    return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
                }
            }
        }
        Ok(Added::Missing)
    }

    /// The name of a path in the archive.
    fn name_of(&self, path: &RelativePath) -> Vec<u8> {
        let mut name = self.name.clone();
        for segment in &path.segments()[self.depth..] {
            name.push(b'/');
            name.extend_from_slice(segment);
        }
        if path.is_directory() {
            name.push(b'/');
        }
        name
    }
}

/// A path as the log shows it.
fn shown(path: &RelativePath) -> String {
    String::from_utf8_lossy(&path.to_bytes()).into_owned()
}

impl Content {
    /// Appends the next bytes of the file; true when they were the last. A file that has become shorter ends the archive with an
    /// error: its header has announced more bytes.
    fn read(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let start = out.len();
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(READ);
        out.resize(start + length, 0);
        if let Err(error) = self.file.read_exact(&mut out[start..]) {
            out.truncate(start);
            return Err(error);
        }
        self.left -= length as u64;
        let is_last = self.left == 0;
        if is_last {
            out.resize(out.len() + self.padding, 0);
        }
        Ok(is_last)
    }
}

/// Appends the header of a file or a directory, without its owner.
fn put_header(out: &mut Vec<u8>, name: &[u8], metadata: &Metadata) {
    if name.len() > NAME {
        // GNU tar's extension: an entry of its own holds the name, which ends with a NUL byte.
        let mut long = header(EntryType::GNULongName, b"././@LongLink", 0o644, 0);
        long.set_size(name.len() as u64 + 1);
        append_block(out, long);
        out.extend_from_slice(name);
        out.resize(out.len() + 1 + padding(name.len() as u64 + 1), 0);
    }
    let modified = u64::try_from(metadata.mtime()).unwrap_or(0);
    let short = &name[..name.len().min(NAME)];
    let mut header = if metadata.is_dir() {
        header(EntryType::Directory, short, 0o755, modified)
    } else {
        let mode = if metadata.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
        header(EntryType::Regular, short, mode, modified)
    };
    header.set_size(if metadata.is_dir() { 0 } else { metadata.len() });
    append_block(out, header);
}

fn header(entry_type: EntryType, name: &[u8], mode: u32, modified: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(entry_type);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified);
    header
}

fn append_block(out: &mut Vec<u8>, mut header: Header) {
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// How many bytes complete the last block after content of this length.
fn padding(length: u64) -> usize {
    let over = usize::try_from(length % BLOCK as u64).expect("it is less than a block");
    if over == 0 { 0 } else { BLOCK - over }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::os::unix::fs::symlink;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::files::Files;
    use crate::handler::respond;
    use crate::http::request::Request;

    /// Names and contents of what an archive holds; directories have no content.
    fn unpack(bytes: &[u8]) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        assert!(bytes.len().is_multiple_of(BLOCK) && bytes.ends_with(&[0; 2 * BLOCK]));
        let mut entries = BTreeMap::new();
        for entry in tar::Archive::new(bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().into_owned().into_os_string().into_vec();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let is_directory = entry.header().entry_type().is_dir();
            assert!(entries.insert(name, (!is_directory).then_some(content)).is_none());
        }
        entries
    }

    fn archive(files: &Files, target: &str) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let mut response = respond(files, &mut Request::get(target));
        assert_eq!(response.status().code(), 200, "{target}");
        assert_eq!(response.header("Content-Type"), Some("application/x-tar"));
        unpack(&response.read_bytes().unwrap())
    }

    fn entry(name: &[u8], content: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
        (name.to_vec(), content.map(<[u8]>::to_vec))
    }

    #[test]
    fn an_archive_holds_what_is_served_and_nothing_else() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a/empty")).unwrap();
        fs::create_dir_all(root.join("a/.git")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(root.join("a/.git/config"), "hidden").unwrap();
        fs::write(root.join("a/.env"), "hidden").unwrap();
        fs::write(root.join("a/.hearken-0123456789abcdef"), "unfinished").unwrap();
        fs::write(root.join("a/one"), "1").unwrap();
        fs::write(root.join("elsewhere"), "inside").unwrap();
        symlink("../elsewhere", root.join("a/link")).unwrap();
        symlink("../../secret", root.join("a/out")).unwrap();
        symlink("..", root.join("a/up")).unwrap();
        symlink("nowhere", root.join("a/dangling")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, root.join("a/fifo"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();

        let files = Files::new(&root).archive(true);
        let expected = [
            entry(b"a/", None),
            entry(b"a/empty/", None),
            entry(b"a/link", Some(b"inside")),
            entry(b"a/one", Some(b"1")),
        ];
        assert_eq!(archive(&files, "/a/?download=tar"), expected.into());
        let with_hidden = archive(&Files::new(&root).archive(true).include_hidden(true), "/a/?download=tar");
        assert_eq!(with_hidden[&b"a/.git/config"[..]], Some(b"hidden".to_vec()));
        assert!(!with_hidden.contains_key(&b"a/.hearken-0123456789abcdef"[..]));
        let all = archive(&files, "/?download=tar");
        assert!(all.contains_key(&b"files/a/one"[..]) && all.contains_key(&b"files/elsewhere"[..]));
    }

    #[test]
    fn layers_are_archived_as_they_are_listed() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        for directory in ["one/s", "two/s/t"] {
            fs::create_dir_all(path(directory)).unwrap();
        }
        for (name, content) in [("one/s/a", "1"), ("two/s/a", "2"), ("two/s/b", "2"), ("two/s/t/c", "2")] {
            fs::write(path(name), content).unwrap();
        }
        let files = Files::new(path("one")).with_uploads(path("two")).archive(true);
        let expected = [
            entry(b"s/", None),
            entry(b"s/a", Some(b"1")),
            entry(b"s/b", Some(b"2")),
            entry(b"s/t/", None),
            entry(b"s/t/c", Some(b"2")),
        ];
        assert_eq!(archive(&files, "/s/?download=tar"), expected.into());
    }

    #[test]
    fn long_names_and_all_sizes_are_archived_correctly() {
        let root = tempfile::tempdir().unwrap();
        let odd = OsStr::from_bytes(b"\xff\xfe");
        let deep = "d".repeat(120);
        fs::create_dir_all(root.path().join(odd).join(&deep)).unwrap();
        let mut expected = BTreeMap::new();
        let in_archive = |name: &str| [&b"\xff\xfe/"[..], name.as_bytes()].concat();
        expected.insert(in_archive(""), None);
        expected.insert(in_archive(&format!("{deep}/")), None);
        // Around what fits a header, and sizes around what fits a block.
        for (length, size) in [(96, 0), (97, 1), (98, 511), (255, 512), (200, 513), (99, 100_000)] {
            let (name, content) = ("n".repeat(length), vec![b'x'; size]);
            fs::write(root.path().join(odd).join(&name), &content).unwrap();
            expected.insert(in_archive(&name), Some(content.clone()));
            fs::write(root.path().join(odd).join(&deep).join(&name), &content).unwrap();
            expected.insert(in_archive(&format!("{deep}/{name}")), Some(content));
        }
        assert_eq!(archive(&Files::new(root.path()).archive(true), "/%FF%FE/?download=tar"), expected);
    }

    #[test]
    fn sizes_and_times_beyond_octal_digits_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let file = File::create(root.path().join("sparse")).unwrap();
        file.set_len(9 << 30).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        let mut out = Vec::new();
        put_header(&mut out, b"sparse", &file.metadata().unwrap());
        let header = Header::from_byte_slice(&out);
        assert_eq!((header.size().unwrap(), header.mtime().unwrap()), (9 << 30, 1_700_000_000));
        file.set_modified(UNIX_EPOCH - Duration::from_secs(5)).unwrap();
        let mut out = Vec::new();
        put_header(&mut out, b"sparse", &file.metadata().unwrap());
        assert_eq!(Header::from_byte_slice(&out).mtime().unwrap(), 0);
    }

    #[test]
    fn a_file_that_becomes_shorter_breaks_the_archive_off() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("f"), vec![b'x'; 500_000]).unwrap();
        let mut response = respond(&Files::new(root.path()).archive(true), &mut Request::get("/?download=tar"));
        File::options().write(true).open(root.path().join("f")).unwrap().set_len(100).unwrap();
        // It is opened when it is its turn: what it has then is what is sent.
        assert_eq!(unpack(&response.read_bytes().unwrap())[&b"files/f"[..]].as_ref().unwrap().len(), 100);
        let mut content = Content { file: File::open(root.path().join("f")).unwrap(), left: 200, padding: 312 };
        let mut out = Vec::new();
        assert_eq!(content.read(&mut out).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(out.is_empty(), "nothing made up is sent");
    }

    #[test]
    fn archives_are_only_sent_if_enabled() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("index.html"), "<p>").unwrap();
        let status = |files: Files, target: &str| respond(&files, &mut Request::get(target)).status().code();
        let allowed = || Files::new(root.path()).archive(true);
        assert_eq!(status(allowed(), "/?download=tar"), 200, "whatever the index file");
        assert_eq!(status(allowed(), "/missing/?download=tar"), 404);
        assert_eq!(status(allowed(), "/.git/?download=tar"), 404);
        assert_eq!(status(allowed().listing(false), "/?download=tar"), 403);
        assert_eq!(status(Files::new(root.path()), "/?download=tar"), 403);
        let response = respond(&allowed(), &mut Request::get("/?download=tar"));
        assert_eq!(response.header("Content-Disposition"), Some("attachment; filename=\"files.tar\""));
    }
}
