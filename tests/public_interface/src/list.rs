//! The list of public items as text, in sections by feature.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::items::Item;

/// The items of the library in different builds.
pub struct Interface {
    pub without_features: BTreeSet<Item>,
    /// With one feature, and those that it turns on.
    pub by_feature: BTreeMap<String, BTreeSet<Item>>,
    pub all_features: BTreeSet<Item>,
}

#[derive(Debug, PartialEq)]
pub struct List {
    sections: Vec<Section>,
}

#[derive(Debug, PartialEq)]
struct Section {
    title: String,
    lines: Vec<String>,
}

impl List {
    /// `features` names each feature with those that it turns on.
    pub fn new(interface: &Interface, features: &BTreeMap<String, Vec<String>>) -> Self {
        let mut list = Self { sections: Vec::new() };
        let mut listed = interface.without_features.clone();
        list.push("Without features", &listed, &BTreeSet::new());
        for (feature, items) in &interface.by_feature {
            let mut expected = interface.without_features.clone();
            for other in turned_on(feature, features) {
                expected.extend(interface.by_feature[other].iter().cloned());
            }
            list.push(&format!("Added by `{feature}`"), items, &expected);
            listed.extend(items.iter().cloned());
        }
        list.push("Added by several features together", &interface.all_features, &listed);
        list.push("Gone with all features", &listed, &interface.all_features);
        list
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(title) = line.strip_prefix("## ") {
                sections.push(Section { title: title.to_owned(), lines: Vec::new() });
            } else if let Some(section) = sections.last_mut() {
                section.lines.push(line.to_owned());
            }
        }
        Self { sections }
    }

    /// What is in one of the two lists only, below the titles of the sections. The order of lines does not count.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let titles: BTreeSet<&str> = self.sections.iter().chain(&new.sections).map(|s| s.title.as_str()).collect();
        let mut differences = Vec::new();
        for title in titles {
            let (old, new) = (self.lines(title), new.lines(title));
            let gone = old.difference(&new).map(|line| format!("- {line}"));
            let added = new.difference(&old).map(|line| format!("+ {line}"));
            let lines: Vec<String> = gone.chain(added).collect();
            if !lines.is_empty() {
                differences.push(format!("## {title}"));
                differences.extend(lines);
            }
        }
        differences
    }

    fn push(&mut self, title: &str, items: &BTreeSet<Item>, except: &BTreeSet<Item>) {
        let lines: Vec<String> = items.difference(except).map(|item| item.line.clone()).collect();
        if !lines.is_empty() {
            self.sections.push(Section { title: title.to_owned(), lines });
        }
    }

    fn lines(&self, title: &str) -> BTreeSet<&str> {
        let sections = self.sections.iter().filter(|section| section.title == title);
        sections.flat_map(|section| &section.lines).map(String::as_str).collect()
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# The public items of hearken. `make public-interface` writes this file.")?;
        for section in &self.sections {
            writeln!(f, "\n## {}\n", section.title)?;
            section.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        Ok(())
    }
}

/// The features that one turns on, and those that these turn on.
fn turned_on<'a>(feature: &str, features: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&String> = features[feature].iter().collect();
    while let Some(feature) = next.pop() {
        if found.insert(feature) {
            next.extend(&features[feature]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(lines: &[&str]) -> BTreeSet<Item> {
        lines.iter().map(ToString::to_string).map(Item::new).collect()
    }

    fn list(features: &[(&str, &[&str], &[&str])], without: &[&str], all: &[&str]) -> List {
        let interface = Interface {
            without_features: items(without),
            by_feature: features.iter().map(|(name, _, lines)| ((*name).to_owned(), items(lines))).collect(),
            all_features: items(all),
        };
        let turned_on = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        List::new(&interface, &features.iter().map(|(name, on, _)| ((*name).to_owned(), turned_on(on))).collect())
    }

    #[test]
    fn an_item_is_in_the_section_of_what_adds_it() {
        let features: &[(&str, &[&str], &[&str])] = &[
            ("cli", &["client"], &["fn a", "fn tls", "fn client", "fn cli"]),
            ("client", &["tls"], &["fn a", "fn tls", "fn client"]),
            ("empty", &[], &["fn a", "fn b"]),
            ("tls", &[], &["fn a", "fn b", "fn tls"]),
        ];
        let list = list(features, &["fn a", "fn b"], &["fn a", "fn tls", "fn client", "fn cli", "fn both"]);
        let expected = "\
# The public items of hearken. `make public-interface` writes this file.

## Without features

fn a
fn b

## Added by `cli`

fn cli

## Added by `client`

fn client

## Added by `tls`

fn tls

## Added by several features together

fn both

## Gone with all features

fn b
";
        assert_eq!(list.to_string(), expected);
        assert_eq!(List::parse(expected), list);
    }

    #[test]
    fn differences_are_told_by_section() {
        let old = list(&[("tls", &[], &["fn a", "fn b", "fn c"])], &["fn a", "fn b"], &["fn a", "fn b", "fn c"]);
        let new = list(&[("tls", &[], &["fn a", "fn d", "fn b"])], &["fn a", "fn d"], &["fn a", "fn b", "fn d"]);
        let expected =
            ["## Added by `tls`", "- fn c", "+ fn b", "## Without features", "- fn b", "+ fn d"].map(str::to_owned);
        assert_eq!(old.differences(&new), expected);
        assert_eq!(old.differences(&List::parse("## Added by `tls`\nfn c\n## Without features\nfn b\nfn a")), [""; 0]);
    }
}
