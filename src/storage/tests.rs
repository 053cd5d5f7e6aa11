use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use rustix::fs::Stat;

use super::disk::{Disk, Space, SystemDisk};
use super::{Durability, MinFree, Room, RoomLimit, Store, StoreError};
use crate::http::path::RelativePath;

fn path(text: &str) -> RelativePath {
    RelativePath::parse_for_writing(text).unwrap()
}

fn write(store: &Store, name: &str, content: &str) -> Result<bool, StoreError> {
    let mut file = store.destination(&path(name))?.begin(None)?;
    file.write(content.as_bytes())?;
    let persisted = file.persist(allow)?;
    let replaced = persisted.replaced;
    persisted.sync()?;
    Ok(replaced)
}

/// Accepts any existing file, or none.
fn allow(_: Option<&Stat>) -> Result<(), StoreError> {
    Ok(())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_complete_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path());
    assert!(!write(&store, "/a/b/c", "new").unwrap());
    assert!(write(&store, "/a/b/c", "newer").unwrap());
    assert_eq!(fs::read_to_string(root.path().join("a/b/c")).unwrap(), "newer");

    let (there, deep) = (path("/a/b/c"), path("/x/y/z"));
    for place in [&there, &deep] {
        let mut abandoned = store.destination(place).unwrap().begin(None).unwrap();
        abandoned.write(b"half").unwrap();
        assert_eq!(
            names(root.path()).len(),
            2,
            "the file has a temporary name, and no directory has been created for it"
        );
    }
    assert_eq!(fs::read_to_string(root.path().join("a/b/c")).unwrap(), "newer");
    assert_eq!((names(root.path()), names(&root.path().join("a/b"))), (vec!["a".into()], vec!["c".into()]));
}

#[test]
fn writing_follows_no_link() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    fs::create_dir_all(outer.path().join("elsewhere")).unwrap();
    fs::create_dir(&root).unwrap();
    fs::write(outer.path().join("victim"), "untouched").unwrap();
    symlink("../elsewhere", root.join("dir")).unwrap();
    for name in ["file", "other"] {
        symlink("../victim", root.join(name)).unwrap();
    }
    let store = Store::new(&root);
    assert!(matches!(write(&store, "/dir/x", "new"), Err(StoreError::FileAsDirectory)));
    assert!(matches!(store.remove(&path("/dir/x"), allow), Err(StoreError::FileAsDirectory)));
    assert!(write(&store, "/file", "new").unwrap());
    assert!(!root.join("file").is_symlink());
    store.remove(&path("/other"), allow).unwrap();
    assert_eq!(fs::read_to_string(outer.path().join("victim")).unwrap(), "untouched");
    assert_eq!((names(&root), names(&outer.path().join("elsewhere"))), (vec!["dir".into(), "file".into()], vec![]));
}

#[test]
fn a_link_that_appears_during_a_write_is_not_followed() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    fs::create_dir_all(root.join("dir")).unwrap();
    fs::create_dir(outer.path().join("elsewhere")).unwrap();
    let store = Store::new(&root);
    let place = path("/dir/x");
    let file = store.destination(&place).unwrap().begin(None).unwrap();
    fs::remove_dir(root.join("dir")).unwrap();
    symlink("../elsewhere", root.join("dir")).unwrap();
    assert!(matches!(file.persist(allow), Err(StoreError::FileAsDirectory)));
    assert_eq!((names(&root), names(&outer.path().join("elsewhere"))), (vec!["dir".into()], vec![]));
}

#[test]
fn files_have_mode_0644_under_the_umask() {
    let root = tempfile::tempdir().unwrap();
    write(&Store::new(root.path()), "/f", "").unwrap();
    let mode = fs::metadata(root.path().join("f")).unwrap().permissions().mode() & 0o777;
    // Reading the umask means setting it, for all other tests too. The mode that File::create gives shows it.
    fs::File::create(root.path().join("g")).unwrap();
    let expected = fs::metadata(root.path().join("g")).unwrap().permissions().mode() & 0o644;
    assert_eq!(mode, expected);
}

/// A disk on which single calls fail when a test says so.
#[derive(Clone, Default)]
struct FaultyDisk {
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    write: AtomicBool,
    sync_file: AtomicBool,
    sync_directory: AtomicBool,
    rename: AtomicBool,
    directories_synced: AtomicUsize,
    /// The bytes that are used of a disk of [`SIZE`].
    used: AtomicU64,
}

