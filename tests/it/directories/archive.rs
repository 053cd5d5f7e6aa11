//! Directories as tar archives.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{text, tree};
use crate::support::{Program, get, on_path, output_of};

#[test]
fn an_archive_is_what_tar_unpacks() {
    if on_path("tar").is_none() {
        let _ = writeln!(io::stderr(), "skipped: an_archive_is_what_tar_unpacks: tar is not installed");
        return;
    }
    let tree = tree();
    let docs = tree.path().join("root/docs");
    let long = format!("{}/{}", "d".repeat(200), "e".repeat(200));
    fs::create_dir_all(docs.join(&long)).unwrap();
    fs::write(docs.join(&long).join("n".repeat(255)), "deep").unwrap();
    fs::write(docs.join(OsStr::from_bytes(b"\xff \n\"")), vec![7; 1_000_000]).unwrap();
    fs::write(docs.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(docs.join("run.sh"), Permissions::from_mode(0o700)).unwrap();
    let server = Program::hearken(&["--archive", text(&tree.path().join("root"))]);
    let reply = get(server.address(), "/docs/?download=tar");
    assert_eq!(reply.header("Content-Type"), Some("application/x-tar"));
    assert_eq!(reply.header("Content-Disposition"), Some("attachment; filename=\"docs.tar\""));

    let out = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar").args(["-xf", "-", "-C"]).arg(out.path()).stdin(Stdio::piped()).spawn().unwrap();
    tar.stdin.take().unwrap().write_all(&reply.body).unwrap();
    assert!(output_of(tar).status.success());
    fs::remove_file(docs.join("out")).unwrap();
    fs::remove_file(docs.join("up")).unwrap();
    let (mut packed, mut served) = (BTreeMap::new(), BTreeMap::new());
    read_tree(&out.path().join("docs"), &mut packed);
    read_tree(&docs, &mut served);
    assert_eq!(packed.keys().collect::<Vec<_>>(), served.keys().collect::<Vec<_>>());
    assert!(packed == served, "the contents are the same");
    assert_eq!(fs::metadata(out.path().join("docs/run.sh")).unwrap().permissions().mode() & 0o111, 0o111);

    assert_eq!(get(server.address(), "/nothing/?download=tar").status, 404);
    let without = Program::hearken(&[text(&tree.path().join("root"))]);
    assert_eq!(get(without.address(), "/docs/?download=tar").status, 403);
    assert!(!get(without.address(), "/docs/").text().contains("download=tar"));
}

/// The paths below a directory and what is there; links that lead nowhere are left out.
fn read_tree(directory: &Path, into: &mut BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
    let mut open = vec![(directory.to_owned(), Vec::new())];
    while let Some((path, name)) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            let name = [&name, &b"/"[..], entry.file_name().as_bytes()].concat();
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() => {
                    into.insert(name.clone(), None);
                    open.push((entry.path(), name));
                }
                Ok(_) => drop(into.insert(name, Some(fs::read(entry.path()).unwrap()))),
                Err(_) => {}
            }
        }
    }
}
