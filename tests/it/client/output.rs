//! The file of `get --output`: whole or not at all, and no other file is touched.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::client::{run, site};
use crate::support::{Run as _, client, output_of, until};

/// A server that sends half of a body, and then waits for the client to leave, or closes the connection.
fn half_a_body(leaves: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").unwrap();
        if !leaves {
            let _ = stream.read(&mut [0; 1]);
        }
    });
    url
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The path of a memory device. If the client may replace those in `/dev`, it is one of the test's own; `None` if there is none.
fn device(directory: &Path, name: &str, minor: u32) -> Option<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        return Some(Path::new("/dev").join(name));
    }
    let path = directory.join(name);
    let made = Command::new("mknod").arg(&path).args(["c", "1", &minor.to_string()]).run();
    if !made.status.success() || fs::File::options().write(true).open(&path).is_err() {
        eprintln!("skipped: no device can be made");
        return None;
    }
    Some(path)
}

#[test]
fn only_the_named_file_is_touched() {
    let site = site();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // Bodies were first written to NAME.part, whoever that belonged to.
    for name in ["down.part", "down.tmp", ".down"] {
        fs::write(path(name), "mine").unwrap();
    }
    let down = path("down");
    let target = down.to_str().unwrap();
    for _ in 0..2 {
        let result = run(&["get", &site.url("hello"), "-o", target], b"");
        assert_eq!((result.0, result.2.as_str()), (Some(0), ""));
        assert_eq!(fs::read(&down).unwrap(), b"Hello, world!");
        fs::write(&down, "old").unwrap();
    }
    let (code, _, error) = run(&["get", &half_a_body(true), "-o", target], b"");
    assert_eq!(code, Some(3), "{error}");
    assert!(error.starts_with("hearken-client: the response broke off: "), "{error}");
    assert_eq!(fs::read(&down).unwrap(), b"old");
    assert_eq!(run(&["get", &half_a_body(true), "-o", path("new").to_str().unwrap()], b"").0, Some(3));
    assert_eq!(names(directory.path()), [".down", "down", "down.part", "down.tmp"]);
    for name in ["down.part", "down.tmp", ".down"] {
        assert_eq!(fs::read(path(name)).unwrap(), b"mine");
    }
}

#[test]
fn a_stopped_client_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let down = directory.path().join("down");
    fs::write(&down, "old").unwrap();
    for signal in ["TERM", "KILL"] {
        let mut command = client();
        command.args(["get", &half_a_body(false), "-o"]).arg(&down).stdin(Stdio::null()).stderr(Stdio::piped());
        let client = command.spawn().unwrap();
        let id = client.id().to_string();
        until("the client to open its file", || {
            let descriptors = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
            let mut paths = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
            paths.any(|path| path.starts_with(directory.path())).then_some(())
        });
        assert_eq!(fs::read(&down).unwrap(), b"old");
        assert!(Command::new("kill").args(["-s", signal, &id]).run().status.success());
        assert!(!output_of(client).status.success());
        assert_eq!(
            (names(directory.path()), fs::read(&down).unwrap()),
            (vec!["down".into()], b"old".into()),
            "{signal}"
        );
    }
}

#[test]
fn links_are_followed_and_permissions_kept() {
    let site = site();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("below")).unwrap();
    symlink("below/file", path("link")).unwrap();
    symlink("link", path("second link")).unwrap();
    let get = |name: &str| run(&["get", &site.url("hello"), "-o", path(name).to_str().unwrap()], b"");
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(get("second link").0, Some(0), "the file that a link leads to may be new");
    assert_eq!(fs::read(path("below/file")).unwrap(), b"Hello, world!");
    let umask = Command::new("sh").args(["-c", "umask"]).run().stdout;
    let umask = u32::from_str_radix(String::from_utf8(umask).unwrap().trim(), 8).unwrap();
    assert_eq!(mode("below/file"), 0o666 & !umask);

    for permissions in [0o600, 0o666, 0o755] {
        fs::write(path("below/file"), "old").unwrap();
        fs::set_permissions(path("below/file"), fs::Permissions::from_mode(permissions)).unwrap();
        assert_eq!(get("link").0, Some(0));
        assert_eq!((fs::read(path("below/file")).unwrap(), mode("below/file")), (b"Hello, world!".into(), permissions));
    }
    assert!(["link", "second link"].iter().all(|name| path(name).is_symlink()));
    assert_eq!(names(&path("below")), ["file"]);

    symlink("loop", path("loop")).unwrap();
    let (code, _, error) = get("loop");
    assert_eq!(code, Some(1));
    assert!(error.ends_with("loop: too many levels of symbolic links\n"), "{error}");
}

