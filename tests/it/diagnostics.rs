//! Messages on stderr, and what happens when nobody reads them.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use crate::support::{Program, Wire, ask, hearken, until};

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

/// Sends requests, and lines that are no requests, until more is logged of either than may wait to be written: 1 MiB, and
/// another one that the writer may have taken before.
fn log_much(address: SocketAddr) {
    const LENGTH: usize = 7800;
    let long = "x".repeat(LENGTH);
    for (line, status) in [(format!("GET /{long} HTTP/1.0"), 401), (format!("GET /{long}"), 400)] {
        for _ in 0..(9 << 20) / 4 / LENGTH {
            let mut wire = Wire::connect(address);
            wire.send(format!("{line}\r\n\r\n"));
            assert_eq!(wire.reply().status, status);
        }
    }
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up() {
    let (reader, writer) = full_pipe();
    let mut command = hearken();
    command.args(["--verbose", "--port", "0", "--head-timeout", "0.2", "--grace", "3600", "--auth", "ada:secret"]);
    let mut program = Program::start(command.stderr(Stdio::from(writer)), 1);
    let address = program.address();

    // More wrong passwords than there are workers.
    let statuses: Vec<_> =
        (0..12).map(|_| ask(address, "GET", "/", &[("Authorization", "Basic YWRhOndyb25n")], b"").status).collect();
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
    let mut late = Wire::connect(address);
    late.send("GET / HTTP/1.1\r\nHost: loc");
    assert_eq!(late.reply().status, 408, "deadlines strike");
    log_much(address);

    program.signal("TERM");
    assert!(program.wait().success());
    drop(reader);
}

#[test]
fn the_log_says_how_much_it_left_out() {
    let (mut reader, writer) = full_pipe();
    let mut command = hearken();
    command.args(["--verbose", "--port", "0", "--auth", "ada:secret"]);
    let program = Program::start(command.stderr(Stdio::from(writer)), 1);
    log_much(program.address());
    // Now the pipe is read.
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let (mut said, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    for what in ["requests were not logged", "messages were not logged"] {
        until(what, || {
            while let Ok(read @ 1..) = reader.read(&mut piece) {
                said.extend_from_slice(&piece[..read]);
            }
            String::from_utf8_lossy(&said).contains(what).then_some(())
        });
    }
}

/// The program itself once waited for ever to say how to trust its certificate, and why it could not start.
#[test]
fn the_programs_own_messages_hold_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (reader, writer) = full_pipe();
    let mut reader = Some(reader);
    for pipe in ["full", "closed"] {
        let mut command = hearken();
        command.current_dir(directory.path()).args(["--tls", "--port", "0"]).stderr(writer.try_clone().unwrap());
        let mut program = Program::start(&mut command, 1);
        program.signal("TERM");
        assert!(program.wait().success(), "{pipe}");

        let mut command = hearken();
        command.args(["--port", &port]).stderr(writer.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        assert_eq!(until("it to end", || child.try_wait().unwrap()).code(), Some(1), "{pipe}");
        drop(reader.take());
    }
}
