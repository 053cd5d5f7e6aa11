//! Has rustdoc describe the library in JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::failure::{Failure, failed};

/// The library's features, and where cargo puts what it builds.
pub struct Rustdoc {
    /// Each feature, except `default`, with the features that it turns on itself.
    pub features: BTreeMap<String, Vec<String>>,
    build_directory: PathBuf,
    target_directory: PathBuf,
}

impl Rustdoc {
    pub fn new() -> Result<Self, Failure> {
        let output = run(cargo("metadata").args(["--no-deps", "--format-version", "1"]))?;
        let metadata: Metadata =
            serde_json::from_slice(&output).map_err(|error| failed("cannot read what cargo says", error))?;
        let package = metadata.packages.into_iter().next();
        let package = package.ok_or_else(|| Failure::Other("cargo names no package".to_owned()))?;
        let mut features = package.features;
        features.remove("default");
        let names: Vec<String> = features.keys().cloned().collect();
        features.values_mut().for_each(|others| others.retain(|other| names.contains(other)));
        Ok(Self {
            features,
            // Cargo before 1.91 has no directory of its own for what is intermediate.
            build_directory: metadata.build_directory.unwrap_or_else(|| metadata.target_directory.clone()),
            target_directory: metadata.target_directory,
        })
    }

    /// Gives the file that describes the library with these features. It shares the dependencies with `cargo doc`, but not
    /// its directory: cargo would take the pages there for the JSON.
    pub fn json(&self, features: &[&str]) -> Result<PathBuf, Failure> {
        let name = features.last().map_or("default", |last| last.trim_start_matches('-'));
        let target = self.target_directory.join("public-interface").join(name);
        let mut cargo = cargo("rustdoc");
        cargo.args(["--quiet", "--lib", "--locked"]).args(features).arg("--target-dir").arg(&target);
        cargo.args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
        cargo.env("CARGO_BUILD_BUILD_DIR", &self.build_directory);
        cargo.env("RUSTDOC", concat!(env!("CARGO_MANIFEST_DIR"), "/rustdoc.sh"));
        cargo.env_remove("RUSTDOCFLAGS").env_remove("CARGO_ENCODED_RUSTDOCFLAGS");
        run(&mut cargo)?;
        Ok(target.join("doc/hearken.json"))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    build_directory: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Package {
    features: BTreeMap<String, Vec<String>>,
}

fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg(command).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    cargo
}

/// What cargo prints on its standard output, if it succeeds.
fn run(cargo: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| failed("cannot run cargo", error))?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed("cargo fails", output.status)) }
}