const SIZE: u64 = 1000;

fn fail_if(fault: &AtomicBool, code: i32) -> io::Result<()> {
    if fault.load(Ordering::SeqCst) { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

impl Disk for FaultyDisk {
    fn write(&self, mut file: &fs::File, bytes: &[u8]) -> io::Result<()> {
        // A full disk still takes a part.
        let taken = if fail_if(&self.faults.write, ENOSPC).is_err() { &bytes[..bytes.len() / 2] } else { bytes };
        io::Write::write_all(&mut file, taken)?;
        fail_if(&self.faults.write, ENOSPC)
    }

    fn sync_file(&self, file: &fs::File) -> io::Result<()> {
        fail_if(&self.faults.sync_file, EIO)?;
        file.sync_all()
    }

    fn sync_directory(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        fail_if(&self.faults.sync_directory, EIO)?;
        self.faults.directories_synced.fetch_add(1, Ordering::SeqCst);
        Ok(rustix::fs::fsync(directory)?)
    }

    fn rename(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        fail_if(&self.faults.rename, EIO)?;
        Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?)
    }

    fn space(&self, _: BorrowedFd<'_>) -> Option<Space> {
        Some(Space { size: SIZE, free: SIZE - self.faults.used.load(Ordering::SeqCst) })
    }

    fn rename_to_free(&self, from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> io::Result<()> {
        fail_if(&self.faults.rename, EIO)?;
        SystemDisk.rename_to_free(from, to)
    }
}

fn faulty(root: &Path) -> (Store, Arc<Faults>) {
    let disk = FaultyDisk::default();
    let faults = Arc::clone(&disk.faults);
    (Store::new(root).disk(disk), faults)
}

#[test]
fn a_failure_before_the_rename_leaves_the_old_file() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    let store = store.max_total(1000).min_free(MinFree::Bytes(0));
    write(&store, "/f", "old").unwrap();
    let is_full = |error: StoreError| matches!(error, StoreError::DiskFull);
    let has_failed = |error: StoreError| matches!(error, StoreError::Io(error) if error.raw_os_error() == Some(EIO));
    let table: [(_, &dyn Fn(StoreError) -> bool); 3] =
        [(&faults.write, &is_full), (&faults.sync_file, &has_failed), (&faults.rename, &has_failed)];
    for (fault, expected) in table {
        fault.store(true, Ordering::SeqCst);
        assert!(expected(write(&store, "/f", "new").unwrap_err()));
        let beside = store.begin_with_free_name(&path("/f"), &store.claim(None).unwrap()).and_then(|mut file| {
            file.write(b"new")?;
            file.persist_with_free_name([path("/f"), path("/g")].into_iter()).map(drop)
        });
        assert!(expected(beside.unwrap_err()));
        assert_eq!(names(root.path()), ["f"]);
        assert_eq!(fs::read_to_string(root.path().join("f")).unwrap(), "old");
        fault.store(false, Ordering::SeqCst);
    }
    assert!(write(&store, "/f", &"x".repeat(1000)).unwrap(), "a failed write takes no room");
}

#[test]
fn a_failed_fsync_of_the_directory_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    faults.sync_directory.store(true, Ordering::SeqCst);
    assert!(matches!(write(&store, "/f", "new"), Err(StoreError::Io(_))));
    assert!(matches!(store.remove(&path("/f"), allow), Err(StoreError::Io(_))));
    assert!(names(root.path()).is_empty());
}

#[test]
fn directories_with_new_names_are_synced() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    let synced = || faults.directories_synced.swap(0, Ordering::SeqCst);
    write(&store, "/a/b/c", "").unwrap();
    assert_eq!(synced(), 3, "the root for a, a for b, b for c");
    write(&store, "/a/b/d", "").unwrap();
    assert_eq!(synced(), 1);
    write(&store, "/e", "").unwrap();
    assert_eq!(synced(), 1);

    // Another writer has created a directory whose name is not on the disk yet.
    let other = path("/new/x");
    let unfinished = store.destination(&other).unwrap().begin(None).unwrap().persist(allow).unwrap();
    write(&store, "/new/y", "").unwrap();
    assert_eq!(synced(), 2);
    unfinished.sync().unwrap();
    assert_eq!(synced(), 2);
    write(&store, "/new/z", "").unwrap();
    assert_eq!(synced(), 1);
    drop(store.destination(&path("/cut/x")).unwrap().begin(None).unwrap().persist(allow).unwrap());
    write(&store, "/cut/y", "").unwrap();
    assert_eq!(synced(), 2, "the name of the directory has not been synced before");

    faults.sync_file.store(true, Ordering::SeqCst);
    let store = store.durability(Durability::Rename);
    write(&store, "/p/q", "").unwrap();
    store.remove(&path("/p/q"), allow).unwrap();
    assert_eq!(synced(), 0);
}

