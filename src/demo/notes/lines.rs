//! A text file to which this and other processes append lines, with an index of the lines.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::storage::{FileId, MinFree, StoreError, SystemDisk};

/// The file. Appending takes the system's lock on it (`flock`), so that several processes can append.
pub(super) struct Lines {
    path: PathBuf,
    min_free: MinFree,
    /// Where the lines start. Its lock also excludes the other workers of this process.
    index: Mutex<Index>,
}

/// Where the lines of the file start, and the state of the file when it was indexed.
#[derive(Default)]
struct Index {
    starts: Vec<u64>,
    end: u64,
    /// The bytes before `end`, at most [`TAIL`]. A longer file that still has them there was appended to.
    tail: Vec<u8>,
    /// The file when it was indexed; `None` if the index is incomplete.
    file: Option<FileId>,
}

/// The result of reading a line at its place in the index.
enum LineRead {
    Line(Vec<u8>),
    Nothing,
    /// There is no line where one should be: the file has changed since it was indexed.
    Stale,
}

const TAIL: u64 = 1024;

/// How long to wait for the lock. A process holds it for one write and its fsync.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

impl Lines {
    /// Indexes the lines of this file now, if it exists.
    pub(super) fn new(path: PathBuf) -> Self {
        let lines = Self { path, min_free: MinFree::default(), index: Mutex::default() };
        // A file that cannot be read is an error only when a line is requested.
        if let Err(error) = lines.line(0) {
            log::debug!("{}: {error}", lines.path.display());
        }
        lines
    }

    /// How much of the file system stays free.
    pub(super) fn min_free(mut self, min_free: MinFree) -> Self {
        self.min_free = min_free;
        self
    }

