//! The notes of `hearken --demo`: kept by several processes in one file, and by a process that is killed.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use crate::support::{Program, Wire, ask, hearken, until};

/// Keeps notes in notes.txt of this directory.
fn note_server(directory: &Path) -> Program {
    Program::start(hearken().args(["--demo", "--port", "0", "--access-log", "off"]).current_dir(directory), 1)
}

/// Adds a note, and gives the number of notes that the answer tells.
fn add(address: SocketAddr, note: &str) -> usize {
    let reply = ask(address, "POST", "/notes", &[], format!(r#"{{"myNote": "{note}"}}"#).as_bytes());
    let text = reply.text();
    let count = text.strip_prefix("You have ").and_then(|rest| rest.strip_suffix(" notes.\n"));
    count.unwrap_or_else(|| panic!("{note}: {reply:?}")).parse().unwrap()
}

fn fetch(address: SocketAddr, number: usize) -> String {
    ask(address, "POST", "/notes", &[], format!(r#"{{"getNote": "{number}"}}"#).as_bytes()).text()
}

#[test]
fn two_processes_keep_notes_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let servers = [note_server(directory.path()), note_server(directory.path())];
    let addresses = servers.each_ref().map(Program::address);
    let counts: Vec<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|writer| {
                let address = addresses[writer % 2];
                scope.spawn(move || (0..25).map(|n| add(address, &format!("{writer}: note {n}"))).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().copied().collect::<BTreeSet<_>>(), (1..=200).collect(), "each was told another number");

    let text = fs::read_to_string(directory.path().join("notes.txt")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let expected: BTreeSet<String> = (0..8).flat_map(|w| (0..25).map(move |n| format!("{w}: note {n}"))).collect();
    assert_eq!(lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>(), expected);
    assert_eq!(lines.len(), 200);
    for number in (0..200).step_by(7) {
        for address in addresses {
            assert_eq!(fetch(address, number), format!("{}\n", lines[number]), "both know all notes");
        }
    }
    for address in addresses {
        assert_eq!(fetch(address, 200), "Not found: POST, /notes");
    }
}

#[test]
fn notes_that_were_answered_outlive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    let mut answered = 0;
    for round in 0..5 {
        let server = note_server(directory.path());
        let address = server.address();
        let enough = 3 + round * 2;
        let writer = thread::spawn(move || {
            let mut wire = Wire::connect(address);
            let mut counts = Vec::new();
            for number in 0..1000 {
                let body = format!(r#"{{"myNote": "{round}.{number}"}}"#);
                let length = body.len();
                wire.send(format!("POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"));
                let Some(reply) = wire.try_reply() else { return counts };
                counts.push(reply.text());
            }
            counts
        });
        until("notes to be written", || {
            let lines = fs::read_to_string(&file).unwrap_or_default().lines().count();
            (lines >= answered + enough).then_some(())
        });
        server.signal("KILL");
        let counts = writer.join().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        // Whatever was answered is there, in its place; one more may have been written and not answered.
        for (position, count) in counts.iter().enumerate() {
            let line = answered + position;
            assert_eq!(*count, format!("You have {} notes.\n", line + 1));
            assert_eq!(text.lines().nth(line), Some(format!("{round}.{position}").as_str()));
        }
        let lines = text.lines().count();
        assert!(lines == answered + counts.len() || lines == answered + counts.len() + 1, "{lines} {counts:?}");
        answered = lines;
    }
}

#[test]
fn a_torn_note_is_ended_and_nothing_else_touched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    fs::write(&file, b"whole\r\n\n\xff not UTF-8\ntor").unwrap();
    let server = note_server(directory.path());
    assert_eq!(fetch(server.address(), 3), "tor\n");
    assert_eq!(fs::read(&file).unwrap(), b"whole\r\n\n\xff not UTF-8\ntor", "reading changes nothing");
    assert_eq!(add(server.address(), "next"), 5);
    assert_eq!(fs::read(&file).unwrap(), b"whole\r\n\n\xff not UTF-8\ntor\nnext\n");
}

#[test]
fn each_of_a_million_notes_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (0..1_000_000).map(|number| format!("note {number}\n")).collect();
    fs::write(directory.path().join("notes.txt"), text).unwrap();
    let server = note_server(directory.path());
    let mut wire = Wire::connect(server.address());
    for number in (0..=1_000_000).step_by(20_000).chain([1, 999_999]) {
        let body = format!(r#"{{"getNote": "{number}"}}"#);
        let length = body.len();
        wire.send(format!("POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"));
        let reply = wire.reply();
        if number < 1_000_000 {
            assert_eq!(reply.text(), format!("note {number}\n"));
        } else {
            assert_eq!(reply.status, 404);
        }
    }
}
