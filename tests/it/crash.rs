//! A server that is killed in the middle of writes: answered writes survive, and no file is torn.

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{PATIENCE, Program, get, until};

const KILLS: u32 = 50;
const CLIENTS: u64 = 16;
/// Files of each client's own, beside one that all write to.
const FILES: u64 = 3;

/// What is known of a file: the last version that was answered, and the last that was sent.
#[derive(Clone, Copy, Default)]
struct Known {
    answered: u64,
    sent: u64,
}

/// The content of a version: it says which it is, and its length and bytes follow from that.
fn content(name: &str, version: u64) -> Vec<u8> {
    let mut state = version.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let length = usize::try_from(random() % 40_000).unwrap();
    let filler: String = (0..length / 16).map(|_| format!("{:016x}", random())).collect();
    format!("{{\"name\": \"{name}\", \"version\": {version}, \"filler\": \"{filler}\"}}").into_bytes()
}

fn version_of(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.split_once("\"version\": ")?.1.split(',').next()?.parse().ok()
}

/// One request on a connection; `None` when the server ended before it had answered.
fn send(stream: &mut TcpStream, method: &str, name: &str, body: &[u8]) -> Option<u16> {
    let head = format!(
        "{method} /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    // A body of an answer is short, and comes with its head in one write.
    let text = String::from_utf8(answer).unwrap();
    Some(text.split(' ').nth(1).unwrap().parse().unwrap())
}

/// Writes one version after the other to files in turn until the server is gone.
fn write(
    address: SocketAddr,
    client: u64,
    known: &Mutex<HashMap<String, Known>>,
    shared: &AtomicU64,
    begun: &AtomicU64,
) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for turn in 0.. {
        let own = turn % (FILES + 1) < FILES;
        let name = if own { format!("dir{client}/file{}.json", turn % (FILES + 1)) } else { "shared.json".into() };
        let version = {
            let mut known = known.lock().unwrap();
            let entry = known.entry(name.clone()).or_default();
            entry.sent = if own { entry.sent + 1 } else { shared.fetch_add(1, Ordering::SeqCst) + 1 };
            entry.sent
        };
        let method = if version % 2 == 0 { "PUT" } else { "POST" };
        let Some(status) = send(&mut stream, method, &name, &content(&name, version)) else { return };
        assert!(matches!(status, 200 | 201 | 204), "{method} {name}: {status}");
        begun.fetch_add(1, Ordering::SeqCst);
        let mut known = known.lock().unwrap();
        let entry = known.get_mut(&name).unwrap();
        entry.answered = entry.answered.max(version);
    }
}

/// Every file is whole and a version that was sent, no older than the last that was answered.
fn check(data: &Path, known: &HashMap<String, Known>) {
    for (name, known) in known {
        let bytes = match fs::read(data.join(name)) {
            Ok(bytes) => bytes,
            Err(error) => {
                assert_eq!(known.answered, 0, "{name} is gone: {error}");
                continue;
            }
        };
        let version = version_of(&bytes).unwrap_or_else(|| panic!("{name} is torn: {} bytes", bytes.len()));
        assert_eq!(bytes, content(name, version), "{name} is not version {version} as it was sent");
        assert!(version <= known.sent, "{name} is of version {version}, which nobody has sent");
        // In the one that all write to, an older version may have been put in place after a newer one.
        let oldest = if name == "shared.json" { 1 } else { known.answered };
        assert!(version >= oldest, "{name} is of version {version}, and {} was answered", known.answered);
    }
}

/// Begins to write a file and leaves the end of its body unsent, so that a kill cuts off this write in any case.
fn begin_to_write(address: SocketAddr, data: &Path) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"PUT /begun HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n").unwrap();
    stream.write_all(&[b'x'; 5000]).unwrap();
    until("the write to begin", || (unfinished(data) > 0).then_some(()));
    stream
}

fn unfinished(data: &Path) -> usize {
    let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".hearken-")).count()
}

#[test]
fn answered_writes_survive_a_kill_and_no_file_is_torn() {
    let site = tempfile::tempdir().unwrap();
    let data = site.path().join("data");
    let (known, shared) = (Mutex::new(HashMap::new()), AtomicU64::new(0));
    let (written, mut left) = (AtomicU64::new(0), 0);
    let www = site.path().join("www");
    fs::create_dir(&www).unwrap();
    let arguments = ["--write", data.to_str().unwrap(), www.to_str().unwrap()];
    for kill in 0..KILLS {
        let mut server = Program::hearken(&arguments);
        assert_eq!(unfinished(&data), 0, "what the last one left is swept before the next one listens");
        let address = server.address();
        let _begun = begin_to_write(address, &data);
        let before = written.load(Ordering::SeqCst);
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (known, shared, written) = (&known, &shared, &written);
                scope.spawn(move || write(address, client, known, shared, written));
            }
            // The other clients are killed in another moment of their writes each time.
            until("writes to be answered", || {
                (written.load(Ordering::SeqCst) > before + u64::from(kill) % 40).then_some(())
            });
            thread::sleep(Duration::from_micros(400) * kill);
            server.signal("KILL");
            server.wait();
        });
        assert!(unfinished(&data) > 0, "the write that had begun left no file");
        assert!(!data.join("begun").exists(), "a file that was not sent whole has its name");
        left += unfinished(&data);
        check(&data, &known.lock().unwrap());
    }
    let server = Program::hearken(&arguments);
    assert_eq!(unfinished(&data), 0);
    let known = known.lock().unwrap();
    for (name, known) in &*known {
        let read = get(server.address(), &format!("/{name}"));
        match fs::read(data.join(name)) {
            Ok(bytes) => assert_eq!(read.body, bytes, "{name}"),
            // Its only writes were cut off.
            Err(_) => assert_eq!((read.status, known.answered), (404, 0), "{name}"),
        }
    }
    eprintln!("{KILLS} kills, {} writes answered, {left} cut off", written.load(Ordering::SeqCst));
}
