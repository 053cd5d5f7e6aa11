//! Symbolic links below the root, and a root that is one.

use std::fs;
use std::os::unix::fs::symlink;

use super::{names, text, tree};
use crate::support::{Program, get, until};

#[test]
fn links_lead_inside_and_out_only_on_request() {
    let tree = tree();
    let root = tree.path().join("root");
    let table = [
        ("/docs/link", 200, 200),
        ("/docs/absolute", 200, 200),
        ("/docs/out", 403, 200),
        ("/docs/up/secret", 403, 200),
        ("/docs/up/root/file.txt", 403, 200),
        ("/docs/dangling", 404, 404),
        ("/docs/loop", 403, 403),
    ];
    let (within, without) = (Program::hearken(&[text(&root)]), Program::hearken(&["--follow-links", text(&root)]));
    for (target, inside, outside) in table {
        assert_eq!(get(within.address(), target).status, inside, "{target}");
        assert_eq!(get(without.address(), target).status, outside, "{target} with --follow-links");
    }
    assert_eq!(names(&get(within.address(), "/docs/?format=json")), ["old", "a", "absolute", "link"]);
    assert_eq!(names(&get(without.address(), "/docs/?format=json")), ["old", "up", "a", "absolute", "link", "out"]);
}

#[test]
fn a_root_that_is_a_link_follows_its_swap() {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    for version in ["1", "2", "3"] {
        fs::create_dir_all(path(version).join("sub")).unwrap();
        fs::write(path(version).join("index.html"), version).unwrap();
        fs::write(path(version).join(format!("app.{version}.js")), version).unwrap();
        fs::write(path(version).join("sub").join(version), version).unwrap();
        symlink(path("current/index.html"), path(version).join("absolute")).unwrap();
    }
    symlink("1", path("current")).unwrap();
    let server = Program::hearken(&[text(&path("current"))]);
    let get = |target: &str| get(server.address(), target);
    for version in ["1", "2", "3"] {
        // As deployments do it: the new link takes the old one's name in one step.
        symlink(version, path("next")).unwrap();
        fs::rename(path("next"), path("current")).unwrap();
        // What only the new one has is there at once; what both have, within a second or so.
        assert_eq!(get(&format!("/app.{version}.js")).text(), version);
        until("the new version", || {
            let reply = get("/");
            assert_eq!(reply.status, 200, "no request in between fails");
            (reply.text() == version).then_some(())
        });
        assert_eq!(get("/absolute").text(), version);
        assert_eq!(names(&get("/sub/?format=json")), [version]);
    }
    // The old ones can go.
    fs::remove_dir_all(path("1")).unwrap();
    assert_eq!(get("/").text(), "3");
    // While the name leads nowhere, what was there last is still served.
    fs::remove_file(path("current")).unwrap();
    assert_eq!(get("/").text(), "3");
}
