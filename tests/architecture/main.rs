//! The direction of imports: which part of the source may name which.
//!
//! docs/architecture.md has a table of rooms, which are files and directories of src/, and says for each room which others its
//! code may name. These tests read the source, find for each path in it the file that defines what the path names, and compare.
//!
//! # How to read a failure
//!
//! - `src/server/writer.rs:11 names files::file_body::FileBody (room files/), which server/ may not name`: a path or an import
//!   in line 11 leads to an item of src/files/file_body.rs. What counts is where the item is defined, not the re-export that it
//!   was named by.
//! - `src/a.rs -> src/b.rs -> src/a.rs`: these files name each other in a cycle. The lines below say where, and which names.
//!   Move what both need into a file below them.
//! - `server/ may name log.rs, but does not`: the last use is gone. Remove the permission from the table.
//! - `there is no f in src/a.rs`: a walk in docs/architecture.md names a function that has moved or has another name.
//! - `src/x.rs is in no room`: add a room to the table, or move the file.
//! - `cannot find what x::y names`: the compiler can, so `resolve` lacks this way of naming.
//!
//! # How to permit an edge
//!
//! Add the room that is named to the column "may name" of the room that names it. If the table then has a cycle, the edge points
//! the wrong way: pass in what the lower room needs, as an argument or behind a trait, or move the item down.
//!
//! # What is seen
//!
//! `use` with groups, renames and globs; paths in types, expressions and patterns; paths among the tokens of macros and
//! attributes; all of that under any `cfg`. `mod child;`, re-exports, links in documentation and code that only tests have do not
//! count. Methods are not seen, since only the compiler knows which type they belong to.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod collect;
mod cycles;
mod resolve;
mod rooms;
mod spellings;
mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cycles::{cycles, edges_of};
use resolve::Edges;
use rooms::Rooms;
use tree::{Sources, Tree};

/// What the source of this crate has.
struct Survey {
    files: BTreeSet<String>,
    edges: Edges,
    problems: Vec<String>,
}

static SURVEY: LazyLock<Survey> = LazyLock::new(|| {
    let mut sources = Sources::new();
    read_sources(&root().join("src"), "src", &mut sources);
    let tree = Tree::read(&sources);
    let (edges, unresolved) = tree.edges();
    Survey { files: sources.into_keys().collect(), edges, problems: [tree.problems, unresolved].concat() }
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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

fn rooms() -> Rooms {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    Rooms::read(&page).unwrap_or_else(|fault| panic!("docs/architecture.md: {fault}"))
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "\n  {}\n\ntests/architecture/main.rs says how to read a failure\n",
        faults.join("\n  ")
    );
}

#[test]
fn every_path_is_understood() {
    assert_none(&SURVEY.problems);
}

#[test]
fn every_file_is_in_a_room() {
    assert_none(&rooms().files_without_room(SURVEY.files.iter()));
}

#[test]
fn every_room_has_a_file() {
    assert_none(&rooms().rooms_without_file(SURVEY.files.iter()));
}

#[test]
fn rooms_name_only_what_they_may() {
    assert_none(&rooms().forbidden_edges(&SURVEY.edges));
}

#[test]
fn permissions_have_no_cycle() {
    assert_none(&rooms().permission_cycles());
}

#[test]
fn every_permission_is_used() {
    assert_none(&rooms().unused_permissions(&SURVEY.edges));
}

#[test]
fn every_step_of_the_walks_exists() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() > 20, "the walks have {} steps", steps.len());
    let is_missing = |(file, function): &&(&str, &str)| {
        let source = fs::read_to_string(root().join("src").join(file)).unwrap_or_default();
        let has = |end: &str| source.contains(&format!("fn {function}{end}"));
        !(has("(") || has("<"))
    };
    assert_none(
        &steps
            .iter()
            .filter(is_missing)
            .map(|(file, name)| format!("there is no {name} in src/{file}"))
            .collect::<Vec<_>>(),
    );
}

/// The rows of the tables that name a file and a function of it.
fn steps(page: &str) -> Vec<(&str, &str)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("| file | function |"));
    let rows = rows.take_while(|line| *line != "## Rooms").filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split_once("` | `"));
    cells.filter_map(|(file, rest)| Some((file, rest.split_once('`')?.0))).collect()
}

#[test]
fn steps_are_read_from_the_tables() {
    let page = "| `x.rs` | `y` |\n| file | function | what |\n|---|---|---|\n| `a/b.rs` | `c` | calls `d` |\ntext\n\n\
                ## Rooms\n| `e.rs` | `f` | g |\n";
    assert_eq!(steps(page), [("a/b.rs", "c")]);
}

#[test]
fn files_do_not_name_each_other_in_a_cycle() {
    let edges = SURVEY.edges.keys().cloned().collect();
    let describe = |cycle: Vec<&String>| {
        let mut lines = cycle.iter().map(|file| format!("{file} -> ")).collect::<String>() + cycle[0];
        for (from, to) in edges_of(&cycle) {
            for (name, line) in &SURVEY.edges[&(from.clone(), to.clone())] {
                lines += &format!("\n      {from}:{line} names {name} in {to}");
            }
        }
        lines
    };
    assert_none(&cycles(&edges).into_iter().map(describe).collect::<Vec<_>>());
}
