//! How much may be stored: the limits of bodies, and the part of the disk that stays free.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use super::mounts::Mounted;
use super::{FORM, JSON, JSON_CHUNKED, Site, put, tree};
use crate::support::{Reply, Wire, ask, get, until};

const MIB: usize = 1024 * 1024;

fn form(content: &str) -> Vec<u8> {
    format!("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{content}\r\n--B--\r\n").into()
}

/// JSON of this many bytes.
fn json(length: usize) -> Vec<u8> {
    format!("\"{}\"", "x".repeat(length - 2)).into()
}

#[test]
fn uploads_may_be_longer_than_other_bodies() {
    let (long, limit) = (vec![b'x'; 11 * MIB], "is longer than 10 MiB; the server's --max-body sets this limit.");
    let long_form = form(&"x".repeat(11 * MIB));
    let table: [(&[&str], u16, u16, &str); 4] = [
        (&["--demo"], 201, 413, limit),
        (&["--demo", "--max-body", "12MiB"], 201, 200, ""),
        (&["--demo", "--max-body", "10MiB"], 413, 413, limit),
        (&["--demo", "--max-total", "1GiB"], 201, 413, limit),
    ];
    for (options, upload, json_status, text) in table {
        let site = Site::new();
        let server = site.serve(options);
        let address = server.address();
        assert_eq!(put(address, "/put", &[], &long).status, upload, "{options:?}");
        assert_eq!(ask(address, "POST", "/", &[FORM], &long_form).status, upload, "{options:?}");
        let answer = ask(address, "POST", "/json", &[JSON], &json(11 * MIB));
        assert_eq!((answer.status, answer.text().contains(text)), (json_status, true), "{}", answer.text());
        let note = format!("{{\"myNote\": \"{}\"}}", "x".repeat(11 * MIB));
        let answer = ask(address, "POST", "/notes", &[], note.as_bytes());
        assert_eq!((answer.status, answer.text().contains(text)), (json_status, true), "{}", answer.text());
        // A body in chunks has no length to judge it by.
        let mut wire = Wire::connect(address);
        wire.send(format!("{JSON_CHUNKED}{:x}\r\n", 11 * MIB));
        wire.send(json(11 * MIB));
        wire.send("\r\n0\r\n\r\n");
        assert_eq!(wire.reply().status, json_status, "{options:?}");
    }
}

