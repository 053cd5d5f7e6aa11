//! From a path that a module writes to the module that defines what it names, through re-exports, imports and globs; and from
//! all of them to the edges between files.

use std::collections::BTreeMap;

use crate::tree::{LIBRARY, LIBRARY_NAME, Path, ScopeId, Spelling, Target, Tree};

/// From the file that writes names to the file that defines what they name; for each name the first line that has it.
pub(crate) type Edges = BTreeMap<(String, String), BTreeMap<String, usize>>;

/// What a path leads to.
#[derive(Clone, PartialEq, Eq)]
enum Found {
    Module(ScopeId),
    /// An item of the scope.
    Item {
        scope: ScopeId,
        name: String,
        is_type: bool,
    },
    /// Something of another crate, of the prelude, or a variable.
    Foreign,
}

/// The names that are being looked up, and whether as the last of their path: an import that leads back to itself stands for a
type Visiting = Vec<(ScopeId, String, bool)>;

impl Tree {
    /// The edges between files, and the paths that lead nowhere. The compiler takes those, so it is the resolver that does not
    /// understand them.
    pub(crate) fn edges(&self) -> (Edges, Vec<String>) {
        let mut edges = Edges::new();
        let mut problems = Vec::new();
        for (from, scope) in self.scopes.iter().enumerate() {
            for name in &scope.names {
                let found = self.resolve(from, &name.path, &mut Visiting::new());
                if found.is_empty() && name.spelling != Spelling::Tokens {
                    let path = name.path.segments.join("::");
                    problems.push(format!("{}:{}: cannot find what {path} names", scope.file, name.line));
                }
                for found in found {
                    let Some((target, item)) = definer(found, name.spelling) else { continue };
                    let target = &self.scopes[target];
                    if target.file != scope.file {
                        let names = edges.entry((scope.file.clone(), target.file.clone())).or_default();
                        let item = target.path.iter().cloned().chain(item).collect::<Vec<_>>().join("::");
                        let line = names.entry(item).or_insert(name.line);
                        *line = name.line.min(*line);
                    }
                }
            }
        }
        (edges, problems)
    }

    /// What a path in a scope leads to; nothing if it leads nowhere.
    fn resolve(&self, from: ScopeId, path: &Path, visiting: &mut Visiting) -> Vec<Found> {
        let Some((first, rest)) = path.segments.split_first() else { return Vec::new() };
        let module = self.module_of(from);
        let mut found = match first.as_str() {
            _ if path.is_global => self.other_crate(from, first),
            "crate" => vec![Found::Module(self.root_of(from))],
            "self" => vec![Found::Module(module)],
            "super" => {
                self.scopes[module].parent.map(|parent| Found::Module(self.module_of(parent))).into_iter().collect()
            }
            _ => {
                let found = self.look_up(from, first, rest.is_empty(), visiting);
                if found.is_empty() { self.other_crate(from, first) } else { found }
            }
        };
        for (at, segment) in rest.iter().enumerate() {
            let is_last = at + 1 == rest.len();
            let step = |found| match found {
                Found::Module(module) if segment == "super" => {
                    self.scopes[module].parent.map(Found::Module).into_iter().collect()
                }
                Found::Module(module) => self.member_or_generated(module, segment, is_last, visiting),
                Found::Item { .. } | Found::Foreign => vec![found],
            };
            found = found.into_iter().flat_map(step).collect();
        }
        found
    }

    /// A path that begins with a name that the scope does not have: it begins with the name of a crate, or a variable.
    fn other_crate(&self, from: ScopeId, name: &str) -> Vec<Found> {
        let is_program = self.root_of(from) != LIBRARY;
        vec![if is_program && name == LIBRARY_NAME { Found::Module(LIBRARY) } else { Found::Foreign }]
    }

    /// A name as a scope sees it: its own, or that of the scopes around a block.
    fn look_up(&self, mut scope: ScopeId, name: &str, is_last: bool, visiting: &mut Visiting) -> Vec<Found> {
        loop {
            let found = self.members(scope, name, is_last, None, visiting);
            match self.scopes[scope].parent {
                Some(parent) if found.is_empty() && self.scopes[scope].is_block => scope = parent,
                _ => return found,
            }
        }
    }

    /// What a module has by that name; if it has none but calls macros among its items, one of them may make it.
    fn member_or_generated(&self, module: ScopeId, name: &str, is_last: bool, visiting: &mut Visiting) -> Vec<Found> {
        let found = self.members(module, name, is_last, None, visiting);
        if found.is_empty() && self.scopes[module].has_macro_items {
            return vec![Found::Item { scope: module, name: name.into(), is_type: true }];
        }
        found
    }

    /// What a scope has by that name. A path goes on after modules and types only. Through a glob in the scope `glob_in` private
    /// names are seen only from inside.
    fn members(
        &self,
        scope: ScopeId,
        name: &str,
        is_last: bool,
        glob_in: Option<ScopeId>,
        visiting: &mut Visiting,
    ) -> Vec<Found> {
        let step = (scope, name.to_owned(), is_last);
        if visiting.contains(&step) {
            return Vec::new();
        }
        visiting.push(step);
        let is_visible = |is_private: bool| !is_private || glob_in.is_none_or(|glob_in| self.is_inside(glob_in, scope));
        let mut found = Vec::new();
        for binding in self.scopes[scope].bindings.get(name).into_iter().flatten() {
            if is_visible(binding.is_private) {
                match &binding.target {
                    Target::Module(module) => found.push(Found::Module(*module)),
                    Target::Type => found.push(Found::Item { scope, name: name.into(), is_type: true }),
                    Target::Value => found.push(Found::Item { scope, name: name.into(), is_type: false }),
                    Target::Import(path) => found.extend(self.resolve(scope, path, visiting)),
                }
            }
        }
        let leads_on = |found: &Found| is_last || !matches!(found, Found::Item { is_type: false, .. });
        found.retain(leads_on);
        if found.is_empty() {
            for glob in self.scopes[scope].globs.iter().filter(|glob| is_visible(glob.is_private)) {
                for target in self.resolve(scope, &glob.path, visiting) {
                    if let Found::Module(module) = target {
                        found.extend(self.members(module, name, is_last, Some(scope), visiting));
                    }
                }
            }
        }
        visiting.pop();
        found
    }

    fn is_inside(&self, mut scope: ScopeId, ancestor: ScopeId) -> bool {
        while scope != ancestor {
            let Some(parent) = self.scopes[scope].parent else { return false };
            scope = parent;
        }
        true
    }
}

/// The scope that an edge leads to, and the item there. To import a module, or to re-export anything, names nothing yet; a glob
/// names the module.
fn definer(found: Found, spelling: Spelling) -> Option<(ScopeId, Option<String>)> {
    match found {
        _ if spelling == Spelling::ReExport => None,
        Found::Item { scope, name, .. } => Some((scope, Some(name))),
        Found::Module(module) if spelling == Spelling::Glob => Some((module, Some("*".into()))),
        Found::Module(_) | Found::Foreign => None,
    }
}
