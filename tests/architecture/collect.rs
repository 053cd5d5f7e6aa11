//! What one source file declares, and the paths it writes. Code that only tests have is left out.

use std::collections::BTreeSet;
use std::{mem, slice};

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Ident, Item, ItemMod, ItemUse, Lit, Meta, PatIdent, Token, UseTree, Visibility};

use crate::tree::{Binding, Glob, Name, Path, ScopeId, Sources, Spelling, Target, Tree};

/// Adds to the tree what a parsed file has. The files of its child modules are below `directory`.
pub(crate) fn collect(
    tree: &mut Tree,
    sources: &Sources,
    scope: ScopeId,
    directory: &str,
    is_test: bool,
    parsed: &syn::File,
) {
    let (file_directory, _) = tree.scopes[scope].file.rsplit_once('/').unwrap_or_default();
    let path_directory = file_directory.to_owned();
    let directory = directory.to_owned();
    let locals = BTreeSet::new();
    Collector { tree, sources, scope, directory, path_directory, is_test, locals }.visit_file(parsed);
}

struct Collector<'a> {
    tree: &'a mut Tree,
    sources: &'a Sources,
    scope: ScopeId,
    /// Where the files of child modules are.
    directory: String,
    /// What a `#[path]` is relative to.
    path_directory: String,
    /// Whether only tests have this code: then its modules are followed, so that their files are known, and nothing else.
    is_test: bool,
    /// The variables of the function: they hide items with the same name.
    locals: BTreeSet<String>,
}

impl Collector<'_> {
    /// Visits what has these attributes, unless only tests have it.
    fn visit_with(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let is_test = self.is_test || is_test_only(attributes);
        let outer = mem::replace(&mut self.is_test, is_test);
        visit(self);
        self.is_test = outer;
    }

    /// Visits a function, whose variables are these.
    fn visit_function(&mut self, locals: Locals, visit: impl FnOnce(&mut Self)) {
        let outer = mem::replace(&mut self.locals, locals.0);
        visit(self);
        self.locals = outer;
    }

    fn bind(&mut self, name: &Ident, visibility: &Visibility, target: Target) {
        if !self.is_test {
            let binding = Binding { is_private: matches!(visibility, Visibility::Inherited), target };
            self.tree.scopes[self.scope].bindings.entry(name.unraw().to_string()).or_default().push(binding);
        }
    }

    fn name(&mut self, path: Path, line: usize, spelling: Spelling) {
        let is_variable = path.segments.len() == 1 && self.locals.contains(&path.segments[0]);
        if !self.is_test && !is_variable {
            self.tree.scopes[self.scope].names.push(Name { path, line, spelling });
        }
    }

    /// `mod name;`, or `mod name { .. }`
    fn add_module(&mut self, module: &ItemMod) {
        let name = module.ident.unraw().to_string();
        let scope = &self.tree.scopes[self.scope];
        let file = scope.file.clone();
        let path = [&scope.path[..], slice::from_ref(&name)].concat();
        let below = format!("{}/{name}", self.directory);
        let child = if let Some((_, items)) = &module.content {
            let child = self.tree.add_scope(&file, Some(self.scope), path, false);
            let mut inside = Collector {
                tree: self.tree,
                sources: self.sources,
                scope: child,
                directory: below.clone(),
                path_directory: below,
                is_test: self.is_test,
                locals: BTreeSet::new(),
            };
            items.iter().for_each(|item| inside.visit_item(item));
            child
        } else {
            let (child_file, below) = match path_attribute(&module.attrs) {
                Some(relative) => {
                    let file = join(&self.path_directory, &relative);
                    let directory = file.rsplit_once('/').unwrap_or_default().0.to_owned();
                    (file, directory)
                }
                None => {
                    let flat = format!("{below}.rs");
                    let nested = format!("{below}/mod.rs");
                    (if self.sources.contains_key(&flat) { flat } else { nested }, below)
                }
            };
            if !self.sources.contains_key(&child_file) {
                let line = module.ident.span().start().line;
                self.tree.problems.push(format!("{file}:{line} declares `mod {name}`, which has no file"));
                return;
            }
            self.tree.add_file(self.sources, &child_file, &below, Some(self.scope), path, self.is_test)
        };
        self.bind(&module.ident, &module.vis, Target::Module(child));
    }

    /// `use path`, with its groups, renames and globs
    fn add_use(&mut self, item: &ItemUse, tree: &UseTree, prefix: &[Ident]) {
        let is_private = matches!(item.vis, Visibility::Inherited);
        let is_global = item.leading_colon.is_some();
        let spelled = |path: &[Ident]| Path { is_global, segments: segments(path) };
        let (path, bound, line) = match tree {
            UseTree::Path(path) => {
                return self.add_use(item, &path.tree, &[prefix, slice::from_ref(&path.ident)].concat());
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_use(item, tree, prefix));
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let path = spelled(prefix);
                if !self.is_test {
                    self.tree.scopes[self.scope].globs.push(Glob { is_private, path: path.clone() });
                }
                return self.name(path, line, if is_private { Spelling::Glob } else { Spelling::ReExport });
            }
            UseTree::Name(name) => (named(prefix, &name.ident), last(prefix, &name.ident), name.ident.span()),
            UseTree::Rename(rename) => (named(prefix, &rename.ident), rename.rename.clone(), rename.ident.span()),
        };
        let path = spelled(&path);
        self.bind(&bound, &item.vis, Target::Import(path.clone()));
        let spelling = if is_private { Spelling::Import } else { Spelling::ReExport };
        self.name(path, line.start().line, spelling);
    }

    /// Looks for what reads like a path among tokens. A single name counts only if asked for: most are no paths.
    fn scan(&mut self, tokens: TokenStream, with_single_names: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_punct =
            |at: usize, char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
        let is_colons = |at: usize| is_punct(at, ':') && is_punct(at + 1, ':');
        let mut at = 0;
        while at < tokens.len() {
            let first = at;
            at += 1;
            let TokenTree::Ident(ident) = &tokens[first] else {
                if let TokenTree::Group(group) = &tokens[first] {
                    self.scan(group.stream(), with_single_names);
                }
                continue;
            };
            let mut path = vec![ident.clone()];
            while let (true, Some(TokenTree::Ident(next))) = (is_colons(at), tokens.get(at + 2)) {
                path.push(next.clone());
                at += 3;
            }
            let follows = |back: usize, char| first >= back && is_punct(first - back, char);
            let is_member = follows(1, '.') && !follows(2, '.');
            let is_lifetime = follows(1, '\'');
            let is_variable = follows(1, '$') && ident != "crate";
            let is_relative_to_type = follows(1, ':') && follows(2, ':');
            let is_wanted = with_single_names || path.len() > 1;
            if is_wanted && !is_member && !is_lifetime && !is_variable && !is_relative_to_type {
                let path = Path { is_global: false, segments: segments(&path) };
                self.name(path, ident.span().start().line, Spelling::Tokens);
            }
        }
    }
}