/// The files that are in the directory when nothing was stored but these.
fn only(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn no_write_begins_where_too_little_is_free() {
    let site = Site::new();
    fs::write(site.data().join("old"), "old").unwrap();
    fs::write(site.data().join("notes.txt"), "one\n").unwrap();
    let server = site.serve(&["--demo", "--allow-delete", "--min-free", &u64::MAX.to_string()]);
    let address = server.address();
    let reason = "There is not enough room: the server keeps 15.9 EiB free (--min-free).";
    for (method, target, fields, body) in [
        ("PUT", "/new", &[][..], b"x".to_vec()),
        ("PUT", "/old", &[], b"x".to_vec()),
        ("POST", "/new.json", &[JSON], b"[1]".to_vec()),
        ("POST", "/", &[FORM], form("content")),
        ("POST", "/notes", &[], br#"{"myNote": "two"}"#.to_vec()),
    ] {
        let answer = ask(address, method, target, fields, &body);
        assert_eq!((answer.status, answer.text().as_str()), (507, reason), "{method} {target}");
    }
    // The body is not asked for, whether its length is announced or not, and whatever it is.
    for framing in ["Content-Length: 1", "Content-Length: 18446744073709551615", "Transfer-Encoding: chunked"] {
        for request in [
            "PUT /new HTTP/1.1\r\n",
            "POST /new HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\n",
            "POST /new HTTP/1.1\r\nContent-Type: application/json\r\n",
        ] {
            let mut wire = Wire::connect(address);
            wire.send(format!("{request}Host: localhost\r\nExpect: 100-continue\r\n{framing}\r\n\r\n"));
            let answer = wire.reply();
            let long_json = request.contains("json") && framing.len() > 30;
            assert_eq!(answer.status, if long_json { 413 } else { 507 }, "{request}{framing}: {}", answer.text());
        }
    }
    assert_eq!(put(address, "/empty", &[], b"").status, 201, "an empty file leaves as much");
    assert_eq!(ask(address, "DELETE", "/old", &[], b"").status, 204, "removing needs no room");
    assert_eq!(fs::read_to_string(site.data().join("notes.txt")).unwrap(), "one\n");
    assert_eq!(tree(&site.data()), only(&["empty", "notes.txt"]));
    let page = get(address, "/").text();
    assert!(
        page.contains("data-bytes=\"0\" data-option=\" (--min-free)\">Nothing more fits here (--min-free).</p>"),
        "{page}"
    );
}

#[test]
fn listings_say_how_much_fits() {
    let table: [(&[&str], &str); 3] = [
        (
            &["--max-total", "10000"],
            "data-bytes=\"9000\" data-option=\" (--max-total)\">Up to 8.7 KiB fit here (--max-total).",
        ),
        (
            &["--max-total", "10000", "--max-body", "1KiB"],
            "data-bytes=\"1024\" data-option=\" (--max-body)\">Up to 1 KiB fit here (--max-body).",
        ),
        (&[], "fit here (--min-free)."),
    ];
    for (options, expected) in table {
        let site = Site::new();
        fs::write(site.data().join("old"), [0; 1000]).unwrap();
        let page = get(site.serve(options).address(), "/").text();
        assert!(page.contains(expected), "{options:?}: {page}");
    }
    let site = Site::new();
    let server = site.serve(&["--max-total", "10000"]);
    put(server.address(), "/new", &[], &[0; 4000]);
    until("the page to say what is left", || {
        get(server.address(), "/").text().contains("data-bytes=\"6000\"").then_some(())
    });
}

/// A site on a disk of 64 MiB.
fn small_disk(test: &str, run: impl FnOnce(&Site)) {
    let site = Site::new();
    let data = site.data();
    let Some(_mounted) = Mounted::tmpfs(&data, "64m") else {
        eprintln!("skipped: {test}: a file system cannot be mounted here");
        return;
    };
    run(&site);
}

fn free(directory: &Path) -> u64 {
    let status = rustix::fs::statvfs(directory).unwrap();
    status.f_bavail * status.f_frsize
}

/// The head of a `PUT` that waits for `100 Continue`.
fn head(target: &str, framing: &str) -> String {
    format!("PUT {target} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{framing}\r\n\r\n")
}

fn begin(address: std::net::SocketAddr, target: &str, length: usize) -> (Wire, Reply) {
    let mut wire = Wire::connect(address);
    wire.send(head(target, &format!("Content-Length: {length}")));
    let answer = wire.reply();
    (wire, answer)
}

#[test]
fn parallel_uploads_are_not_all_promised_the_same_room() {
    small_disk("parallel_uploads_are_not_all_promised_the_same_room", |site| {
        let server = site.serve(&["--min-free", "16MiB"]);
        let address = server.address();
        let barrier = Barrier::new(10);
        let begun: Vec<(Wire, Reply)> = thread::scope(|scope| {
            let uploads: Vec<_> = (0..10)
                .map(|number| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        begin(address, &format!("/{number}"), 10 * MIB)
                    })
                })
                .collect();
            uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
        });
        let (mut going, refused): (Vec<_>, Vec<_>) = begun.into_iter().partition(|(_, reply)| reply.status == 100);
        assert_eq!((going.len(), refused.len()), (4, 6));
        for (_, reply) in refused {
            let text = reply.text();
            assert_eq!(
                (reply.status, text.as_str()),
                (507, "There is not enough room: the server keeps 16 MiB free (--min-free).")
            );
        }
        // A form takes from the same room, and so does a chunked body.
        assert_eq!(ask(address, "POST", "/", &[FORM], &form(&"x".repeat(9 * MIB))).status, 507);
        assert_eq!(ask(address, "POST", "/", &[FORM], &form(&"x".repeat(7 * MIB))).status, 201);
        let mut chunked = Wire::connect(address);
        chunked.send(head("/chunked", "Transfer-Encoding: chunked"));
        assert_eq!(chunked.reply().status, 100);
        chunked.send(format!("{:x}\r\n", 2 * MIB));
        chunked.send(vec![b'x'; 2 * MIB]);
        assert_eq!(chunked.reply().status, 507);

        // One breaks off in the middle, and its room is free again.
        let (mut aborted, _) = going.pop().unwrap();
        aborted.send(vec![b'x'; 5 * MIB]);
        drop(aborted);
        let (next, _) = until("the room of the upload that broke off", || {
            Some(begin(address, "/next", 9 * MIB)).filter(|(_, reply)| reply.status == 100)
        });
        drop(next);
        for (mut wire, _) in going {
            wire.send(vec![b'x'; 10 * MIB]);
            assert_eq!(wire.reply().status, 201);
        }
        until("the files to be removed that broke off", || (tree(&site.data()).len() == 4).then_some(()));
        assert!(free(&site.data()) >= 16 << 20, "{}", free(&site.data()));
        assert!(tree(&site.data()).iter().all(|name| !name.starts_with('.')));
    });
}

