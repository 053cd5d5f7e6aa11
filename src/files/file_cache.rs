//! A cache of files. Each hit is checked against the file system, so that an edit shows in the next response.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::encoding::variants::{Selected, Variant, Variants};
use super::representation::{Content, Representation};
use crate::http::date;
use crate::http::request::Request;
use crate::storage::once_per_second::OncePerSecond;
use crate::storage::{FileId, RootDir};

/// Files of one directory tree, by the encoded paths of the requests, each with the variants that were requested. Small files are
/// kept at once, files of middle size if they are requested often.
///
/// A hit costs one system call instead of four: the status of the file must be unchanged since it was read, and so must that of
/// the sibling, if one is sent. A path that now leads elsewhere, even out of the directory, leads to another status. A new sibling
/// is noticed within a second; until then the response is right, only longer.
#[derive(Default)]
pub(super) struct FileCache {
    kept: RwLock<Kept>,
    /// How many files of middle size were offered and not kept.
    offered: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    by_path: HashMap<String, Arc<CachedFile>>,
    bytes: usize,
}

struct CachedFile {
    /// The path of the file in its tree; for a directory's path, that of its index file.
    path: Vec<u8>,
    id: FileId,
    variants: Variants,
    /// When to look for new variants.
    variants_check: OncePerSecond,
    /// The variants that were requested so far.
    representations: Vec<(Variant, Representation)>,
}

/// The most bytes of all files together. At the limit large files are dropped; if that is not enough, the cache starts anew.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Files larger than this are dropped before smaller ones: of those more fit, and each saves as many system calls.
const LARGE: usize = 64 * 1024;
/// The most files.
const MAX_FILES: usize = 4096;
/// The longest file that is kept, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// A file of middle size is copied into memory on every eighth offer: hot files soon, cold ones rarely.
///
/// The copy is ordinary memory. A sealed one that the kernel sends itself (memfd and sendfile) has to be gathered from pages of
/// 4 KiB, and was 6 to 19 % slower for 100 KiB at 4 to 128 connections.
const OFFERS_PER_COPY: usize = 8;

impl FileCache {
    /// The cached representation that the request accepts, if the file is unchanged.
    pub(super) fn find(&self, root_dir: &RootDir, request: &Request, now: SystemTime) -> Option<Representation> {
        let path = request.encoded_path();
        let entry = Arc::clone(self.kept.read().unwrap_or_else(PoisonError::into_inner).by_path.get(path)?);
        if !entry.is_current(root_dir, now) {
            self.forget(path);
            return None;
        }
        let variant = entry.variants.negotiate(request).ok()?;
        if let Variant::Sibling(coding) = variant {
            let (path_of_sibling, id) = entry.variants.sibling(coding)?;
            if id_now(root_dir, path_of_sibling) != Some(*id) {
                self.forget(path);
                return None;
            }
        }
        entry.representation(variant).cloned()
    }

    /// Keeps the representation that a request for this path has just got.
    pub(super) fn keep(&self, path: &str, file: &Selected, now: SystemTime) {
        let Selected { path: file_path, representation, variant, variants, status } = file;
        let id = FileId::of(status);
        let sibling = match variant {
            Variant::Sibling(coding) => variants.sibling(*coding).map(|(_, id)| id),
            Variant::Original | Variant::Gzipped => None,
        };
        if !id.is_settled(now) || sibling.is_some_and(|sibling| !sibling.is_settled(now)) {
            return;
        }
        let Some(representation) = self.in_memory(representation) else { return };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let mut representations = match kept.forget(path) {
            Some(old) if old.id == id && old.variants == *variants => {
                let others = old.representations.iter().filter(|(other, _)| other != variant);
                others.map(|(variant, representation)| (*variant, representation.clone())).collect()
            }
            _ => Vec::new(),
        };
        representations.push((*variant, representation));
        let (variants_check, variants) = (OncePerSecond::new(date::seconds(now)), variants.clone());
        let entry = CachedFile { path: file_path.to_bytes(), id, variants, variants_check, representations };
        let bytes = entry.cost();
        if kept.bytes + bytes > MAX_BYTES {
            kept.forget_large();
        }
        if kept.bytes + bytes > MAX_BYTES || kept.by_path.len() >= MAX_FILES {
            *kept = Kept::default();
        }
        kept.insert(path.to_owned(), entry);
    }

    /// The representation with its content in memory; `None` if it is not to be cached.
    fn in_memory(&self, representation: &Representation) -> Option<Representation> {
        match representation.content() {
            Content::Memory(_) => Some(representation.clone()),
            Content::Disk(file) if file.length() <= LARGEST => {
                let turn = self.offered.fetch_add(1, Ordering::Relaxed) % OFFERS_PER_COPY == OFFERS_PER_COPY - 1;
                let bytes = turn.then(|| file.read().ok()).flatten()?;
                Some(representation.in_memory(bytes))
            }
            Content::Disk(_) | Content::Embedded(_) | Content::Gzipped(..) => None,
        }
    }

    /// How many files are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).by_path.len()
    }

    fn forget(&self, path: &str) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).forget(path);
    }
}

impl Kept {
    fn insert(&mut self, path: String, entry: CachedFile) {
        self.bytes += entry.cost();
        self.by_path.insert(path, Arc::new(entry));
    }

    /// Drops the large files.
    fn forget_large(&mut self) {
        self.by_path.retain(|_, entry| entry.cost() <= LARGE);
        self.bytes = self.by_path.values().map(|entry| entry.cost()).sum();
    }