#[test]
fn directories_are_created_and_removed_durably() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    let synced = || faults.directories_synced.swap(0, Ordering::SeqCst);
    store.create_directory(&path("/a/b/c")).unwrap();
    assert_eq!(synced(), 3, "the root for a, a for b, b for c");
    store.create_directory(&path("/a/d")).unwrap();
    assert_eq!(synced(), 1);
    write(&store, "/a/d/f", "").unwrap();
    assert_eq!(synced(), 1, "the name of its directory is on the disk");
    assert!(matches!(store.create_directory(&path("/a/d")), Err(StoreError::AlreadyThere)));
    assert!(matches!(store.create_directory(&path("/a/d/f")), Err(StoreError::AlreadyThere)));
    assert!(matches!(store.create_directory(&path("/a/d/f/g")), Err(StoreError::FileAsDirectory)));
    synced();

    assert!(matches!(store.remove_directory(&path("/a/d")), Err(StoreError::NotEmpty)));
    assert!(matches!(store.remove_directory(&path("/a/d/f")), Err(StoreError::NotFound)));
    assert!(matches!(store.remove_directory(&path("/none")), Err(StoreError::NotFound)));
    assert!(matches!(store.remove_directory(&path("/none/b")), Err(StoreError::NotFound)));
    assert_eq!(synced(), 0);
    store.remove_directory(&path("/a/b/c")).unwrap();
    assert_eq!((synced(), names(&root.path().join("a/b"))), (1, Vec::new()));

    faults.sync_directory.store(true, Ordering::SeqCst);
    assert!(matches!(store.create_directory(&path("/e")), Err(StoreError::Io(_))));
    assert!(matches!(store.remove_directory(&path("/e")), Err(StoreError::Io(_))));
    assert_eq!(names(root.path()), ["a"]);
    faults.sync_directory.store(false, Ordering::SeqCst);
    synced();
    write(&store, "/a/g", "").unwrap();
    assert_eq!(synced(), 2, "the root is synced again after its failure");

    let store = store.durability(Durability::Rename);
    store.create_directory(&path("/r")).unwrap();
    store.remove_directory(&path("/r")).unwrap();
    assert_eq!(synced(), 0);
}

#[test]
fn a_directory_with_what_a_killed_writer_left_counts_as_empty() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path());
    for (directory, name) in [("abandoned", ".hearken-0123456789abcdef"), ("hidden", ".hidden")] {
        fs::create_dir(root.path().join(directory)).unwrap();
        fs::write(root.path().join(directory).join(name), "").unwrap();
    }
    store.remove_directory(&path("/abandoned")).unwrap();
    assert!(matches!(store.remove_directory(&path("/hidden")), Err(StoreError::NotEmpty)));
    assert_eq!(names(root.path()), ["hidden"]);
}

#[test]
fn no_link_is_taken_for_a_directory() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    for name in ["root", "root/dir", "elsewhere"] {
        fs::create_dir(outer.path().join(name)).unwrap();
    }
    symlink("../elsewhere", root.join("out")).unwrap();
    symlink("dir", root.join("in")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let store = Store::new(&root);
    for name in ["/out", "/in", "/dangling"] {
        assert!(matches!(store.create_directory(&path(name)), Err(StoreError::AlreadyThere)), "{name}");
        assert!(matches!(store.remove_directory(&path(name)), Err(StoreError::NotFound)), "{name}");
        let below = path(&format!("{name}/x"));
        assert!(matches!(store.create_directory(&below), Err(StoreError::FileAsDirectory)), "{name}");
        assert!(matches!(store.remove_directory(&below), Err(StoreError::FileAsDirectory)), "{name}");
    }
    assert_eq!(names(&root), ["dangling", "dir", "in", "out"]);
    assert!(names(&outer.path().join("elsewhere")).is_empty());
}

