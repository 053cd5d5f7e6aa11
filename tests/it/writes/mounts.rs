//! Directories with other file systems below, or closed to writing.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{FORM, Site, put, tree};
use crate::support::{ask, get};

#[test]
fn a_file_system_below_is_written_to_as_well() {
    let site = Site::new();
    let below = site.data().join("below");
    fs::create_dir(&below).unwrap();
    let Some(_mounted) = Mounted::tmpfs(&below, "1m") else {
        eprintln!("skipped: a_file_system_below_is_written_to_as_well: a file system cannot be mounted here");
        return;
    };
    fs::write(below.join(".hearken-00000000deadbeef"), "left by one that was killed").unwrap();
    {
        let server = site.serve(&["--max-body", "10MiB"]);
        let address = server.address();
        assert_eq!(put(address, "/below/f", &[], b"old").status, 201);
        assert_eq!(put(address, "/below/dir/g", &[], b"new").status, 201);
        let form = b"--B\r\nContent-Disposition: form-data; filename=\"f\"\r\n\r\nother\r\n--B--";
        assert_eq!(ask(address, "POST", "/below/", &[FORM], form).text(), "Stored f (1).\n");
        assert_eq!(put(address, "/below/f", &[], &vec![b'x'; 2_000_000]).status, 507, "it is full before the other is");
        assert_eq!(get(address, "/below/f").text(), "old");
        let expected = ["below", "below/dir", "below/dir/g", "below/f", "below/f (1)"];
        assert_eq!(tree(&site.data()), expected.into_iter().map(str::to_owned).collect());
    }
}

#[test]
fn directories_below_may_be_the_only_ones_to_write_to() {
    let site = Site::new();
    let data = site.data();
    let below = data.join("below");
    let Some(_closed) = Mounted::tmpfs(&data, "1m") else {
        eprintln!("skipped: directories_below_may_be_the_only_ones_to_write_to: a file system cannot be mounted here");
        return;
    };
    fs::create_dir(&below).unwrap();
    let _open = Mounted::tmpfs(&below, "1m").expect("it went well before");
    let read_only = Command::new("mount").args(["-o", "remount,ro"]).arg(&data).status().unwrap();
    assert!(read_only.success());
    {
        let server = site.serve(&[]);
        assert_eq!(put(server.address(), "/f", &[], b"new").status, 403);
        assert_eq!(put(server.address(), "/below/f", &[], b"new").status, 201);
        assert_eq!(put(server.address(), "/below/dir/f", &[], b"new").status, 201);
    }
    assert_eq!(tree(&below), ["dir", "dir/f", "f"].into_iter().map(str::to_owned).collect());
}

/// A file system that is there until the test ends.
pub(super) struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// `None` where this may not be done.
    pub(super) fn tmpfs(at: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
