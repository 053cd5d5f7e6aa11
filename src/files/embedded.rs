//! Files that are part of the program: a tree of them by path, built once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::http::content_coding::ContentCoding;
use crate::http::path::{PathError, RelativePath};
use crate::http::validators::{Validators, content_validators};

/// A tree of files that are part of the program. It never changes.
pub(super) struct EmbeddedTree {
    /// By the segments of the path.
    entries: HashMap<Vec<Vec<u8>>, Entry>,
}

/// What an embedded tree has at a path.
pub(super) enum Entry {
    File(EmbeddedFile),
    /// A directory: part of the path of a file.
    Directory,
}

/// One embedded file.
pub(super) struct EmbeddedFile {
    name: Vec<u8>,
    pub(super) content: EmbeddedContent,
    /// The siblings that hold the same content in a content coding.
    pub(super) siblings: Vec<(ContentCoding, EmbeddedContent)>,
    /// The content in gzip, if it is small and has been compressed for a client.
    pub(super) gzipped: OnceLock<Arc<[u8]>>,
}

/// The bytes of an embedded file.
#[derive(Clone)]
pub(super) struct EmbeddedContent {
    pub(super) bytes: &'static [u8],
    /// An entity tag, and no modification time: a program does not know when its files were last changed.
    pub(super) validators: Validators,
}

