//! The spellings that the resolver knows, as tables of small sources.

use crate::tree::{Sources, Tree};

/// A source file: its path below `src/`, and its text.
type File<'a> = (&'a str, &'a str);

/// What each case has besides its own files: items to name, behind a directory that re-exports some of them.
const AROUND: &[File] = &[
    ("lib.rs", "mod a; mod b; mod other; pub use b::deep::Deep as Renamed;"),
    (
        "b/mod.rs",
        "mod deep; mod twin; pub(crate) use deep::{Deep, dig}; pub(crate) use twin::*; pub(crate) struct Top;",
    ),
    ("b/deep.rs", "pub(crate) struct Deep; pub(crate) fn dig() {} pub(crate) const DEPTH: u8 = 1; struct Hidden;"),
    ("b/twin.rs", "pub(crate) struct Twin; use std::fmt::Debug;"),
    (
        "other.rs",
        "pub(crate) enum Kind { One } pub(crate) fn other() {} #[macro_export] macro_rules! noted { () => {} }",
    ),
];

/// The edges and problems of a source, one a line: `a.rs:1 -> b/deep.rs Deep`.
fn read(files: &[&[File]]) -> Vec<String> {
    let sources: Sources = files.concat().iter().map(|(path, text)| (format!("src/{path}"), (*text).into())).collect();
    let tree = Tree::read(&sources);
    let (edges, unresolved) = tree.edges();
    let mut lines: Vec<_> = [tree.problems, unresolved].concat();
    for ((from, to), names) in edges {
        let last = |path: &str| path.rsplit("::").next().unwrap().to_owned();
        lines.extend(names.iter().map(|(name, line)| format!("{from}:{line} -> {to} {}", last(name))));
    }
    lines.into_iter().map(|line| line.replace("src/", "")).collect()
}

/// Checks what `a.rs` names, for each text of it.
#[track_caller]
fn assert_names(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        let found: Vec<_> =
            read(&[AROUND, &[("a.rs", text)]]).into_iter().filter(|line| !line.starts_with("b/")).collect();
        let expected: Vec<_> = expected.iter().map(|edge| format!("a.rs:{edge}")).collect();
        assert_eq!(found, expected, "\n{text}\n");
    }
}

#[test]
fn imports_lead_to_where_the_item_is_defined() {
    assert_names(&[
        ("use crate::b::Top;", &["1 -> b/mod.rs Top"]),
        ("use super::b::Top;", &["1 -> b/mod.rs Top"]),
        ("use self::super::b::Top;", &["1 -> b/mod.rs Top"]),
        ("\nuse crate::b::deep::Deep;", &["2 -> b/deep.rs Deep"]),
        ("use crate::b::Deep;", &["1 -> b/deep.rs Deep"]),
        ("use crate::b::Deep as Shallow;", &["1 -> b/deep.rs Deep"]),
        ("use crate::b::Deep as _;", &["1 -> b/deep.rs Deep"]),
        ("use crate::Renamed;", &["1 -> b/deep.rs Deep"]),
        ("use crate::b::Twin;", &["1 -> b/twin.rs Twin"]),
        ("use crate::other::Kind::One;", &["1 -> other.rs Kind"]),
        ("use crate::other::r#other;", &["1 -> other.rs other"]),
        ("use std::b::Deep; use ::b::Deep as Foreign;", &[]),
        ("use crate::b; use ::b::missing; fn f() { ::b::missing() }", &[]),
        ("use crate::b::Deep;\nfn f(_: Deep) {}", &["1 -> b/deep.rs Deep"]),
        (
            "#[cfg(unix)] pub use crate::b::Deep as It; #[cfg(not(unix))] pub use crate::b::Top as It;\nstruct S(It);",
            &["2 -> b/deep.rs Deep", "2 -> b/mod.rs Top"],
        ),
        ("pub use crate::b::Deep; mod inner { struct S(Deep); }", &[]),
    ]);
}

#[test]
fn groups_are_taken_apart() {
    assert_names(&[
        (
            "use crate::{b::{Top, deep::{Deep, dig}}, other::Kind};",
            &["1 -> b/deep.rs Deep", "1 -> b/deep.rs dig", "1 -> b/mod.rs Top", "1 -> other.rs Kind"],
        ),
        ("use crate::{\n    b::{\n        Top\n    },\n};", &["3 -> b/mod.rs Top"]),
        ("use crate::b::deep::{self, Deep}; fn f() { deep::dig() }", &["1 -> b/deep.rs Deep", "1 -> b/deep.rs dig"]),
        ("use crate::b::deep::{self as below}; fn f() { below::dig() }", &["1 -> b/deep.rs dig"]),
    ]);
}

