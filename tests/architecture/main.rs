//! What each source file names, wherever in the crate that is defined.
//!
//! `use` with groups, renames and globs counts; paths in types, expressions and patterns do; paths among the tokens of macros and
//! attributes do; all of that under any `cfg`. `mod child;`, re-exports, links in documentation and code that only tests have do
//! not count. Methods are not seen, since only the compiler knows which type they belong to.
//!
//! `cannot find what x::y names`: the compiler can, so `resolve` lacks this way of naming.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod collect;
mod resolve;
mod spellings;
mod tree;

use std::fs;
use std::path::Path;

use tree::{Sources, Tree};

fn read_sources(directory: &Path, name: &str, sources: &mut Sources) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_sources(&path, &name, sources);
        } else if name.ends_with(".rs") {
            sources.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_path_is_understood() {
    let mut sources = Sources::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut sources);
    let tree = Tree::read(&sources);
    let (_, unresolved) = tree.edges();
    let problems = [tree.problems, unresolved].concat();
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}