#[test]
fn devices_and_pipes_are_written_to() {
    let site = site();
    let directory = tempfile::tempdir().unwrap();
    let (pipe, link) = (directory.path().join("pipe"), directory.path().join("link"));
    assert!(Command::new("mkfifo").arg(&pipe).run().status.success());
    symlink("pipe", &link).unwrap();
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::read(pipe).unwrap())
    };
    assert_eq!(run(&["get", &site.url("hello"), "-o", link.to_str().unwrap()], b"").0, Some(0));
    assert_eq!(reader.join().unwrap(), b"Hello, world!");
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());

    if let Some(null) = device(directory.path(), "null", 3) {
        assert_eq!(run(&["get", &site.url("hello"), "-o", null.to_str().unwrap()], b"").0, Some(0));
        assert!(fs::symlink_metadata(&null).unwrap().file_type().is_char_device());
    }
    for stdout in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let (code, out, error) = run(&["get", &site.url("hello"), "-o", stdout], b"");
        assert_eq!((code, out.as_slice()), (Some(0), &b"Hello, world!"[..]), "{stdout}: {error}");
        // A file that the shell has opened is written after what is in it.
        let all = directory.path().join("all");
        let script = format!("echo a; \"$0\" get {} -o {stdout} && echo b", site.url("hello"));
        let shell = Command::new("sh")
            .args(["-c", &script])
            .arg(client().get_program())
            .stdin(Stdio::null())
            .stdout(fs::File::options().append(true).create(true).open(&all).unwrap())
            .status()
            .unwrap();
        assert!(shell.success());
        assert_eq!(fs::read_to_string(&all).unwrap(), "a\nHello, world!b\n", "{stdout}");
        fs::remove_file(&all).unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_the_reason() {
    let site = site();
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("file"), "old").unwrap();
    let table = [
        (at("directory"), "is a directory".to_owned()),
        (at("directory/"), "is a directory".into()),
        (at("directory/.."), "is a directory".into()),
        (at("new/"), "no such file or directory".into()),
        (at("new/file"), format!("there is no directory {}", at("new"))),
        (at("file/below"), "not a directory".into()),
        (at(&"a".repeat(256)), "file name too long".into()),
    ];
    let elsewhere = tempfile::tempdir().unwrap();
    let full =
        device(elsewhere.path(), "full", 7).map(|full| (full.to_str().unwrap().into(), "no storage space".into()));
    for (path, reason) in table.into_iter().chain(full) {
        let (code, out, error) = run(&["get", &site.url("hello"), "-o", &path], b"");
        assert_eq!((code, out.len()), (Some(1), 0), "{path}: {error}");
        assert_eq!(error, format!("hearken-client: cannot save {path}: {reason}\n"));
    }

    // A file system that is full fails at the same call as a limit of the file size.
    fs::write(Path::new(&site.path("data")).join("large"), vec![b'x'; 1 << 20]).unwrap();
    let script = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" get {} -o {}", site.url("large"), at("file"));
    let output = Command::new("sh").args(["-c", &script]).arg(client().get_program()).run();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), error.as_ref()),
        (Some(1), &*format!("hearken-client: cannot save {}: file too large\n", at("file")))
    );
    assert_eq!(
        (fs::read(at("file")).unwrap(), names(directory.path())),
        (b"old".into(), vec!["directory".to_owned(), "file".into()])
    );

    // No permission stops root.
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: what only other users are refused");
        return;
    }
    fs::set_permissions(at("file"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(at("directory"), fs::Permissions::from_mode(0o555)).unwrap();
    for (path, reason) in [
        (at("file"), "permission denied".to_owned()),
        (at("directory/new"), format!("permission denied to create a file in {}", at("directory"))),
    ] {
        let (code, _, error) = run(&["get", &site.url("hello"), "-o", &path], b"");
        assert_eq!((code, error), (Some(1), format!("hearken-client: cannot save {path}: {reason}\n")));
    }
}