#[test]
fn a_glob_names_the_module_and_what_is_used() {
    assert_names(&[
        ("use crate::b::deep::*;", &["1 -> b/deep.rs *"]),
        ("use crate::b::*;\nfn f(_: Deep) {}", &["2 -> b/deep.rs Deep", "1 -> b/mod.rs *"]),
        ("use crate::b::*;\nfn f(_: Twin) {}", &["1 -> b/mod.rs *", "2 -> b/twin.rs Twin"]),
        ("use crate::other::Kind::*;", &["1 -> other.rs Kind"]),
        ("use crate::b::deep::*; fn f(_: Hidden) {}", &["1 -> b/deep.rs *"]),
        ("use crate::b::*; struct Deep; fn f(_: Deep) {}", &["1 -> b/mod.rs *"]),
    ]);
}

#[test]
fn a_module_alone_is_not_named_but_what_is_named_through_it() {
    assert_names(&[
        ("use crate::b; use super::other as another;", &[]),
        ("use crate::b;\nfn f() { b::deep::dig() }", &["2 -> b/deep.rs dig"]),
        ("use crate::b::deep as below;\nfn f() { below::dig() }", &["2 -> b/deep.rs dig"]),
        ("use super::b; fn f() { b::dig() }", &["1 -> b/deep.rs dig"]),
        ("use crate::other::other; use crate::other; fn f() { other() }", &["1 -> other.rs other"]),
        (
            "use crate::other::other; use crate::other; fn f(_: other::Kind) {}",
            &["1 -> other.rs Kind", "1 -> other.rs other"],
        ),
    ]);
}

#[test]
fn a_path_goes_on_after_modules_and_types_only() {
    let cases: &[(&[File], &[&str])] = &[
        (
            &[("lib.rs", "mod a; mod b; fn b() {}"), ("a.rs", "fn f() { crate::b::g() }"), ("b.rs", "pub fn g() {}")],
            &["a.rs:1 -> b.rs g"],
        ),
        (
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "fn f() { b::g() }\nuse crate::c::b; use crate::b;"),
                ("b.rs", "pub fn g() {}"),
                ("c.rs", "pub fn b() {}"),
            ],
            &["a.rs:1 -> b.rs g", "a.rs:2 -> c.rs b"],
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(read(&[files]), *expected);
    }
}

#[test]
fn paths_count_wherever_they_are() {
    assert_names(&[
        ("struct S(crate::b::Deep);", &["1 -> b/deep.rs Deep"]),
        ("fn f(_: &mut Vec<crate::b::Deep>) {}", &["1 -> b/deep.rs Deep"]),
        ("fn f(_: impl Fn(super::b::Deep)) {}", &["1 -> b/deep.rs Deep"]),
        ("fn f() { let x = Vec::<crate::b::Deep>::new(); }", &["1 -> b/deep.rs Deep"]),
        ("fn f() { <crate::b::Deep>::dig() }", &["1 -> b/deep.rs Deep"]),
        ("fn f() -> <crate::b::Deep as Iterator>::Item { loop {} }", &["1 -> b/deep.rs Deep"]),
        ("fn f() { <u8 as crate::b::Deep>::Item::x() }", &["1 -> b/deep.rs Deep"]),
        ("impl crate::b::Deep {}", &["1 -> b/deep.rs Deep"]),
        ("fn f(x: u8) { match x { crate::b::deep::DEPTH => {} _ => {} } }", &["1 -> b/deep.rs DEPTH"]),
        ("fn f(x: u8) { if let crate::other::Kind::One = x {} }", &["1 -> other.rs Kind"]),
        ("fn f() { crate::b::Deep { x: 1 }; }", &["1 -> b/deep.rs Deep"]),
        ("const C: u8 =\n    super::b::deep::DEPTH;", &["2 -> b/deep.rs DEPTH"]),
        ("pub(in crate::b) struct S;", &[]),
        ("/// [`Deep`](crate::b::Deep)\nstruct S;", &[]),
    ]);
}

