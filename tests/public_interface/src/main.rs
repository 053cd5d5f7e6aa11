//! Lists the public items of hearken, and compares them with the list in the repository.
//!
//! `write` writes `interface.txt`. `check` compares: it ends with 1 if the items differ or cannot be listed, and with 3 if
//! this toolchain's rustdoc writes a format that this program does not read.

mod failure;
mod items;
mod list;
mod rustdoc;

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use failure::{Failure, failed};
use list::{Interface, List};
use rustdoc::Rustdoc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write"] => write(),
        ["check"] => check(),
        _ => {
            eprintln!("usage: public_interface write|check");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(if matches!(failure, Failure::OtherFormat(_)) { 3 } else { 1 })
        }
    }
}

fn write() -> Result<(), Failure> {
    fs::write(PATH, list()?.to_string()).map_err(|error| failed("cannot write interface.txt", error))
}

fn check() -> Result<(), Failure> {
    let text = fs::read_to_string(PATH).map_err(|error| failed("cannot read interface.txt", error))?;
    let differences = List::parse(&text).differences(&list()?);
    if differences.is_empty() { Ok(()) } else { Err(Failure::Differs(differences)) }
}

/// The items of the library without features, with each feature alone, and with all.
fn list() -> Result<List, Failure> {
    let rustdoc = Rustdoc::new()?;
    let items = |features: &[&str]| items::read(&rustdoc.json(features)?);
    let without_features = items(&["--no-default-features"])?;
    let mut by_feature = BTreeMap::new();
    for feature in rustdoc.features.keys() {
        by_feature.insert(feature.clone(), items(&["--no-default-features", "--features", feature])?);
    }
    let all_features = items(&["--all-features"])?;
    Ok(List::new(&Interface { without_features, by_feature, all_features }, &rustdoc.features))
}

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interface.txt");