    /// Appends a line and returns the number of lines. The line is on the disk when this returns. If the last line has no line
    /// break, as after a crash or an edit, that is added first.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or too little would stay free; it is then unchanged. The caller refuses lines that hold a line
    /// break.
    pub(super) fn add(&self, line: &str) -> Result<usize, StoreError> {
        let mut index = self.lock();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o644);
        let mut file = self.open(&options, FlockOperation::NonBlockingLockExclusive)?;
        index.refresh(&file)?;
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if index.ends_mid_line() {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.min_free.check(&SystemDisk, &file, bytes.len() as u64)?;
        let before = index.end;
        let written = write_whole(&mut file, &bytes).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // On a full disk half of the line may have been written. Under the lock no other process has appended.
            let _ = file.set_len(before);
            return Err(error.into());
        }
        if before == 0 {
            // The file may be new, made here or by another process that has not written to it yet.
            self.sync_directory()?;
        }
        index.refresh(&file)?;
        Ok(index.starts.len())
    }

    /// The line with this number, counted from 0, with its line break.
    pub(super) fn line(&self, number: usize) -> io::Result<Option<Vec<u8>>> {
        let mut index = self.lock();
        let file = match self.open(OpenOptions::new().read(true), FlockOperation::NonBlockingLockShared) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *index = Index::default();
                return Ok(None);
            }
            result => result?,
        };
        index.refresh(&file)?;
        let mut found = index.find(&file, number)?;
        if matches!(found, LineRead::Stale) {
            *index = Index::default();
            index.refresh(&file)?;
            found = index.find(&file, number)?;
        }
        match found {
            LineRead::Line(mut line) => {
                if line.last() != Some(&b'\n') {
                    line.push(b'\n');
                }
                Ok(Some(line))
            }
            LineRead::Nothing => Ok(None),
            LineRead::Stale => Err(io::Error::other("the file is being changed by something that does not lock it")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(|poisoned| {
            // A panic may have left the index incomplete, so it is made again from the file.
            let mut guard = PoisonError::into_inner(poisoned);
            *guard = Index::default();
            guard
        })
    }

    /// Opens the file and takes the lock, again if the file was replaced during the wait.
    fn open(&self, options: &OpenOptions, lock: FlockOperation) -> io::Result<File> {
        loop {
            let file = options.open(&self.path)?;
            lock_file(&file, lock)?;
            if is_at(&file, &self.path)? {
                return Ok(file);
            }
        }
    }

    /// Syncs the directory, which holds the name of a new file.
    fn sync_directory(&self) -> io::Result<()> {
        let directory = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}

/// Takes the lock, which is released when the file is closed. `flock` has no timeout, so this polls.
fn lock_file(file: &File, operation: FlockOperation) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let mut pause = Duration::from_micros(200);
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            // Not every file system has locks. The lock of the index still excludes the other workers of this process.
            Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps the file locked"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the file is still the one at the path: it may have been replaced during the wait for the lock.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match rustix::fs::stat(path) {
        Ok(status) => Ok(FileId::of(&status).is_same_file(&FileId::of_open(file)?)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes in a single call, because a crash between two calls would leave half a line.
fn write_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::StorageFull.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Index {
    /// Brings the index up to date with the file. Appended lines are added; after any other change the whole file is indexed.
    fn refresh(&mut self, file: &File) -> io::Result<()> {
        let now = FileId::of_open(file)?;
        if self.file == Some(now) {
            return Ok(());
        }
        if !self.was_appended_to(file, &now)? {
            *self = Self::default();
        }
        // An error below must not leave an index that looks complete.
        self.file = None;
        let from = if self.ends_mid_line() { self.starts.pop().unwrap_or(0) } else { self.end };
        self.end = from;
        let mut reader = file;
        reader.seek(SeekFrom::Start(from))?;
        let mut reader = BufReader::with_capacity(256 * 1024, reader.take(now.size() - from));
        loop {
            let taken = reader.skip_until(b'\n')?;
            if taken == 0 {
                break;
            }
            self.starts.push(self.end);
            self.end += taken as u64;
        }
        self.tail = tail(file, self.end)?;
        self.file = Some(now);
        Ok(())
    }

    /// Whether the change to the file was an append.
    fn was_appended_to(&self, file: &File, now: &FileId) -> io::Result<bool> {
        let Some(before) = self.file else { return Ok(false) };
        Ok(before.is_same_file(now) && now.size() > self.end && tail(file, self.end)? == self.tail)
    }

    fn ends_mid_line(&self) -> bool {
        self.tail.last().is_some_and(|byte| *byte != b'\n')
    }

    /// Reads a line, and the byte before it to verify that a line starts there.
    fn find(&self, file: &File, number: usize) -> io::Result<LineRead> {
        let Some(&start) = self.starts.get(number) else { return Ok(LineRead::Nothing) };
        let next = self.starts.get(number + 1);
        let end = next.copied().unwrap_or(self.end);
        let from = start.saturating_sub(1);
        let mut bytes = vec![0; usize::try_from(end - from).map_err(io::Error::other)?];
        match file.read_exact_at(&mut bytes, from) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(LineRead::Stale),
            result => result?,
        }
        if start > 0 && bytes.remove(0) != b'\n' {
            return Ok(LineRead::Stale);
        }
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(position) if position + 1 == bytes.len() => Ok(LineRead::Line(bytes)),
            None if next.is_none() => Ok(LineRead::Line(bytes)),
            _ => Ok(LineRead::Stale),
        }
    }
}