#[test]
fn a_body_without_a_length_is_refused_when_the_room_ends() {
    small_disk("a_body_without_a_length_is_refused_when_the_room_ends", |site| {
        let server = site.serve(&["--min-free", "16MiB"]);
        let address = server.address();
        put(address, "/old", &[], &vec![b'o'; 20 * MIB]);
        let before = free(&site.data());
        // A file that is replaced is still there while the new one is written.
        assert_eq!(put(address, "/old", &[], &vec![b'n'; 29 * MIB]).status, 507);
        for target in ["/old", "/new"] {
            let mut wire = Wire::connect(address);
            wire.send(head(target, "Transfer-Encoding: chunked"));
            assert_eq!(wire.reply().status, 100);
            let mut sent = 0;
            while sent < 40 {
                wire.send(format!("{MIB:x}\r\n"));
                wire.send(vec![b'x'; MIB]);
                wire.send("\r\n");
                sent += 1;
            }
            assert_eq!(wire.reply().status, 507);
            assert!(free(&site.data()) >= 16 << 20);
        }
        until("what was written to be removed", || (free(&site.data()) == before).then_some(()));
        let old = fs::read(site.data().join("old")).unwrap();
        assert!(old.len() == 20 * MIB && old.iter().all(|byte| *byte == b'o'));
        assert_eq!(tree(&site.data()), only(&["old"]));
        // What fits is stored.
        assert_eq!(put(address, "/old", &[], &vec![b'n'; 27 * MIB]).status, 204);
    });
}

#[test]
fn a_disk_may_be_filled_where_nothing_is_to_stay_free() {
    small_disk("a_disk_may_be_filled_where_nothing_is_to_stay_free", |site| {
        let server = site.serve(&["--min-free", "0"]);
        let address = server.address();
        assert_eq!(put(address, "/f", &[], &vec![b'x'; 63 * MIB]).status, 201);
        let reply = put(address, "/g", &[], &vec![b'x'; 2 * MIB]);
        assert_eq!((reply.status, reply.text().as_str()), (507, "There is not enough room: the disk is full."));
        let reply = ask(address, "POST", "/", &[FORM], &form(&"x".repeat(2 * MIB)));
        assert_eq!((reply.status, reply.text().as_str()), (507, "There is not enough room: the disk is full."));
        let (mut wire, reply) = begin(address, "/h", 2 * MIB);
        assert_eq!(reply.status, 100, "nobody has looked what is free");
        wire.send(vec![b'x'; 2 * MIB]);
        assert_eq!(wire.reply().status, 507);
        assert_eq!(tree(&site.data()), only(&["f"]));
    });
}

#[test]
fn a_file_system_below_keeps_its_own_share_free() {
    let site = Site::new();
    let below = site.data().join("below");
    fs::create_dir(&below).unwrap();
    let Some(_mounted) = Mounted::tmpfs(&below, "20m") else {
        eprintln!("skipped: a_file_system_below_keeps_its_own_share_free: a file system cannot be mounted here");
        return;
    };
    let server = site.serve(&[]);
    let reply = put(server.address(), "/below/f", &[], &vec![b'x'; 19 * MIB + MIB / 2]);
    let text = "There is not enough room: the server keeps 1 MiB free (--min-free).";
    assert_eq!((reply.status, reply.text().as_str()), (507, text));
    assert_eq!(put(server.address(), "/below/f", &[], &vec![b'x'; 18 * MIB]).status, 201);
    assert_eq!(tree(&site.data()), only(&["below", "below/f"]));
}

#[test]
fn a_form_that_cannot_fit_is_refused_before_it_is_read() {
    let site = Site::new();
    let server = site.serve(&["--max-total", "1MiB"]);
    let address = server.address();
    let mut wire = Wire::connect(address);
    let fields = "Content-Type: multipart/form-data; boundary=B\r\nExpect: 100-continue\r\nContent-Length: 1200000";
    wire.send(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n"));
    let reply = wire.reply();
    let text = "There is not enough room: all files together may have 1 MiB (--max-total).";
    assert_eq!((reply.status, reply.text().as_str()), (507, text));
    // A form is longer than its files, which may take the last byte.
    assert_eq!(ask(address, "POST", "/", &[FORM], &form(&"x".repeat(MIB))).status, 201);
    assert_eq!(fs::metadata(site.data().join("f")).unwrap().len(), MIB as u64);
}
