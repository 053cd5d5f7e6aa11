//! The module tree of the library and of the programs: the file of each module, what the module declares, and the paths it
//! writes. What a path leads to is left to `resolve`.

use std::collections::{BTreeMap, BTreeSet};

use crate::collect;

/// The text of each source file, by its path: `src/http/mod.rs`.
pub(crate) type Sources = BTreeMap<String, String>;

pub(crate) type ScopeId = usize;

/// The root of the library crate is the first scope.
pub(crate) const LIBRARY: ScopeId = 0;

/// The name by which programs write paths into the library.
pub(crate) const LIBRARY_NAME: &str = "hearken";

const LIBRARY_ROOT: &str = "src/lib.rs";

/// A module, or a block of code, which may have items of its own.
pub(crate) struct Scope {
    pub(crate) file: String,
    /// `["http", "error"]`; a block has the path of its module.
    pub(crate) path: Vec<String>,
    /// The scope around this one, `None` for the root of a crate.
    pub(crate) parent: Option<ScopeId>,
    /// Whether this is a block: then names that it lacks are looked up in the scope around it.
    pub(crate) is_block: bool,
    /// Whether a macro is called among the items: it may define names that are not in the source.
    pub(crate) has_macro_items: bool,
    /// One name may stand for several things: a module and a function, or a module in two `cfg` alternatives.
    pub(crate) bindings: BTreeMap<String, Vec<Binding>>,
    pub(crate) globs: Vec<Glob>,
    pub(crate) names: Vec<Name>,
}

/// What a name in a scope stands for.
pub(crate) struct Binding {
    pub(crate) is_private: bool,
    pub(crate) target: Target,
}

#[derive(Clone)]
pub(crate) enum Target {
    Module(ScopeId),
    /// A type or a trait: more segments of a path may follow it.
    Type,
    /// A function, a constant, a static or a macro.
    Value,
    Import(Path),
}

/// `use path::*`
pub(crate) struct Glob {
    pub(crate) is_private: bool,
    pub(crate) path: Path,
}

/// A path as it is written.
#[derive(Clone)]
pub(crate) struct Path {
    /// Whether it begins with `::`, and so with the name of a crate.
    pub(crate) is_global: bool,
    pub(crate) segments: Vec<String>,
}

/// A path that a module writes.
pub(crate) struct Name {
    pub(crate) path: Path,
    pub(crate) line: usize,
    pub(crate) spelling: Spelling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `use path`
    Import,
    /// `use path::*`
    Glob,
    /// `pub use path`, which alone makes no edge.
    ReExport,
    /// A path in a type, an expression, a pattern ...
    Path,
    /// Tokens in the arguments of a macro or an attribute, or in the body of a macro, that look like a path.
    Tokens,
}

pub(crate) struct Tree {
    pub(crate) scopes: Vec<Scope>,
    /// The files of all modules, also of those that only tests have.
    pub(crate) files: BTreeSet<String>,
    /// What could not be read.
    pub(crate) problems: Vec<String>,
}

impl Tree {
    /// Reads the library, and each program of `src/main.rs` and `src/bin/`.
    pub(crate) fn read(sources: &Sources) -> Self {
        let mut tree = Self { scopes: Vec::new(), files: BTreeSet::new(), problems: Vec::new() };
        let programs = sources.keys().filter(|file| is_program_root(file)).map(String::as_str);
        for root in [LIBRARY_ROOT].into_iter().chain(programs) {
            let (directory, _) = root.rsplit_once('/').unwrap_or(("", root));
            tree.add_file(sources, root, directory, None, Vec::new(), false);
        }
        let orphans = sources.keys().filter(|file| !tree.files.contains(*file));
        let orphans: Vec<_> = orphans.map(|file| format!("{file} is in no crate: no `mod` declares it")).collect();
        tree.problems.extend(orphans);
        tree
    }

    /// Adds the module of a file, and its children, whose files are below `directory`.
    pub(crate) fn add_file(
        &mut self,
        sources: &Sources,
        file: &str,
        directory: &str,
        parent: Option<ScopeId>,
        path: Vec<String>,
        is_test: bool,
    ) -> ScopeId {
        let scope = self.add_scope(file, parent, path, false);
        self.files.insert(file.into());
        match sources.get(file).map(|text| syn::parse_file(text)) {
            Some(Ok(parsed)) => collect::collect(self, sources, scope, directory, is_test, &parsed),
            Some(Err(error)) => self.problems.push(format!("{file}:{}: {error}", error.span().start().line)),
            None => self.problems.push(format!("{file} is missing")),
        }
        scope
    }

    pub(crate) fn add_scope(
        &mut self,
        file: &str,
        parent: Option<ScopeId>,
        path: Vec<String>,
        is_block: bool,
    ) -> ScopeId {
        self.scopes.push(Scope {
            file: file.into(),
            path,
            parent,
            is_block,
            has_macro_items: false,
            bindings: BTreeMap::new(),
            globs: Vec::new(),
            names: Vec::new(),
        });
        self.scopes.len() - 1
    }

    /// The module of a scope: itself, unless it is a block.
    pub(crate) fn module_of(&self, mut scope: ScopeId) -> ScopeId {
        while self.scopes[scope].is_block {
            scope = self.scopes[scope].parent.expect("a block is in a module");
        }
        scope
    }

    pub(crate) fn root_of(&self, mut scope: ScopeId) -> ScopeId {
        while let Some(parent) = self.scopes[scope].parent {
            scope = parent;
        }
        scope
    }
}

/// Whether Cargo makes a program from the file: `src/main.rs`, `src/bin/NAME.rs` or `src/bin/NAME/main.rs`.
fn is_program_root(file: &str) -> bool {
    match file.split('/').collect::<Vec<_>>()[..] {
        ["src", "main.rs"] | ["src", "bin", _, "main.rs"] => true,
        ["src", "bin", name] => name.ends_with(".rs"),
        _ => false,
    }
}
