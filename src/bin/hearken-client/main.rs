//! The `hearken-client` program.
fn main() {}
