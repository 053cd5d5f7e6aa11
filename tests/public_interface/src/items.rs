//! Reads public items from rustdoc's JSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use public_api::PublicItem;
use rustdoc_types::{Crate, FORMAT_VERSION, Impl, ItemEnum};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, failed};

/// A public item. Items are ordered by path, whichever file and block they stand in.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Item {
    /// For an implementation, the path of the type, or that of the trait if the type is another crate's.
    path: String,
    is_implementation: bool,
    pub line: String,
}

/// The items of a crate that a program can rely on.
pub fn read(json: &Path) -> Result<BTreeSet<Item>, Failure> {
    let format: Format = parse(json)?;
    if format.format_version != FORMAT_VERSION {
        return Err(Failure::OtherFormat(format.format_version));
    }
    let described: Crate = parse(json)?;
    let listed = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let listed = listed.map_err(|error| failed("cannot list the items", error))?;
    Ok(listed.items().filter(|item| is_relevant(item, &described)).map(|item| Item::new(item.to_string())).collect())
}

impl Item {
    pub fn new(line: String) -> Self {
        let is_implementation = line.starts_with("impl");
        let implementing_type = line.split_once(" for ").map(|(_, rest)| rest);
        let rest = match implementing_type.filter(|rest| is_implementation && rest.starts_with("hearken::")) {
            Some(rest) => rest,
            None => &line[line.find("hearken").unwrap_or(0)..],
        };
        let path = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next().unwrap_or_default();
        let path = path.to_owned();
        Self { path, is_implementation, line }
    }
}

/// Leaves out what follows from other items, and the chapters of the guide, which exist in documentation only.
fn is_relevant(item: &PublicItem, described: &Crate) -> bool {
    let line = item.to_string();
    if line.starts_with("pub mod hearken::guide") {
        return false;
    }
    match described.index.get(&item.id()).map(|item| &item.inner) {
        Some(ItemEnum::Impl(implementation)) => is_relevant_implementation(implementation, &line),
        // The trait says which methods there are.
        Some(ItemEnum::Function(_)) => {
            let parent = item.parent_id().and_then(|parent| described.index.get(&parent));
            !parent.is_some_and(|parent| matches!(&parent.inner, ItemEnum::Impl(Impl { trait_: Some(_), .. })))
        }
        _ => true,
    }
}

fn is_relevant_implementation(implementation: &Impl, line: &str) -> bool {
    let Some(of) = &implementation.trait_ else {
        // Otherwise its methods say it all.
        return !implementation.generics.params.is_empty();
    };
    let name = of.path.rsplit("::").next().unwrap_or_default();
    if implementation.is_synthetic {
        // Most types are Send and Sync: those are listed that are not, or only under a condition.
        return matches!(name, "Send" | "Sync") && !line.starts_with("impl core::");
    }
    // The compiler adds StructuralPartialEq to a derived PartialEq; programs cannot name it.
    name != "StructuralPartialEq"
}

#[derive(Deserialize)]
struct Format {
    format_version: u32,
}

fn parse<T: DeserializeOwned>(json: &Path) -> Result<T, Failure> {
    let file = File::open(json).map_err(|error| failed(&format!("cannot open {}", json.display()), error))?;
    serde_json::from_reader(BufReader::new(file))
        .map_err(|error| failed(&format!("cannot read {}", json.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_ordered_by_path() {
        let lines = [
            "pub mod hearken",
            "pub struct hearken::Layered<L, H>",
            "impl<L: hearken::Layer, H> hearken::Handler for hearken::Layered<L, H>",
            "#[non_exhaustive] pub enum hearken::Event",
            "impl core::clone::Clone for hearken::Event",
            "pub hearken::Event::Data(u8)",
            "pub fn hearken::Event::name(self, &hearken::A) -> Self",
            "pub struct hearken::Events",
            "pub trait hearken::Handler",
            "impl<F> hearken::Handler for F where F: for<'a> core::ops::function::Fn(&'a hearken::A)",
        ];
        let ordered: BTreeSet<Item> = lines.iter().map(ToString::to_string).map(Item::new).collect();
        let ordered: Vec<&str> = ordered.iter().map(|item| item.line.as_str()).collect();
        let expected = [0, 3, 4, 5, 6, 7, 8, 9, 1, 2].map(|index| lines[index]);
        assert_eq!(ordered, expected);
    }
}