#[test]
fn tokens_of_macros_and_attributes_count() {
    assert_names(&[
        ("fn f() { println!(\"{}\", crate::b::dig()) }", &["1 -> b/deep.rs dig"]),
        ("fn f() { vec![[(super::b::deep::DEPTH)]] }", &["1 -> b/deep.rs DEPTH"]),
        ("use crate::b; fn f() { assert!(b::dig()) }", &["1 -> b/deep.rs dig"]),
        ("use crate::b::*; fn f() { assert!(dig()) }", &["1 -> b/deep.rs dig", "1 -> b/mod.rs *"]),
        ("fn f() { vec![1; 0..crate::b::deep::DEPTH] }", &["1 -> b/deep.rs DEPTH"]),
        ("macro_rules! m { () => { $crate::b::dig() } }", &["1 -> b/deep.rs dig"]),
        ("#[serde(with = crate::b::deep::dig)] struct S;", &["1 -> b/deep.rs dig"]),
        ("fn f() { crate::other::noted!() }", &["1 -> other.rs noted"]),
        ("use crate::b::*; fn f() { x!(self.dig, T::dig, <T>::dig, 'dig, $dig) }", &["1 -> b/mod.rs *"]),
        ("use crate::b::*; #[derive(Twin)] struct S;", &["1 -> b/mod.rs *"]),
    ]);
}

#[test]
fn a_variable_hides_an_item() {
    assert_names(&[
        ("use crate::b::*; fn f(dig: u8) { dig; }", &["1 -> b/mod.rs *"]),
        ("use crate::b::*; fn f() { let dig = 1; x!(dig) }", &["1 -> b/mod.rs *"]),
        ("use crate::b::*; impl S { fn f(dig: u8) { dig; } }", &["1 -> b/mod.rs *"]),
        ("use crate::b::*; trait T { fn f(&self) { |dig| dig; } }", &["1 -> b/mod.rs *"]),
        ("use crate::b::*; fn f() { let dig = 1; }\nfn g() { dig() }", &["2 -> b/deep.rs dig", "1 -> b/mod.rs *"]),
        (
            "use crate::b::deep::*;\nfn f(x: u8) { match x { DEPTH => {} _ => {} } }",
            &["1 -> b/deep.rs *", "2 -> b/deep.rs DEPTH"],
        ),
    ]);
}

#[test]
fn items_in_a_block_are_seen_there_only() {
    assert_names(&[
        ("fn f() { use crate::b; b::dig(); }", &["1 -> b/deep.rs dig"]),
        ("fn f() { use crate::b::*;\ndig(); }\nfn g() { dig() }", &["2 -> b/deep.rs dig", "1 -> b/mod.rs *"]),
        ("use crate::b; fn f() { use std::fmt; b::dig(); }", &["1 -> b/deep.rs dig"]),
        ("use crate::b; fn f() { use std::fmt; self::b::dig(); }", &["1 -> b/deep.rs dig"]),
        ("fn f() { use super::b::Top; struct S; }", &["1 -> b/mod.rs Top"]),
        ("use crate::b::*; fn f() { fn dig() {} dig(); }", &["1 -> b/mod.rs *"]),
    ]);
}