/// The bytes of the file before `end`, at most [`TAIL`]; fewer if the file is shorter.
fn tail(file: &File, end: u64) -> io::Result<Vec<u8>> {
    let from = end.saturating_sub(TAIL);
    let mut bytes = Vec::new();
    let mut reader = file;
    reader.seek(SeekFrom::Start(from))?;
    reader.take(end - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn all(lines: &Lines) -> Vec<String> {
        let read = |number| lines.line(number).unwrap().map(|line| String::from_utf8(line).unwrap());
        (0..).map_while(read).collect()
    }

    /// Adds a line, however long the lock is held: on a slow disk that may be longer than the timeout.
    fn add(lines: &Lines, line: &str) -> usize {
        loop {
            match lines.add(line) {
                Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {}
                result => break result.unwrap(),
            }
        }
    }

    #[test]
    fn the_index_follows_every_change_to_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let lines = Lines::new(path.clone());
        assert_eq!(all(&lines), [""; 0]);
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(all(&lines), ["one\n", "two\n", "three\n"]);

        let replace = |text: &str| {
            let other = directory.path().join("other");
            fs::write(&other, text).unwrap();
            fs::rename(&other, &path).unwrap();
        };
        let in_place = |text: &str| fs::write(&path, text).unwrap();
        let append =
            |text: &str| OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        let table: [(&dyn Fn(&str), &str, &[&str], &str); 11] = [
            (&append, "four\n", &["one\n", "two\n", "three\n", "four\n"], "appended to by another process"),
            (&append, "fi", &["one\n", "two\n", "three\n", "four\n", "fi\n"], "a line without its line break"),
            (
                &append,
                "ve\nsix\n",
                &["one\n", "two\n", "three\n", "four\n", "five\n", "six\n"],
                "the rest of that line",
            ),
            (&in_place, "one\ntwo\n", &["one\n", "two\n"], "truncated"),
            (&in_place, "on\netwo\n", &["on\n", "etwo\n"], "changed at the same length"),
            (
                &in_place,
                "a\nb\nc\nd\ne\nf\ng\n",
                &["a\n", "b\n", "c\n", "d\n", "e\n", "f\n", "g\n"],
                "overwritten by a longer one",
            ),
            (&replace, "A\nB\nC\nD\nE\nF\nG\n", &["A\n", "B\n", "C\n", "D\n", "E\n", "F\n", "G\n"], "replaced"),
            (&replace, "long\nlonger\n", &["long\n", "longer\n"], "replaced by a shorter one"),
            (&in_place, "", &[], "emptied"),
            (&in_place, "\n\n", &["\n", "\n"], "blank lines are lines"),
            (&in_place, "no end", &["no end\n"], "without any line break"),
        ];
        for (change, text, expected, what) in table {
            change(text);
            assert_eq!(all(&lines), expected, "{what}");
            assert_eq!(all(&Lines::new(path.clone())), expected, "{what}, indexed anew");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(lines.line(0).unwrap(), None);
        assert_eq!(lines.add("new").unwrap(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn lines_are_appended_to_the_file_as_it_is_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let lines = Lines::new(path.clone());
        assert_eq!(lines.add("a").unwrap(), 1);
        fs::write(&path, "x\ny\nz\n").unwrap();
        assert_eq!(lines.add("b").unwrap(), 4);
        fs::write(&path, "x\ntorn").unwrap();
        assert_eq!(lines.add("c").unwrap(), 3);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "x\ntorn\nc\n",
            "the torn line gets its line break and nothing else changes"
        );
        fs::write(&path, b"\xc3").unwrap();
        assert_eq!(lines.add("d").unwrap(), 2);
        assert_eq!(fs::read(&path).unwrap(), b"\xc3\nd\n");
    }

    #[test]
    fn concurrent_appends_to_one_file_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        // Each has an index of its own, as in another process.
        let counts: BTreeSet<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|writer| {
                    let lines = Lines::new(path.clone());
                    scope.spawn(move || (0..50).map(|n| add(&lines, &format!("{writer} {n}"))).collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(counts, (1..=200).collect(), "each append returned another number");
        let text = fs::read_to_string(&path).unwrap();
        let written: BTreeSet<&str> = text.lines().collect();
        assert_eq!((text.lines().count(), written.len()), (200, 200));
    }

    #[test]
    fn waiting_for_the_lock_times_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let lines = Lines::new(path.clone());
        lines.add("a").unwrap();
        let other = File::open(&path).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        assert!(matches!(lines.add("b"), Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::TimedOut));
        drop(other);
        assert_eq!(lines.add("c").unwrap(), 2);
    }

    /// An editor replaces the file while another process holds the lock on the old one.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_line_is_added_to_the_file_that_replaced_the_locked_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(directory.path()).unwrap().join("notes.txt");
        let lines = Lines::new(path.clone());
        lines.add("old").unwrap();
        let old = File::open(&path).unwrap();
        flock(&old, FlockOperation::LockExclusive).unwrap();
        let times_open = || {
            let descriptors =
                fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            descriptors.filter(|target| *target == path).count()
        };
        thread::scope(|scope| {
            let adding = scope.spawn(|| add(&lines, "added"));
            while times_open() < 2 {
                thread::yield_now();
            }
            let new = directory.path().join("new");
            fs::write(&new, "new\n").unwrap();
            fs::rename(&new, &path).unwrap();
            drop(old);
            assert_eq!(adding.join().unwrap(), 2);
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\nadded\n");
    }

    #[test]
    fn each_of_a_million_lines_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.txt");
        let mut text = String::with_capacity(16 << 20);
        for number in 0..1_000_000 {
            text.push_str(&format!("note {number}\n"));
        }
        fs::write(&path, text).unwrap();
        let lines = Lines::new(path);
        for number in (0..1_000_000).step_by(9_999) {
            let line = lines.line(number).unwrap().unwrap();
            assert_eq!(line, format!("note {number}\n").into_bytes());
        }
        assert_eq!(lines.line(1_000_000).unwrap(), None);
        assert_eq!(lines.add("one more").unwrap(), 1_000_001);
    }
}