/// Has code that only tests have left out, wherever attributes are.
macro_rules! visit_with_attributes {
    ($($visit:ident: $node:ty,)*) => {
        $(fn $visit(&mut self, node: &'ast $node) {
            self.visit_with(&node.attrs, |this| visit::$visit(this, node));
        })*
    };
}

impl<'ast> Visit<'ast> for Collector<'_> {
    visit_with_attributes! {
        visit_arm: syn::Arm,
        visit_expr_block: syn::ExprBlock,
        visit_expr_call: syn::ExprCall,
        visit_expr_macro: syn::ExprMacro,
        visit_expr_method_call: syn::ExprMethodCall,
        visit_field: syn::Field,
        visit_field_value: syn::FieldValue,
        visit_impl_item_const: syn::ImplItemConst,
        visit_impl_item_type: syn::ImplItemType,
        visit_local: syn::Local,
        visit_stmt_macro: syn::StmtMacro,
        visit_trait_item_const: syn::TraitItemConst,
        visit_trait_item_type: syn::TraitItemType,
        visit_variant: syn::Variant,
    }

    fn visit_item(&mut self, item: &'ast Item) {
        let private = &Visibility::Inherited;
        let (attributes, declared) = match item {
            Item::Const(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Value))),
            Item::Enum(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::Fn(it) => (&it.attrs, Some((&it.sig.ident, &it.vis, Target::Value))),
            Item::Macro(it) => (&it.attrs, it.ident.as_ref().map(|ident| (ident, private, Target::Value))),
            Item::Static(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Value))),
            Item::Struct(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::Trait(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::TraitAlias(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::Type(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::Union(it) => (&it.attrs, Some((&it.ident, &it.vis, Target::Type))),
            Item::ExternCrate(it) => (&it.attrs, None),
            Item::ForeignMod(it) => (&it.attrs, None),
            Item::Impl(it) => (&it.attrs, None),
            Item::Mod(it) => (&it.attrs, None),
            Item::Use(it) => (&it.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        self.visit_with(attributes, |this| {
            if let Some((name, visibility, target)) = declared {
                this.bind(name, visibility, target);
            }
            if let Item::Macro(call) = item {
                this.tree.scopes[this.scope].has_macro_items |= call.ident.is_none();
            }
            visit::visit_item(this, item);
        });
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.add_module(module);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_use(item, &item.tree, &[]);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let mut locals = Locals::default();
        locals.visit_item_fn(function);
        self.visit_function(locals, |this| visit::visit_item_fn(this, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let mut locals = Locals::default();
        locals.visit_impl_item_fn(function);
        self.visit_with(&function.attrs, |this| {
            this.visit_function(locals, |this| visit::visit_impl_item_fn(this, function));
        });
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        let mut locals = Locals::default();
        locals.visit_trait_item_fn(function);
        self.visit_with(&function.attrs, |this| {
            this.visit_function(locals, |this| visit::visit_trait_item_fn(this, function));
        });
    }

    /// A block is a scope: it may have items of its own.
    fn visit_block(&mut self, block: &'ast Block) {
        let scope = &self.tree.scopes[self.scope];
        let (file, path) = (scope.file.clone(), scope.path.clone());
        let inner = self.tree.add_scope(&file, Some(self.scope), path, true);
        let outer = mem::replace(&mut self.scope, inner);
        visit::visit_block(self, block);
        self.scope = outer;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            let spelled = Path { is_global: path.leading_colon.is_some(), segments };
            self.name(spelled, first.ident.span().start().line, Spelling::Path);
        }
        visit::visit_path(self, path);
    }

    /// In `<T>::name` nothing but `T` is looked up in the scope.
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        match &path.qself {
            Some(of_type) if of_type.position == 0 => {
                self.visit_qself(of_type);
                path.path.segments.iter().for_each(|segment| self.visit_path_segment(segment));
            }
            _ => visit::visit_expr_path(self, path),
        }
    }

    /// The same among types.
    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        match &path.qself {
            Some(of_type) if of_type.position == 0 => {
                self.visit_qself(of_type);
                path.path.segments.iter().for_each(|segment| self.visit_path_segment(segment));
            }
            _ => visit::visit_type_path(self, path),
        }
    }

    /// `LIMIT` in a pattern is a constant, `limit` a variable.
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        if is_capitalized(&pattern.ident) {
            let path = Path { is_global: false, segments: segments(slice::from_ref(&pattern.ident)) };
            self.name(path, pattern.ident.span().start().line, Spelling::Path);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.scan(call.tokens.clone(), true);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => self.scan(list.tokens.clone(), false),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
        }
    }

    /// The path in `pub(in path)` names nothing that the module uses.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// The variables that the patterns of a function bind.
#[derive(Default)]
struct Locals(BTreeSet<String>);

impl<'ast> Visit<'ast> for Locals {
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        if !is_capitalized(&pattern.ident) {
            self.0.insert(pattern.ident.unraw().to_string());
        }
        visit::visit_pat_ident(self, pattern);
    }
}

fn is_capitalized(name: &Ident) -> bool {
    name.unraw().to_string().starts_with(char::is_uppercase)
}

fn segments(path: &[Ident]) -> Vec<String> {
    path.iter().map(|segment| segment.unraw().to_string()).collect()
}

/// What `name` after `prefix::` in a `use` names; `self` there is the prefix.
fn named(prefix: &[Ident], name: &Ident) -> Vec<Ident> {
    if name == "self" && !prefix.is_empty() { prefix.to_vec() } else { [prefix, slice::from_ref(name)].concat() }
}

/// What it is called after that `use`.
fn last(prefix: &[Ident], name: &Ident) -> Ident {
    prefix.last().filter(|_| name == "self").unwrap_or(name).clone()
}

/// Whether code with these attributes is in tests only: `#[test]`, or a `#[cfg]` that needs `test`.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let predicate = attribute.path().is_ident("cfg").then(|| attribute.parse_args::<Meta>());
        attribute.path().is_ident("test")
            || matches!(predicate, Some(Ok(predicate)) if without_test(&predicate) == Some(false))
    })
}

/// What a `cfg` predicate is where `test` is not set; `None` when that depends on other settings.
fn without_test(predicate: &Meta) -> Option<bool> {
    let parts = || {
        let list = predicate.require_list().ok()?;
        let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
        Some(parts.iter().map(without_test).collect::<Vec<_>>())
    };
    let decide = |parts: Vec<Option<bool>>, deciding| {
        if parts.contains(&Some(deciding)) {
            return Some(deciding);
        }
        parts.iter().all(Option::is_some).then_some(!deciding)
    };
    match predicate.path().get_ident()?.to_string().as_str() {
        "test" => Some(false),
        "not" => parts()?.first().copied()?.map(|value| !value),
        "all" => decide(parts()?, false),
        "any" => decide(parts()?, true),
        _ => None,
    }
}

/// The file that `#[path = ".."]` names.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}

/// A path relative to a directory, with its `..` resolved.
fn join(directory: &str, relative: &str) -> String {
    let mut parts: Vec<_> = directory.split('/').collect();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