#[test]
fn code_that_only_tests_have_is_left_out() {
    let left_out = [
        "#[cfg(test)] use crate::b::Deep;",
        "#[cfg(test)] mod tests { use super::super::b::Deep; }",
        "#[cfg(test)] fn f(_: crate::b::Deep) {}",
        "#[cfg(all(test, unix))] fn f(_: crate::b::Deep) {}",
        "#[cfg(all(unix, not(not(test))))] fn f(_: crate::b::Deep) {}",
        "#[cfg(unix)] #[cfg(test)] fn f(_: crate::b::Deep) {}",
        "#[test] fn f() { crate::b::dig() }",
        "impl S { #[cfg(test)] fn f(_: crate::b::Deep) {} }",
        "impl S { #[cfg(test)] const C: crate::b::Deep = 1; }",
        "impl S { #[cfg(test)] type X = crate::b::Deep; }",
        "trait T { #[cfg(test)] const C: crate::b::Deep; }",
        "trait T { #[cfg(test)] type X: crate::b::Deep; }",
        "trait T { #[cfg(test)] fn f(_: crate::b::Deep); }",
        "struct S { #[cfg(test)] x: crate::b::Deep }",
        "enum E { #[cfg(test)] X(crate::b::Deep) }",
        "fn f() { #[cfg(test)] crate::b::dig(); }",
        "fn f() { #[cfg(test)] { crate::b::dig(); } }",
        "fn f() { #[cfg(test)] x!(crate::b::dig()); }",
        "fn f() { g(#[cfg(test)] x!(crate::b::dig())) }",
        "fn f() { #[cfg(test)] x.g(crate::b::dig()); }",
        "fn f() { match x { #[cfg(test)] crate::b::Deep => {} _ => {} } }",
        "fn f() { S { #[cfg(test)] x: crate::b::dig() } }",
    ];
    let counted = [
        "#[cfg(not(test))] fn f(_: crate::b::Deep) {}",
        "#[cfg(unix)] fn f(_: crate::b::Deep) {}",
        "#[cfg(any(test, unix))] fn f(_: crate::b::Deep) {}",
        "#[cfg(not(all(test, unix)))] fn f(_: crate::b::Deep) {}",
        "#[cfg_attr(test, derive(Debug))] struct S(crate::b::Deep);",
        "#[cfg(test)] fn f() {} fn g(_: crate::b::Deep) {}",
    ];
    assert_names(&left_out.map(|text| (text, &[][..])));
    assert_names(&counted.map(|text| (text, &["1 -> b/deep.rs Deep"][..])));
}

#[test]
fn modules_are_found_in_their_files() {
    let deep: File = ("b/deep.rs", "pub struct Deep;");
    let cases: &[(&[File], &[&str], &str)] = &[
        (
            &[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::deep::Deep;"), ("b.rs", "mod deep;"), deep],
            &["a.rs:1 -> b/deep.rs Deep"],
            "children of b.rs are in b/",
        ),
        (
            &[("lib.rs", "mod a { mod c; } mod b { pub mod deep; }"), ("a/c.rs", "use crate::b::deep::Deep;"), deep],
            &["a/c.rs:1 -> b/deep.rs Deep"],
            "so are those of an inline module",
        ),
        (
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::Deep;"),
                ("b/mod.rs", "#[path = \"x/y.rs\"] mod deep; pub use deep::Deep;"),
                ("b/x/y.rs", "mod z; pub use z::Deep;"),
                ("b/x/z.rs", "pub struct Deep;"),
            ],
            &["a.rs:1 -> b/x/z.rs Deep"],
            "a path is relative to the file that has it, and children are beside the file of a path",
        ),
        (
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::deep::Deep;"),
                ("b.rs", "#[path = \"./b/../c/deep.rs\"] mod deep;"),
                ("c/deep.rs", "pub struct Deep;"),
            ],
            &["a.rs:1 -> c/deep.rs Deep"],
            "a path may lead elsewhere",
        ),
        (
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::deep::Deep;"),
                ("b.rs", "#[cfg(unix)] mod deep; #[cfg(not(unix))] #[path = \"none.rs\"] mod deep;"),
                deep,
                ("none.rs", "use crate::a::X; pub struct Deep;"),
            ],
            &["none.rs:1: cannot find what crate::a::X names", "a.rs:1 -> b/deep.rs Deep", "a.rs:1 -> none.rs Deep"],
            "both alternatives of a module are read and named",
        ),
        (
            &[
                ("lib.rs", "mod a; #[cfg(test)] mod tests;"),
                ("a.rs", ""),
                ("tests.rs", "mod more; use crate::a;"),
                ("tests/more.rs", ""),
            ],
            &[],
            "files of tests are known, and name nothing",
        ),
        (&[("lib.rs", "mod a;")], &["lib.rs:1 declares `mod a`, which has no file"], "a module without its file"),
        (&[("lib.rs", ""), ("a.rs", "")], &["a.rs is in no crate: no `mod` declares it"], "a file without its module"),
        (&[("lib.rs", "\n(")], &["lib.rs:2: cannot parse string into token stream"], "what is not Rust"),
    ];
    for (files, expected, why) in cases {
        assert_eq!(read(&[files]), *expected, "{why}");
    }
}