    fn forget(&mut self, path: &str) -> Option<Arc<CachedFile>> {
        let old = self.by_path.remove(path)?;
        self.bytes -= old.cost();
        Some(old)
    }
}

impl CachedFile {
    fn is_current(&self, root_dir: &RootDir, now: SystemTime) -> bool {
        if id_now(root_dir, &self.path) != Some(self.id) {
            return false;
        }
        !self.variants_check.is_due(date::seconds(now)) || self.variants.are_current(root_dir, &self.path, &self.id)
    }

    fn representation(&self, variant: Variant) -> Option<&Representation> {
        self.representations.iter().find(|(kept, _)| *kept == variant).map(|(_, representation)| representation)
    }

    /// How many bytes of memory it takes.
    fn cost(&self) -> usize {
        let costs = self.representations.iter().map(|(_, representation)| match representation.content() {
            Content::Memory(bytes) => bytes.len(),
            Content::Disk(_) | Content::Embedded(_) | Content::Gzipped(..) => 0,
        });
        costs.sum()
    }
}

/// The id of the file at this path now.
fn id_now(root_dir: &RootDir, path: &[u8]) -> Option<FileId> {
    root_dir.status(path).ok().map(|status| FileId::of(&status))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::files::Files;
    use crate::handler::{Handler as _, respond};

    fn text(files: &Files, path: &str) -> String {
        respond(files, &mut Request::get(path)).read_text().unwrap()
    }

    /// A time at which what was just written is settled.
    fn later() -> SystemTime {
        SystemTime::now() + FileId::SETTLED * 2
    }

    #[test]
    fn an_edit_shows_in_the_next_response() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(directory.path().join("secret"), "1").unwrap();
        let path = root.join("f");
        let files = Files::new(&root);
        let warm = || {
            for _ in 0..2 {
                files.respond(&Request::get("/f"), later()).unwrap();
            }
            files.cached()
        };
        fs::write(&path, "1").unwrap();
        assert_eq!((warm(), text(&files, "/f").as_str()), (1, "1"));
        fs::write(&path, "2").unwrap();
        assert_eq!(text(&files, "/f"), "2", "written in place");
        assert_eq!((warm(), text(&files, "/f").as_str()), (1, "2"));
        fs::write(root.join("new"), "3").unwrap();
        fs::rename(root.join("new"), &path).unwrap();
        assert_eq!(text(&files, "/f"), "3", "replaced");
        warm();
        fs::remove_file(&path).unwrap();
        assert_eq!(files.handle(&mut Request::get("/f")).status().code(), 404, "removed");
        symlink("../secret", &path).unwrap();
        assert_eq!(respond(&files, &mut Request::get("/f")).status().code(), 403, "a way out");
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_cached() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("f"), "1").unwrap();
        let files = Files::new(directory.path());
        files.respond(&Request::get("/f"), SystemTime::now()).unwrap();
        assert_eq!(files.cached(), 0);
        files.respond(&Request::get("/f"), later()).unwrap();
        assert_eq!(files.cached(), 1);
    }

    #[test]
    fn the_cache_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        let large = vec![b'x'; 60 * 1024];
        for number in 0..300 {
            fs::write(directory.path().join(number.to_string()), &large).unwrap();
            files.respond(&Request::get(&format!("/{number}")), later()).unwrap();
        }
        assert!((1..=MAX_BYTES / large.len()).contains(&files.cached()), "{}", files.cached());
    }

    #[test]
    fn files_of_middle_size_are_cached_when_they_are_requested_often() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let files = Files::new(directory.path());
        let ask_often = |target: &str| {
            for _ in 0..OFFERS_PER_COPY {
                files.respond(&Request::get(target), later()).unwrap();
            }
        };
        let sizes = [("100 KiB", 100 * 1024, 1), ("the largest", LARGEST, 1), ("larger", LARGEST + 1, 0)];
        for (name, size, kept) in sizes {
            fs::write(&path, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
            ask_often("/f");
            assert_eq!(files.cached(), kept, "{name}");
        }
        let large = vec![b'1'; 100 * 1024];
        fs::write(&path, &large).unwrap();
        ask_often("/f");
        let first = files.respond(&Request::get("/f"), later());
        let second = files.respond(&Request::get("/f"), later());
        fs::write(&path, "2").unwrap();
        for response in [first, second] {
            assert!(response.unwrap().read_bytes().unwrap() == large, "what is kept does not change with the file");
        }
        assert_eq!(text(&files, "/f"), "2");

        files.respond(&Request::get("/f"), later()).unwrap();
        let most = MAX_BYTES / large.len();
        for number in 0..2 * most {
            fs::write(directory.path().join(number.to_string()), &large).unwrap();
            ask_often(&format!("/{number}"));
            assert!((2..=most + 1).contains(&files.cached()), "the small one stays: {}", files.cached());
        }
        assert_eq!(text(&files, "/f"), "2");
    }

    #[test]
    fn an_index_file_is_cached_for_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(directory.path().join("sub/index.html"), "1").unwrap();
        let files = Files::new(directory.path());
        files.respond(&Request::get("/sub/"), later()).unwrap();
        assert_eq!((files.cached(), text(&files, "/sub/").as_str()), (1, "1"));
        fs::write(directory.path().join("sub/index.html"), "22").unwrap();
        assert_eq!(text(&files, "/sub/"), "22");
    }
}
