//! Files and directories over real sockets.

mod archive;
mod links;
mod listing;
mod lookup;
mod response_headers;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::support::Reply;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")), "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

fn names(reply: &Reply) -> Vec<String> {
    let value = json(reply);
    value["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// A directory `root` with ways out of it, and a secret beside it.
fn tree() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    fs::create_dir_all(path("root/docs/old")).unwrap();
    for (name, content) in
        [("secret", "secret"), ("root/file.txt", "inside"), ("root/docs/a", "a"), ("root/.hidden", "h")]
    {
        fs::write(path(name), content).unwrap();
    }
    symlink("../file.txt", path("root/docs/link")).unwrap();
    symlink(path("root/file.txt"), path("root/docs/absolute")).unwrap();
    symlink("../../secret", path("root/docs/out")).unwrap();
    symlink("../..", path("root/docs/up")).unwrap();
    symlink("nowhere", path("root/docs/dangling")).unwrap();
    symlink("loop", path("root/docs/loop")).unwrap();
    outer
}
