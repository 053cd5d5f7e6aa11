//! Why there is no list, or not the expected one.

use std::fmt;

use rustdoc_types::FORMAT_VERSION;

pub enum Failure {
    /// Each line is an item that has gone, an item that is new, or the title of the section that follows.
    Differs(Vec<String>),
    /// The version of the format that rustdoc writes.
    OtherFormat(u32),
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Differs(differences) => write!(
                f,
                "{}\n\nthe public interface differs from tests/public_interface/interface.txt: if it should, write the \
                 list with `make public-interface`, and commit it",
                differences.join("\n")
            ),
            Failure::OtherFormat(written) => write!(
                f,
                "the public interface is not checked: this toolchain's rustdoc writes format {written}, and \
                 tests/public_interface reads format {FORMAT_VERSION}, as its Cargo.toml says"
            ),
            Failure::Other(reason) => f.write_str(reason),
        }
    }
}

pub fn failed(what: &str, error: impl fmt::Display) -> Failure {
    Failure::Other(format!("{what}: {error}"))
}