#[test]
fn one_of_several_racing_writers_finds_the_path_free() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path());
    for round in 0..20 {
        let name = path(&format!("/dir{round}/f"));
        let won: usize = thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let file = store.destination(&name).unwrap().begin(None).unwrap();
                        let free = |existing: Option<&Stat>| match existing {
                            None => Ok(()),
                            Some(_) => Err(StoreError::NamesTaken),
                        };
                        usize::from(file.persist(free).is_ok())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
    }
}

#[test]
fn files_of_the_same_name_each_get_a_free_one() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path());
    fs::write(root.path().join("f"), "old").unwrap();
    fs::create_dir(root.path().join("f1")).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let first = path("/f");
                let file = store.begin_with_free_name(&first, &store.claim(None).unwrap()).unwrap();
                let names = std::iter::once(first.clone()).chain((1..20).map(|n| path(&format!("/f{n}"))));
                file.persist_with_free_name(names).unwrap().0.sync().unwrap();
            });
        }
    });
    assert_eq!(names(root.path()).len(), 10);
    assert_eq!(fs::read_to_string(root.path().join("f")).unwrap(), "old");
    let file = store.begin_with_free_name(&path("/f"), &store.claim(None).unwrap()).unwrap();
    assert!(matches!(file.persist_with_free_name([path("/f")].into_iter()), Err(StoreError::NamesTaken)));
}

#[test]
fn a_write_leaves_enough_free() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    let begin = |store: &Store, bytes: Option<u64>| store.destination(&path("/f")).unwrap().begin(bytes).map(drop);
    let is_refused = |result: Result<(), StoreError>| matches!(result, Err(StoreError::MinFree(_)));
    assert!(begin(&store, Some(950)).is_ok());
    assert!(is_refused(begin(&store, Some(951))), "5 % stay free");
    let store = store.min_free(MinFree::Bytes(100));
    assert_eq!(store.room().unwrap(), Some(Room { bytes: 900, limit: RoomLimit::MinFree }));

    // Others get what the announced files leave, and all of it when those end or break off.
    let mut first = store.destination(&path("/f")).unwrap().begin(Some(500)).unwrap();
    let form = store.claim(Some(300)).unwrap();
    assert!(is_refused(begin(&store, Some(101))));
    assert!(begin(&store, Some(100)).is_ok(), "the one before has given back its room");
    first.write(&[0; 500]).unwrap();
    faults.used.store(500, Ordering::SeqCst);
    assert_eq!(store.room().unwrap().unwrap().bytes, 100);
    assert!(matches!(first.write(b"x"), Ok(())), "what is longer than announced takes from the rest");
    first.persist(allow).unwrap().sync().unwrap();
    let mut part = store.begin_with_free_name(&path("/g"), &form).unwrap();
    part.write(&[0; 200]).unwrap();
    faults.used.store(700, Ordering::SeqCst);
    drop(part);
    assert_eq!(store.room().unwrap().unwrap().bytes, 100, "the form may still take 100 more");
    drop(form);
    assert_eq!(store.room().unwrap().unwrap().bytes, 200);

    // The old file stays until the new one is complete.
    assert!(is_refused(begin(&store, Some(201))), "/f is not free yet");
    let mut unknown = store.destination(&path("/f")).unwrap().begin(None).unwrap();
    unknown.write(&[1; 200]).unwrap();
    faults.used.store(900, Ordering::SeqCst);
    assert!(matches!(unknown.write(b"x"), Err(StoreError::MinFree(100))));
    drop(unknown);
    assert_eq!(names(root.path()), ["f"]);
    assert!(is_refused(begin(&store, None)));
    assert!(begin(&store, Some(0)).is_ok());
    faults.used.store(1000, Ordering::SeqCst);
    assert_eq!(store.max_total(10).room().unwrap().unwrap().bytes, 0);
}

#[test]
fn the_least_room_counts() {
    let root = tempfile::tempdir().unwrap();
    let (store, faults) = faulty(root.path());
    fs::write(root.path().join("f"), [0; 100]).unwrap();
    let store = store.min_free(MinFree::Bytes(0)).max_total(1000);
    assert_eq!(store.room().unwrap(), Some(Room { bytes: 900, limit: RoomLimit::MaxTotal }));
    faults.used.store(101, Ordering::SeqCst);
    assert_eq!(store.room().unwrap(), Some(Room { bytes: 899, limit: RoomLimit::MinFree }));
    assert!(matches!(store.check_total(901), Err(StoreError::MaxTotal(1000))));
    assert!(store.check_total(900).is_ok());
}