impl EmbeddedTree {
    /// # Panics
    ///
    /// If a path does not name a file below the root, is given twice, or leads through another file.
    pub(super) fn new(files: &[(&str, &'static [u8])]) -> Self {
        let mut tree = Self { entries: HashMap::from([(Vec::new(), Entry::Directory)]) };
        for (path, bytes) in files {
            tree.add(path, bytes).unwrap_or_else(|reason| panic!("cannot embed {path:?}: {reason}"));
        }
        tree.link_siblings();
        tree
    }

    /// What is at the path, whether or not the path asks for a directory.
    pub(super) fn get(&self, path: &RelativePath) -> Option<&Entry> {
        self.entries.get(path.segments())
    }

    fn add(&mut self, path: &str, bytes: &'static [u8]) -> Result<(), String> {
        if path.starts_with('/') {
            return Err("the path starts with a slash".into());
        }
        let path = RelativePath::from_decoded(path).map_err(|error| error.to_string())?;
        let Some((name, parents)) = path.segments().split_last() else { return Err("the path is empty".into()) };
        if path.is_directory() {
            return Err(PathError::Directory.to_string());
        }
        for depth in 1..=parents.len() {
            let parent = &parents[..depth];
            if let Entry::File(_) = self.entries.entry(parent.to_vec()).or_insert(Entry::Directory) {
                return Err(format!("{:?} is a file", String::from_utf8_lossy(&parent.join(&b'/'))));
            }
        }
        let content = EmbeddedContent { bytes, validators: content_validators(bytes) };
        let file = EmbeddedFile { name: name.clone(), content, siblings: Vec::new(), gzipped: OnceLock::new() };
        match self.entries.insert(path.segments().to_vec(), Entry::File(file)) {
            None => Ok(()),
            Some(Entry::File(_)) => Err("the path is given twice".into()),
            Some(Entry::Directory) => Err("there are files below the path".into()),
        }
    }

    /// Tells each file which siblings it has. A sibling has none itself.
    fn link_siblings(&mut self) {
        let is_coded =
            |name: &[u8]| ContentCoding::ALL.iter().any(|coding| name.ends_with(coding.extension().as_bytes()));
        let originals: Vec<_> =
            self.entries.keys().filter(|path| path.last().is_some_and(|name| !is_coded(name))).cloned().collect();
        for path in originals {
            let siblings = ContentCoding::ALL.into_iter().filter_map(|coding| {
                let mut path = path.clone();
                path.last_mut()?.extend_from_slice(coding.extension().as_bytes());
                match self.entries.get(&path)? {
                    Entry::File(sibling) => Some((coding, sibling.content.clone())),
                    Entry::Directory => None,
                }
            });
            let siblings = siblings.collect();
            if let Some(Entry::File(file)) = self.entries.get_mut(&path) {
                file.siblings = siblings;
            }
        }
    }
}

impl EmbeddedFile {
    /// Its name, from which its media type is guessed.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_panic_when_the_tree_is_built() {
        let long = "a".repeat(256);
        let table: [(&[&str], &str); 14] = [
            (&[""], "cannot embed \"\": the path is empty"),
            (&["/a"], "cannot embed \"/a\": the path starts with a slash"),
            (&["/"], "cannot embed \"/\": the path starts with a slash"),
            (&["a/"], "cannot embed \"a/\": the path names a directory"),
            (&["a//b"], "cannot embed \"a//b\": the path holds an empty segment"),
            (&["../a"], "cannot embed \"../a\": the path holds a dot segment"),
            (&["./a"], "cannot embed \"./a\": the path holds a dot segment"),
            (&["a/.."], "cannot embed \"a/..\": the path holds a dot segment"),
            (&["a\0"], "cannot embed \"a\\0\": the path holds an encoded slash or a NUL byte"),
            (&[&long], "the path is too long"),
            (&["a", "b", "a"], "cannot embed \"a\": the path is given twice"),
            (&["a/b", "a"], "cannot embed \"a\": there are files below the path"),
            (&["a", "a/b"], "cannot embed \"a/b\": \"a\" is a file"),
            (&["a/b", "a/b/c/d"], "cannot embed \"a/b/c/d\": \"a/b\" is a file"),
        ];
        for (paths, message) in table {
            let files: Vec<_> = paths.iter().map(|path| (*path, &b""[..])).collect();
            let panicked = std::panic::catch_unwind(|| EmbeddedTree::new(&files)).err().expect("a panic");
            let said = panicked.downcast_ref::<String>().unwrap();
            assert!(said.ends_with(message), "{paths:?}: {said}");
        }
    }

    #[test]
    fn paths_of_embedded_files_are_not_percent_decoded() {
        let tree = EmbeddedTree::new(&[("100%25.txt", b"1"), ("b/c", b"2"), ("b/d e", b"3"), ("b/ü", b"4")]);
        let table = [
            ("/100%2525.txt", Some(&b"1"[..])),
            ("/100%25.txt", None),
            ("/b/c", Some(b"2")),
            ("/b/d%20e", Some(b"3")),
            ("/b/%C3%BC", Some(b"4")),
            ("/b/c/d", None),
            ("/b", None),
            ("/", None),
        ];
        for (path, expected) in table {
            let found = match tree.get(&RelativePath::parse(path).unwrap()) {
                Some(Entry::File(file)) => Some(file.content.bytes),
                _ => None,
            };
            assert_eq!(found, expected, "{path}");
        }
        for path in ["/", "/b", "/b/"] {
            assert!(matches!(tree.get(&RelativePath::parse(path).unwrap()), Some(Entry::Directory)), "{path}");
        }
    }

    #[test]
    fn only_files_beside_the_original_are_siblings() {
        let tree = EmbeddedTree::new(&[
            ("a.js", b"original"),
            ("a.js.gz", b"gzip"),
            ("a.js.br", b"brotli"),
            ("a.js.gz.br", b"of a sibling"),
            ("b.js", b"alone"),
            ("c/a.js", b"elsewhere"),
            ("d.js", b"beside a directory"),
            ("d.js.gz/e", b"in it"),
        ]);
        let table: [(&str, &[(ContentCoding, &str)]); 6] = [
            ("/a.js", &[(ContentCoding::Brotli, "brotli"), (ContentCoding::Gzip, "gzip")]),
            ("/a.js.gz", &[]),
            ("/a.js.gz.br", &[]),
            ("/b.js", &[]),
            ("/c/a.js", &[]),
            ("/d.js", &[]),
        ];
        for (path, expected) in table {
            let Some(Entry::File(file)) = tree.get(&RelativePath::parse(path).unwrap()) else { panic!("{path}") };
            let mut siblings: Vec<_> = file.siblings.iter().map(|(coding, content)| (*coding, content.bytes)).collect();
            siblings.sort_by_key(|(_, bytes)| *bytes);
            let expected: Vec<_> = expected.iter().map(|(coding, text)| (*coding, text.as_bytes())).collect();
            assert_eq!(siblings, expected, "{path}");
        }
    }
}