#[test]
fn parents_and_children_name_each_other() {
    let cases: &[(&str, &str, &[&str], &str)] = &[
        ("mod child; pub struct Parent;", "", &[], "to declare a child is not to name it"),
        ("mod child; pub use child::Child;", "pub struct Child;", &[], "nor is to re-export from it"),
        ("mod child; pub use child::*;", "pub struct Child;", &[], "by a glob either"),
        (
            "mod child;\nuse child::Child;",
            "pub struct Child;",
            &["a/mod.rs:2 -> a/child.rs Child"],
            "to import from it is",
        ),
        ("mod child; fn f() { child::f() }", "pub fn f() {}", &["a/mod.rs:1 -> a/child.rs f"], "and to call it"),
        (
            "mod child; pub use child::Child;\nstruct S(Child);",
            "pub struct Child;",
            &["a/mod.rs:2 -> a/child.rs Child"],
            "and to use what is re-exported",
        ),
        (
            "mod child; pub struct Parent;",
            "use super::Parent;",
            &["a/child.rs:1 -> a/mod.rs Parent"],
            "a child names its parent",
        ),
        (
            "mod child; pub struct Parent;",
            "use super::*; struct S(Parent);",
            &["a/child.rs:1 -> a/mod.rs *", "a/child.rs:1 -> a/mod.rs Parent"],
            "by a glob",
        ),
        (
            "mod child; use crate::b::Deep;",
            "use super::Deep;",
            &["a/child.rs:1 -> b.rs Deep", "a/mod.rs:1 -> b.rs Deep"],
            "what the parent only imports is elsewhere",
        ),
        (
            "mod child; use crate::b::Deep;",
            "use super::*; struct S(Deep);",
            &["a/child.rs:1 -> a/mod.rs *", "a/child.rs:1 -> b.rs Deep", "a/mod.rs:1 -> b.rs Deep"],
            "and a child sees it through a glob",
        ),
        (
            "mod child; mod inline { pub struct Inline; }",
            "mod inner { use super::super::inline::Inline; }",
            &["a/child.rs:1 -> a/mod.rs Inline"],
            "a module inside a file is the file",
        ),
    ];
    for (parent, child, expected, why) in cases {
        let files =
            [("lib.rs", "mod a; mod b;"), ("a/mod.rs", parent), ("a/child.rs", child), ("b.rs", "pub struct Deep;")];
        assert_eq!(read(&[&files]), *expected, "{why}");
    }
}

#[test]
fn programs_name_the_library_and_themselves() {
    let program = "#[path = \"../common/x.rs\"] mod x; mod own; use hearken::Renamed; use own::Own; use crate::b::C;";
    let files = [
        ("bin/tool/main.rs", program),
        ("bin/tool/own.rs", "pub struct Own; use ::hearken::Renamed; fn f() { hearken::missing() }"),
        ("bin/common/x.rs", "fn f(_: hearken::Renamed) {}"),
        ("a.rs", "use hearken::Renamed;"),
    ];
    let expected = [
        "bin/tool/main.rs:1: cannot find what crate::b::C names",
        "bin/tool/own.rs:1: cannot find what hearken::missing names",
        "bin/common/x.rs:1 -> b/deep.rs Deep",
        "bin/tool/main.rs:1 -> b/deep.rs Deep",
        "bin/tool/main.rs:1 -> bin/tool/own.rs Own",
        "bin/tool/own.rs:1 -> b/deep.rs Deep",
    ];
    assert_eq!(read(&[AROUND, &files]), expected);
}

#[test]
fn a_path_that_leads_nowhere_is_reported() {
    assert_names(&[
        ("use crate::b::missing;", &["1: cannot find what crate::b::missing names"]),
        ("pub use crate::b::missing;", &["1: cannot find what crate::b::missing names"]),
        ("use crate::b; fn f() { b::missing() }", &["1: cannot find what b::missing names"]),
        ("use crate::missing::*;", &["1: cannot find what crate::missing names"]),
        ("fn f() { super::super::b::dig() }", &["1: cannot find what super::super::b::dig names"]),
        ("fn f() { dig(); x.dig(); T::dig(); Self::dig(); self.dig }", &[]),
        ("thread_local! {} fn f() { self::MADE_BY_MACRO }", &[]),
        ("fn f() { x!(crate::b::missing) }", &[]),
    ]);
}

#[test]
fn an_import_of_a_crate_of_its_own_name_ends() {
    assert_names(&[("use log; pub use tiny::tiny; fn f() { log::warn(tiny) }", &[])]);
}
